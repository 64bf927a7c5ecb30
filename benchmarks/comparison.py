"""What requests, httpx and pypac do of what pacaware does: measured, as the table of docs/comparison.md.

``python -m benchmarks.comparison`` prints it. Everything happens on loopback; each cell is what came of one request.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Protocol

from pacaware import __version__
from pacaware.testing import (
    BasicUsers,
    Certificates,
    DeadProxy,
    DigestUsers,
    NegotiateUsers,
    NtlmUsers,
    Origin,
    PacServer,
    Proxy,
    ProxyEndpoint,
    Verifier,
    pac_returning,
)

__all__ = ["LIBRARIES", "ROWS", "Library", "Row", "measure"]

USER, PASSWORD = "alice", "s3cret"


class Library(Protocol):
    """One library: how it is told about a PAC file, and about a proxy and who logs on there."""

    name: str

    def with_pac(self, text: str) -> contextlib.AbstractContextManager[Any] | None:
        """A session that follows this PAC file; None where there is no such thing."""

    def with_logon(self, proxy: ProxyEndpoint) -> contextlib.AbstractContextManager[Any]:
        """A session that uses this proxy and knows the user."""


class _Pacaware:
    name = "pacaware"

    @contextlib.contextmanager
    def with_pac(self, text: str) -> Iterator[Any]:
        import requests

        from pacaware.requests import mount

        with PacServer(text) as server, requests.Session() as session:
            mount(session, pac_url=server.url, proxy_auth=(USER, PASSWORD))
            yield session

    def with_logon(self, proxy: ProxyEndpoint) -> contextlib.AbstractContextManager[Any]:
        return self.with_pac(pac_returning(proxy.pac_text))


class _Pypac:
    name = "pypac"

    @contextlib.contextmanager
    def with_pac(self, text: str) -> Iterator[Any]:
        from pypac import PACSession
        from pypac.parser import PACFile
        from requests.auth import HTTPProxyAuth

        with PACSession(PACFile(text), proxy_auth=HTTPProxyAuth(USER, PASSWORD)) as session:
            yield session

    def with_logon(self, proxy: ProxyEndpoint) -> contextlib.AbstractContextManager[Any]:
        return self.with_pac(pac_returning(proxy.pac_text))


class _Requests:
    name = "requests"

    def with_pac(self, text: str) -> None:
        return None

    @contextlib.contextmanager
    def with_logon(self, proxy: ProxyEndpoint) -> Iterator[Any]:
        import requests

        with requests.Session() as session:
            url = f"http://{USER}:{PASSWORD}@{proxy.netloc}"
            session.proxies = {"http": url, "https": url}
            yield session


class _Httpx:
    name = "httpx"

    def with_pac(self, text: str) -> None:
        return None

    @contextlib.contextmanager
    def with_logon(self, proxy: ProxyEndpoint) -> Iterator[Any]:
        import httpx

        context = Certificates.shared().client_context()
        url = httpx.Proxy(proxy.url, auth=(USER, PASSWORD))
        with httpx.Client(proxy=url, verify=context, trust_env=False) as client:
            yield client


LIBRARIES: Sequence[Library] = (_Pacaware(), _Pypac(), _Requests(), _Httpx())
Probe = Callable[[Library], str]


@dataclass(frozen=True)
class Row:
    """A question, and what answers it for one library."""

    question: str
    probe: Probe


def _get(session: Any, url: str) -> Any:
    options: dict[str, Any] = {"timeout": 30}
    if type(session).__module__.split(".")[0] != "httpx":
        options["verify"] = str(Certificates.shared().ca_path)
    return session.get(url, **options)


def _by_host(inside: Proxy, outside: Proxy) -> str:
    choice = f'host == "in.test" ? "{inside.pac_text}" : "{outside.pac_text}"'
    return f"function FindProxyForURL(url, host) {{ return {choice}; }}"


def _follows_a_pac_file(library: Library) -> str:
    with Origin() as origin, Proxy() as inside, Proxy() as outside:
        made = library.with_pac(_by_host(inside, outside))
        if made is None:
            return "no"
        with made as session:
            for host in ("in.test", "out.test"):
                _get(session, origin.url_for(host))
        return "yes" if (len(inside.requests), len(outside.requests)) == (1, 1) else "no"


def _redirects_choose_anew(library: Library) -> str:
    with Origin() as origin, Proxy() as inside, Proxy() as outside:
        made = library.with_pac(_by_host(inside, outside))
        if made is None:
            return "-"
        with made as session:
            _get(session, origin.url_for("in.test", f"/redirect?to={origin.url_for('out.test')}"))
        return "yes" if (len(inside.requests), len(outside.requests)) == (1, 1) else "no: the first one's proxy"


def _fails_over(library: Library) -> str:
    with Origin() as origin, DeadProxy() as dead, Proxy() as alive:
        made = library.with_pac(pac_returning(dead.pac_text, alive.pac_text))
        if made is None:
            return "-"
        with made as session:
            _get(session, origin.url_for("www.test"))
        return "yes" if len(alive.requests) == 1 else "no"


def _logs_on(verifier: Verifier) -> Probe:
    def probe(library: Library) -> str:
        with Origin(tls=True) as origin, Proxy(verifier) as proxy, library.with_logon(proxy) as session:
            try:
                answer = _get(session, origin.url_for("origin.test"))
            except Exception as exc:  # noqa: BLE001 - each library has its own
                return f"no: `{type(exc).__name__}`, {'407' if '407' in str(exc) else exc}"
            return "yes" if answer.status_code == 200 else f"no: {answer.status_code}"

    return probe


ROWS: Sequence[Row] = (
    Row("a PAC file says which proxy, for each URL", _follows_a_pac_file),
    Row("each hop of a redirect chooses anew", _redirects_choose_anew),
    Row("the first proxy of the list is dead: the next one", _fails_over),
    Row("https through a proxy that wants Basic", _logs_on(BasicUsers({USER: PASSWORD}))),
    Row("https through a proxy that wants Digest", _logs_on(DigestUsers({USER: PASSWORD}))),
    Row("https through a proxy that wants NTLM", _logs_on(NtlmUsers({USER: PASSWORD}))),
    Row("https through a proxy that wants Negotiate (NTLM inside)", _logs_on(NegotiateUsers({USER: PASSWORD}))),
)


def measure(libraries: Sequence[Library]) -> dict[str, list[str]]:
    """Return the cells of each row for these libraries."""
    return {row.question: [row.probe(library) for library in libraries] for row in ROWS}


def heading(library: Library) -> str:
    """Return the name and version; ours without the last number, which changes nothing here."""
    if library.name == "pacaware":
        return f"pacaware {__version__.rpartition('.')[0]}"
    return f"{library.name} {version(library.name)}"


def without_settings() -> None:
    """Take this machine's proxies and certificates out of the environment: requests prefers them to its session's."""
    for name in [name for name in os.environ if name.lower().endswith(("_proxy", "_ca_bundle"))]:
        del os.environ[name]


def main() -> int:
    without_settings()
    libraries = [library for library in LIBRARIES if find_spec(library.name) is not None]
    print("| | " + " | ".join(heading(library) for library in libraries) + " |")
    print("|---" * (len(libraries) + 1) + "|")
    for question, cells in measure(libraries).items():
        print(f"| {question} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
