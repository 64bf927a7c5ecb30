"""PAC files that are not obtained, do not work, or never end."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from pacaware._models import CachePolicy, ProxyConfig
from pacaware._pac import engines
from pacaware.errors import PacEngineError, PacFetchError, PacScriptError, PacTimeout
from pacaware.testing import DeadProxy
from tests.data import rows
from tests.resolver.conftest import by, refreshed, script

URL = "http://h.test/"
HTML = "<!DOCTYPE html><html><body>Welcome! FindProxy... please log on</body></html>"
NOT_OBTAINED = {
    "404": ({"status": 404}, PacFetchError, "404"),
    "500": ({"status": 500}, PacFetchError, "500"),
    "html": ({"text": HTML}, PacFetchError, "captive portal"),
    "empty file": ({"text": ""}, PacFetchError, "empty"),
    "too large": ({"text": script("return 'DIRECT'") + " " * (1 << 20)}, PacFetchError, "1 MiB"),
    "syntax": ({"text": "function FindProxyForURL(url, host) {\n  return 'a' 'b'\n}"}, PacScriptError, "line 2"),
}
UNUSABLE = {
    "throws": (script("throw new Error('boom')"), r"boom.*line 2"),
    "number": (script("return 42"), "number|string"),
    "nothing returned": (script(""), "undefined|string"),
    "nothing usable": (script("return 'FTP f.test:21; nonsense'"), "nothing in the script's answer"),
}


@pytest.fixture(params=NOT_OBTAINED)
def not_obtained(request, pac_server):
    """A PAC URL whose script is not obtained, with the error and its text."""
    reply, error, match = NOT_OBTAINED[request.param]
    pac_server.set(**reply)
    return pac_server.url, error, match


@pytest.fixture(params=UNUSABLE)
def unusable(request, pac_server):
    """A PAC URL whose script gives no usable answer, with the text of the error."""
    text, match = UNUSABLE[request.param]
    pac_server.set(text)
    return pac_server.url, match


def warnings(caplog) -> str:
    return "\n".join(r.getMessage() for r in caplog.records if r.name == "pacaware" and r.levelno == logging.WARNING)


def test_not_obtained_is_an_error_in_code(not_obtained, make_resolver):
    """Settings in code never end in a DIRECT that nobody asked for."""
    url, error, match = not_obtained
    with pytest.raises(error, match=match):
        make_resolver(ProxyConfig(pac_url=url)).resolve(URL)


def test_not_obtained_is_direct_with_a_warning_for_a_desktop(not_obtained, make_resolver, caplog):
    """A log record and a step say why."""
    url, _, match = not_obtained
    decision = make_resolver(ProxyConfig(pac_url=url, pac_mandatory=False)).resolve(URL)
    assert (by(decision), decision.source) == ("DIRECT", "no-proxy")
    assert ("fallback", "warning") in [step[:2] for step in decision.steps]
    assert "going DIRECT to http://h.test:80, because: " in warnings(caplog)
    assert match in decision.explain()


@pytest.mark.parametrize("mandatory", [True, False])
def test_not_obtained_takes_the_next_setting(not_obtained, make_resolver, mandatory):
    """A manual proxy that is configured is used when there is no script, with its bypass list."""
    config = ProxyConfig(pac_url=not_obtained[0], proxy_server="m.test:1", bypass="b.test", pac_mandatory=mandatory)
    resolver = make_resolver(config)
    decision = resolver.resolve(URL)
    assert (by(decision), decision.source, decision.pac_url) == ("PROXY m.test:1", "manual", None)
    assert resolver.resolve("http://b.test/").source == "bypass"


def test_an_unreachable_server(make_resolver):
    """A PAC server that refuses is not obtained, too."""
    with DeadProxy() as dead:
        resolver = make_resolver(ProxyConfig(pac_url=f"http://{dead.netloc}/p.pac"))
        with pytest.raises(PacFetchError, match="no connection to"):
            resolver.resolve(URL)


def test_a_syntax_error_has_line_and_column(make_resolver, pac_server):
    """They count from 1 in the text of the PAC file."""
    pac_server.set("function FindProxyForURL(url, host) {\n  return 'a' 'b'\n}")
    with pytest.raises(PacScriptError) as caught:
        make_resolver(ProxyConfig(pac_url=pac_server.url), engine="quickjs").resolve(URL)
    assert (caught.value.line, caught.value.column) == (2, 14)


def test_unusable_is_an_error_in_code(unusable, make_resolver):
    """Once obtained, the script is all there is: no manual proxy, no DIRECT."""
    url, match = unusable
    with pytest.raises(PacScriptError, match=match):
        make_resolver(ProxyConfig(pac_url=url, proxy_server="m.test:1")).resolve(URL)


def test_unusable_is_direct_with_a_warning_for_a_desktop(unusable, make_resolver, caplog):
    """DIRECT, never the manual proxy."""
    url, _ = unusable
    decision = make_resolver(ProxyConfig(pac_url=url, proxy_server="m.test:1", pac_mandatory=False)).resolve(URL)
    assert (by(decision), decision.source) == ("DIRECT", "pac")
    assert "going DIRECT to http://h.test:80, because: " in warnings(caplog)


def test_an_empty_string_means_direct(with_script):
    """As in every browser; no error and no warning."""
    decision = with_script("return ''").resolve(URL)
    assert (by(decision), decision.source) == ("DIRECT", "pac")
    assert "warning" not in [step.status for step in decision.steps]


def test_what_is_not_usable_beside_what_is(with_script):
    """Unknown entries are dropped and said."""
    decision = with_script("return 'FTP f.test:21; PROXY a.test:1'").resolve(URL)
    assert by(decision) == "PROXY a.test:1"
    assert "FTP f.test:21" in decision.explain()


def test_obtained_means_the_manual_setting_is_never_used(with_script):
    """Not even behind the script's own list."""
    assert by(with_script("return 'PROXY a.test:1'", proxy_server="m.test:1").resolve(URL)) == "PROXY a.test:1"


def test_a_failure_is_remembered(make_resolver, pac_server, clock):
    """The server is asked again after 8 s, 32 s, 2 minutes, 5 minutes, and not before; the error stays the same."""
    pac_server.set(status=404)
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url))
    errors = set()
    for number, delay in enumerate((8, 32, 120, 300, 300), start=1):
        for wait in (0, 0, delay - 0.5):
            clock.advance(wait)
            with pytest.raises(PacFetchError) as caught:
                resolver.resolve(URL)
            errors.add(str(caught.value))
            assert len(pac_server.requests) == number
        clock.advance(1)
    pac_server.set(status=200)
    assert by(resolver.resolve(URL)) == "DIRECT"
    assert len(errors) == 1


def test_what_stands_in_holds_until_the_next_try(make_resolver, pac_server, clock):
    """The manual proxy is known without a question for 8 s; then the script takes over."""
    pac_server.set(status=404)
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url, proxy_server="m.test:1"))
    assert by(resolver.resolve(URL)) == "PROXY m.test:1"
    pac_server.set(script("return 'PROXY a.test:1'"), status=200)
    clock.advance(7.5)
    assert by(resolver.resolve("http://i.test/")) == "PROXY m.test:1"
    assert by(resolver.cached(URL)) == "PROXY m.test:1"
    assert len(pac_server.requests) == 1
    clock.advance(0.5)
    assert resolver.cached(URL) is None
    resolver.resolve(URL)  # has the server asked
    refreshed(resolver, pac_server, 2)
    clock.advance(1)
    assert by(resolver.resolve(URL)) == "PROXY a.test:1"


@pytest.mark.parametrize("policy", ["exact", "host"])
def test_what_stands_in_is_not_taken_for_an_answer(make_resolver, pac_server, policy):
    """One answer for a host is for scripts: the manual setting has its proxy for each scheme."""
    pac_server.set(status=404)
    config = ProxyConfig(pac_url=pac_server.url, proxy_server="http=a.test:1;https=b.test:2")
    resolver = make_resolver(config, cache=CachePolicy(key=policy))
    assert by(resolver.resolve("http://h.test/")) == "PROXY a.test:1"
    assert by(resolver.resolve("https://h.test/")) == "PROXY b.test:2"


# What makes each event of the table, once obtained or not at all.
EVENTS = {
    "FindProxyForURL throws / resolver fails": {"text": script("throw new Error('boom')")},
    "PAC download fails": {"status": 404},
    "invalid PAC script": {"text": "function FindProxyForURL(url, host) {"},
}
FAILURES = [row for row in rows("fallback") if row["kind"] == "pac_failure"]
POLLS = [row for row in rows("fallback") if row["kind"] == "pac_poll"]


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row["event"])
def test_failures_as_in_browsers(make_resolver, pac_server, row):
    """What a browser does when there is no script or no answer is what the settings of a desktop get."""
    pac_server.set(**EVENTS[row["event"]])
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url, pac_mandatory=row.get("pac_mandatory", False)))
    if row["result"] == "DIRECT":
        assert by(resolver.resolve(URL)) == "DIRECT"
    else:
        assert row["result"] == "ERR_MANDATORY_PROXY_CONFIGURATION_FAILED"
        with pytest.raises(PacFetchError):
            resolver.resolve(URL)
        assert by(resolver.resolve("http://localhost/")) == "DIRECT"  # what is bypassed needs no script


@pytest.mark.parametrize("row", POLLS, ids=lambda row: f"{row['after']} {row['poll']}")
def test_polls_as_in_browsers(make_resolver, pac_server, clock, row):
    """The server is asked again when the time of the table is over, on use and not before: we have no timer."""
    works = {"text": script("return 'PROXY a.test:1'"), "status": 200}
    fails = {"status": 404}
    pac_server.set(**(fails if row["after"] == "failure" else works))
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url, pac_mandatory=False))
    resolver.resolve(URL)
    before = [other for other in POLLS if other["after"] == row["after"] and other["poll"] < row["poll"]]
    for asked, earlier in enumerate(before, start=2):
        clock.advance(earlier["delay_s"])
        resolver.resolve(URL)
        refreshed(resolver, pac_server, asked)
    asked = len(before) + 1
    clock.advance(row["delay_s"] - 0.5)
    resolver.resolve("http://other.test/")
    assert len(pac_server.requests) == asked
    clock.advance(1)
    assert len(pac_server.requests) == asked
    resolver.resolve(URL)
    refreshed(resolver, pac_server, asked + 1)


HANGING = "if (host == 'bad.test') while (1) {} return 'PROXY a.test:1'"


@pytest.mark.parametrize("config", [{}, {"pac_mandatory": False, "proxy_server": "m.test:1"}], ids=["code", "desktop"])
def test_a_script_that_never_ends(make_resolver, pac_server, config):
    """An error for everybody, never DIRECT and never the manual proxy; the next question is answered."""
    pac_server.set(script(HANGING))
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url, **config), script_seconds=0.3)
    started = time.monotonic()
    with pytest.raises(PacTimeout, match=r"longer than 0\.3 s"):
        resolver.resolve("http://bad.test/")
    assert time.monotonic() - started < 5
    assert by(resolver.resolve("http://good.test/")) == "PROXY a.test:1"


@pytest.mark.parametrize("mandatory", [True, False], ids=["code", "desktop"])
@pytest.mark.parametrize("choice", ["auto", "quickjs", "pacparser"])
def test_without_an_engine(make_resolver, pac_server, monkeypatch, choice, mandatory):
    """One error that says which extra to install, for settings of any origin: neither DIRECT nor the manual proxy."""
    monkeypatch.setattr("pacaware._pac.engines._folder", lambda name: None)
    pac_server.set(script("return 'PROXY a.test:1'"))
    config = ProxyConfig(pac_url=pac_server.url, proxy_server="m.test:1", pac_mandatory=mandatory)
    extra = "pacparser" if choice == "pacparser" else "quickjs"
    with pytest.raises(PacEngineError, match=rf"python -m pip install 'pacaware\[{extra}\]'"):
        make_resolver(config, engine=choice).resolve(URL)


@pytest.mark.parametrize("mandatory", [True, False], ids=["code", "desktop"])
def test_with_an_engine_that_does_not_load(make_resolver, pac_server, monkeypatch, tmp_path, mandatory):
    """An engine of another Python, or half installed, is the same kind of error."""
    monkeypatch.setattr("pacaware._pac.engines._folder", lambda name: str(tmp_path))
    pac_server.set(script("return 'PROXY a.test:1'"))
    config = ProxyConfig(pac_url=pac_server.url, proxy_server="m.test:1", pac_mandatory=mandatory)
    with pytest.raises(PacEngineError, match=r"cannot be used by .* 'pacaware\[\w+\]'"):
        make_resolver(config).resolve(URL)


CRASHES = {
    "while loading": "worker.load = crash",
    "while asked": """
load = worker.load
def load_for_a_crash(engine, frame):
    report = load(engine, frame)
    engine.dispatch = crash
    return report
worker.load = load_for_a_crash
""",
}


@pytest.mark.parametrize("mandatory", [True, False], ids=["code", "desktop"])
@pytest.mark.parametrize("moment", CRASHES)
def test_a_process_that_dies(make_resolver, pac_server, monkeypatch, tmp_path, mandatory, moment):
    """A crash of the engine is an error for settings of any origin: neither DIRECT nor the manual proxy."""
    room = str(Path(engines.__file__).parent)
    (tmp_path / "start.py").write_text(
        f"import os, sys\nsys.path.append({room!r})\nimport worker\ndef crash(*_): os.abort()\n"
        f"{CRASHES[moment]}\nworker.main()\n"
    )
    monkeypatch.setattr(engines, "_START", tmp_path / "start.py")
    pac_server.set(script("return 'PROXY a.test:1'"))
    config = ProxyConfig(pac_url=pac_server.url, proxy_server="m.test:1", pac_mandatory=mandatory)
    with pytest.raises(PacEngineError, match="the process of the PAC file failed"):
        make_resolver(config).resolve(URL)


def test_quarantine_ends_with_reset(make_resolver, pac_server):
    """After three endless runs the script is not run any more, until reset('pac')."""
    pac_server.set(script(HANGING))
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url), script_seconds=0.1)
    for _ in range(3):
        with pytest.raises(PacTimeout, match=r"longer than 0\.1 s"):
            resolver.resolve("http://bad.test/")
    with pytest.raises(PacTimeout, match="reset"):
        resolver.resolve("http://good.test/")
    resolver.reset("pac")
    assert by(resolver.resolve("http://good.test/")) == "PROXY a.test:1"
