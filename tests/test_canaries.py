"""Secrets are planted, and after each journey everything that anybody received or could read is searched for them.

Searched are the bytes that reached origins, other proxies and the PAC server, all logs, and every printed form of
clients, decisions and errors. The secrets are the passwords in several spellings, and whatever the right proxy was sent
in Proxy-Authorization: tokens and digests are as secret as what they were made of.
"""

from __future__ import annotations

import base64
import contextlib
import pickle
import socket
import traceback
from typing import Any
from urllib.parse import quote

import pytest

from pacaware import ProxyConfig, ProxyResolver
from pacaware.auth import BasicAuth, DigestAuth, NegotiateAuth, NTLMAuth, StaticCredentials
from pacaware.errors import PacawareError
from pacaware.testing import (
    BasicUsers,
    Certificates,
    DigestUsers,
    NegotiateUsers,
    NtlmUsers,
    Origin,
    PacServer,
    Proxy,
    SocksProxy,
    dead_port,
)
from pacaware.testing._origin import Answer
from tests.drivers import ALL_DRIVERS

USER = "alice"
# Long enough to be found nowhere by chance; its letters are other ones in a URL and in UTF-8.
PASSWORD = "kanarienvogel/geheim ü"
WRONG = "kanarienvogel, falsch"
OF_THE_CALLER = "kanarienvogel-des-rufers"
OF_A_URL = "kanarienvogel-der-adresse"

VERIFIERS: dict[str, Any] = {
    "Basic": BasicUsers,
    "Digest": lambda users: DigestUsers(users, algorithms=("SHA-256", "MD5")),
    "NTLM": NtlmUsers,
    "Negotiate": NegotiateUsers,
}

PAC = """
function FindProxyForURL(url, host) {{
  if (host == "localhost") return "DIRECT";
  if (host == "second.origin.test") return "{other}";
  if (host == "socks.origin.test") return "{socks}";
  if (host == "closed.origin.test") return "{dead}; {other}";
  if (host == "127.0.0.1") return "{right}; DIRECT";
  return "{right}; {other}";
}}
"""


def spellings(password: str) -> set[str]:
    """Return what a password looks like in text, in a URL and in Basic."""
    pairs = {f"{USER}:{password}".encode(charset, "replace") for charset in ("utf-8", "latin-1")}
    return {password, quote(password, safe=""), *(base64.b64encode(pair).decode().rstrip("=") for pair in pairs)}


class Hearing:
    """A server that keeps every byte that it reads, TLS taken off."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.heard = bytearray()

    def _serve(self, connection: Any) -> None:
        heard, kind = self.heard, type(connection.sock)

        class Ear(kind):
            __slots__ = ()

            def recv(self, size: int, flags: int = 0) -> bytes:
                data = super().recv(size, flags)
                heard.extend(b"" if flags & socket.MSG_PEEK else data)
                return data

        connection.sock.__class__ = Ear
        super()._serve(connection)


class HearingOrigin(Hearing, Origin):
    """At /407 it asks for a logon as a proxy does, which an origin must not."""

    def respond(self, connection, method, target, version, headers, body):
        answer = super().respond(connection, method, target, version, headers, body)
        if target != "/407":
            return answer
        return Answer(407, tuple(("Proxy-Authenticate", f"{scheme} realm=x, nonce=y") for scheme in VERIFIERS))


class HearingProxy(Hearing, Proxy):
    pass


class HearingSocks(Hearing, SocksProxy):
    pass


class HearingPac(Hearing, PacServer):
    pass


class Stage:
    """One proxy that may know the secret, and everybody else; ``close_right()`` ends the former early."""

    def __init__(self, scheme: str, *, tls: bool, stack: contextlib.ExitStack) -> None:
        bound = {"certificate": Certificates.shared().server_der} if tls and scheme in ("NTLM", "Negotiate") else {}
        self.right = Proxy(VERIFIERS[scheme]({USER: PASSWORD}, **bound), tls=tls)
        stack.callback(self.right.close)
        self.right.start()
        self.http = stack.enter_context(HearingOrigin())
        self.https = stack.enter_context(HearingOrigin(tls=True))
        # The other one asks too, for what is easiest to give away.
        self.other = stack.enter_context(HearingProxy())
        self.asking = stack.enter_context(HearingProxy(BasicUsers({USER: PASSWORD})))
        self.socks = stack.enter_context(HearingSocks(5))
        script = PAC.format(
            right=self.right.pac_text,
            other=self.other.pac_text,
            socks=self.socks.pac_text,
            dead=f"PROXY 127.0.0.1:{dead_port()}",
        )
        self.pac = stack.enter_context(HearingPac(script))
        self.strangers = {
            "the http origin": self.http,
            "the https origin": self.https,
            "another proxy": self.other,
            "another proxy that asks": self.asking,
            "a SOCKS proxy": self.socks,
            "the PAC server": self.pac,
        }

    def resolver(self, **settings: Any) -> ProxyResolver:
        """Return a new resolver that follows the PAC file, or ``settings``."""
        # Loopback addresses too are the script's to decide.
        settings = settings or {"pac_url": f"{self.pac.url}?token={OF_A_URL}", "bypass": "<-loopback>"}
        config = ProxyConfig(**settings)
        return ProxyResolver(config, proxy_ssl_context=Certificates.shared().client_context())

    def secrets(self) -> set[str]:
        """Return what nobody else may have seen or printed."""
        sent = {seen.header("Proxy-Authorization") for seen in self.right.requests} - {None}
        tokens = {value.partition(" ")[2].rstrip("=") for value in sent}
        return {
            *(spelling for password in (PASSWORD, WRONG) for spelling in spellings(password)),
            OF_THE_CALLER,
            *tokens,
        }

    def search(self, printed: dict[str, str]) -> list[str]:
        """Return where something is that must not be there."""
        found = []
        for name, server in self.strangers.items():
            heard = bytes(server.heard)
            if b"proxy-authorization" in heard.lower():
                found.append(f"Proxy-Authorization at {name}")
            secrets = [
                secret.encode(charset, "replace") for secret in self.secrets() for charset in ("utf-8", "utf-16-le")
            ]
            found += [f"{secret!r} at {name}" for secret in secrets if secret in heard]
        for name, text in printed.items():
            # The libraries log the whole URL of a request themselves, and a pickle without the PAC file's is no use.
            secrets = self.secrets() | (set() if name in ("the log", "a pickled session") else {OF_A_URL})
            found += [f"{secret!r} in {name}" for secret in secrets if secret in text]
        return found


def follow(client: Any, url: str, **arguments: Any) -> Any:
    """Get a URL and follow redirects, as requests does unasked."""
    if client.raw.__module__.partition(".")[0] != "requests":
        arguments["follow_redirects"] = True
    return client.get(url, **arguments)


def decision_of(response: Any) -> Any:
    return response.pacaware if hasattr(response, "pacaware") else response.extensions["pacaware"]


def printed_error(error: BaseException) -> dict[str, str]:
    """Return every way to print an error, its notes, and what caused it; those of ours as pickles too."""
    printed = {"a traceback": "".join(traceback.format_exception(error))}
    chain: list[BaseException] = [error]
    for one in chain:
        printed[f"{type(one).__name__} {len(printed)}"] = "\n".join(
            [str(one), repr(one), repr(one.args), *getattr(one, "__notes__", ())]
        )
        if isinstance(one, PacawareError):
            printed[f"a pickle of {type(one).__name__}"] = pickle.dumps(one).decode("latin-1")
        chain += [more for more in (one.__cause__, one.__context__) if more is not None and more not in chain]
    return printed


def printed_answer(response: Any) -> dict[str, str]:
    """Return every way to print a response and the decision behind it."""
    decision = decision_of(response)
    return {
        "a response": repr(response),
        "a decision": repr(decision) + str(decision),
        "explain()": decision.explain(),
        "to_dict()": repr(decision.to_dict()),
    }


def printed_client(client: Any) -> dict[str, str]:
    """Return what a client and its parts print; a session of requests as a pickle too."""
    parts = [client.raw, *getattr(client.raw, "adapters", {}).values(), getattr(client.raw, "_transport", None)]
    printed = {"a client": "\n".join(repr(part) + repr(getattr(part, "__dict__", "")) for part in parts)}
    if hasattr(client.raw, "adapters"):
        printed["a pickled session"] = pickle.dumps(client.raw).decode("latin-1")
    return printed


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def logs(caplog):
    """Everything that is logged, at any level, with the arguments; and by itself what we log."""

    def text(name: str) -> str:
        records = [record for record in caplog.records if record.name.startswith(name)]
        return "".join(f"{record.getMessage()} {record.args}\n" for record in records)

    with caplog.at_level(1):
        yield lambda: {"the log": caplog.text + text(""), "our log": text("pacaware")}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch):
    """No proxy and no password of the environment reaches a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "auto_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests prefers them to what its session says
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=ALL_DRIVERS, ids=lambda driver: driver.name)
def driver(request):
    """A library in one flavour."""
    return request.param


@pytest.mark.parametrize("tls", [False, True], ids=["plain proxy", "TLS proxy"])
@pytest.mark.parametrize("scheme", VERIFIERS)
def test_a_journey(driver, scheme, tls, stack, logs):
    """Logged on, redirected to and fro, failed over and sent on directly: only the right proxy sees the secret."""
    stage = Stage(scheme, tls=tls, stack=stack)
    resolver = stack.enter_context(stage.resolver())
    printed: dict[str, str] = {}
    auth = {stage.right.netloc: (USER, PASSWORD)}
    with driver.client(resolver=resolver, proxy_auth=auth) as client:
        http, https = stage.http.url_for, stage.https.url_for
        query = f"/?key={OF_A_URL}"
        for url in (http("first.origin.test", query), https("first.origin.test", query)):
            response = client.get(url)
            assert response.status_code == 200
            printed |= {f"{url[:5]} {name}": text for name, text in printed_answer(response).items()}
        # From the right proxy to another, by SOCKS, directly, and back: in clear text and by tunnels in turn.
        places = [
            https("second.origin.test"),
            http("socks.origin.test"),
            https("localhost"),
            http("second.origin.test"),
            https("first.origin.test"),
            http("localhost"),
            https("socks.origin.test"),
            http("closed.origin.test"),
        ]
        url = http("first.origin.test", "/end")
        for place in places:
            url = f"{place}redirect?to={quote(url, safe='')}"
        assert follow(client, url).status_code == 200
        # An origin that asks as if it were a proxy: through a tunnel, and without a proxy.
        assert [
            client.get(one).status_code for one in (https("first.origin.test", "/407"), http("localhost", "/407"))
        ] == [407] * 2
        # The right proxy goes away: the next candidate takes over, or no proxy at all.
        assert client.get(http("127.0.0.1")).status_code == 200
        stage.right.close()
        for url in (http("first.origin.test"), https("first.origin.test"), http("127.0.0.1"), https("127.0.0.1")):
            response = client.get(url)
            assert response.status_code == 200
        printed |= printed_client(client) | {"the resolver": repr(resolver) + repr(resolver.stats())}
    assert all(server.heard for name, server in stage.strangers.items() if server is not stage.asking)
    assert scheme in {seen.authorization for seen in stage.right.requests}
    assert stage.search(printed | logs()) == []


@pytest.mark.parametrize("tls", [False, True], ids=["plain proxy", "TLS proxy"])
@pytest.mark.parametrize("scheme", VERIFIERS)
def test_failures(driver, scheme, tls, stack, logs):
    """A rejected secret is in no error, cause, note, pickle or log; nor does another proxy that asks get it."""
    stage = Stage(scheme, tls=tls, stack=stack)
    right = stack.enter_context(stage.resolver(proxy_server=stage.right.url))
    asking = stack.enter_context(stage.resolver(proxy_server=stage.asking.url))
    printed: dict[str, str] = {}
    auth = {stage.right.netloc: (USER, WRONG)}
    for resolver in (right, asking):
        with driver.client(resolver=resolver, proxy_auth=auth) as client:
            for _ in range(2):  # the second meets the lock-out guard
                response = client.get(stage.http.url_for("origin.test"))
                assert response.status_code == 407
                with pytest.raises(driver.proxy_error) as caught:
                    client.get(stage.https.url_for("origin.test"))
                for part in (printed_error(caught.value), printed_answer(response), printed_client(client)):
                    printed |= {f"{name} ({len(printed)})": text for name, text in part.items()}
    assert any(seen.authorization == scheme for seen in stage.right.requests)
    assert stage.asking.heard
    assert stage.search(printed | logs()) == []


@pytest.mark.parametrize("where", ["session", "request"])
def test_the_callers_own_header(driver, where, stack, logs):
    """A Proxy-Authorization that the caller sets goes to nobody, not even to the right proxy."""
    stage = Stage("Basic", tls=False, stack=stack)
    resolver = stack.enter_context(stage.resolver())
    header = {"Proxy-Authorization": f"Basic {OF_THE_CALLER}"}
    with driver.client(resolver=resolver, proxy_auth={stage.right.netloc: (USER, PASSWORD)}) as client:
        if where == "session":
            client.raw.headers.update(header)
        arguments = {"headers": header} if where == "request" else {}
        for server in (stage.http, stage.https):
            for host in (
                "first.origin.test",
                "second.origin.test",
                "closed.origin.test",
                "socks.origin.test",
                "localhost",
            ):
                to = quote(stage.http.url_for("second.origin.test"), safe="")
                assert follow(client, server.url_for(host, f"/redirect?to={to}"), **arguments).status_code == 200
    assert {seen.header("Proxy-Authorization") for seen in stage.right.requests} <= {None, *basic()}
    assert stage.search(logs()) == []


def basic() -> set[str]:
    return {f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}


def test_a_password_in_the_environment(driver, stack, logs, monkeypatch):
    """With HTTP_PROXY=http://user:password@… redirects to another proxy, and past all proxies, take nothing along.

    requests itself adds the header to the redirected request (Session.rebuild_proxies).
    """
    stage = Stage("Basic", tls=False, stack=stack)
    for name, value in with_a_password(stage).items():
        monkeypatch.setenv(f"{name}_proxy", value)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    resolver = stack.enter_context(ProxyResolver())
    with driver.client(resolver=resolver) as client:
        if driver.library == "requests":
            client.raw.trust_env = True
        response = follow(client, to_and_fro(stage))
        assert response.status_code == 200
        printed = printed_answer(response) | printed_client(client) | {"the resolver": repr(resolver)}
    assert {seen.header("Proxy-Authorization") for seen in stage.right.requests} == {None, *basic()}
    assert stage.other.heard
    assert stage.search(printed | logs()) == []


def test_a_password_in_the_proxies_of_a_session(stack, logs):
    """The same in ``session.proxies`` of requests."""
    stage = Stage("Basic", tls=False, stack=stack)
    resolver = stack.enter_context(stage.resolver())
    with ALL_DRIVERS[0].client(resolver=resolver) as client:
        client.raw.proxies = {**with_a_password(stage), "http://second.origin.test": stage.other.url}
        response = follow(client, to_and_fro(stage))
        assert response.status_code == 200
        printed = printed_answer(response) | {"a session": repr(client.raw)}
    assert {seen.header("Proxy-Authorization") for seen in stage.right.requests} == basic()
    assert stage.other.heard
    assert stage.search(printed | logs()) == []


def with_a_password(stage: Stage) -> dict[str, str]:
    """Return proxies as the environment names them: http by the right one, https by another."""
    return {
        "http": f"http://{USER}:{quote(PASSWORD, safe='')}@{stage.right.netloc}",
        "https": stage.other.url,
    }


def to_and_fro(stage: Stage) -> str:
    """Return a URL from which redirects lead past the right proxy several times, and to it again."""
    url = stage.http.url_for("first.origin.test", "/end")
    elsewhere = [(stage.http, "localhost"), (stage.http, "second.origin.test"), (stage.https, "origin.test")]
    for server, host in [*elsewhere, (stage.https, "localhost")]:
        url = f"{server.url_for(host)}redirect?to={quote(url, safe='')}"
        url = f"{stage.http.url_for('first.origin.test')}redirect?to={quote(url, safe='')}"
    return url


def test_what_holds_a_secret_prints_none_and_pickles_none(stack):
    """Logon objects and settings drop it, whatever they are asked for."""
    stage = Stage("Basic", tls=False, stack=stack)
    config = ProxyConfig(proxy_server=f"http://{USER}:{quote(PASSWORD, safe='')}@{stage.right.netloc}")
    holders = [config, StaticCredentials(USER, PASSWORD)]
    holders += [kind(USER, PASSWORD) for kind in (BasicAuth, DigestAuth, NTLMAuth, NegotiateAuth)]
    printed = {}
    for holder in holders:
        name = type(holder).__name__
        printed |= {name: f"{holder}{holder!r}", f"a pickle of {name}": pickle.dumps(holder).decode("latin-1")}
    assert stage.search(printed) == []


def test_the_search_finds_what_is_there(stack):
    """Were a secret sent or printed, this file would see it."""
    stage = Stage("Basic", tls=False, stack=stack)
    for server in (stage.http, stage.other, stage.pac):
        with socket.create_connection((server.host, server.port), 5) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {basic().pop()}\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 ")
    found = stage.search({"a text": f"the password {PASSWORD}"})
    assert [one.partition(" at ")[2] for one in found if one.startswith("Proxy-Auth")] == [
        "the http origin",
        "another proxy",
        "the PAC server",
    ]
    assert sum(one.endswith("in a text") for one in found) == 1
    assert len([one for one in found if "at another proxy" in one]) == 2
