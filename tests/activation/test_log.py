"""What PACAWARE_LOG=1 shows of the resolver: a line for each request, and one for each fail-over."""

from __future__ import annotations

import logging

import pytest

from pacaware import ProxyConfig, ProxyResolver
from pacaware.testing import Certificates, DeadProxy, NtlmUsers, Origin, PacServer, Proxy, pac_returning


@pytest.fixture
def resolver():
    """Two proxies in a manual setting would be one: a PAC file in a data URL names both."""
    pac = "data:,function FindProxyForURL(u, h) { return 'PROXY a.test:1; PROXY b.test:2' }"
    with ProxyResolver(ProxyConfig(pac_url=pac)) as resolver:
        yield resolver


def test_a_request_is_a_line_without_secrets(resolver: ProxyResolver, caplog: pytest.LogCaptureFixture):
    """The line names the URL without user, password and query values, the list, and where it came from."""
    caplog.set_level(logging.INFO, "pacaware")
    resolver.start(resolver.resolve("http://me:geheim@o.test/?token=secret"))
    assert (
        caplog.messages[-1]
        == "http://o.test/?token=... goes by PROXY a.test:1; PROXY b.test:2 (pac, settings from: code; fresh)"
    )


def test_a_fail_over_is_a_line(resolver: ProxyResolver, caplog: pytest.LogCaptureFixture):
    """Once the next candidate has connected, the line names the one that failed, why, and the one in use."""
    caplog.set_level(logging.INFO, "pacaware")
    decision = resolver.resolve("http://o.test/")
    walk = resolver.start(decision)
    walk.failed("connection refused")
    resolver.connected(decision, walk)
    assert caplog.messages[-1] == "PROXY a.test:1 failed, PROXY b.test:2 is used instead: connection refused"


@pytest.fixture
def proxy():
    """A proxy with NTLM."""
    with Proxy(NtlmUsers({"alice": "wonderland"})) as proxy:
        yield proxy


@pytest.fixture
def settings(proxy: Proxy):
    """The variables of a user behind a PAC file whose first proxy is dead."""
    with DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac:
        yield (
            {
                "PACAWARE": "1",
                "PACAWARE_LOG": "1",
                "PACAWARE_PAC_URL": f"{pac.url}?token=geheim",
                "PACAWARE_PROXY_USERNAME": "alice",
                "PACAWARE_PROXY_PASSWORD": "wonderland",
                "SSL_CERT_FILE": str(Certificates.shared().ca_path),
                "REQUESTS_CA_BUNDLE": str(Certificates.shared().ca_path),
            },
            dead,
        )


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_a_program_that_is_looked_at(run, library: str, tls: bool, proxy: Proxy, settings):
    """PACAWARE_LOG=1: a line for the decision, one for each 407, one for the fail-over; each once, nothing secret."""
    variables, dead = settings
    code = f"import sys, {library} as L; print(L.get(sys.argv[1], timeout=20).status_code)"
    with Origin(tls=tls) as origin:
        url = origin.url_for("www.origin.test", "/?key=geheim")
        done = run("-c", code, url, **variables)
    assert done.stdout == "200\n"
    decision, *rest = done.stderr.splitlines()
    shown = url.replace("geheim", "...")
    assert decision == (
        f"pacaware: {shown} goes by {dead.pac_text}; {proxy.pac_text} (pac, settings from: environment; fresh)"
    )
    credentials = "with what PACAWARE_PROXY_PASSWORD has"
    # The reason is worded by the library.
    assert sorted(line.replace("no connection: c", "C") for line in rest) == [
        f"pacaware: 407 from {proxy.pac_text}: it offers NTLM; answered by NTLM, leg 2, {credentials}",
        f"pacaware: 407 from {proxy.pac_text}: it offers NTLM; answered by NTLM, {credentials}",
        f"pacaware: {dead.pac_text} failed, {proxy.pac_text} is used instead: Connection refused",
    ]


def test_a_logon_that_fails(run, proxy: Proxy, settings):
    """The 407 that is not answered is a line too, and the error says the rest."""
    variables, _ = settings
    code = "import sys, requests; requests.get(sys.argv[1], timeout=20)"
    with Origin(tls=True) as origin:
        done = run("-c", code, origin.url_for("www.origin.test"), **variables | {"PACAWARE_PROXY_PASSWORD": "falsch"})
    lines = [line for line in done.stderr.splitlines() if line.startswith("pacaware: 407")]
    assert len(lines) == 3
    assert lines[-1] == f"pacaware: 407 from {proxy.pac_text}: it offers NTLM; not answered"
    assert "falsch" not in done.stderr
