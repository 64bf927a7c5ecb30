"""Resets, counts, the end, copies, and the default resolver."""

from __future__ import annotations

import json
import logging
import os
import pickle
import ssl

import pytest

from pacaware._core.failover import FailOver
from pacaware._core.route import explicit_decision
from pacaware._models import DIRECT, CachePolicy, ProxyConfig
from pacaware._pac.source import PacSource
from pacaware._resolver import ProxyResolver, default_resolver
from pacaware.errors import ConfigError, PacScriptError
from tests.resolver.conftest import by, eventually, fail_over

URL = "https://h.test/"
TWO = "return 'PROXY a.test:1; PROXY b.test:1'"
SECRET = "c4n4ry"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("scopes", "fetches", "evaluations", "order"),
    [
        (["results"], 1, 2, "PROXY b.test:1; PROXY a.test:1"),
        (["bad-proxies"], 1, 1, "PROXY b.test:1; PROXY a.test:1"),
        (["results", "bad-proxies"], 1, 2, "PROXY a.test:1; PROXY b.test:1"),
        (["pac"], 2, 2, "PROXY b.test:1; PROXY a.test:1"),
        (["wpad"], 1, 1, "PROXY b.test:1; PROXY a.test:1"),
        (["all"], 2, 2, "PROXY a.test:1; PROXY b.test:1"),
        ([], 2, 2, "PROXY a.test:1; PROXY b.test:1"),
    ],
    ids=str,
)
def test_reset(with_script, pac_server, scopes, fetches, evaluations, order):
    """Each scope forgets its own: answers and routes, marks, the PAC file with its answers; no scope means all."""
    resolver = with_script(TWO)
    fail_over(resolver, URL)
    resolver.reset(*scopes)
    assert resolver.cached(URL) is None
    assert by(resolver.resolve(URL)) == order
    stats = resolver.stats()
    assert (stats["fetches"], stats["evaluations"], stats["resets"]) == (fetches, evaluations, 1)
    assert len(pac_server.requests) == fetches


def test_reset_of_something_else(make_resolver):
    """The message says what there is, and nothing is reset."""
    resolver = make_resolver()
    with pytest.raises(
        ConfigError, match=r"reset\('everything'\): the scopes are all, bad-proxies, pac, results, wpad"
    ):
        resolver.reset("results", "everything")
    assert resolver.stats()["resets"] == 0


def test_reset_looks_names_up_again(with_script):
    """The answers of DNS are results, too."""
    resolver = with_script("return dnsResolve('localhost') ? 'PROXY a.test:1' : 'DIRECT'")
    resolver.resolve(URL)
    assert resolver._situation.lookups._known
    resolver.reset("results")
    assert not resolver._situation.lookups._known
    assert by(resolver.resolve(URL)) == "PROXY a.test:1"


def test_a_reset_while_a_question_is_under_way(with_script, monkeypatch):
    """What was found out with the old script is not kept beside the new one."""
    resolver = with_script(TWO)
    resolver.resolve("https://other.test/")
    loaded = resolver._situation.basis.source.known()
    run = loaded.script.find_proxy

    def slow(*arguments, **options):
        raw = run(*arguments, **options)
        resolver.reset("pac")
        return raw

    monkeypatch.setattr(loaded.script, "find_proxy", slow)
    resolver.resolve(URL)
    assert resolver.cached(URL) is None
    assert resolver.stats()["answers"] == 0
    assert not resolver.resolve(URL).cached


def test_a_reset_while_the_script_is_obtained(with_script, monkeypatch):
    """Who asked gets the answer of the script that was there; the next asks anew."""
    resolver = with_script(TWO)
    obtain = PacSource.script

    def slow(source, timeout, **options):
        loaded = obtain(source, timeout, **options)
        monkeypatch.undo()
        resolver.reset("pac")
        return loaded

    monkeypatch.setattr(PacSource, "script", slow)
    assert by(resolver.resolve(URL)) == "PROXY a.test:1; PROXY b.test:1"
    assert (resolver.cached(URL), resolver.stats()["answers"]) == (None, 0)
    assert not resolver.resolve(URL).cached
    assert resolver.stats()["fetches"] == 2


def test_the_process_ends_with_its_script(with_script):
    """reset("pac") leaves no process behind."""
    resolver = with_script(TWO)
    resolver.resolve(URL)
    pid = resolver._situation.basis.source.known().script._process.pid
    assert alive(pid)
    resolver.reset("pac")
    eventually(lambda: not alive(pid))


def test_stats(with_script):
    """Counts since the start, and sizes now."""
    resolver = with_script(TWO)
    assert set(resolver.stats().values()) == {0}
    resolver.resolve(URL)
    resolver.resolve(URL)
    fail_over(resolver, "https://i.test/")
    resolver.resolve(URL)
    assert resolver.stats() == {
        "hits": 2,
        "misses": 2,
        "evaluations": 2,
        "fetches": 1,
        "failovers": 1,
        "invalidations_settings": 0,
        "invalidations_network": 0,
        "invalidations_pac": 0,
        "resets": 0,
        "answers": 2,
        "routes": 1,
        "bad_proxies": 1,
    }


def test_close(with_script):
    """The process ends, everything is forgotten, later questions are an error; a second close does nothing."""
    resolver = with_script(TWO)
    resolver.resolve(URL)
    pid = resolver._situation.basis.source.known().script._process.pid
    resolver.close()
    eventually(lambda: not alive(pid))
    assert resolver.cached(URL) is None
    for url in (URL, "https://i.test/"):
        with pytest.raises(ConfigError, match="closed"):
            resolver.resolve(url)
    resolver.close()
    assert resolver.stats()["answers"] == 0


def test_a_resolver_that_is_dropped_leaves_no_process(pac_server):
    """Nobody needs to call close(): the process goes with the last reference."""
    resolver = ProxyResolver(ProxyConfig(pac_url=pac_server.url))
    resolver.resolve(URL)
    pid = resolver._situation.basis.source.known().script._process.pid
    assert alive(pid)
    del resolver
    eventually(lambda: not alive(pid))


def test_an_explicit_decision_teaches_nothing(make_resolver):
    """A proxy that the caller gave says nothing of lists."""
    resolver = make_resolver(ProxyConfig(proxy_server="p.test:1"))
    decision = explicit_decision(URL, DIRECT)
    walk = resolver.start(decision)
    assert isinstance(walk, FailOver)
    assert walk.current is DIRECT
    resolver.connected(decision, walk)
    assert resolver.stats()["routes"] == 0


def test_every_decision_and_failover_is_logged_without_secrets(with_script, caplog):
    """One line for a request, one for each candidate that failed."""
    caplog.set_level(logging.INFO, "pacaware")
    fail_over(with_script(TWO), f"https://me:{SECRET}@h.test/a?b={SECRET}")
    assert (
        "https://h.test/a?b=... goes by PROXY a.test:1; PROXY b.test:1 (pac, settings from: code; fresh)" in caplog.text
    )
    assert "PROXY a.test:1 failed, PROXY b.test:1 is used instead: refused" in caplog.text
    assert SECRET not in caplog.text


def test_proxy_ssl_context(make_resolver):
    """The caller's, or one for all that checks certificates against the operating system's store."""
    own = ssl.create_default_context()
    assert make_resolver(proxy_ssl_context=own).proxy_ssl_context is own
    resolver = make_resolver()
    context = resolver.proxy_ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert resolver.proxy_ssl_context is context


def test_pickling(make_resolver, pac_server):
    """A copy asks anew with the same settings; passwords and TLS contexts stay behind."""
    config = ProxyConfig(proxy_server=f"http://me:{SECRET}@p.test:1", bypass="b.test")
    resolver = make_resolver(
        config,
        cache=CachePolicy(key="host", max_entries=7),
        engine="quickjs",
        resolve_timeout=3.0,
        proxy_ssl_context=ssl.create_default_context(),
    )
    resolver.resolve(URL)
    data = pickle.dumps(resolver)
    assert SECRET.encode() not in data
    with pickle.loads(data) as copy:
        assert by(copy.resolve(URL)) == "PROXY p.test:1"
        assert copy.resolve("http://b.test/").source == "bypass"
        assert copy.stats()["misses"] == 0
        names = ("_policy", "_trust_env", "_engine", "_resolve_timeout", "_worker_python")
        assert [getattr(copy, name) for name in names] == [getattr(resolver, name) for name in names]
        assert copy.embedded_credentials() == ()
    assert resolver.embedded_credentials() == (("p.test:1", "me", SECRET),)


def test_the_default_resolver():
    """One for the whole process; if somebody closes it, the next who needs one gets another."""
    first = default_resolver()
    assert default_resolver() is first
    first.close()
    second = default_resolver()
    assert second is not first
    assert second.resolve("http://localhost/").source == "implicit-bypass"
    second.close()


def test_nothing_secret_is_shown(with_script, pac_server, make_resolver, caplog):
    """Neither by explain(), to_dict() and repr(), nor by the log: userinfo, query values, passwords in the script."""
    caplog.set_level(logging.DEBUG, "pacaware")
    body = (
        f"alert(url); alert(url.substring(0, 30)); alert('token ' + url.split('token=')[1]);"
        f"return 'PROXY me:{SECRET}@p.test:1; PROXY me:{SECRET[:3]};{SECRET}@q.test:1; PROXY a.test:1; ' + url"
    )
    with_script(body)
    config = ProxyConfig(pac_url=pac_server.url + f"?key={SECRET}", proxy_server=f"http://me:{SECRET}@p.test:1")
    resolver = make_resolver(config)
    decision = resolver.resolve(f"http://me:{SECRET}@h.test/a?token={SECRET}&b={SECRET}#{SECRET}")
    resolver.start(decision)
    assert by(decision) == "PROXY a.test:1"
    shown = [decision.explain(), json.dumps(decision.to_dict()), repr(decision), repr(resolver)]
    shown += [record.getMessage() for record in caplog.records if record.name == "pacaware"]
    for text in shown:
        assert SECRET[:3] not in text
    record = json.loads(shown[1])
    assert list(record) == ["url", "proxies", "source", "config_origin", "pac_url", "cached", "steps"]
    assert record["url"] == "http://h.test/a?token=...&b=..."
    assert record["pac_url"].endswith("/proxy.pac?key=...")
    assert record["proxies"] == ["PROXY a.test:1"]
    assert {frozenset(step) for step in record["steps"]} == {frozenset({"name", "status", "detail", "ms"})}
    alerts = [step["detail"] for step in record["steps"] if step["name"] == "pac-alert"]
    assert alerts[0] == "http://h.test/a?token=...&b=..."


@pytest.mark.parametrize("body", ["throw url", "return url", "throw new Error('no ' + url)", "null.x[url]; return url"])
def test_errors_of_scripts_show_no_secrets(with_script, body):
    """What a script throws or returns may hold the URL it was given."""
    with pytest.raises(PacScriptError) as caught:
        with_script(body).resolve(f"http://h.test/a?token={SECRET}")
    chain, exc = [], caught.value
    while exc is not None:
        chain.append(exc)
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    assert not [exc for exc in chain if SECRET in repr(exc) + str(exc)]


def test_urls_with_hundreds_of_parameters(with_script):
    """What a script says of a URL too long to be searched for secrets is not shown at all."""
    query = "&".join(f"p{number}={SECRET}{number}" for number in range(300))
    decision = with_script("alert(url); return 'PROXY a.test:1'").resolve(f"http://h.test/?{query}")
    assert by(decision) == "PROXY a.test:1"
    assert [step.detail for step in decision.steps if step.name == "pac-alert"] == ["..."]
    assert SECRET not in decision.explain()


def test_explain(with_script):
    """Lines for a person: the URL, the way, why, the PAC file, each step."""
    resolver = with_script("alert('hello'); return 'PROXY a.test:1'")
    text = resolver.resolve("http://h.test/a").explain()
    assert text.startswith(
        "http://h.test/a\n  goes by  PROXY a.test:1\n"
        "  because  the PAC file says so (pac; settings from: code), fresh\n  PAC  "
    )
    for step in ("pac-fetch", "pac-load", "pac-run", "pac-alert: hello"):
        assert step in text
    assert "cached" in resolver.resolve("http://h.test/a").explain()
