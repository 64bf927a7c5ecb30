"""Who signed the origin's certificate, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from pacaware._cli.doctor.certificate import Roots, Shown, judge_certificate, public_roots
from pacaware._cli.doctor.findings import exit_status
from pacaware._cli.doctor.net import Trouble
from pacaware.testing import Origin, Proxy, SilentProxy
from tests.cli.doctor.looks import both_roots, by_step, keys, told


@pytest.fixture
def through() -> Iterator[Proxy]:
    """A proxy on the way."""
    with Proxy() as proxy:
        yield proxy


def origin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, ends: dt.datetime | None = None
) -> Origin:
    """An origin whose certificate is for ``name``, of an authority that the system trusts."""
    authority = trustme.CA(organization_name="Kaisha Inspection")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=ends).configure_cert(context)
    return Origin(tls=context)


def test_a_public_authority(doctor, through, trusted_by_system):
    """What Python's own list trusts needs no word."""
    with Origin(tls=True) as origin:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url, roots=both_roots)
    assert by_step(findings, "certificate").key == "certificate-ok"


def test_an_interceptor(doctor, through, tmp_path, monkeypatch):
    """An authority that the system trusts and Python's list does not is named: the company looks inside."""
    with origin_with(tmp_path, monkeypatch, "www.origin.test") as origin:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url)
    assert keys(findings) == ["certificate-interceptor"]
    assert exit_status(findings) == 0
    assert "Kaisha Inspection" in dict(findings[-1].values)["signer"]
    told(findings[-1])


def test_an_interceptor_that_programs_trust(doctor, through, tmp_path, monkeypatch):
    """With PACAWARE_TRUST=system it is no trouble; another word there changes nothing."""
    with origin_with(tmp_path, monkeypatch, "www.origin.test") as origin:
        for word, found in (("everybody", "certificate-interceptor"), ("system", "certificate-system")):
            findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url, PACAWARE_TRUST=word)
            assert by_step(findings, "certificate").key == found
    assert keys(findings) == []


def test_nobody_trusts_it(doctor, through):
    """The signer is named although the handshake failed."""
    with Origin(tls=True) as origin:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url)
    assert keys(findings) == ["certificate-unknown"]
    assert exit_status(findings) == 17
    assert "trustme" in dict(findings[-1].values)["signer"]
    assert by_step(findings, "origin").key == "origin-answers"
    told(findings[-1])


def test_it_is_for_another_name(doctor, through, tmp_path, monkeypatch):
    """As where a logon page answers for every site."""
    with origin_with(tmp_path, monkeypatch, "login.portal.test") as origin:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url)
    assert keys(findings) == ["certificate-name"]
    told(findings[-1])


def test_it_has_expired(doctor, through, tmp_path, monkeypatch):
    """With a clock that nobody doubts it is the site's fault."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    with origin_with(tmp_path, monkeypatch, "www.origin.test", ends=past) as origin:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=through.url)
    assert keys(findings) == ["certificate-expired"]
    told(findings[-1])


@pytest.mark.parametrize(("code", "skewed", "key"), [(10, True, "certificate-clock"), (9, False, "certificate-clock")])
def test_the_clock_is_wrong(code: int, skewed: bool, key: str):
    """Expired where the proxy's clock says otherwise, or not valid yet: it is this machine's date."""
    finding = judge_certificate(Shown(Trouble("certificate", "expired"), code, "CA"), skewed=skewed)
    assert finding is not None
    assert finding.key == key
    told(finding)


def test_the_signer_stays_unknown_where_nothing_says_it():
    """No chain, no certifi: that is no reason to suspect anybody."""
    assert judge_certificate(Shown(known=None), skewed=False).key == "certificate-ok"
    assert judge_certificate(Shown(Trouble("closed")), skewed=False) is None


def test_an_origin_that_does_not_speak_tls(doctor, through):
    """The connection is cut, and no certificate is judged."""
    with Origin() as origin:
        findings = doctor(f"https://www.origin.test:{origin.port}/", PACAWARE_PROXY=through.url)
    assert keys(findings) == ["origin-closed"]
    told(findings[-1])


def test_an_origin_that_says_nothing(doctor, through):
    """The wait is bounded, inside the tunnel too."""
    with SilentProxy() as silent:
        findings = doctor(f"https://www.origin.test:{silent.port}/", PACAWARE_PROXY=through.url)
    assert keys(findings) == ["origin-silent"]
    told(findings[-1])


def test_the_public_roots_are_pythons_own():
    """They are certifi's, by which requests and httpx verify."""
    certifi = pytest.importorskip("certifi")
    roots = public_roots()
    assert roots.file == certifi.where()
    assert len(roots.ders) > 50


def test_without_certifi(monkeypatch):
    """Nothing is known of the public roots, and nobody is suspected."""
    monkeypatch.setattr("pacaware._cli.doctor.certificate.find_spec", lambda name: None)
    assert public_roots() == Roots()


class TestWithoutAProxy:
    """The same steps where the way is direct."""

    def test_an_origin_is_reached(self, doctor, trusted_by_system):
        """Name, connection, certificate."""
        with Origin(tls=True) as origin:
            findings = doctor(f"https://localhost:{origin.port}/", roots=both_roots)
        assert keys(findings) == ["settings-none"]
        assert by_step(findings, "certificate").key == "certificate-ok"

    def test_its_name_is_unknown(self, doctor):
        """Perhaps only a proxy knows it."""
        findings = doctor("http://www.invalid/")
        assert keys(findings, "fail") == ["origin-direct-name"]
        told(findings[-1])

    def test_nobody_listens(self, doctor):
        """Refused."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            findings = doctor(f"http://localhost:{sock.getsockname()[1]}/")
        assert keys(findings, "fail") == ["origin-refused"]
        told(findings[-1])

    def test_a_captive_portal(self, doctor):
        """A redirect out of the site that was asked for, and the status made for it, are told."""
        with Origin() as origin:
            there = f"http://localhost:{origin.port}/redirect?to=http://login.hotel.test/"
            for status in (302, 511):
                url = there if status == 302 else f"http://localhost:{origin.port}/status/511"
                findings = doctor(url)
                assert keys(findings)[-1] == "origin-portal"
                told(findings[-1])
            within = f"http://localhost:{origin.port}/redirect?to=http://localhost/elsewhere"
            assert by_step(doctor(within), "origin").key == "origin-ok"
