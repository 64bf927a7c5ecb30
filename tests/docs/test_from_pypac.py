"""Moving from pypac: what stood there before works with pypac, and what stands there now means the same."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
import requests

from pacaware import NoProxyWorked, PacScriptError, ProxyConfig, ProxyList, ProxyResolver
from pacaware.pac import PacEvaluator
from pacaware.requests import mount
from pacaware.testing import BasicUsers, DeadProxy, Origin, PacServer, Proxy, pac_returning
from tests.docs.pages import blocks, page

pypac = pytest.importorskip("pypac", reason="pypac is not installed: pip install --group bench")

PAGE = "docs/from-pypac.md"
BROKEN = "function FindProxyForURL(url, host) { return "


@pytest.fixture
def company(monkeypatch) -> Iterator[tuple[Origin, Proxy, PacServer]]:
    """A PAC file that names a proxy with Basic."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with (
        Origin() as origin,
        Proxy(BasicUsers({"user": "password"})) as proxy,
        PacServer(pac_returning(proxy.pac_text)) as pac,
    ):
        yield origin, proxy, pac


def test_before_and_after(company):
    """Both programs get the page by the proxy that the PAC file names, and log on there."""
    origin, proxy, pac = company
    [before] = [block.text for block in blocks("text", PAGE) if "PACSession" in block.text]
    after = blocks("python", PAGE)[0].text
    for index, program in enumerate((before, after), 1):
        program = program.replace("http://wpad.corp.example/proxy.pac", pac.url)
        names: dict[str, requests.Session] = {}
        exec(program.replace("https://example.com/", origin.url_for("www.origin.test")), names)
        names["session"].close()
        assert len(origin.requests) == index
        assert proxy.requests[-1].authorization == "Basic"


def test_names_of_pypac_exist():
    """Each name in the left column is pypac's."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", page(PAGE), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\b(\w+)\(|`(\w+Error)`", row)}
    from pypac import api, parser, resolver

    theirs = {*vars(api), *vars(parser), *vars(resolver), *dir(pypac.PACSession), *dir(resolver.ProxyResolver)}
    theirs |= {*dir(parser.PACFile), "HTTPProxyAuth", *dir(requests.Session)}
    assert {left or right for left, right in named} <= theirs


def test_the_same_answers():
    """Lists, results and errors correspond."""
    from pypac.parser import MalformedPacError, PACFile, parse_pac_value

    text = "PROXY a.test:1; DIRECT"
    script = pac_returning(text)
    assert parse_pac_value(text) == ["http://a.test:1", "DIRECT"]
    assert [getattr(one, "netloc", "DIRECT") for one in ProxyList.parse(text)] == ["a.test:1", "DIRECT"]
    with PacEvaluator(script) as evaluator:
        assert PACFile(script).find_proxy_for_url("http://b.test/", "b.test") == text
        assert evaluator.find_proxy("http://b.test/").raw == text
    with pytest.raises(MalformedPacError):
        PACFile(BROKEN)
    with contextlib.closing(PacEvaluator(BROKEN)) as evaluator, pytest.raises(PacScriptError):
        evaluator.find_proxy("http://b.test/")


def test_the_same_logon(company):
    """The object that pypac takes is taken."""
    from requests.auth import HTTPProxyAuth

    origin, proxy, pac = company
    with requests.Session() as session:
        mount(session, pac_url=pac.url, proxy_auth=HTTPProxyAuth("user", "password"))
        assert session.get(origin.url_for("www.origin.test"), timeout=20).status_code == 200
    assert proxy.requests[-1].authorization == "Basic"


def test_direct_for_a_while(company):
    """What replaces ``pac_enabled = False`` goes direct."""
    origin, proxy, pac = company
    url = origin.url_for("localhost")
    with requests.Session() as session:
        mount(session, config=ProxyConfig(pac_url=pac.url, bypass="<-loopback>"))
        assert session.get(url, timeout=20).status_code == 407
        assert session.get(url, proxies={"http": "", "https": ""}, timeout=20).status_code == 200
    assert len(proxy.requests) == 1


def test_nothing_is_left():
    """Where pypac raises ProxyConfigExhaustedError or the error of the last proxy, the cause is NoProxyWorked."""
    with (
        DeadProxy() as dead,
        ProxyResolver(ProxyConfig(proxy_server=dead.url)) as resolver,
        requests.Session() as session,
    ):
        mount(session, resolver)
        with pytest.raises(requests.exceptions.ProxyError) as caught:
            session.get("http://www.origin.test/", timeout=20)
    causes, error = [], caught.value
    while error is not None:
        causes.append(type(error))
        error = error.__cause__
    assert NoProxyWorked in causes
