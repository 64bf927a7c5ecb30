"""The remarks on a PAC file, each where it applies and nowhere else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._pac.lint import lint, near_entry

CLEAN = """\
// for the whole company
var proxy = "PROXY p.test:8080; DIRECT";
function FindProxyForURL(url, host) {
  if (isPlainHostName(host) || dnsDomainIs(host, ".corp.test")) return "DIRECT";
  if (shExpMatch(url, "http://*/download/*")) { return proxy; }
  return host == "a.test" ? "SOCKS s.test:1080" : "PROXY p.test:8080";
}
"""


def remarks(text):
    return [(found.code, found.level, text.count("\n", 0, found.at) + 1) for found in lint(text)]


def in_body(body, before=""):
    return f"{before}function FindProxyForURL(url, host) {{\n{body}\nreturn 'DIRECT';\n}}"


@pytest.mark.parametrize("text", [CLEAN, CLEAN.replace("\n", "\r\n"), "\ufeff" + CLEAN])
def test_a_good_file(text):
    """A file that every client understands gets no remark."""
    assert remarks(text) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("getClientVersion();", [("not-everywhere", "warning", 2)]),
        ("\nalert(host); alert(url);", [("not-everywhere", "warning", 3)]),
        ("console.log(host);", [("not-everywhere", "warning", 2)]),
        ("window.x = 1;", [("not-everywhere", "warning", 2)]),
        ("isInNetEx(host, '10.0.0.0/8');", [("not-everywhere", "warning", 2)]),
        ("if (typeof isInNetEx == 'function') isInNetEx(host, '10.0.0.0/8');", []),
        ("var alert = function () {}; alert(host);", []),
        ("o.alert(host); x = {alert: 1};", []),
        ("dnsResolve(host);", [("dns", "warning", 2)]),
        ("if (isPlainHostName(host)) return 'DIRECT';\nisResolvable(host);", [("dns", "note", 3)]),
        ("isInNet(host, '10.0.0.0', '255.0.0.0');\n" * 3, [("dns", "warning", 2)]),
        ("isInNet('10.0.0.1', '10.0.0.0', '255.0.0.0'); dnsResolve('10.0.0.1');", []),
        ("isInNet(ip, '10.0.0.0', '255.0.0.0');", []),
        ("isInNet(ip, '10.0.0.0/8');", [("net", "warning", 2)]),
        ("isInNet(ip, '10.0.0.0', '255.0.0.256');", [("net", "warning", 2)]),
        ("isInNet(ip, '10.0.0.0', mask);", []),
        ("myIpAddress();", [("own-address", "note", 2)]),
        ("dnsDomainIs(host, 'corp.test');", [("no-dot", "note", 2)]),
        ("shExpMatch(host, '*.Corp.test');", [("case", "warning", 2)]),
        ("shExpMatch(host, '[A-Z]*'); shExpMatch(x, 'A'); shExpMatch(url, 'http://a/B');", []),
        ("host = host.toLowerCase(); shExpMatch(host, '*.Corp.test');", [("case", "warning", 2)]),
        ("host = x; shExpMatch(host, '*.Corp.test');", []),
        ("shExpMatch(url, 'https://a.test/x/*');", [("https-path", "warning", 2)]),
        ("shExpMatch(url, 'https://a.test/*'); shExpMatch(url, 'https://a.test*'); shExpMatch(url, 'http*/x');", []),
        ("shExpMatch(url, 'https://a.test(/x)?*');", []),
        ("return 'nonsense';", [("result", "error", 2)]),
        ("return host ? 'PROXI p:1' : 'DIRECT';", [("result", "error", 2)]),
        ("if (x) { return p\n} y = x ? 'foo' : 'bar';", []),
        ("return 'PROXY p:1; FTP p:2';", [("result", "warning", 2)]),
        ("return 'HTTP p:1';", [("keyword", "warning", 2)]),
        ("return 'SOCKS5 p:1';", [("keyword", "warning", 2)]),
        ("return 'HTTPS p:1; PROXY p:1';", [("keyword", "note", 2)]),
        ("return 'PROXY ' + host + ':1';", []),
        ("return x.replace('foo', 'bar');", []),
        ("return map['foo'];", []),
        ("f = function () { return 'foo' };", []),
        ("if (x) return;", [("no-return", "warning", 2)]),
        ("x = 'プロキシ'; // プロキシ", [("not-ascii", "warning", 2)]),
        ("return `DIRECT`;", [("not-examined", "note", 2)]),
    ],
)
def test_remarks(body, expected):
    """Each remark has its line; what is only similar gets none."""
    assert remarks(in_body(body)) == expected


def test_a_result_by_name():
    """A variable that is set once, to a string, is known where it is returned; one that changes is not."""
    text = "var p = 'PROXI a:1';\nfunction FindProxyForURL(u, h) { return p; }"
    assert remarks(text) == [("result", "error", 2)]
    assert remarks(text + " p = 'DIRECT';") == []
    assert remarks(text + " p += ';DIRECT';") == []


@pytest.mark.parametrize(
    "text",
    [
        "function FindProxyForURL(url, host) { if (host == 'a') return 'DIRECT';\n}",
        "FindProxyForURL = function (url, host) { if (host == 'a') return 'DIRECT';\n}",
        "var FindProxyForURL = function named(url, host) { if (host == 'a') return 'DIRECT';\n};",
    ],
)
def test_the_end_of_the_function(text):
    """A function that can end without return is remarked at its closing brace, in each form of it."""
    assert remarks(text) == [("no-return", "warning", 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("function findProxyForUrl(u, h) {}", "findProxyForUrl"),
        ("function FindProxyForURLEx(u, h) {}", "FindProxyForURLEx"),
        ("function FindProxyForURL(u, h) {}", ""),
        ("// findproxyforurl", ""),
    ],
)
def test_a_name_that_was_meant(text, expected):
    """A misspelt entry point is found by its letters."""
    assert near_entry(text) == expected


@given(st.text(st.sampled_from("FindProxyForURL(urhost){}[];,=/*'\"\\ \n0i.+-`<>!?:") | st.characters(), max_size=80))
def test_any_text_is_examined(text):
    """No text makes the examination fail, on its own or in a body, and each place is in the text."""
    for whole in (text, in_body(text), in_body(f"isInNet({text}"), in_body(f"return {text}")):
        assert all(0 <= found.at <= len(whole) and found.message for found in lint(whole))


@pytest.mark.parametrize(
    "body",
    [
        "return 'DIRECT';\n" * 20_000,
        "".join(f"var v{number} = 'DIRECT';\n" for number in range(20_000)),
        "isInNet(" * 20_000 + "host" + ", 'a')" * 20_000,
        "if (a) " * 20_000 + ";",
        "{" * 20_000 + "}" * 20_000,
    ],
)
def test_large_files_do_not_take_long(body):
    """The time grows with the size of the text."""
    started = time.monotonic()
    lint(in_body(body))
    assert time.monotonic() - started < 10
