"""What PACAWARE_LOG=1 shows of the resolver: a line for each request, and one for each fail-over."""

from __future__ import annotations

import logging

import pytest

from pacaware import ProxyConfig, ProxyResolver


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
