"""The Python in the README and the pages runs: against servers on this machine, by its own proxies and logons."""

from __future__ import annotations

import contextlib
import importlib
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

import pacaware
from pacaware import _resolver
from pacaware.requests import mount
from pacaware.testing import Certificates, DeadProxy, NtlmUsers, Origin, PacServer, Proxy, pac_returning
from tests.docs.pages import Block, blocks
from tests.test_exports import NAMES

WITH_PYTHON = sorted({block.page for block in blocks("python")} - {"README.ja.md"})
_GETS = re.compile(r'\.get\("https://example\.com/"\)')


@dataclass(frozen=True)
class Company:
    """What the names in the examples stand for."""

    origin: Origin
    proxy: Proxy
    logon: Proxy
    dead: DeadProxy
    pac: PacServer

    def settle(self, text: str) -> str:
        """The example with the addresses of these servers."""
        for written, meant in {
            "http://wpad.corp.example/proxy.pac": self.pac.url,
            "http://dead.corp.example:8080": self.dead.url,
            "proxy.corp.example:8080": self.proxy.netloc,
            "https://example.com/": self.origin.url_for("www.origin.test"),
            '"www.example.com", 443': f'"www.origin.test", {self.origin.port}',
        }.items():
            text = text.replace(written, meant)
        return text


@pytest.fixture
def company(monkeypatch) -> Iterator[Company]:
    """A PAC file that names a proxy with NTLM; this machine's settings name the PAC file and the user."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        logon = enter(Proxy(NtlmUsers({"user": "password", "CORP\\user": "password"})))
        pac = enter(PacServer(pac_returning(logon.pac_text)))
        authority = str(Certificates.shared().ca_path)
        for name, value in {
            "PACAWARE_PAC_URL": pac.url,
            "PACAWARE_PROXY_USERNAME": "user",
            "PACAWARE_PROXY_PASSWORD": "password",
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("PACAWARE", "NO_PROXY", "no_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        resolver = enter(_resolver.ProxyResolver())
        monkeypatch.setattr(_resolver, "_default", [resolver])
        yield Company(enter(Origin(tls=True)), enter(Proxy()), logon, enter(DeadProxy()), pac)
        pacaware.deactivate()


def _caching(company: Company) -> dict[str, Any]:
    """A response, and the resolver that has decided about it."""
    resolver = _resolver.ProxyResolver()
    with requests.Session() as session:
        mount(session, resolver)
        response = session.get(company.origin.url_for("www.origin.test"))
    return {"response": response, "resolver": resolver, **_public("pacaware")}


def _logon(company: Company) -> dict[str, Any]:
    """A session, a password, and the names of pacaware.auth."""
    session = requests.Session()
    given = {"session": session, "password": "s3cret", "sign": None, "vault": None}
    return {**given, **_public("pacaware.auth"), "mount": mount}


def _pac_authors(company: Company) -> dict[str, Any]:
    """A script that looks a name up."""
    script = 'function FindProxyForURL(u, h) { return dnsResolve(h) ? "PROXY p.test:8080; DIRECT" : "DIRECT"; }'
    return {"text": script}


def _public(module: str) -> dict[str, Any]:
    return {name: getattr(importlib.import_module(module), name) for name in NAMES[module]}


#: What the text of a page has introduced before its first example. All other pages bring what they use.
INTRODUCED: dict[str, Callable[[Company], dict[str, Any]]] = {
    "docs/caching.md": _caching,
    "docs/logon.md": _logon,
    "docs/pac-authors.md": _pac_authors,
}


@pytest.mark.parametrize("name", WITH_PYTHON)
def test_the_examples_of_a_page_run(company: Company, name: str):
    """They run one after the other, as somebody would type them, and every request arrives."""
    names = INTRODUCED.get(name, lambda _: {})(company)
    asked = len(company.origin.requests)
    expected = 0
    for block in blocks("python", name):
        code = compile("\n" * (block.line - 1) + company.settle(block.text), block.page, "exec")
        exec(code, names)
        expected += len(_GETS.findall(block.text))
    for value in names.values():
        if not isinstance(value, type | types.ModuleType) and hasattr(value, "close"):
            value.close()
    assert len(company.origin.requests) - asked == expected
    assert {seen.target for seen in company.origin.requests} <= {"/"}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_names_of_pacaware_exist(block: Block):
    """What an example imports or takes from pacaware is public."""
    imported = re.findall(r"^from (pacaware[\w.]*) import ([\w, ]+)", block.text, re.MULTILINE)
    taken = re.findall(r"(?<!\.)\bpacaware\.(\w+)\(", block.text)
    private = [module for module, _ in imported if module not in NAMES]
    assert block.page == "docs/sans-io.md" or not private
    for module, listed in imported:
        if module not in private:
            assert {name.strip() for name in listed.split(",")} <= set(NAMES[module])
    assert set(taken) <= set(NAMES["pacaware"])


def test_the_japanese_examples_are_the_english_ones():
    """README.ja.md shows the same code, with the same output, as README.md."""

    def code(name: str) -> list[tuple[str, str]]:
        return [(block.language, re.sub(r" *#.*", "", block.text)) for block in blocks(name=name)]

    assert code("README.ja.md") == code("README.md")
