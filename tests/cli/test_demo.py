"""``pacaware demo``: what it shows, and that it notices when something is wrong."""

from __future__ import annotations

import os

import pytest

from pacaware._cli import demo as module
from pacaware._cli.demo import _Outcome, _show


@pytest.fixture
def network():
    """The demo's servers."""
    with module._network() as network:
        yield network


def test_the_demo_goes_as_promised(capsys, monkeypatch):
    """Each library gets every page through the right proxy, skipping the dead one and logging on.

    What is set for proxies around it plays no part, and is still set when it is over.
    """
    programs = module._programs
    # The script needs an installed pacaware: tests/activation has that.
    monkeypatch.setattr(module, "_programs", lambda network: list(programs(network))[:-1])
    mine = {"PACAWARE": "0", "PACAWARE_AUTH_SCHEMES": "basic", "PACAWARE_PROXY_PASSWORD": "x", "http_proxy": "p.test:1"}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    assert module.demo() == 0
    assert {name: os.environ[name] for name in mine} == mine
    out = capsys.readouterr().out
    for name in ("requests", "httpx", "httpx2"):
        assert f"\n{name}: " in out
    assert out.count(" 200 ") == 12
    # The first page finds out that a proxy is dead; from then on it comes last.
    assert out.count("pac: dead; plain ") == out.count("pac: plain; dead ") == 3
    assert out.count("pac: logon ") == 6
    assert " !" not in out


def test_a_wrong_status_or_the_wrong_proxy_is_noticed(network, capsys):
    """A page that did not come, or not by the proxy that the PAC file names, is marked and fails the demo."""

    def direct(visits):
        yield from (_Outcome(200) for _ in visits)

    def failed(visits):
        yield from (_Outcome(None, error="ProxyError: no") for _ in visits)

    assert _show(network, "direct", direct) is False
    assert _show(network, "failed", failed) is False
    out = capsys.readouterr().out
    assert out.count("! 200 ") == 4
    assert out.count("! --- ") == 4
    assert "went by no proxy: ProxyError: no" in out


def test_a_failing_demo_says_so(capsys, monkeypatch):
    """The exit status is 1 and the last line on stderr points to the marks."""
    monkeypatch.setattr(module, "_programs", lambda network: [("nothing", lambda visits: iter([_Outcome(502)] * 4))])
    assert module.demo() == 1
    assert capsys.readouterr().err.endswith("see the lines marked with !\n")
