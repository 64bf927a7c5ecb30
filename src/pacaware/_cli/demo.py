"""``pacaware demo``: a small company network on loopback, and programs that find their way through it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from pacaware.testing import (
    BasicUsers,
    Certificates,
    DeadProxy,
    NtlmUsers,
    Origin,
    PacServer,
    Proxy,
    ProxyEndpoint,
    Verifier,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, MutableMapping
    from pathlib import Path

    from pacaware import Decision

__all__ = ["demo"]

_USER, _PASSWORD = "alice", "wonder@land"
_PAC = """\
function FindProxyForURL(url, host) {
    if (shExpMatch(host, "intranet.*")) return "LOGON";
    return "DEAD; PLAIN";
}
"""
_SCRIPT = """\
import sys
import LIBRARY

for url in sys.argv[1:]:
    print(LIBRARY.get(url, timeout=20).status_code)
"""


class _Visit(NamedTuple):
    """One URL, and the name of the proxy that must have carried it."""

    url: str
    by: str


class _Outcome(NamedTuple):
    """What a program got for one URL: a status or an error, and the decision if it could see it."""

    status: int | None
    decision: Decision | None = None
    error: str = ""


@dataclass(frozen=True)
class _Network:
    """The servers of the demo, all on 127.0.0.1."""

    pac: PacServer
    dead: DeadProxy
    plain: Proxy
    logon: Proxy
    origins: tuple[Origin, ...]
    certificates: Certificates | None
    scheme: str

    def name_of(self, pac_text: str) -> str:
        """The demo's name for an entry of a PAC result."""
        names = {proxy.pac_text: name for name, proxy in self.proxies().items()}
        return names.get(pac_text, pac_text)

    def proxies(self) -> dict[str, ProxyEndpoint]:
        """The proxies by the names the output uses."""
        return {"dead": self.dead, "plain": self.plain, "logon": self.logon}

    def visits(self) -> list[_Visit]:
        """What each program asks for: by http and https, a host behind either proxy."""
        hosts = {"www.origin.test": "plain", "intranet.origin.test": "logon"}
        return [_Visit(origin.url_for(host), by) for origin in self.origins for host, by in hosts.items()]

    def carried(self) -> dict[str, int]:
        """How many requests each working proxy has let through so far."""
        working = {"plain": self.plain, "logon": self.logon}
        return {name: sum(seen.status == 200 for seen in proxy.requests) for name, proxy in working.items()}

    def verify(self) -> ssl.SSLContext | bool:
        """What httpx verifies origins with."""
        return True if self.certificates is None else self.certificates.client_context()

    def ca_path(self) -> Path | None:
        """What requests verifies origins with."""
        return None if self.certificates is None else self.certificates.ca_path


def demo() -> int:
    """Run the demo; return 0 if everything went as promised, else 1."""
    with _undisturbed(os.environ), _network() as network:
        _introduce(network)
        results = [_show(network, title, run) for title, run in _programs(network)]
        clean = _origins_saw_no_password(network)
    if results and all(results) and clean:
        print("Everything went as promised.")
        return 0
    print("Something did not go as promised; see the lines marked with !", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _undisturbed(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Take what is set for programs of this machine out of the environment, and put it back."""
    foreign = {name: value for name, value in environ.items() if _is_about_proxies(name)}
    for name in foreign:
        del environ[name]
    try:
        yield
    finally:
        environ.update(foreign)


def _is_about_proxies(name: str) -> bool:
    return name.upper().startswith("PACAWARE") or name.lower().endswith("_proxy")


@contextlib.contextmanager
def _network() -> Iterator[_Network]:
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Origin())]
        certificates = None
        if find_spec("trustme") is None:
            print("Without https origins: they need trustme (pip install trustme).\n")
        else:
            certificates = Certificates.shared()
            origins.append(stack.enter_context(Origin(tls=True)))
        dead = stack.enter_context(DeadProxy())
        plain = stack.enter_context(Proxy())
        users = _users()
        logon = stack.enter_context(Proxy(users))
        text = _PAC.replace("LOGON", logon.pac_text).replace("DEAD", dead.pac_text).replace("PLAIN", plain.pac_text)
        pac = stack.enter_context(PacServer(text))
        yield _Network(pac, dead, plain, logon, tuple(origins), certificates, users.scheme)


def _users() -> Verifier:
    """Return what checks the logon: NTLM, as in most companies, where the package for it is installed."""
    users = {_USER: _PASSWORD}
    return NtlmUsers(users) if find_spec("spnego") else BasicUsers(users)


def _introduce(network: _Network) -> None:
    about = {
        "dead": "nobody listens there",
        "plain": "asks for nothing",
        "logon": f"asks for a logon ({network.scheme})",
    }
    print(f"On this machine: the PAC file {network.pac.url},")
    for name, proxy in network.proxies().items():
        print(f"  {name:<6} {proxy.pac_text:<22} {about[name]}")
    print(
        "and origins that only the proxies can find. The PAC file sends intranet.* to logon, all else to dead; plain.\n"
    )


def _programs(network: _Network) -> Iterator[tuple[str, Callable[[list[_Visit]], Iterator[_Outcome]]]]:
    """The programs of the demo, as far as their library is installed."""
    installed = [name for name in ("requests", "httpx", "httpx2") if find_spec(name) is not None]
    if not installed:
        print("! Nothing to show: install requests, httpx or httpx2.", file=sys.stderr)
    if "requests" in installed:
        yield "requests: pacaware.requests.mount(session, pac_url=...)", partial(_by_requests, network)
    for name in installed:
        if name != "requests":
            title = f"{name}: {name}.Client(transport=PacTransport(pac_url=...))"
            yield title, partial(_by_httpx, name, network)
    for name in installed[:1]:
        title = f"a script that knows {name} only, run with PACAWARE=1"
        yield title, partial(_by_script, name, network)


def _show(network: _Network, title: str, run: Callable[[list[_Visit]], Iterator[_Outcome]]) -> bool:
    """Run one program and print a line for each visit; say whether all went as promised."""
    print(title)
    visits = network.visits()
    good = True
    outcomes = run(visits)
    for visit in visits:
        before = network.carried()
        outcome = next(outcomes)
        used = [name for name, count in network.carried().items() if count > before[name]]
        right = outcome.status == 200 and used == [visit.by]
        good = good and right
        print(f"  {' ' if right else '!'} {outcome.status or '---'} {visit.url:<42} {_path(network, outcome, used)}")
    print()
    return good


def _path(network: _Network, outcome: _Outcome, used: list[str]) -> str:
    went = f"went by {', '.join(used) or 'no proxy'}"
    if outcome.error:
        return f"{went}: {outcome.error}"
    if outcome.decision is None:
        return went
    names = "; ".join(network.name_of(candidate.pac_text) for candidate in outcome.decision.proxies)
    return f"{outcome.decision.source}: {names:<12} {went}"


def _attempt(get: Callable[[], tuple[int, Decision]]) -> _Outcome:
    try:
        return _Outcome(*get())
    except Exception as exc:  # noqa: BLE001 - the demo reports whatever a library raises, and goes on
        notes = " ".join(getattr(exc, "__notes__", ()))
        return _Outcome(None, error=" ".join(f"{type(exc).__name__}: {exc} {notes}".split()))


def _by_requests(network: _Network, visits: list[_Visit]) -> Iterator[_Outcome]:
    import requests

    from pacaware.requests import mount

    with requests.Session() as session:
        mount(session, pac_url=network.pac.url, proxy_auth=(_USER, _PASSWORD))

        def get(url: str) -> tuple[int, Decision]:
            ca_path = network.ca_path()
            response: Any = session.get(url, timeout=20, verify=True if ca_path is None else str(ca_path))
            return response.status_code, response.pacaware

        for visit in visits:
            yield _attempt(partial(get, visit.url))


def _by_httpx(name: str, network: _Network, visits: list[_Visit]) -> Iterator[_Outcome]:
    httpx: Any = import_module(name)
    transport: Any = import_module(f"pacaware.{name}").PacTransport(
        pac_url=network.pac.url, proxy_auth=(_USER, _PASSWORD), verify=network.verify()
    )
    with httpx.Client(transport=transport, timeout=20) as client:

        def get(url: str) -> tuple[int, Decision]:
            response = client.get(url)
            return response.status_code, response.extensions["pacaware"]

        for visit in visits:
            yield _attempt(partial(get, visit.url))


def _by_script(library: str, network: _Network, visits: list[_Visit]) -> Iterator[_Outcome]:
    """Run the script once a URL, so that the proxies' logs say which one carried it."""
    if find_spec("_pacaware_startup") is None:
        print("  ! PACAWARE=1 needs pacaware installed (pip install), not just found on the path.")
    environ = _environment(network, os.environ)
    for visit in visits:
        command = [sys.executable, "-c", _SCRIPT.replace("LIBRARY", library), visit.url]
        try:
            done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own script
            yield _Outcome(int(done.stdout))
        except subprocess.TimeoutExpired:
            yield _Outcome(None, error="no answer within 60 s")
        except subprocess.CalledProcessError as exc:
            yield _Outcome(None, error=(exc.stderr.strip().splitlines() or ["no message"])[-1])


def _environment(network: _Network, environ: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, and those of the demo."""
    ours = {
        "PACAWARE": "1",
        "PACAWARE_PAC_URL": network.pac.url,
        "PACAWARE_PROXY_USERNAME": _USER,
        "PACAWARE_PROXY_PASSWORD": _PASSWORD,
    }
    ca_path = network.ca_path()
    authorities = {} if ca_path is None else {"REQUESTS_CA_BUNDLE": str(ca_path), "SSL_CERT_FILE": str(ca_path)}
    return {**environ, **ours, **authorities}


def _origins_saw_no_password(network: _Network) -> bool:
    leaks = [seen for origin in network.origins for seen in origin.requests if seen.header("Proxy-Authorization")]
    for seen in leaks:
        print(f"! an origin received the proxy's password with {seen.method} {seen.target}", file=sys.stderr)
    return not leaks
