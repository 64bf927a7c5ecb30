"""The logon: what a 407 offers, which credentials there are, and whose fault a refusal is."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Sequence

import pytest

from pacaware._auth.guard import GUARD
from pacaware._auth.store import ProxyAuth
from pacaware._cli.doctor.findings import exit_status
from pacaware._cli.doctor.logon import Logon, Purse, forward, judge_credentials, judge_logon, tunnel
from pacaware._cli.doctor.net import Head, Trouble
from pacaware._cli.doctor.texts import say
from pacaware._core.challenge import parse_challenges
from pacaware._core.scope import Trust
from pacaware._models import ProxyServer
from pacaware._requests._dial import Deadline
from pacaware.testing import (
    BasicUsers,
    ClosingProxy,
    ConnectionState,
    DeadProxy,
    DigestUsers,
    NtlmUsers,
    Offer,
    Origin,
    PacServer,
    Proxy,
    RefusingProxy,
    SocksProxy,
    pac_returning,
)
from tests.cli.doctor.looks import by_step, keys, told

PROXY = ProxyServer("http", "proxy.test", 8080)
REFUSED = Head(407, "Proxy Authentication Required")
USERS = {"alice": "s3cret"}
GOOD = {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD": "s3cret"}
BAD = {**GOOD, "PACAWARE_PROXY_PASSWORD": "not-the-one"}
URLS = [None, "http", "https"]


class Broken:
    """A proxy that offers a scheme, and breaks in the given way as soon as somebody answers."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Offer the scheme anew, whatever comes: nobody is there who could check it."""
        return [self.scheme]


@pytest.fixture(autouse=True)
def forget():
    """The lock-out guard of this process remembers nothing from one test to the next."""
    GUARD.forget()
    yield
    GUARD.forget()


@pytest.fixture
def origins():
    """An origin of each scheme; the name None stands for no URL."""
    with Origin() as plain, Origin(tls=True) as secure:
        yield {None: None, "http": plain.url_for("www.origin.test"), "https": secure.url_for("www.origin.test")}


def logons(proxy: Proxy) -> int:
    """How many connections carried credentials."""
    return len({seen.connection for seen in proxy.requests if seen.authorization})


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("make", [BasicUsers, DigestUsers, NtlmUsers])
def test_a_logon_that_is_accepted(doctor, trusted_by_system, origins, make, kind):
    """Offer, credentials by name and origin, acceptance: with one logon, whatever comes behind it."""
    with Proxy(make(USERS)) as proxy:
        findings = doctor(origins[kind], PACAWARE_PROXY=proxy.url, **GOOD)
        assert logons(proxy) == 1
    assert by_step(findings, "offers").key == "offers-some"
    credentials = by_step(findings, "credentials")
    assert dict(credentials.values) == {"user": "alice", "origin": "PACAWARE_PROXY_PASSWORD"}
    assert by_step(findings, "accepted").key == "accepted-ok"
    assert "s3cret" not in repr(findings)
    assert keys(findings, "fail") == []
    assert by_step(findings, "origin").key == ("origin-untested" if kind is None else "origin-ok")


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("make", [BasicUsers, DigestUsers, NtlmUsers])
def test_a_wrong_password_is_offered_once(doctor, origins, make, kind):
    """It is rejected, told in both languages, and never sent a second time."""
    with Proxy([make(USERS), BasicUsers(USERS)]) as proxy:
        findings = doctor(origins[kind], PACAWARE_PROXY=proxy.url, **BAD)
        assert logons(proxy) == 1
        assert {seen.authorization for seen in proxy.requests if seen.authorization} == {make.scheme}
    assert keys(findings) == ["accepted-rejected"]
    assert exit_status(findings) == 15
    assert BAD["PACAWARE_PROXY_PASSWORD"] not in repr(findings)
    told(findings[-1])


@pytest.mark.parametrize("close", [True, "silently", "by reset"])
def test_a_proxy_that_closes_after_each_407(doctor, trusted_by_system, origins, close):
    """The walk connects again and logs on."""
    for kind in URLS:
        with Proxy(BasicUsers(USERS), close_after_407=close) as proxy:
            findings = doctor(origins[kind], PACAWARE_PROXY=proxy.url, **GOOD)
        assert by_step(findings, "accepted").key == "accepted-ok", kind


def test_credentials_in_the_proxys_url(doctor):
    """They are found, said to come from there, and used."""
    with Proxy(BasicUsers(USERS)) as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"http://alice:s3cret@{proxy.netloc}")
    assert keys(findings) == []
    assert dict(by_step(findings, "credentials").values)["origin"] == "the proxy URL in the settings"
    assert "s3cret" not in repr(findings)


def test_no_credentials(doctor):
    """407 and nothing to answer it with."""
    with Proxy(BasicUsers(USERS)) as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url)
        assert logons(proxy) == 0
    assert keys(findings) == ["credentials-none"]
    assert exit_status(findings) == 15
    told(findings[-1])


def test_a_password_file_that_others_can_read(doctor, tmp_path):
    """It is not used, and the reason is said."""
    file = tmp_path / "password"
    file.write_text("s3cret")
    file.chmod(0o644)
    with Proxy(BasicUsers(USERS)) as proxy:
        given = {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD_FILE": str(file)}
        findings = doctor(None, PACAWARE_PROXY=proxy.url, **given)
    assert keys(findings) == ["credentials-broken"]
    assert "chmod 600" in findings[-1].detail
    told(findings[-1])


def test_a_scheme_that_nobody_knows(doctor):
    """What is offered is named."""
    with Proxy(Offer("Hawk")) as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url, **GOOD)
    assert keys(findings) == ["offers-unusable"]
    assert dict(findings[-1].values)["schemes"] == "hawk"
    told(findings[-1])


def test_a_scheme_that_is_forbidden(doctor):
    """PACAWARE_AUTH_SCHEMES may leave nothing of what is offered."""
    with Proxy(BasicUsers(USERS)) as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url, **GOOD, PACAWARE_AUTH_SCHEMES="ntlm")
        assert logons(proxy) == 0
    assert keys(findings) == ["accepted-impossible"]
    told(findings[-1])


@pytest.mark.parametrize("also", [[], [Broken("Basic")]], ids=["NTLM alone", "all schemes refuse"])
@pytest.mark.parametrize("kind", URLS)
def test_the_logon_service_is_down(doctor, origins, kind, also):
    """NTLM begins with a message that holds no password: a proxy that refuses it cannot ask who knows the passwords."""
    with Proxy([Broken("NTLM"), *also]) as proxy:
        findings = doctor(origins[kind], PACAWARE_PROXY=proxy.url, **GOOD)
        assert logons(proxy) == 1
    assert keys(findings) == ["accepted-service-down"]
    assert "not your password" in say(findings[-1], "en").likely
    told(findings[-1])


def test_an_error_in_place_of_a_verdict(doctor):
    """A 500 to what was a 407 before is the logon service's, not the password's."""
    finding = judge_logon(
        Purse("alice", "netrc", found=True),
        Logon(sent=("basic",), head=Head(500, "Internal Server Error")),
        PROXY,
        skewed=False,
    )
    assert finding.key == "accepted-service-down"
    told(finding)


def test_the_login_of_this_machine_is_valid(doctor):
    """Whoever is logged on with it has a valid password: the refusal is about something else."""
    purse = Purse("alice", "the login of this machine", ambient=True, found=True)
    refused = Logon(
        sent=("negotiate",), legs=(parse_challenges(["Negotiate"]),), head=REFUSED, failure="it rejected the login"
    )
    finding = judge_logon(purse, refused, PROXY, skewed=False)
    assert finding.key == "accepted-login-refused"
    told(finding)
    finding = judge_logon(purse, refused, PROXY, skewed=True)
    assert finding.key == "accepted-clock"
    told(finding)


def test_there_is_no_ticket():
    """A login that cannot be used here was never sent."""
    purse = Purse("alice", "the login of this machine", ambient=True, found=True)
    finding = judge_logon(purse, Logon(head=REFUSED, failure="Negotiate: no ticket"), PROXY, skewed=False)
    assert finding.key == "accepted-no-ticket"
    told(finding)


@pytest.mark.parametrize(
    ("offered", "key"),
    [
        ("Negotiate", "credentials-ambient"),
        ("NTLM", "credentials-ambient" if sys.platform == "win32" else "credentials-none"),
        ("Basic", "credentials-none"),
    ],
)
def test_the_login_of_this_machine_serves_some_schemes(offered: str, key: str):
    """Basic and Digest need a password that nobody here knows; NTLM too, but for Windows."""
    purse = Purse("alice", "the login of this machine", ambient=True, found=True)
    head = Head(407, "", (("proxy-authenticate", offered),))
    assert judge_credentials(purse, head).key == key


def test_a_proxy_that_breaks_off():
    """A connection that breaks in the middle says nothing about the password."""
    finding = judge_logon(
        Purse("alice", "netrc", found=True), Logon(sent=("ntlm",), trouble=Trouble("closed")), PROXY, skewed=False
    )
    assert finding.key == "accepted-broken"
    told(finding)


def test_a_password_is_withheld(doctor, monkeypatch):
    """A proxy that a PAC file fetched without TLS names gets none in clear text; the line to trust it is shown."""
    monkeypatch.setattr("pacaware._core.scope.is_loopback", lambda host: False)
    with Proxy(BasicUsers(USERS)) as proxy, PacServer(pac_returning(proxy.pac_text)) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url, **GOOD)
        assert logons(proxy) == 0
    assert keys(findings) == ["accepted-withheld"]
    assert dict(findings[-1].values)["proxy"] == proxy.netloc
    told(findings[-1])


def test_what_comes_behind_the_logon_is_not_the_passwords_fault(doctor, origins):
    """A target that the proxy forbids after the logon is the origin's step."""
    for scheme in ("http", "https"):
        with Proxy(BasicUsers(USERS)) as proxy:
            findings = doctor(f"{scheme}://www.corp.invalid/", PACAWARE_PROXY=proxy.url, **GOOD)
        assert by_step(findings, "accepted").key == "accepted-ok"
        assert keys(findings) == ["origin-forbidden"]
        assert exit_status(findings) == 16


def test_a_socks_proxy_that_wants_a_password(doctor):
    """Its refusal shows in the step of the origin, with its reason."""
    with Origin() as origin, SocksProxy(5, users=USERS) as proxy:
        findings = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=f"socks5://{proxy.netloc}", **BAD)
        assert keys(findings) == ["origin-socks"]
        told(findings[-1])
        good = doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=f"socks5://{proxy.netloc}", **GOOD)
        assert keys(good) == []


def test_a_clock_that_is_off(doctor):
    """The Date of the proxy's answer shows it, before a certificate or a ticket is blamed."""
    with RefusingProxy(403, {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}) as proxy:
        findings = doctor("https://www.origin.test/", PACAWARE_PROXY=proxy.url)
    clock = by_step(findings, "clock")
    assert clock.key == "clock-skew"
    told(clock)


@pytest.mark.parametrize("kind", URLS)
def test_a_logon_that_never_comes_to_a_verdict(doctor, origins, kind):
    """NTLM cannot be spoken with a proxy that closes between its messages: that is not the password's fault."""
    with Proxy(NtlmUsers(USERS), close_after_407=True) as proxy:
        findings = doctor(origins[kind], PACAWARE_PROXY=proxy.url, **GOOD)
    assert keys(findings) == ["accepted-broken"]
    told(findings[-1])


def test_an_origin_that_wants_a_logon_of_its_own(doctor):
    """Its 401 is an answer: the proxy's logon was accepted."""
    with Origin() as origin, Proxy(BasicUsers(USERS)) as proxy:
        findings = doctor(origin.url_for("www.origin.test", "/status/401"), PACAWARE_PROXY=proxy.url, **GOOD)
    assert keys(findings) == []
    assert by_step(findings, "origin").detail.startswith("401")


def test_a_proxy_that_goes_away_before_the_logon(doctor):
    """The connection for the logon does not come about any more."""
    auth = ProxyAuth(("alice", "s3cret"))
    with DeadProxy() as dead:
        sock, logon = tunnel(dead.server, ("www.origin.test", 443), auth, Trust.FULL, ssl.SSLContext, Deadline(2.0))
        assert sock is None
        assert logon.trouble is not None
        assert logon.trouble.kind == "refused"
    with ClosingProxy() as closing:
        sock, logon = tunnel(closing.server, ("www.origin.test", 443), auth, Trust.FULL, ssl.SSLContext, Deadline(2.0))
        assert sock is None
        assert logon.trouble is not None
        assert logon.trouble.kind == "closed"
        question = ("GET", "http://www.origin.test/", "www.origin.test")
        logon = forward(closing.server, question, auth, Trust.FULL, ssl.SSLContext, Deadline(2.0))
        assert logon.trouble is not None
        assert judge_logon(Purse("alice", "netrc", found=True), logon, PROXY, skewed=False).key == "accepted-broken"
