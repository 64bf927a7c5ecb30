"""Which helpers a run called and how often is told by the process, and by nobody else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests._pac.crashers import entry

import pacaware
from pacaware._pac import evaluator
from pacaware._pac.reply import _HELPERS
from pacaware.errors import PacEngineError

HOST = "a.test"


def calls(script, host=HOST):
    return dict(script.find_proxy(f"http://{host}/", host).calls)


HELPERS = {
    "getClientVersion": "getClientVersion()",
    "dnsResolve": "dnsResolve(host)",
    "dnsResolveEx": "dnsResolveEx(host)",
    "myIpAddress": "myIpAddress()",
    "myIpAddressEx": "myIpAddressEx()",
    "isResolvable": "isResolvable(host)",
    "isResolvableEx": "isResolvableEx(host)",
    "isPlainHostName": "isPlainHostName(host)",
    "dnsDomainIs": "dnsDomainIs(host, '.test')",
    "dnsDomainLevels": "dnsDomainLevels(host)",
    "localHostOrDomainIs": "localHostOrDomainIs(host, 'a.test')",
    "isValidIpAddress": "isValidIpAddress(host)",
    "convert_addr": "convert_addr('10.0.0.1')",
    "isInNet": "isInNet(host, '10.0.0.0', '255.0.0.0')",
    "isInNetEx": "isInNetEx('10.0.0.1', '10.0.0.0/8')",
    "sortIpAddressList": "sortIpAddressList('10.0.0.1;::1')",
    "shExpMatch": "shExpMatch(host, '*.test')",
    "weekdayRange": "weekdayRange('MON', 'SUN')",
    "dateRange": "dateRange(1, 31)",
    "timeRange": "timeRange(0, 23)",
}


def test_every_helper_is_there():
    """What is counted, and what a reply may name, are all helpers of the prelude but alerts."""
    prelude = Path(evaluator.__file__).with_name("prelude.js").read_text()
    table = prelude.partition("var helpers = {")[2].partition("\n};")[0]
    functions = {name for name, value in re.findall(r"(\w+): (\w+)", table) if name == value} - {"wdays", "months"}
    assert functions - {"alert", "log"} == _HELPERS == set(HELPERS)


@pytest.mark.parametrize("helper", HELPERS)
def test_each_call_is_counted(make_script, engine, helper):
    """Once for each call by the script, whatever a helper does inside and however many runs the lookups took."""
    call = HELPERS[helper]
    script = make_script(
        entry(f"if (host === 'b.test') return 'DIRECT'; {call}; {call}; return 'DIRECT'"), engine=engine
    )
    assert calls(script) == {helper: 2}
    assert calls(script, "b.test") == {}
    assert calls(script) == {helper: 2}


def test_order_is_that_of_the_first_calls(make_script, engine):
    """They are listed as the script came to them; a void run, which has asked for more, does not count."""
    body = (
        "for (var i = 0; i < 3; i++) shExpMatch(host, i + '*'); if (dnsResolve(host) === null) isPlainHostName(host);"
    )
    script = make_script(entry(body + "isInNet(host, '10.0.0.0', '255.0.0.0'); return 'DIRECT'"), engine=engine)
    answer = script.find_proxy("http://a.test/", HOST)
    assert answer.calls == (("shExpMatch", 3), ("dnsResolve", 1), ("isInNet", 1))
    assert answer.lookups == {"a.test": "10.0.0.1"}


def test_calls_while_the_file_is_loaded_are_not_those_of_a_run(make_script, engine):
    """Only what the run called is told."""
    script = make_script("var plain = isPlainHostName('a');" + entry("return 'DIRECT'"), engine=engine)
    assert [calls(script), calls(script)] == [{}, {}]


def test_a_call_that_throws_is_a_call(make_script, engine):
    """It is counted where the script goes on."""
    script = make_script(entry("try { dnsDomainLevels(1) } catch (e) { return 'DIRECT' }"), engine=engine)
    assert calls(script) == {"dnsDomainLevels": 1}


def test_nothing_is_sent_where_nothing_was_called(make_script, engine, monkeypatch):
    """A run without helpers has the reply it always had."""
    replies = []

    def read(data, given):
        replies.append(data)
        return evaluator_read(data, given)

    evaluator_read = evaluator.read_reply
    monkeypatch.setattr(evaluator, "read_reply", read)
    script = make_script(entry("return isPlainHostName === 5 ? '' : 'DIRECT'"), engine=engine)
    assert calls(script) == {}
    assert len(replies) == 2
    assert not any(b"calls" in reply for reply in replies)


OWN = {
    "a function": ("function shExpMatch() { return true }", "shExpMatch(host, 'x')", {}),
    "another helper": ("shExpMatch = isPlainHostName;", "shExpMatch(host, 'x')", {"isPlainHostName": 1}),
    "around the helper": (
        "var ours = shExpMatch; shExpMatch = function (a, b) { return ours(a, b) };",
        "shExpMatch(host, 'x')",
        {"shExpMatch": 1},
    ),
    "a proxy": ("shExpMatch = new Proxy(shExpMatch, {});", "shExpMatch(host, 'x')", {"shExpMatch": 1}),
    "dnsResolve": ("function dnsResolve() { return '10.0.0.2' }", "isResolvable(host)", {"isResolvable": 1}),
    "around dnsResolve": (
        "var ours = dnsResolve; dnsResolve = function (name) { return ours(name) };",
        "isInNet(host, '10.0.0.0', '255.0.0.0')",
        {"isInNet": 1, "dnsResolve": 1},
    ),
    "dnsResolve is dnsResolveEx": ("dnsResolve = dnsResolveEx;", "isResolvable(host)", {"isResolvable": 1}),
}


@pytest.mark.parametrize("name", OWN)
def test_functions_of_the_script_are_not_helpers(make_script, engine, name):
    """What a script has put in the place of a helper is not counted; a helper that this calls is."""
    before, call, expected = OWN[name]
    script = make_script(before + entry(call + "; return 'DIRECT'"), engine=engine)
    assert calls(script) == expected


ONCE = "shExpMatch(host, '*.test');"
TAMPERING = {
    "setters on Object.prototype": """
        var hooks = {get: function () { return 41 }, set: function () { throw 1 }};
        ["shExpMatch", "calls", "isInNet", "0", "1"].forEach(function (name) {
            Object.defineProperty(Object.prototype, name, hooks)
        });""",
    "setters on Array.prototype": """
        var hooks = {get: function () { return 41 }, set: function () { throw 1 }};
        for (var i = 0; i < 30; i++) Object.defineProperty(Array.prototype, i, hooks);""",
    "values on prototypes": "Object.prototype.isInNet = Array.prototype.isInNet = Function.prototype.isInNet = 9;",
    "a proxy as prototype": """
        Object.setPrototypeOf(Array.prototype, new Proxy({}, {
            get: function () { throw 1 }, set: function () { throw 2 }, has: function () { throw 3 }}));""",
    "globals of that name": 'var calls = {isInNet: 5}; function quoteCalls() { return \',"calls":{"isInNet":7}\' }',
    "members of the helper": "shExpMatch.calls = 9; shExpMatch.valueOf = function () { return 9 };",
    "JSON": 'JSON.stringify = JSON.parse = function () { return \'{"calls":{"isInNet":7}}\' };',
    "numbers as text": """
        Number.prototype.toString = Number.prototype.valueOf = Number.prototype.toJSON =
        String.prototype.toString = String.prototype.toJSON = String.prototype.concat = function () { return 'x' };
        Number.prototype[Symbol.toPrimitive] = String.prototype[Symbol.toPrimitive] = function () { return 7 };""",
    "string functions": "String.prototype.substring = String.prototype.split = function () { return 'x' };",
    "iterators": "Array.prototype[Symbol.iterator] = Object.prototype[Symbol.iterator] = function () { throw 1 };",
    "everything frozen": "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(this);",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_changes_no_count(make_script, engine, name):
    """Neither before a run nor in its midst can a script reach the counts: they and the answer stay as they are."""
    text = TAMPERING[name]
    before = make_script(text + entry(ONCE + "return 'DIRECT'"), engine=engine)
    amid = make_script(entry(f"{ONCE} (0, eval)({text!r}); {ONCE} return 'DIRECT'"), engine=engine)
    assert [calls(before), calls(before)] == [{"shExpMatch": 1}] * 2
    assert calls(amid) == {"shExpMatch": 2}


def test_recursion_without_end_through_a_helper(make_script, engine):
    """Where the stack ends in a helper the counts are still such that the reply is read."""
    names = ["isInNet", "isResolvable", "dnsResolve", "shExpMatch"]
    for name in names:
        deep = f"var text = {{toString: function () {{ return '' + {name}(text, text, text) }}}};"
        text = (
            f"function deep() {{ isResolvable(host); {name}(text, '*', '*'); deep() }} try {{ deep() }} catch (e) {{}}"
        )
        script = make_script(entry(f"{deep} {text} return 'DIRECT'"), engine=engine)
        answer = script.find_proxy("http://a.test/", HOST)
        assert answer.text == "DIRECT"
        assert dict(answer.calls)["isResolvable"] >= 1


REQUESTS = [
    '{"op":"begin","dialect":"chromium","clock":null,"answers":{}}',
    '{"op":"end","error":null}',
    '{"op":"find","url":"","host":"","clock":null,"answers":{}}',
    '{"op":"eval","text":"1"}',
    '{"op":"back"}',
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_dispatcher_tells_a_run_nothing(make_script, request_):
    """The one global pacparser needs lets a run neither read its counts nor begin them anew."""
    script = make_script(
        entry(f"{ONCE} try {{ pacawareDispatch('', '{request_}') }} catch (e) {{ return 'PROXY refused:1' }}"),
        engine="pacparser",
    )
    answer = script.find_proxy("http://a.test/", HOST)
    assert (answer.text, answer.calls) == ("PROXY refused:1", (("shExpMatch", 1),))


@pytest.mark.parametrize("count", ["-1", "0", "1.5", '"1"', "9007199254740993"])
def test_a_forged_count_ends_the_process(make_script, monkeypatch, count):
    """A process that tells what no run of ours tells is not asked again."""
    script = make_script(entry("return 'DIRECT'"))
    assert calls(script) == {}
    reply = b'{"text":"DIRECT","missing":[],"used":[],"alerts":[],"clock":false,"random":false,"too_many":false,'
    process = script._process
    monkeypatch.setattr(process, "ask", lambda *_: reply + f'"calls":{{"isInNet":{count}}}}}'.encode())
    with pytest.raises(PacEngineError, match="malformed"):
        calls(script)
    assert script._process is None
    assert calls(script) == {}


def test_a_decision_tells_them(make_script, engine):
    """They are one step; there is none without a call."""

    def told(body):
        text = f"function FindProxyForURL(url, host) {{ {body} return 'DIRECT' }}"
        config = pacaware.ProxyConfig(pac_url="data:," + text.replace(" ", "%20"))
        with pacaware.ProxyResolver(config, engine=engine) as resolver:
            steps = resolver.resolve("http://a.test/").to_dict()["steps"]
        return [(step["status"], step["detail"]) for step in steps if step["name"] == "pac-helper"]

    thrice = "for (var i = 0; i < 3; i++) shExpMatch(host, 'x');"
    assert told(thrice + "isInNet('10.0.0.1', '10.0.0.0', '255.0.0.0');") == [
        ("note", "called: shExpMatch 3 times, isInNet once")
    ]
    assert told("timeRange(0, 23);") == [
        ("note", "called: timeRange once"),
        ("note", "the script asked for the time: its answer is not kept"),
    ]
    assert told("alert('x');") == []
