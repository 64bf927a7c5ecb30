"""Which proxies may see which credentials."""

from __future__ import annotations

import pytest

from pacaware._core.scope import Trust, is_loopback, scope_advice, trust_of
from pacaware._models import ProxyServer

FAR = ProxyServer("http", "proxy.corp", 8080)
NEAR = ProxyServer("http", "127.0.0.1", 3128)


@pytest.mark.parametrize(
    ("source", "pac_url", "trust"),
    [
        ("explicit", None, Trust.FULL),
        ("manual", None, Trust.FULL),
        ("pac", "https://pac.corp/p.pac", Trust.FULL),
        ("pac", "file:///etc/p.pac", Trust.FULL),
        ("pac", "data:,x", Trust.FULL),
        ("pac", None, Trust.FULL),
        ("pac", "http://pac.corp/p.pac", Trust.NO_CLEAR_TEXT),
        ("pac", "HTTP://pac.corp/p.pac", Trust.NO_CLEAR_TEXT),
        ("wpad-dhcp", "https://wpad.corp/wpad.dat", Trust.NONE),
        ("wpad-dns", "http://wpad.corp/wpad.dat", Trust.NONE),
    ],
)
def test_trust_by_source(source, pac_url, trust):
    """What anybody on the network can forge is not trusted: WPAD not at all, a PAC file without TLS not with Basic."""
    assert trust_of(FAR, source, pac_url) is trust


def test_loopback_proxies():
    """A proxy on this machine may see a password whatever PAC file named it; but WPAD has no business naming it."""
    assert trust_of(NEAR, "pac", "http://pac.corp/p.pac") is Trust.FULL
    assert trust_of(NEAR, "wpad-dns", None) is Trust.NONE


@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost", "127.0.0.1", "127.255.0.9", "::1"])
def test_loopback_hosts(host):
    """This machine's own names and addresses."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.corp", "notlocalhost", "127.evil.test", "128.0.0.1", "::2", "1.127.0.0", ""]
)
def test_other_hosts(host):
    """Names that only look like this machine are not."""
    assert not is_loopback(host)


@pytest.mark.parametrize(("trust", "why"), [(Trust.NONE, "automatic detection"), (Trust.NO_CLEAR_TEXT, "without TLS")])
def test_advice(trust, why):
    """The advice says why, and holds the exact line that allows it."""
    advice = scope_advice(trust, FAR)
    assert why in advice
    assert advice.endswith("PACAWARE_AUTH_PROXIES=proxy.corp:8080")
