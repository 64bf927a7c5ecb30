"""Kerberos in every situation, with every library: what the proxy sees, leg by leg, as in tests/test_auth_matrix.py.

The proxy is the tests' own, for squid closes no connection after a 407; MIT's library checks the tickets for it.
"""

from __future__ import annotations

import pytest

from pacaware.errors import ProxyAuthError
from pacaware.testing import Certificates, Proxy
from tests.drivers import ALL_DRIVERS, ListResolver
from tests.real.logons import TicketUsers
from tests.test_auth_matrix import legs

pytestmark = pytest.mark.real

SITUATIONS = {
    "ticket": {},
    "right password": {},
    "wrong password": {},
    "no ticket": {},
    "closes after the 407": {"close_after_407": True},
    "drops after the 407": {"close_after_407": "silently"},
    "HTTP/1.0": {"http10": True},
}

# For three requests, the third to another host: by http, and by https. A ticket is a single token, so that a proxy may
# close the connection after its 407.
LET_IN = ("1-407 1G200 1-200 1-200", "1-407 1G200 2-407 2G200")
REFUSED = ("1-407 1-407 1-407", "1-407 2-407 3-407")
CLOSED = ("1-407 2G200 2-200 2-200", "1-407 2G200 3-407 4G200")
LEGS = {
    "ticket": LET_IN,
    "right password": LET_IN,
    "wrong password": REFUSED,
    "no ticket": REFUSED,
    "closes after the 407": CLOSED,
    # A token that was lost is made anew, and goes out on a new connection as soon as that is known to be needed.
    "drops after the 407": ("1-407 2-407 3G200 3-200 3-200", "1-407 2-407 3G200 4-407 5-407 6G200"),
    "HTTP/1.0": ("1-407 2G200 3-407 4G200 5-407 6G200", CLOSED[1]),
}
REASONS = {
    "wrong password": "the Kerberos key server says that the password is wrong",
    "no ticket": "there is no Kerberos ticket: run kinit to get one",
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain proxy", "TLS proxy"])
@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_matrix(driver, way, tls, situation, tickets, origin, tls_origin):
    """A ticket goes out as soon as it is asked for, once a connection; the key server judges a password, once."""
    server = {"http": origin, "https": tls_origin}[way]
    urls = [server.url_for(host) for host in ("origin.test", "origin.test", "localhost")]
    if "password" not in situation and situation != "no ticket":
        tickets.kinit("alice", "s3cret")
    logon = {"right password": ("alice", "s3cret"), "wrong password": ("alice", "wrong")}.get(situation)
    users = TicketUsers(tickets.keytab, Certificates.shared().server_der if tls else None)
    before = tickets.asked().count("PREAUTH_FAILED")
    with Proxy(users, tls=tls, **SITUATIONS[situation]) as proxy:
        resolver = ListResolver(f"{'HTTPS' if tls else 'PROXY'} localhost:{proxy.port}")
        with driver.client(resolver=resolver, proxy_auth=logon) as client:
            if situation not in REASONS:
                assert [client.get(url).status_code for url in urls] == [200] * 3, users.refused
            elif way == "http":
                assert [client.get(url).status_code for url in urls] == [407] * 3
            else:
                reasons = [refusal(driver, client, url) for url in urls]
                assert REASONS[situation] in reasons[0]
        assert legs(proxy) == LEGS[situation][way == "https"]
    assert users.refused == []
    assert tickets.asked().count("PREAUTH_FAILED") - before == (situation == "wrong password")
    assert [seen for seen in server.requests if seen.header("Proxy-Authorization") is not None] == []


def refusal(driver, client, url):
    """Return our explanation of a refused tunnel."""
    with pytest.raises(driver.proxy_error) as caught:
        client.get(url)
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    return str(caught.value.__cause__)
