"""When all URLs of an origin may share an answer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._pac.analysis import ignores_url

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
