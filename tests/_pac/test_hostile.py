"""Scripts that mean harm: the caller never waits past the limit, never crashes, and the next script works."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest
from tests._pac.crashers import CRASHERS, GUARD, entry

from pacaware.errors import PacEngineError, PacError, PacScriptError, PacTimeout

LIMIT = 0.3

# Nothing such a script answers is of use: it does not load, or is not a function that returns.
NEVER_GOOD = {
    *("endless loop while loading", "deep nesting", "deep nesting of arrays", "NUL in the text", "promise", "class"),
}


# What each may end in: a text it may answer, or the errors it may raise.
HOSTILE = {
    "endless loop": (entry("while (1) {}"), PacTimeout),
    "endless loop while loading": ("while (1) {}" + entry(""), PacTimeout),
    "endless loop in a finally": (entry("try { return 'DIRECT' } finally { for (;;) {} }"), PacTimeout),
    "endless loop until a name resolves": (entry("while (!dnsResolve('never.test')) {} "), PacTimeout),
    "endless loop in an alert's toString": (entry("alert({toString: function () { for (;;) {} }}); "), PacTimeout),
    "endless loop in an error's toString": (entry("throw {toString: function () { for (;;) {} }}"), PacTimeout),
    "catastrophic regexp": (entry("/^(a+)+$/.test(Array(40).join('a') + 'b'); return 'DIRECT'"), PacTimeout),
    "catastrophic shExpMatch": (entry("shExpMatch(Array(40).join('a') + 'b', '(a+)+'); return 'DIRECT'"), PacTimeout),
    "array growth": (entry("var a = []; for (;;) a.push(new Array(1e5).fill(1))"), (PacEngineError, PacTimeout)),
    "string growth": (entry("var a = []; for (;;) a.push('x'.repeat(1e7) + a.length)"), (PacEngineError, PacTimeout)),
    "doubling string": (entry("var a = 'x'; for (;;) a += a"), (PacError,)),
    "huge buffer": (entry("return '' + new ArrayBuffer(1e12)"), PacError),
    "deep recursion": (entry("return FindProxyForURL(url, host)"), PacScriptError),
    "deep recursion in a getter": (entry("var o = {get a() { return o.a }}; return o.a"), PacScriptError),
    "deep nesting": (entry("return " + "(" * 20_000 + "1" + ")" * 20_000), PacError),
    "deep nesting of arrays": (entry("return " + "[" * 20_000 + "]" * 20_000), PacError),
    "deep nesting of a regexp": (entry("return new RegExp('('.repeat(1e5)).source"), PacError),
    "huge answer": (entry("return 'PROXY a:1;'.repeat(1e5)"), PacScriptError),
    "huge message": (entry("throw 'x'.repeat(1e7)"), PacScriptError),
    "many alerts": (entry("for (var i = 0; i < 1e3; i++) alert('x'.repeat(9999)); return 'DIRECT'"), "DIRECT"),
    "many names": (entry("for (var i = 0; i < 1e4; i++) dnsResolve('n' + i + '.test'); return 'DIRECT'"), PacTimeout),
    "ever new names": (entry("dnsResolve('n' + Math.random() + '.test'); return 'DIRECT'"), PacTimeout),
    "huge name": (entry("return 'PROXY ' + dnsResolve('x'.repeat(1e6)) + ':1'"), "PROXY null:1"),
    "toJSON of everything": (
        "String.prototype.toJSON = Object.prototype.toJSON = Array.prototype.toJSON = function () { return 'evil' };"
        + entry("return 'DIRECT'"),
        "DIRECT",
    ),
    "JSON replaced": ("JSON = {parse: 1, stringify: 2};" + entry("return 'DIRECT'"), "DIRECT"),
    "JSON methods replaced": (
        "JSON.parse = JSON.stringify = function () { return '{}' };" + entry("return 'DIRECT'"),
        "DIRECT",
    ),
    "prototypes emptied": (
        "var all = [String, Array, RegExp, Object, Function, Date], names = Object.getOwnPropertyNames;"
        "for (var i = 0; i < 6; i++)"
        "for (var p = all[i].prototype, n = names(p), k = 0; k < n.length; k++) delete p[n[k]];"
        + entry("return shExpMatch(host, '*.corp') && isInNet(host, '1.1.1.1', '0.0.0.0') ? 'PROXY b:1' : 'DIRECT'"),
        "DIRECT",
    ),
    "setters on prototypes": (
        "for (var i = 0; i < 9; i++) Object.defineProperty(Array.prototype, i, {set: function () { throw 1 }});"
        "Object.defineProperty(Object.prototype, 'missing', {get: function () { throw 2 },"
        "set: function () { throw 3 }});"
        + entry("dnsResolve('a.test'); alert('x'); return 'DIRECT'"),
        "DIRECT",
    ),
    "dispatcher replaced": ("function findProxyForURL() { return 'x' }" + entry("return 'DIRECT'"), "DIRECT"),
    "global frozen": (entry("return 'DIRECT'") + "Object.freeze(this)", "DIRECT"),
    "entry point replaced by itself": (
        entry("FindProxyForURL = function () { return 'PROXY good:1' }; return 'DIRECT'"),
        "DIRECT",
    ),
    "throwing getter": (
        "Object.defineProperty(this, 'FindProxyForURL', {get: function () { throw 1 }})", PacScriptError
    ),
    "throwing toString": (entry("throw {toString: function () { throw 1 }}"), PacScriptError),
    "throwing stack": (entry("throw {get stack() { throw 1 }}"), PacScriptError),
    "proxy object thrown": (entry("throw new Proxy({}, {get: function () { throw 1 }})"), PacScriptError),
    "forged memory error": (entry("throw new InternalError('out of memory')"), PacEngineError),
    "eval": (entry("return eval(\"'DIR' + 'ECT'\")"), "DIRECT"),
    "promise": ("async " + entry("return 'DIRECT'"), PacScriptError),
    "endless promises": (entry("(function f() { Promise.resolve().then(f) })(); return 'DIRECT'"), "DIRECT"),
    "String object": (entry("return new String('DIRECT')"), PacScriptError),
    "symbol": (entry("return Symbol('x')"), PacScriptError),
    "NUL in the text": (entry("return 'DIRECT\0'"), PacScriptError),
    "NUL in the answer": (entry("return 'PROXY a\\0:1'"), PacScriptError),
    "lone surrogate in the text": (entry("return 'DIRECT' /* \ud800 */"), "DIRECT"),
    "lone surrogate in the answer": (entry("return 'PROXY \\ud800:1'"), PacScriptError),
    "lone surrogate in a name": (entry("return 'PROXY ' + dnsResolve('\\ud800') + ':1'"), "PROXY null:1"),
    "lone surrogate in an error": (entry("throw '\\ud800'"), PacScriptError),
    "letters outside ASCII": (entry("return 'PROXY b\u00fccher:1'"), PacScriptError),
    "one megabyte": ("// " + "x" * (1 << 20) + "\n" + entry("return 'DIRECT'"), "DIRECT"),
    "empty": ("", PacScriptError),
    "markup": ("<html>FindProxyForURL</html>", PacScriptError),
}  # fmt: skip


def outcome(script):
    """What a script answers for the address it harms with, as a text or an error."""
    try:
        return script.find_proxy("http://bad.test/", "bad.test", timeout=3).text
    except PacError as error:
        return error


@pytest.mark.parametrize("name", {**HOSTILE, **CRASHERS})
def test_hostile_script(make_script, engine, name):
    """The script ends as the table says, within the limit, and the next evaluation works."""
    text, expected = {**HOSTILE, **CRASHERS}[name]
    # Where no endless loop is meant a busy machine gets more time.
    patient = isinstance(expected, str) or expected is PacScriptError or name.startswith("one megabyte")
    script = make_script(text, engine=engine, time_limit=2.5 if patient else LIMIT)
    started = time.monotonic()
    found = outcome(script)
    assert time.monotonic() - started < 3.5
    assert found == expected if isinstance(expected, str) else isinstance(found, expected)
    assert script._process is None or script._process.unfiltered is None or sys.platform != "linux"
    loads = script._loaded is not None or isinstance(found, PacTimeout | PacEngineError)
    if GUARD in text and loads and name not in NEVER_GOOD:
        assert script.find_proxy("http://good.test/", "good.test", timeout=3).text == "PROXY good:1"


GREEDY = ["array growth", "string growth", "typed array growth", "growth, error swallowed", "map without end"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, and the limit of the address space")
@pytest.mark.parametrize("name", GREEDY)
def test_memory_stays_under_the_cap(make_script, engine, name):
    """However a script asks for memory, its process never has more than 256 MiB."""
    script = make_script({**HOSTILE, **CRASHERS}[name][0], engine=engine, time_limit=1)
    script.load()
    seen = Path(f"/proc/{script._process.pid}/status")
    thread = threading.Thread(target=outcome, args=(script,))
    thread.start()
    peaks = [0]
    while thread.is_alive():
        try:
            peaks.append(max(int(line.split()[1]) for line in seen.read_text().splitlines() if "VmHWM" in line))
        except (OSError, ValueError):  # it has ended
            break
        thread.join(0.002)
    thread.join(5)
    assert 16_000 < max(peaks) <= 256 * 1024


def test_next_answer_comes_at_once_after_a_kill(make_script, engine):
    """What follows a script that was killed waits no longer than a start takes: 100 ms."""
    script = make_script(entry("for (;;);"), engine=engine, time_limit=0.1)
    times = []
    for _ in range(5):  # a busy machine may be late sometimes
        script.forgive()
        assert isinstance(outcome(script), PacTimeout)
        started = time.monotonic()
        assert script.find_proxy("http://good.test/", "good.test").text == "PROXY good:1"
        times.append(time.monotonic() - started)
    assert min(times) < 0.1


def test_there_are_many():
    """The table is as long as was promised."""
    assert len({**HOSTILE, **CRASHERS}) == len(HOSTILE) + len(CRASHERS) > 100


def test_next_request_works_after_an_endless_loop(make_script, engine):
    """A script that hangs for one URL answers for the next."""
    script = make_script(entry("while (host == 'bad') {} return 'DIRECT'"), engine=engine, time_limit=LIMIT)
    with pytest.raises(PacTimeout, match=r"longer than 0\.3 s"):
        script.find_proxy("http://bad/", "bad")
    assert script.find_proxy("http://good/", "good").text == "DIRECT"


def test_quarantine_until_forgiven(make_script):
    """After three kills the script is not run any more, until it is forgiven."""
    script = make_script(entry("while (host == 'bad') {} return 'DIRECT'"), time_limit=0.1)
    for _ in range(3):
        with pytest.raises(PacTimeout, match="was stopped"):
            script.find_proxy("http://bad/", "bad")
    with pytest.raises(PacTimeout, match="3 times"):
        script.find_proxy("http://good/", "good")
    script.forgive()
    assert script.find_proxy("http://good/", "good").text == "DIRECT"


def test_impatient_callers_do_not_quarantine(make_script):
    """Only the script's own time limit counts against it, not a caller that has little time."""
    script = make_script(entry("while (host == 'bad') {} return 'DIRECT'"), time_limit=5)
    script.load()
    for _ in range(4):
        with pytest.raises(PacTimeout, match="time left"):
            script.find_proxy("http://bad/", "bad", timeout=0.15)
    assert script.find_proxy("http://good/", "good").text == "DIRECT"


def test_replies_are_not_forged_by_calling_the_dispatcher(make_script):
    """The one global pacparser needs does not let a script answer for the prelude."""
    script = make_script(
        entry("try { pacawareDispatch('', '{\"op\":\"find\",\"answers\":{}}') } catch (e) { return 'PROXY caught:1' }"),
        engine="pacparser",
    )
    assert script.find_proxy("http://x/", "x").text == "PROXY caught:1"


FORGED = (
    """'{"text":"PROXY evil:1","missing":[],"used":[],"alerts":[],"clock":false,"random":false,"too_many":false}'"""
)


@pytest.mark.parametrize("reply", [FORGED, "'x'"], ids=["well-formed", "malformed"])
def test_a_dispatcher_replaced_while_it_runs_answers_nothing(make_script, reply):
    """What a script puts under the name of the dispatcher is a function of its own, and never asked by us."""
    script = make_script(
        entry(f"globalThis.findProxyForURL = function () {{ return {reply} }}; return 'DIRECT'"), engine="pacparser"
    )
    assert [script.find_proxy("http://x/", "x").text for _ in range(3)] == ["DIRECT"] * 3


def test_a_dispatcher_replaced_for_good_ends_its_process(make_script):
    """A script that does not let go of the dispatcher's name gets an error, and its process no other question."""
    script = make_script(
        entry(
            "if (host === 'x') Object.defineProperty(globalThis, 'findProxyForURL',"
            f"{{value: function () {{ return {FORGED} }}, writable: false}}); return 'DIRECT'"
        ),
        engine="pacparser",
    )
    for _ in range(2):
        assert script.find_proxy("http://y/", "y").text == "DIRECT"
        with pytest.raises(PacEngineError):
            script.find_proxy("http://x/", "x")
        assert script._process is None
