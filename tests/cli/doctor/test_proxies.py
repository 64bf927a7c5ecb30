"""The walk through proxies that fail, each in one way, and what the doctor calls it."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from pacaware._cli.doctor.findings import exit_status
from pacaware.testing import (
    BlackHole,
    ClosingProxy,
    DeadProxy,
    GarbageProxy,
    HalfAnswerProxy,
    HugeHeadersProxy,
    Origin,
    PacServer,
    Proxy,
    RefusingProxy,
    SilentProxy,
    SlowProxy,
    SocksProxy,
    pac_returning,
)
from tests.cli.doctor.looks import NOW, QUICK, both_roots, by_step, keys, told


class Quiet(http.server.BaseHTTPRequestHandler):
    """A web server's side of one connection."""

    timeout = 5

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


class NoTrace(Quiet):
    """A proxy that forbids TRACE and does not get to where a tunnel should lead."""

    def do_TRACE(self) -> None:
        self.send_response(403)
        self.send_header("Via", "1.1 proxy")
        self.end_headers()

    def do_CONNECT(self) -> None:
        self.close_connection = True


@contextlib.contextmanager
def web_server(handler: type[Quiet] = Quiet) -> Iterator[str]:
    """A web server of the standard library, as somebody may take for a proxy; yields its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


Fault = tuple[Callable[[], AbstractContextManager[Any]], str, int]
FAULTS: dict[str, Fault] = {
    "dead, or the wrong port": (DeadProxy, "port-refused", 13),
    "behind a firewall that drops": (lambda: BlackHole(connects=False), "port-silent", 13),
    "hangs": (SilentProxy, "speaks-silent", 14),
    "closes": (ClosingProxy, "speaks-closed", 14),
    "resets": (lambda: ClosingProxy(reset=True), "speaks-closed", 14),
    "half an answer": (HalfAnswerProxy, "speaks-closed", 14),
    "another protocol": (GarbageProxy, "speaks-garbage", 14),
    "endless headers": (lambda: HugeHeadersProxy(200_000), "speaks-garbage", 14),
    "maintenance": (lambda: RefusingProxy(503, {"Retry-After": "3600"}), "speaks-maintenance", 14),
    "logon page": (lambda: RefusingProxy(302, {"Location": "https://login.corp.test/"}), "speaks-login", 14),
    "network logon": (lambda: RefusingProxy(511), "speaks-login", 14),
    "odd status": (lambda: RefusingProxy(418), "speaks-error", 14),
    "web server, by status": (lambda: RefusingProxy(405), "speaks-web", 14),
    "407 without a scheme": (lambda: RefusingProxy(407), "offers-nothing", 15),
}


@pytest.mark.parametrize("with_url", [False, True], ids=["no URL", "URL"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_and_its_name(doctor, name: str, with_url: bool):
    """The walk ends at the fault, with its cause, what to do in both languages, and the exit status of its class."""
    make, key, status = FAULTS[name]
    with make() as proxy:
        findings = doctor("https://www.origin.test/" if with_url else None, PACAWARE_PROXY=proxy.url)
    assert keys(findings, "fail") == [key]
    assert exit_status(findings) == status
    assert findings[-1].key == key
    told(findings[-1])


@pytest.mark.parametrize("url", [None, "http://www.origin.test/", "https://www.origin.test/"])
def test_a_web_server_is_no_proxy(doctor, url: str | None):
    """A real web server is told from a proxy by what it says to CONNECT."""
    with web_server() as place:
        findings = doctor(url, PACAWARE_PROXY=place)
    assert keys(findings) == ["speaks-web"]
    told(findings[-1])


def test_a_web_server_that_sends_all_to_its_own_page(doctor):
    """A redirect to itself is a web server's, not a logon page."""
    with RefusingProxy(301, {"Location": "https://127.0.0.1/"}) as place:
        assert keys(doctor(None, PACAWARE_PROXY=place.url)) == ["speaks-web"]


def test_tls_is_expected(doctor):
    """A proxy behind TLS that is set as http:// is found out by a handshake."""
    with Proxy(tls=True) as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"http://{proxy.netloc}")
    assert keys(findings) == ["speaks-tls"]
    told(findings[-1])


def test_tls_is_not_expected(doctor):
    """A plain proxy that is set as https:// is found out too."""
    with Proxy() as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"https://{proxy.netloc}")
    assert keys(findings) == ["speaks-plain"]
    told(findings[-1])


def test_a_proxys_certificate_is_not_trusted(doctor):
    """TLS to a proxy is verified against the system's store."""
    with Proxy(tls=True) as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url)
    assert keys(findings) == ["speaks-certificate"]
    told(findings[-1])


def test_a_socks_proxy_set_as_http(doctor):
    """What does not understand HTTP is asked in SOCKS."""
    with SocksProxy(5) as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"http://{proxy.netloc}")
    assert keys(findings) == ["speaks-socks"]
    told(findings[-1])


@pytest.mark.parametrize("url", [None, "http://www.origin.test/"])
def test_an_http_proxy_set_as_socks(doctor, url: str | None):
    """And the other way round."""
    with Proxy() as proxy:
        findings = doctor(url, PACAWARE_PROXY=f"socks5://{proxy.netloc}")
    assert keys(findings) == ["speaks-not-socks"]
    told(findings[-1])


def test_maintenance_in_local_time(doctor):
    """Retry-After is shown as this machine's time, with its zone; a date in another zone is converted."""
    for after in ("5400", "Sun, 22 Nov 2026 07:00:00 GMT"):
        with RefusingProxy(503, {"Retry-After": after}) as proxy:
            findings = doctor(None, PACAWARE_PROXY=proxy.url, now=lambda: NOW)
        assert dict(findings[-1].values)["when"] == "16:00 (UTC+09:00)"


@pytest.mark.parametrize("url", ["http://www.origin.test/", "https://www.origin.test/"])
@pytest.mark.parametrize(
    ("status", "headers", "port", "key"),
    [
        (403, {}, "", "origin-forbidden"),
        (403, {}, ":8443", "origin-odd-port"),
        (502, {}, ":8443", "origin-odd-port"),
        (502, {}, "", "origin-down"),
        (503, {"X-Squid-Error": "ERR_DNS_FAIL 0"}, "", "origin-name"),
        (503, {"X-Squid-Error": "ERR_CONNECT_FAIL 111"}, "", "origin-down"),
        (504, {}, "", "origin-silent"),
    ],
)
def test_a_proxy_that_does_not_lead_there(doctor, url: str, status: int, headers: dict[str, str], port: str, key: str):
    """The proxy works, and the fault is said to be behind it or in its rules."""
    with RefusingProxy(status, headers) as proxy:
        findings = doctor(url[:-1] + port + "/", PACAWARE_PROXY=proxy.url)
    assert keys(findings) == [key]
    assert by_step(findings, "speaks").key == "speaks-ok"
    assert exit_status(findings) == 16
    told(findings[-1])


def test_a_proxy_that_refuses_a_test_address(doctor):
    """Without a URL a refusal proves a proxy, and no more."""
    with RefusingProxy(403) as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url)
    assert keys(findings) == ["speaks-unsure"]
    assert exit_status(findings) == 0
    told(by_step(findings, "speaks"))


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks4"])
def test_all_is_well(doctor, trusted_by_system, scheme: str, tls: bool):
    """Through each kind of proxy an origin is reached, and its certificate seen."""
    make = {"http": Proxy, "https": lambda: Proxy(tls=True), "socks5": lambda: SocksProxy(5)}
    with Origin(tls=tls) as origin, make.get(scheme, lambda: SocksProxy(4))() as proxy:
        findings = doctor(
            origin.url_for("www.origin.test", "/a?b=c"), PACAWARE_PROXY=str(proxy.server), roots=both_roots
        )
        assert origin.requests[0].target == "/a?b=c"
    assert keys(findings) == []
    assert exit_status(findings) == 0
    assert by_step(findings, "origin").key == "origin-ok"
    assert [finding.key for finding in findings if finding.step == "certificate"] == ["certificate-ok"] * tls


def test_a_slow_proxy_within_the_limit_is_fine(doctor):
    """Late answers are answers."""
    with Origin() as origin, SlowProxy(0.05) as proxy:
        assert keys(doctor(origin.url_for("www.origin.test"), PACAWARE_PROXY=proxy.url)) == []


def test_nothing_is_sent_to_an_origin_without_a_url(doctor):
    """Only the proxy itself is asked."""
    with Proxy() as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url)
        assert [(seen.method, seen.header("Max-Forwards")) for seen in proxy.requests] == [("TRACE", "0")]
    assert by_step(findings, "origin").key == "origin-untested"


def test_an_origin_that_is_down_behind_a_good_proxy(doctor):
    """The proxy says that it cannot reach it."""
    with Proxy() as proxy, DeadProxy() as down:
        findings = doctor(f"https://www.origin.test:{down.port}/", PACAWARE_PROXY=proxy.url)
    assert keys(findings) == ["origin-odd-port"]
    assert "502" in findings[-1].detail


def test_an_origin_with_trouble_of_its_own(doctor):
    """Its 500 is a warning: the way there is open."""
    with Origin() as origin, Proxy() as proxy:
        findings = doctor(origin.url_for("www.origin.test", "/status/500"), PACAWARE_PROXY=proxy.url)
    assert keys(findings) == ["origin-status"]
    assert exit_status(findings) == 0
    told(findings[-1])


def test_the_name_of_the_proxy_is_unknown(doctor):
    """Names below .invalid never exist (RFC 6761), and no proxy behind one is tried further."""
    findings = doctor(None, PACAWARE_PROXY="http://proxy.invalid:8080")
    assert findings[-1].key in ("name-unknown", "name-silent")
    assert exit_status(findings) == 13
    told(findings[-1])


def test_dead_candidates_are_warnings_where_the_next_one_works(doctor):
    """As in fail-over the walk goes on to the next, and a last one that fails is a failure."""
    with Proxy() as proxy, DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url)
        assert keys(findings, "warn") == ["port-refused"]
        assert exit_status(findings) == 0
        pac.set(pac_returning(dead.pac_text, dead.pac_text))
        assert exit_status(doctor(None, PACAWARE_PAC_URL=pac.url)) == 13


def test_a_proxy_that_answers_is_the_one(doctor):
    """A candidate that answers, even with a refusal, ends the search: fail-over does not go past it either."""
    with RefusingProxy(302, {"Location": "https://login.corp.test/"}) as first, Proxy() as second:
        with PacServer(pac_returning(first.pac_text, second.pac_text)) as pac:
            findings = doctor(None, PACAWARE_PAC_URL=pac.url)
        assert keys(findings, "fail") == ["speaks-login"]
        assert second.connections == 0


def test_a_proxy_that_forbids_trace_and_is_silent_otherwise(doctor):
    """What only proxies write in an answer is proof enough."""
    with web_server(NoTrace) as place:
        findings = doctor(None, PACAWARE_PROXY=place)
        assert keys(findings) == ["speaks-unsure"]
        # The page itself is asked for then, and comes.
        assert keys(doctor("http://www.origin.test/", PACAWARE_PROXY=place)) == []


def test_a_proxy_that_answers_and_then_does_not_forward(doctor):
    """A proxy that breaks off when asked for the page is where the way ends."""

    class Half(NoTrace):
        def do_GET(self) -> None:
            self.close_connection = True

    with web_server(Half) as place:
        assert keys(doctor("http://www.origin.test/", PACAWARE_PROXY=place)) == ["origin-closed"]


@pytest.mark.parametrize("url", [None, "http://www.origin.test/"])
@pytest.mark.parametrize("make", [SilentProxy, DeadProxy])
def test_a_socks_proxy_that_fails(doctor, make, url: str | None):
    """It is dead, or hangs."""
    with make() as proxy:
        findings = doctor(url, PACAWARE_PROXY=f"socks5://{proxy.netloc}", limits=QUICK._replace(logon=0.5, answer=0.5))
    assert findings[-1].status == "fail"
    assert findings[-1].key in ("port-refused", "speaks-silent", "speaks-not-socks")
