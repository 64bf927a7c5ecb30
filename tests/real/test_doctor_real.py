"""The doctor at a real squid: it is known for a proxy, and its refusals for what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pacaware._auth.guard import GUARD
from pacaware._cli.doctor.certificate import Roots
from pacaware._cli.doctor.findings import Finding
from pacaware._cli.doctor.walk import Around, walk
from pacaware._system.system import Platform
from pacaware.testing import Certificates, DeadProxy, Origin, PacServer, pac_returning

pytestmark = pytest.mark.real


@pytest.fixture
def doctor(monkeypatch):
    """Walk with these variables, on a system that trusts the certificates of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Certificates.shared().ca_path))
    monkeypatch.setenv("NETRC", os.devnull)
    for name in list(os.environ):
        if (name.startswith("PACAWARE_") and name != "PACAWARE_REAL") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    GUARD.forget()

    def run(url: str | None = None, **variables: str) -> list[Finding]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        machine = Platform("linux", ask_gsettings=lambda environ: (None, ""), root=Path(os.devnull))
        around = Around(environ=variables, platform=lambda: machine, addresses=lambda: ["192.0.2.7"], roots=Roots)
        return [event for event in walk(url, around) if isinstance(event, Finding)]

    yield run
    GUARD.forget()


def troubles(findings: list[Finding]) -> list[str]:
    """The keys of what is not well."""
    return [finding.key for finding in findings if finding.status in ("warn", "fail")]


def logon(proxy, password: str | None = None) -> dict[str, str]:
    """The variables of a user of this proxy."""
    return {"PACAWARE_PROXY_USERNAME": proxy.user, "PACAWARE_PROXY_PASSWORD": password or proxy.password}


@pytest.mark.parametrize("name", ["squid", "squid_tls"])
def test_squid_is_a_proxy(doctor, request, name):
    """Without a URL squid answers for itself; with one the origin is reached."""
    proxy = request.getfixturevalue(name)
    assert troubles(doctor(None, PACAWARE_PROXY=proxy.url)) == []
    with Origin() as plain, Origin(tls=True) as secure:
        for origin in (plain, secure):
            findings = doctor(origin.url_for(proxy.origin_host), PACAWARE_PROXY=proxy.url)
            assert troubles(findings) == []
            assert "origin-ok" in [finding.key for finding in findings]


@pytest.mark.parametrize("kind", [None, "http", "https"])
def test_squid_with_a_logon(doctor, squid_basic, kind):
    """Accepted with the right password, rejected with a wrong one, and asked for where there is none."""
    with Origin() as plain, Origin(tls=True) as secure:
        origin = {None: None, "http": plain, "https": secure}[kind]
        url = None if origin is None else origin.url_for(squid_basic.origin_host)
        assert troubles(doctor(url, PACAWARE_PROXY=squid_basic.url)) == ["credentials-none"]
        assert troubles(doctor(url, PACAWARE_PROXY=squid_basic.url, **logon(squid_basic, "wrong"))) == [
            "accepted-rejected"
        ]
        good = doctor(url, PACAWARE_PROXY=squid_basic.url, **logon(squid_basic))
        assert troubles(good) == []
        assert "accepted-ok" in [finding.key for finding in good]


@pytest.mark.parametrize("name", ["squid_digest", "squid_ntlm", "squid_negotiate_ntlm", "squid_all"])
def test_squid_with_each_offer(doctor, request, name):
    """Each scheme and all together: accepted, rejected after one logon, and asked for."""
    proxy = request.getfixturevalue(name)
    with Origin(tls=True) as origin:
        url = origin.url_for(proxy.origin_host)
        nothing = troubles(doctor(url, PACAWARE_PROXY=proxy.url))
        assert nothing in (["credentials-none"], ["accepted-no-ticket"])
        assert (nothing == ["credentials-none"]) == (name != "squid_negotiate_ntlm")
        rejected = doctor(url, PACAWARE_PROXY=proxy.url, **logon(proxy, "wrong"))
        assert troubles(rejected) == ["accepted-rejected"]
        GUARD.forget()
        good = doctor(url, PACAWARE_PROXY=proxy.url, **logon(proxy))
        assert troubles(good) == []
        assert "accepted-ok" in [finding.key for finding in good]


def test_a_pac_file_with_a_dead_proxy_before_squid(doctor, squid):
    """A warning, and the way is open by squid."""
    with DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, f"PROXY {squid.netloc}")) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url)
    assert troubles(findings) == ["port-refused"]
    assert findings[-1].key == "origin-untested"


def test_squid_says_why_it_does_not_lead_there(doctor, squid):
    """A name it does not know, a port where nobody listens, and an address that its rules forbid."""
    assert troubles(doctor("https://192.0.2.1/", PACAWARE_PROXY=squid.url)) == ["origin-forbidden"]
    assert troubles(doctor("http://192.0.2.1/", PACAWARE_PROXY=squid.url)) == ["origin-forbidden"]
    with DeadProxy() as down:
        for scheme in ("http", "https"):
            findings = doctor(f"{scheme}://{squid.origin_host}:{down.port}/", PACAWARE_PROXY=squid.url)
            assert troubles(findings) == ["origin-down"]
            assert "ERR_CONNECT_FAIL" in findings[-1].detail


def test_squid_behind_tls_is_found_out(doctor, squid_tls):
    """The setting says http://, the port wants TLS."""
    assert troubles(doctor(None, PACAWARE_PROXY=f"http://{squid_tls.netloc}")) == ["speaks-tls"]


def test_squid_asked_with_tls(doctor, squid):
    """And the other way round."""
    assert troubles(doctor(None, PACAWARE_PROXY=f"https://{squid.netloc}")) == ["speaks-plain"]


@pytest.mark.parametrize("kind", [None, "http", "https"])
def test_tinyproxy_rejects_with_401(doctor, tinyproxy, kind):
    """It says 401 to a wrong password, as only an origin may; that is a rejection all the same."""
    with Origin() as plain, Origin(tls=True) as secure:
        origin = {None: None, "http": plain, "https": secure}[kind]
        url = None if origin is None else origin.url_for(tinyproxy.origin_host)
        given = {"PACAWARE_PROXY": tinyproxy.url, "PACAWARE_BYPASS": "<-loopback>"}
        assert troubles(doctor(url, **given, **logon(tinyproxy, "wrong"))) == ["accepted-rejected"]
        good = doctor(url, **given, **logon(tinyproxy))
        assert "accepted-ok" in [finding.key for finding in good]
        assert kind is None or troubles(good) == []
