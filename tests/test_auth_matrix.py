"""Every scheme, way through the proxy and situation, with every library: what the proxy sees, leg by leg.

A leg is written as connection, scheme, status: ``1-407 1B200`` is a request without a logon on the first connection,
then one with Basic on the same. ``S`` stands for the scheme's initial.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pacaware.errors import ProxyAuthError
from pacaware.testing import BasicUsers, Certificates, DigestUsers, NegotiateUsers, NtlmUsers, Origin, Proxy
from tests.drivers import ALL_DRIVERS, ListResolver

USERS = {"alice": "s3cret"}
INITIALS = {None: "-", "Basic": "B", "Digest": "D", "NTLM": "N", "Negotiate": "G"}
CERTIFICATE = Certificates.shared().server_der


@dataclass(frozen=True)
class Logon:
    """What a proxy asks for; ``kind`` says how it goes: by request, with a nonce for each, by connection, or all."""

    name: str
    initial: str
    kind: str
    verifiers: tuple = field(repr=False)

    def make(self, *, tls):
        """Return new verifiers; at a TLS proxy tokens must be bound to the connection."""
        bound = {"certificate": CERTIFICATE} if tls else {}
        return [make(USERS, **(bound if make in (NtlmUsers, NegotiateUsers) else {})) for make in self.verifiers]


def digest(*algorithms, **options):
    return (lambda users: DigestUsers(users, algorithms=algorithms, **options),)


LOGONS = [
    Logon("Basic", "B", "request", (BasicUsers,)),
    Logon("Digest MD5", "D", "request", digest("MD5")),
    Logon("Digest SHA-256", "D", "request", digest("SHA-256", "MD5")),
    Logon("Digest SHA-512-256", "D", "request", digest("SHA-512-256")),
    Logon("Digest -sess", "D", "request", digest("SHA-256-sess")),
    Logon("Digest stale", "D", "stale", digest("MD5", uses=1)),
    Logon("Digest nextnonce", "D", "request", digest("SHA-256", uses=1, nextnonce=True)),
    Logon("Digest without qop", "D", "request", digest("MD5", qop=None)),
    Logon("NTLM", "N", "connection", (NtlmUsers,)),
    Logon("Negotiate with NTLM inside", "G", "connection", (NegotiateUsers,)),
    Logon("all", "G", "all", (BasicUsers, *digest("SHA-256", "MD5"), NtlmUsers, NegotiateUsers)),
]

# How the proxy behaves, and whether it lets in whoever has the right password.
SITUATIONS = {
    "right": {},
    "wrong": {},
    "none": {},
    "closes after the 407": {"close_after_407": True},
    "HTTP/1.0": {"http10": True},
}

# For three requests, the third to another host.
LEGS = {
    "request": {
        "right": ("1-407 1S200 1S200 1S200", "1-407 1S200 2S200"),
        "wrong": ("1-407 1S407 1-407 1-407", "1-407 1S407 2-407 3-407"),
        "closes after the 407": ("1-407 2S200 2S200 2S200", "1-407 2S200 3S200"),
        "HTTP/1.0": ("1-407 2S200 3S200 4S200", "1-407 2S200 3S200"),
    },
    "stale": {
        "right": ("1-407 1S200 1S407 1S200 1S407 1S200", "1-407 1S200 2S407 2S200"),
        "wrong": ("1-407 1S407 1-407 1-407", "1-407 1S407 2-407 3-407"),
        "closes after the 407": ("1-407 2S200 2S407 3S200 3S407 4S200", "1-407 2S200 3S407 4S200"),
        "HTTP/1.0": ("1-407 2S200 3S407 4S200 5S407 6S200", "1-407 2S200 3S407 4S200"),
    },
    "connection": {
        "right": ("1-407 1S407 1S200 1-200 1-200", "1-407 1S407 1S200 2-407 2S407 2S200"),
        "wrong": ("1-407 1S407 1S407 1-407 1-407", "1-407 1S407 1S407 2-407 3-407"),
        # Impossible: the connection is what is logged on. One leg shows it, and no secret is shown.
        "closes after the 407": ("1-407 2S407 3-407 4S407 5-407 6S407",) * 2,
        "HTTP/1.0": ("1-407 2S407 3-407 4S407 5-407 6S407",) * 2,
    },
    "all": {
        "right": ("1-407 1G407 1G200 1-200 1-200", "1-407 1G407 1G200 2-407 2G407 2G200"),
        "wrong": ("1-407 1G407 1G407 1-407 1-407", "1-407 1G407 1G407 2-407 3-407"),
        # The next scheme that is possible is taken, and remembered.
        "closes after the 407": ("1-407 2G407 3N407 4D200 4D200 4D200", "1-407 2G407 3N407 4D200 5D200"),
        "HTTP/1.0": ("1-407 2G407 3N407 4D200 5D200 6D200", "1-407 2G407 3N407 4D200 5D200"),
    },
}
for kind in LEGS.values():
    kind["none"] = ("1-407 1-407 1-407", "1-407 2-407 3-407")

REASONS = {
    "wrong": "rejected the user or password",
    "none": "no credentials were found for it",
    "closes after the 407": "it closes the connection in the middle of the logon",
    "HTTP/1.0": "it closes the connection in the middle of the logon",
}


@pytest.fixture(scope="module")
def origins():
    """An origin for each scheme; an https origin speaks HTTP/1.1 only, so that connections can be counted."""
    with Origin() as http, Origin(tls=True) as https:
        yield {"http": http, "https": https}


def legs(proxy):
    return " ".join(f"{seen.connection}{INITIALS[seen.authorization]}{int(seen.status)}" for seen in proxy.requests)


def failures(verifiers):
    counts = (one.failures for one in verifiers)
    return sum(count if isinstance(count, int) else len(count) for count in counts)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain proxy", "TLS proxy"])
@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("logon", LOGONS, ids=lambda logon: logon.name)
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_matrix(driver, logon, way, tls, situation, origins):
    """The logon goes as the table says, on as few legs and connections as the scheme needs; a no says why."""
    expected = LEGS[logon.kind][situation][way == "https"].replace("S", logon.initial)
    let_in = situation == "right" or "200" in expected
    verifiers = logon.make(tls=tls)
    given = {"right": ("alice", "s3cret"), "wrong": ("alice", "wrong"), "none": {"elsewhere.test": ("x", "y")}}
    urls = [origins[way].url_for(host) for host in ("origin.test", "origin.test", "localhost")]
    before = len(origins[way].requests)
    with Proxy(verifiers, tls=tls, **SITUATIONS[situation]) as proxy:
        resolver = ListResolver(proxy.pac_text)
        with driver.client(resolver=resolver, proxy_auth=given.get(situation, given["right"])) as client:
            if let_in:
                assert [client.get(url).status_code for url in urls] == [200] * 3, legs(proxy)
            elif way == "http":
                assert [client.get(url).status_code for url in urls] == [407] * 3
            else:
                reasons = [refusal(driver, client, url) for url in urls]
                # Without a password Negotiate is still tried, with the login of the machine.
                if not (situation == "none" and logon.initial == "G"):
                    assert REASONS[situation] in reasons[0]
        assert legs(proxy) == expected
    assert failures(verifiers) == (situation == "wrong")
    seen = origins[way].requests[before:]
    assert len(seen) == (3 if let_in else 0)
    assert [request for request in seen if request.header("Proxy-Authorization") is not None] == []


# A proxy that closes behind each 407 without saying so. A first leg is lost to that; the next goes out on a connection
# of its own, and the leg after that shows that a logon of the connection is impossible.
DROPPED = {
    "request": "1-407 2S200",
    "stale": "1-407 2S200",
    "connection": "1-407 2-407 3S407 4-407",
    "all": "1-407 2-407 3G407 4-407 5N407 6-407 7D200",
}


@pytest.mark.parametrize(("how", "tls"), [("silently", False), ("by reset", False), ("silently", True)])
@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("logon", LOGONS, ids=lambda logon: logon.name)
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_dropped(driver, logon, way, how, tls, origins):
    """Where the proxy drops the connection behind its 407, what can be done on another is; else the reason is said."""
    with Proxy(logon.make(tls=tls), tls=tls, close_after_407=how) as proxy:
        resolver = ListResolver(proxy.pac_text)
        with driver.client(resolver=resolver, proxy_auth=("alice", "s3cret")) as client:
            url = origins[way].url_for("origin.test")
            if logon.kind != "connection":
                assert client.get(url).status_code == 200, legs(proxy)
            elif way == "http":
                assert client.get(url).status_code == 407
            else:
                assert REASONS["closes after the 407"] in refusal(driver, client, url)
        assert legs(proxy) == DROPPED[logon.kind].replace("S", logon.initial)


# A user and password in the proxy's URL go out at once, by Basic: a proxy that does not take that has judged nothing.
IN_THE_URL = {
    "Basic": {"right": "1B200 1B200", "wrong": "1B407 1-407"},
    "request": {"right": "1B407 1S200 1S200", "wrong": "1B407 1S407 1-407"},
    "stale": {"right": "1B407 1S200 1S407 1S200", "wrong": "1B407 1S407 1-407"},
    "connection": {"right": "1B407 1S407 1S200 1-200", "wrong": "1B407 1S407 1S407 1-407"},
    "all": {"right": "1B200 1B200", "wrong": "1B407 1-407"},
}


@pytest.mark.parametrize("password", ["right", "wrong"])
@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("logon", LOGONS, ids=lambda logon: logon.name)
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_in_the_url(driver, logon, way, password, origins):
    """Whatever the proxy takes, a user and password in its URL log on; a wrong password is judged once."""
    expected = IN_THE_URL["Basic" if logon.name == "Basic" else logon.kind][password].replace("S", logon.initial)
    verifiers = logon.make(tls=False)
    url = origins[way].url_for("origin.test")
    with Proxy(verifiers) as proxy:
        given = f"http://alice:{'s3cret' if password == 'right' else 'wrong'}@{proxy.netloc}"
        with driver.client(proxy=given) as client:
            if password == "right":
                assert [client.get(url).status_code for _ in range(2)] == [200] * 2, legs(proxy)
            elif way == "http":
                assert [client.get(url).status_code for _ in range(2)] == [407] * 2
            else:
                assert "rejected the user or password that came from the proxy URL" in refusal(driver, client, url)
                assert "was rejected before" in refusal(driver, client, url)
        if way == "https":  # one tunnel serves both, and one that was refused is closed
            expected = expected.rpartition(" ")[0].replace("1D200 1D407", "1D200") if password == "right" else expected
            expected = expected.replace(" 1-407", " 2-407")
        assert legs(proxy) == expected
    assert failures(verifiers) == (password == "wrong")


@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_in_the_url_with_a_body_that_exists_once(driver, size, origins):
    """The body is kept, or waits for the logon, as long as nobody knows what the proxy makes of Basic."""
    with Proxy(NtlmUsers(USERS)) as proxy, driver.client(proxy=f"http://alice:s3cret@{proxy.netloc}") as client:
        url = origins["http"].url_for("origin.test")
        for _ in range(2):
            response = client.post(url, content=client.body([b"x" * 1000] * (size // 1000)).content)
            assert (response.status_code, response.json()["body_length"]) == (200, size)
        first = "POST" if size == 1000 else "TRACE"
        assert [seen.method for seen in proxy.requests] == [first] * 3 + ["POST"] * (1 if size == 1000 else 2)


@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("verifier", [BasicUsers, DigestUsers])
@pytest.mark.parametrize("driver", ALL_DRIVERS, ids=lambda driver: driver.name)
def test_a_password_that_changes(driver, verifier, way, origins, monkeypatch):
    """A program that runs for long finds the new password where it found the old one, and no request fails."""
    old, new = verifier({"alice": "old"}), verifier({"alice": "new"})
    url, seen = origins[way].url_for("origin.test"), verifier.scheme[0]
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    monkeypatch.setenv("PACAWARE_PROXY_PASSWORD", "old")
    with Proxy(old) as proxy, driver.client(resolver=ListResolver(proxy.pac_text)) as client:
        assert client.get(url, headers={"Connection": "close"}).status_code == 200
        proxy._verifiers = (new,)
        monkeypatch.setenv("PACAWARE_PROXY_PASSWORD", "new")
        assert [client.get(url, headers={"Connection": "close"}).status_code for _ in range(2)] == [200, 200]
        shown = [seen_by.authorization for seen_by in proxy.requests]
    assert [name and name[0] for name in shown] == [None, *seen * 4]
    assert (failures([old]), failures([new])) == (0, 1)


@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("logon", LOGONS, ids=lambda logon: logon.name)
def test_never_on_a_connection_of_somebody_else(logon, way, origins):
    """Two users of one proxy in one session of requests, in turn: each has a connection of its own."""
    url, driver = origins[way].url_for("origin.test"), ALL_DRIVERS[0]
    with Proxy([make({"alice": "a", "bob": "b"}) for make in logon.verifiers]) as proxy:
        with driver.client(resolver=ListResolver("DIRECT")) as client:
            for pair in ("alice:a", "bob:b") * 2:
                given = {"all": f"http://{pair}@{proxy.netloc}"}
                assert client.get(url, proxies=given).status_code == 200
        accepted = [seen.connection for seen in proxy.requests if seen.status == 200]
    assert accepted == ([1, 2, 1, 2] if way == "http" else [1, 2])


def refusal(driver, client, url):
    """Return our explanation of a refused tunnel."""
    with pytest.raises(driver.proxy_error) as caught:
        client.get(url)
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    return str(caught.value.__cause__)
