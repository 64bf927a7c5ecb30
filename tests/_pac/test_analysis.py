"""When all URLs of an origin may share an answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._pac.analysis import DOUBTFUL, ignores_url
from pacaware.pac import PacEvaluator

# Names of the engines and of PAC files that lead neither to code made of text nor to members by a computed name.
NAMES = """
    Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Float16Array Float32Array Float64Array
    Infinity Int16Array Int32Array Int8Array Map Math NaN Number RegExp Set SharedArrayBuffer String Uint16Array
    Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet undefined WeakRef FinalizationRegistry DOMException
    AsyncDisposableStack DisposableStack
    AggregateError Error EvalError InternalError RangeError ReferenceError SuppressedError SyntaxError TypeError
    URIError atob btoa console decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape isFinite isNaN
    parseFloat parseInt
    alert convert_addr convert_addr6 dateRange dnsDomainIs dnsDomainLevels dnsResolve dnsResolveEx getClientVersion
    isInNet isInNetEx isInNetEx4 isInNetEx6 isPlainHostName isResolvable isResolvableEx isValidIpAddress
    localHostOrDomainIs months myIpAddress myIpAddressEx shExpMatch sortIpAddressList timeRange wdays weekdayRange
    FindProxyForURL g
"""
HARMLESS = set(NAMES.split())
BODY = "if (dnsDomainIs(host, '.corp')) return 'DIRECT'; return 'PROXY p:1';"


def pac(body=BODY, parameters="url, host", before="", after=""):
    return f"{before}\nfunction FindProxyForURL({parameters}) {{ {body} }}\n{after}"


@pytest.mark.parametrize(
    "text",
    [
        pac(),
        pac(parameters=""),
        pac(parameters="u,h"),
        pac(parameters=" $u , h "),
        pac("return 'DIRECT' // url is not used"),
        pac("/* url */ return 'PROXY url:1'"),
        pac('return "it\'s the url"'),
        pac("return /url\\/[/]x/i.test(host) ? 'DIRECT' : 'PROXY p:1'"),
        pac("var a = 10 / 2, b = a / 5; return 'PROXY p:' + a / b"),
        pac(
            "for (var i = 0; i < list.length; i++) if (host == list[i]) return 'DIRECT'",
            before="var list = ['a', 'b'];",
        ),
        pac("return list[0]", before="var list = ['DIRECT'];"),
        pac("var i; i = 0; i += 2; return list[i]", before="var list = ['a'];"),
        pac("return help(host)", after="function help(h) { return h == 'a' ? 'DIRECT' : 'PROXY p:1' }"),
        "\ufeff" + pac(before="// (c) us\n/* more */\nvar proxy = 'PROXY p:1';"),
        pac("return {a: 'DIRECT'}.a"),
        pac(
            "for (i = 0; i < a.length; ++i) { if (a[i] == host) return 'DIRECT'; } return a[0]", before="var a = [], i;"
        ),
        pac(
            "for (var i = 0, l = a.length; i < l; i += 1) if (host == a[i].name) return a[i].by", before="var a = [{}];"
        ),
        pac("return o.in / 2 > o.of / 2 ? 'DIRECT' : 'PROXY p:1'", before="var o = {in: 1, of: 2};"),
        pac("return host == 'a' ? [1][0] : 'DIRECT'"),
        pac("return host === 'a' ? [1, 2].length > 1 && 'DIRECT' : 'PROXY p:1'"),
    ],
)
def test_provably_unused(text):
    """Plain scripts that never write the parameter's name ignore it; comments and strings do not count."""
    assert ignores_url(text)


@pytest.mark.parametrize(
    "text",
    [
        pac("return shExpMatch(url, '*x*') ? 'DIRECT' : 'PROXY p:1'"),
        pac("return u\\u0072l"),
        pac("return `${url}`"),
        pac("return `x`"),
        pac("return 1 /url/ 2"),
        pac("return (1) /url/ 2"),
        pac("a++ /url/ 2"),
        pac("return eval('u' + 'rl')"),
        pac("return arguments[0]"),
        pac("var of = 1; return of / url.length / 1"),
        pac("return o.in / url.length / 1"),
        pac("return o?.new / url.length / 1"),
        pac("return 0 && host instanceof /'/, url + /'/"),
        pac("for (;;) { break\n/'/; function g() { return url } /'/ }"),
        pac("debugger\n/'/.test(host); r = url; /'/.test(host)"),
        pac("return (function () {})?.['constr' + 'uctor']"),
        pac("g(g)", after="function g({['constr' + 'uctor']: C}) { return C }"),
        pac("g(g)", after="function g({a, ['constr' + 'uctor']: C}) { return C }"),
        pac("g(g)", after="function g({'constructor': C}) { return C }"),
        pac("for (var {['constr' + 'uctor']: C} of [g]) C()"),
        pac("for (var {'constructor': C} of [g]) C()"),
        pac("try { throw g } catch ({['constr' + 'uctor']: C}) { C() }"),
        pac("return o.in['constr' + 'uctor']"),
        pac("return o.let['constr' + 'uctor']"),
        pac("return o?.return['constr' + 'uctor']"),
        pac("var of = g; return of['constr' + 'uctor']"),
        pac("JSON.stringify(g, function (k, v) { v() })"),
        pac("Object.getOwnPropertyDescriptors(g)"),
        pac("['a'].forEach(eval)"),
        pac("i ||= 'a'; return x[i]"),
        pac("i ??= 'a'; return x[i]"),
        pac("var i = 1; i &&= 'a'; return x[i]"),
        pac("(i) = 'a'; return x[i]"),
        pac("((i)) = 'a'; return x[i]"),
        pac("for ((i) of o) return x[i]"),
        pac("if (1) [i] = ['a']; return x[i]"),
        pac("{} [i] = ['a']; return x[i]"),
        pac("var i = 0; if (1) [[i]] = [['a']]; return x[i]"),
        pac("({i = 5, b} = o); return x[i]"),
        pac("([i = 5, b] = o); return x[i]"),
        pac("return g('a')", after="function g(i = 5, b) { return x[i] }"),
        pac("return g('a')", after="function g(...i) { return x[i] }"),
        pac("var b = 1; b++\ni = 'a'; return x[i]"),
        pac("return new Function('return 1')()"),
        pac("return this['x']"),
        pac("with (host) { return a }"),
        pac("return window.x"),
        pac("return [].constructor"),
        pac("return []['constr' + 'uctor']['constr' + 'uctor']('return this')()"),
        pac("var k = 'constr' + 'uctor'; return f[k]", before="function f() {}"),
        pac("for (var k in o) o[k]()", before="var o = {};"),
        pac("for (var k of o) o[k]()", before="var o = {};"),
        pac("return g('a')", after="function g(i) { return x[i] }"),
        pac("[i] = ['a']; return x[i]"),
        pac("var [i] = ['a']; return x[i]"),
        pac("var {i} = {i: 'a'}; return x[i]"),
        pac("i = 1 + host; return x[i]"),
        pac("return o.g('a')", before="var o = { g(i) { return x[i] } };"),
        pac("return ((i, j) => x[i])('a', 1)"),
        pac("return g(['a'])", after="function g([i]) { return x[i] }"),
        pac("return g({i: 'a'})", after="function g({i}) { return x[i] }"),
        pac("for ([i] in o) return x[i]"),
        pac("for (const {a: i} in o) return x[i]"),
        pac("typeof[i] = ['a']; return x[i]"),
        pac("[[i]] = [['a']]; return x[i]"),
        pac("i += 'a'; return x[i]"),
        pac("try {} catch (i) { return x[i] }"),
        pac("return (i => x[i])('a')"),
        pac(after="FindProxyForURL = function (a, b) { return a }"),
        pac(after="var FindProxyForURLEx = function (a, b) { return a }"),
        pac(after="function FindProxyForURL(a, b) { return a }"),
        pac(after="function other(url) { return url }"),
        pac(after="var x = FindProxyForURL('a', 'b');"),
        pac(parameters="url = host, host"),
        pac(parameters="...url"),
        pac(parameters="{url}, host"),
        pac(parameters="url, host = url"),
        pac(before="if (1) {", after="}"),
        "async " + pac().lstrip(),
        "var FindProxyForURL = function (url, host) { return 'DIRECT' }",
        "const FindProxyForURL = (url, host) => 'DIRECT'",
        "(function FindProxyForURL(url, host) { return 'DIRECT' })",
        "var x = function FindProxyForURL(url, host) { return 'DIRECT' }",
        pac("return 'unfinished"),
        pac("return /* unfinished"),
        pac("return '\\x75'"),
        pac("<!-- url"),
        pac("return 1;\n--> url"),
        pac("return host.replace(/a/, function () { return 1 }) /url/ 1"),
        pac("return \u00fcrl"),
        "",
        "FindProxyForURL",
        "function FindProxyForURL",
        "function FindProxyForURL(",
    ],
)
def test_any_doubt_is_a_no(text):
    """Whatever could reach the parameter, or is not understood for certain, counts as using it."""
    assert not ignores_url(text)


@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_every_global_that_reaches_further_is_doubtful(engine):
    """What an engine hands out by name is known to be harmless, or a reason to doubt."""
    text = "var g = this; function FindProxyForURL() { return Object.getOwnPropertyNames(g).join(' ') }"
    with PacEvaluator(text, engine=engine) as script:
        found = set(script.find_proxy("http://h.test/").raw.split())
    assert not {name for name in found - HARMLESS if not DOUBTFUL.fullmatch(name)}


@given(st.text(st.sampled_from("FindProxyForURL(urhost){}[];,=/*'\"\\ \n0i.+-`<>!") | st.characters(), max_size=80))
def test_any_text_gets_an_answer(text):
    """No text makes the analysis fail, and a body it does not understand is never said to ignore the URL."""
    assert ignores_url(text) in (True, False)
    assert not ignores_url(pac(f"return url + {text}"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 'DIRECT';\n" * 20_000, True),
        ("list[i];" * 20_000, True),
        ("".join(f"list[i{number}];" for number in range(20_000)), False),
        ("return list[i][" * 20_000, False),
        ("list[i]; x = " + "i + " * 20_000 + "i", False),
        ("list[i]; f(" * 20_000 + ")" * 20_000, True),
        ("a /*" * 20_000, False),
        ("/(" * 20_001, False),
    ],
)
def test_large_texts_take_no_long(body, expected):
    """The time grows with the length of the text and no faster."""
    started = time.monotonic()
    assert ignores_url(pac(body)) is expected
    assert time.monotonic() - started < 15
