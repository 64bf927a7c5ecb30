"""Logons at real servers that check them: squid with Digest, NTLM and Negotiate, and an MIT Kerberos key server."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pacaware._auth.guard import GUARD
from pacaware.auth import NegotiateAuth
from pacaware.errors import ProxyAuthError
from pacaware.testing import Certificates, Proxy
from tests.drivers import ALL_DRIVERS, ListResolver
from tests.real.logons import TicketUsers, set_clock
from tests.real.servers import READY_WITHIN, free_port, program

pytestmark = pytest.mark.real

KINDS = ["basic", "digest", "ntlm", "negotiate_ntlm", "all"]
SERVERS = [f"squid_{tls}{kind}" for kind in KINDS for tls in ("", "tls_")]
# What squid notes of four requests with the right password, and of two with a wrong one: connection and status. Basic
# and Digest need one leg before, tokens two; the four requests for an https URL share a tunnel.
LEGS = {
    ("one", "http"): {"right": "1-407 1-200 1-200 1-200 1-200", "wrong": "1-407 1-407 1-407"},
    ("one", "https"): {"right": "1-407 1-200", "wrong": "1-407 1-407 2-407"},
    ("two", "http"): {"right": "1-407 1-407 1-200 1-200 1-200 1-200", "wrong": "1-407 1-407 1-407 1-407"},
    ("two", "https"): {"right": "1-407 1-407 1-200", "wrong": "1-407 1-407 1-407 2-407"},
}


@pytest.fixture(params=ALL_DRIVERS, ids=lambda driver: driver.name)
def driver(request):
    """A library in one flavour."""
    return request.param


@pytest.fixture
def proxy(request):
    """The server that the parameter names."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["http", "https"])
def url(request, proxy, origin, tls_origin):
    """A URL that the proxy can resolve, of each scheme."""
    return {"http": origin, "https": tls_origin}[request.param].url_for(proxy.origin_host, "/path")


def denied(proxy):
    """How often the proxy has answered 407."""
    return proxy.access_log().count("TCP_DENIED/407")


def legs(proxy, url, before, count):
    """Return what squid has noted of requests for a URL after ``before``: the number of the connection, the status.

    A tunnel is noted when it ends, so ``count`` notes are waited for.
    """
    port, deadline = urlsplit(url).port, time.monotonic() + READY_WITHIN
    while True:
        noted = re.findall(
            rf"^\S+ +\d+ (\S+) \S+/(\d+) \d+ \w+ \S+:{port}[/ ]", proxy.access_log()[before:], re.MULTILINE
        )
        if len(noted) >= count or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    numbers = {peer: number for number, peer in enumerate(dict.fromkeys(peer for peer, _ in noted), 1)}
    return " ".join(f"{numbers[peer]}-{status}" for peer, status in noted)


def client_of(driver, proxy, logon):
    return driver.client(resolver=ListResolver(proxy.pac_text), proxy_auth=logon)


def refusal(driver, client, url):
    """Return what the library says of a refused logon, and our explanation where there is an exception."""
    if url.startswith("http:"):
        return client.get(url).status_code, ""
    with pytest.raises(driver.proxy_error) as caught:
        client.get(url)
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    return 407, str(caught.value.__cause__)


@pytest.fixture
def expected(request, url):
    """The legs of LEGS for the server and the URL."""
    legs = "one" if request.node.callspec.params["proxy"].endswith(("basic", "digest")) else "two"
    return LEGS[legs, url.partition(":")[0]]


@pytest.mark.parametrize("proxy", SERVERS, indirect=True)
class TestPassword:
    def test_right(self, driver, proxy, url, expected):
        """The right password gets through, again and again on a kept connection, on as few legs as there can be."""
        before = len(proxy.access_log())
        with client_of(driver, proxy, (proxy.user, proxy.password)) as client:
            assert [client.get(url).status_code for _ in range(4)] == [200] * 4, proxy.logs()
        assert legs(proxy, url, before, len(expected["right"].split())) == expected["right"]

    def test_body(self, driver, proxy, url):
        """A body that can be sent only once arrives whole."""
        with client_of(driver, proxy, (proxy.user, proxy.password)) as client:
            body = client.body([b"a" * 40_000] * 50)
            response = client.post(url, content=body.content)
            assert response.status_code == 200, proxy.logs()
            assert response.json()["body_length"] == 2_000_000

    def test_wrong(self, driver, proxy, url, expected):
        """A wrong one is refused with the reason, and tried once."""
        before = len(proxy.access_log())
        with client_of(driver, proxy, (proxy.user, "wrong")) as client:
            for says in ("rejected the user or password", "was rejected before"):
                status, why = refusal(driver, client, url)
                assert status == 407
                assert says in why or url.startswith("http:")
        assert legs(proxy, url, before, len(expected["wrong"].split())) == expected["wrong"]

    def test_none(self, driver, proxy, url):
        """Without any the failure names the schemes and what to do."""
        before = denied(proxy)
        with client_of(driver, proxy, {"elsewhere.test": ("x", "y")}) as client:
            status, why = refusal(driver, client, url)
        assert status == 407
        assert "asks for a logon" in why or "Negotiate: " in why or url.startswith("http:")
        assert denied(proxy) == before + 1


@pytest.mark.parametrize("proxy", ["squid_digest", "squid_tls_digest"], indirect=True)
def test_nonces(driver, proxy, origin, tls_origin):
    """Squid names the next nonce by plain http, and asks no more; one for tunnels is stale in the end, and renewed."""
    asked = []
    with client_of(driver, proxy, (proxy.user, proxy.password)) as client:
        for server in (origin, tls_origin):
            url = server.url_for(proxy.origin_host)
            before = len(proxy.access_log())
            for _ in range(5):
                assert client.get(url, headers={"Connection": "close"}).status_code == 200
            asked.append(legs(proxy, url, before, 6).count("-407"))
    assert asked == [1, 1]


@pytest.mark.parametrize("proxy", ["squid_ntlm", "squid_negotiate_ntlm"], indirect=True)
def test_one_handshake_a_connection(driver, proxy, origin):
    """A hundred requests on one connection are one handshake: one bare 407 and one with a token."""
    before = denied(proxy)
    with client_of(driver, proxy, ("CORP\\jürgen", proxy.users["CORP\\jürgen"])) as client:
        assert [client.get(origin.url_for(proxy.origin_host)).status_code for _ in range(100)] == [200] * 100
    assert denied(proxy) == before + 2


@pytest.mark.parametrize("proxy", ["squid_gss_ntlm", "squid_tls_gss_ntlm"], indirect=True)
class TestAnotherVerifier:
    """NTLM version 2 as somebody else reads it: gss-ntlmssp."""

    @pytest.mark.parametrize("user", ["alice", "CORP\\jürgen"])
    def test_right(self, driver, proxy, url, user):
        """The right password gets through on three legs; at a TLS proxy the logon is bound to the connection."""
        before = denied(proxy)
        with client_of(driver, proxy, (user, proxy.users[user])) as client:
            assert [client.get(url).status_code for _ in range(3)] == [200] * 3, proxy.logs()
        assert denied(proxy) == before + 2

    def test_wrong(self, driver, proxy, url):
        """A wrong one is refused, and tried once."""
        with client_of(driver, proxy, ("CORP\\jürgen", "wrong")) as client:
            for says in ("rejected the user or password", "was rejected before"):
                status, why = refusal(driver, client, url)
                assert status == 407
                assert says in why or url.startswith("http:")


def test_another_verifier_wants_the_binding(squid_tls_gss_ntlm, tls_origin, monkeypatch):
    """Without the binding, or with a wrong one, the same verifier lets nobody in: it does look."""
    url = tls_origin.url_for(squid_tls_gss_ntlm.origin_host)
    pair = (squid_tls_gss_ntlm.user, squid_tls_gss_ntlm.password)
    driver = ALL_DRIVERS[0]
    for binding in (None, b"tls-server-end-point:" + b"x" * 32):
        monkeypatch.setattr("pacaware._auth.spnego.tls_server_end_point", lambda _, value=binding: value)
        GUARD.forget()
        with client_of(driver, squid_tls_gss_ntlm, pair) as client:
            assert "rejected the user or password" in refusal(driver, client, url)[1]
    monkeypatch.undo()
    GUARD.forget()
    with client_of(driver, squid_tls_gss_ntlm, pair) as client:
        assert client.get(url).status_code == 200


@pytest.mark.parametrize("proxy", ["squid_kerberos", "squid_tls_kerberos"], indirect=True)
class TestKerberos:
    def test_ticket(self, driver, proxy, url, tickets):
        """With a ticket nothing needs to be given; a ticket obtained anew is noticed without a restart."""
        with client_of(driver, proxy, None) as client:
            status, why = refusal(driver, client, url)
            assert status == 407
            assert "there is no Kerberos ticket: run kinit" in why or url.startswith("http:")
            tickets.kinit("alice", "s3cret")
            before = denied(proxy)
            assert [client.get(url).status_code for _ in range(3)] == [200] * 3, proxy.logs()
            assert denied(proxy) == before + 1  # the token goes out with the second leg, and that is the last

    def test_password(self, driver, proxy, url, tickets):
        """A password gets a ticket, in memory, once."""
        before = tickets.asked().count("AS_REQ")
        with client_of(driver, proxy, ("alice", "s3cret")) as client:
            assert [client.get(url, headers={"Connection": "close"}).status_code for _ in range(3)] == [200] * 3
        assert tickets.asked().count("AS_REQ") - before <= 2  # the first is told to prove that it knows the password

    def test_wrong_password(self, driver, proxy, url, tickets):
        """A wrong one is refused by the key server, once; the proxy never sees it."""
        before = tickets.asked().count("PREAUTH_FAILED")
        with client_of(driver, proxy, ("alice", "wrong")) as client:
            for says in ("the Kerberos key server says that the password is wrong", "rejected before"):
                status, why = refusal(driver, client, url)
                assert status == 407
                assert says in why or url.startswith("http:")
        assert tickets.asked().count("PREAUTH_FAILED") == before + 1


def test_one_handshake_a_connection_by_kerberos(driver, squid_kerberos, origin, tickets):
    """A hundred requests on one connection are one bare 407 and one ticket."""
    tickets.kinit("alice", "s3cret")
    before, url = len(squid_kerberos.access_log()), origin.url_for(squid_kerberos.origin_host)
    with client_of(driver, squid_kerberos, None) as client:
        assert [client.get(url).status_code for _ in range(100)] == [200] * 100
    assert legs(squid_kerberos, url, before, 101) == " ".join(["1-407", *["1-200"] * 100])


def test_fifty_threads_at_the_key_server(origin, tickets):
    """A wrong password is shown to the key server once, however many threads and proxies ask for it."""
    driver, before = ALL_DRIVERS[0], tickets.asked().count("PREAUTH_FAILED")
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(TicketUsers(tickets.keytab, None))) for _ in range(3)]
        resolver = ListResolver("", choose=lambda url: f"PROXY localhost:{proxies[len(url) % 3].port}")
        client = stack.enter_context(driver.client(resolver=resolver, proxy_auth=("alice", "wrong"), timeout=60))
        responses = client.at_once([("GET", origin.url_for("origin.test", "/" + "x" * n), {}) for n in range(50)])
        assert [getattr(response, "status_code", response) for response in responses] == [407] * 50
        assert {seen.authorization for proxy in proxies for seen in proxy.requests} == {None}
    assert tickets.asked().count("PREAUTH_FAILED") == before + 1


def test_a_ticket_is_bound_to_the_connection(driver, origin, tls_origin, tickets, monkeypatch):
    """A verifier that requires the binding lets Kerberos in at a TLS proxy; none, or a wrong one, is refused."""
    tickets.kinit("alice", "s3cret")
    users = TicketUsers(tickets.keytab, Certificates.shared().server_der)
    urls = [server.url_for("origin.test") for server in (origin, tls_origin)]
    with Proxy(users, tls=True) as proxy:

        def statuses():
            GUARD.forget()
            with driver.client(resolver=ListResolver(f"HTTPS localhost:{proxy.port}")) as client:
                return [client.get(urls[0]).status_code, client.get(urls[1]).status_code if not users.refused else 0]

        assert statuses() == [200, 200]
        assert {seen.authorization for seen in proxy.requests} == {None, "Negotiate"}
        for binding, why in ((None, "not bound"), (b"tls-server-end-point:" + b"x" * 32, "BadChannelBindingsError")):
            users.refused.clear()
            with monkeypatch.context() as patch:
                patch.setattr("pacaware._auth.spnego.tls_server_end_point", lambda _, value=binding: value)
                assert statuses() == [407, 0]
            assert users.refused == [why]


def cache():
    """The file that KRB5CCNAME names."""
    return Path(os.environ["KRB5CCNAME"].removeprefix("FILE:"))


def explanation(proxy, tls_origin, logon=None):
    """Return why a logon by requests fails."""
    driver = ALL_DRIVERS[0]
    with client_of(driver, proxy, logon) as client:
        return refusal(driver, client, tls_origin.url_for(proxy.origin_host))[1]


class TestReasons:
    def test_unknown_name(self, squid_kerberos, tls_origin, tickets):
        """A proxy that the key server does not know by that name: the name, and how to set another."""
        tickets.kinit("alice", "s3cret")
        why = explanation(squid_kerberos, tls_origin, NegotiateAuth(spn="HTTP/other.test.local"))
        assert "does not know the proxy by the name 'HTTP/other.test.local'" in why
        assert "PACAWARE_SPN=HTTP/name" in why

    def test_name_from_the_environment(self, squid_kerberos, tls_origin, tickets, monkeypatch):
        """PACAWARE_SPN makes a proxy known by its address a name."""
        tickets.kinit("alice", "s3cret")
        by_address = f"PROXY 127.0.0.1:{squid_kerberos.port}"
        url = tls_origin.url_for(squid_kerberos.origin_host)
        driver = ALL_DRIVERS[0]
        with driver.client(resolver=ListResolver(by_address)) as client:
            assert "given by its address" in refusal(driver, client, url)[1]
            monkeypatch.setenv("PACAWARE_SPN", "HTTP/localhost")
            assert client.get(url).status_code == 200

    def test_an_expired_ticket(self, squid_kerberos, tls_origin, tickets):
        """A ticket that was good a moment ago: the time is over, and kinit gets a new one."""
        tickets.kinit("alice", "s3cret", "-l", "1s")
        driver, url = ALL_DRIVERS[0], tls_origin.url_for(squid_kerberos.origin_host)
        deadline, status = time.monotonic() + READY_WITHIN, 200
        while status == 200 and time.monotonic() < deadline:
            with client_of(driver, squid_kerberos, None) as client, contextlib.suppress(driver.proxy_error):
                status = 0
                status = client.get(url).status_code
        assert "the Kerberos ticket has expired: run kinit" in explanation(squid_kerberos, tls_origin)
        tickets.kinit("alice", "s3cret")
        with client_of(driver, squid_kerberos, None) as client:
            assert client.get(url).status_code == 200

    def test_a_ticket_for_later(self, squid_kerberos, tls_origin, tickets):
        """A ticket that is good from tomorrow on, to this machine's clock or to the key server's."""
        tickets.kinit("alice", "s3cret", "-s", "5h")
        assert "is not valid yet: is the clock of this machine right?" in explanation(squid_kerberos, tls_origin)

    @pytest.mark.parametrize("seconds", [3600, -3600])
    def test_a_wrong_clock(self, squid_kerberos, tls_origin, tickets, seconds):
        """The key server refuses whoever lives in another time: the failure says to set the clock."""
        tickets.kinit("alice", "s3cret")
        set_clock(cache(), seconds)
        why = explanation(squid_kerberos, tls_origin)
        assert "the clock of this machine and the network's differ by more than five minutes: set the clock" in why

    def test_a_wrong_clock_at_the_proxy(self, squid_kerberos, tls_origin, tickets):
        """Where only the proxy sees it, all that it says is no: the clock is among the things to look at."""
        tickets.kinit("alice", "s3cret")
        tickets.run([program("kvno", "krb5-user"), "HTTP/localhost"])
        set_clock(cache(), 3600)
        why = explanation(squid_kerberos, tls_origin)
        assert "it rejected the login that came from the login of this machine" in why
        assert "look whether the clock of this machine is right" in why

    def test_unknown_user(self, squid_kerberos, tls_origin, tickets):
        """A user that the key server does not know: how to write one."""
        why = explanation(squid_kerberos, tls_origin, ("nobody", "x"))
        assert "does not know the user 'nobody': write user@REALM" in why

    @pytest.mark.parametrize(
        ("change", "back", "says"),
        [
            ("modprinc -allow_tix alice", "modprinc +allow_tix alice", "is locked or switched off: ask the help desk"),
            ("modprinc -pwexpire yesterday alice", "modprinc -pwexpire never alice", "has expired: change it"),
        ],
    )
    def test_accounts(self, squid_kerberos, tls_origin, tickets, change, back, says):
        """A locked account and an expired password are told apart from a wrong password."""
        tickets.admin(change)
        try:
            assert says in explanation(squid_kerberos, tls_origin, ("alice", "s3cret"))
        finally:
            tickets.admin(back)

    def test_key_server_away(self, squid_kerberos, tls_origin, tickets, monkeypatch, tmp_path):
        """A key server that cannot be reached: the failure asks whether this is the company's network."""
        text = (tickets.folder / "krb5.conf").read_text()
        (tmp_path / "krb5.conf").write_text(re.sub(r"127\.0\.0\.1:[0-9]+", f"127.0.0.1:{free_port()}", text))
        monkeypatch.setenv("KRB5_CONFIG", f"{tmp_path}/krb5.conf")
        assert "(VPN)" in explanation(squid_kerberos, tls_origin, ("alice", "s3cret"))
