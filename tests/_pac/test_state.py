"""What a script keeps for itself: a run that was void leaves nothing behind."""

from __future__ import annotations

import time

import pytest

from pacaware._pac.state import may_keep_state


def pac(body, before=""):
    return f"{before}\nfunction FindProxyForURL(url, host) {{ {body} }}"


# What is kept, and how; each would go on with what a void run was told: no address, or 127.0.0.1.
KEEPERS = {
    "a variable": pac("if (!ip) ip = myIpAddress(); return 'PROXY ' + ip + ':1'", "var ip;"),
    "a name": pac("if (ip === undefined) ip = dnsResolve('a.test'); return 'PROXY ' + ip + ':1'", "var ip;"),
    "by host": pac("if (!(host in m)) m[host] = dnsResolve('a.test'); return 'PROXY ' + m[host] + ':1'", "var m = {};"),
    "||=": pac("ip ||= myIpAddress(); return 'PROXY ' + ip + ':1'", "var ip;"),
    "pattern": pac("if (!ip) [ip] = [myIpAddress()]; return 'PROXY ' + ip + ':1'", "var ip;"),
    "member": pac("if (!o.ip) o.ip = myIpAddress(); return 'PROXY ' + o.ip + ':1'", "var o = {};"),
    "list": pac("if (!l.length) l.push(myIpAddress()); return 'PROXY ' + l[0] + ':1'", "var l = [];"),
    "global": pac("if (typeof ip == 'undefined') ip = myIpAddress(); return 'PROXY ' + ip + ':1'"),
    "another function": pac(
        "g(); return 'PROXY ' + ip + ':1'", "var ip; function g() { if (!ip) ip = myIpAddress(); }"
    ),
    "closure": pac(
        "return 'PROXY ' + g() + ':1'",
        "var g = (function () { var ip; return function () { if (!ip) ip = myIpAddress(); return ip } })();",
    ),
    "counter": pac("if (!n && !dnsResolve('a.test')) n++; return 'PROXY p' + n + ':1'", "var n = 0;"),
    "counter before": pac("if (!n && !dnsResolve('a.test')) --n; return 'PROXY p' + n + ':1'", "var n = 0;"),
    "loop": pac("if (!dnsResolve('a.test')) for (k in {a: 1}); return 'PROXY p' + (k ? 1 : 0) + ':1'", "var k;"),
    "replaced": pac(
        "return 'PROXY ' + g() + ':1'",
        "var g = function () { var ip = myIpAddress(); g = function () { return ip }; return ip };",
    ),
    "regexp": pac("re.test(dnsResolve('a.test') || 'xx'); return 'PROXY p' + re.lastIndex + ':1'", "var re = /x/g;"),
    "date": pac(
        "if (!dnsResolve('a.test')) d.setTime(5); return 'PROXY p' + d.getTime() + ':1'", "var d = new Date(0);"
    ),
    "order": pac("if (!dnsResolve('a.test')) l.reverse(); return 'PROXY p' + l[0] + ':1'", "var l = [1, 2];"),
    "delete": pac("if (!dnsResolve('a.test')) delete o.a; return 'PROXY p' + o.a + ':1'", "var o = {a: 1};"),
    "map": pac("if (!m.has(1)) m.set(1, myIpAddress()); return 'PROXY ' + m.get(1) + ':1'", "var m = new Map();"),
    "arrow": pac("g(); return 'PROXY ' + ip + ':1'", "var ip, g = () => ip = ip || myIpAddress();"),
    "default": pac("return 'PROXY ' + g() + ':1'", "var ip; function g(a = ip || (ip = myIpAddress())) { return a }"),
    "this": pac("if (!this.ip) this.ip = myIpAddress(); return 'PROXY ' + this.ip + ':1'"),
}
WITHOUT = {
    "counter": "p0",
    "counter before": "p0",
    "loop": "p0",
    "regexp": "p0",
    "date": "p0",
    "order": "p1",
    "delete": "p1",
}


@pytest.mark.parametrize("what", KEEPERS)
def test_what_a_void_run_keeps_is_undone(make_script, engine, what):
    """Whatever a script remembers, it is never that a lookup was not answered yet."""
    expected = WITHOUT.get(what, "10.0.0.1" if "'a.test'" in KEEPERS[what] else "10.0.0.9")
    for _ in range(2):
        assert make_script(KEEPERS[what], engine=engine).find_proxy("http://h/", "h").text == f"PROXY {expected}:1"
    assert may_keep_state(KEEPERS[what])


def test_what_a_script_keeps_of_whole_runs_is_kept(make_script, engine):
    """As in a browser: only what a void run did is undone."""
    script = make_script(pac("n++; return 'PROXY p' + n + ':1'", "var n = 0;"), engine=engine)
    assert [script.find_proxy("http://h/", "h").text for _ in range(3)] == ["PROXY p1:1", "PROXY p2:1", "PROXY p3:1"]


@pytest.mark.parametrize(
    "text",
    [
        pac("return 'DIRECT'"),
        pac(
            "var ip = dnsResolve(host); if (isInNet(ip, '10.0.0.0', '255.0.0.0')) return 'DIRECT'; return p", "p = 'x';"
        ),
        pac(
            "for (var i = 0, n = l.length; i < n; i++) if (host == l[i]) return 'DIRECT'; return 'x'", "var l = ['a'];"
        ),
        pac("var i, n; for (i = 0; i < 3; ++i) { n = i; } host = host.toLowerCase(); return 'x'"),
        pac("for (var k in o) if (k == host) return 'x'", "var o = {}; o.a = 1; o['b'] = 2; var l = []; l[0] = 1;"),
        pac("return g(host)", "function g(h) { var r = h; r += 'x'; return r }"),
        pac("function g(h) { var r; r = h; return r } return g(host)"),
        pac("return host.replace(/a/, function (m) { var r = m; return r })"),
    ],
)
def test_plain_scripts_keep_nothing(text):
    """A run that only sets variables of its own may be repeated: the script is not loaded again for it."""
    assert not may_keep_state(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "function",
        "function (",
        "function f() {",
        "} function f() { }",
        pac("return `x`"),
        pac("g = 1"),
        pac("var a = 1; function h() { a = 2 } h()"),
        pac("var a = (1, b = 2)"),
        pac("for (g of l) return g"),
        pac("{ let g; } g = 1"),
        pac("g++\nhost = 1"),
        pac("var i = 1; i\n++g"),
        pac("return ++(g)"),
        pac("{ let a, g; } g = 1"),
        pac("for (const g of l); g = 1"),
        pac("for (var x in l) y = x"),
        pac("var a; a.b = 1"),
        pac("var a; a[0]++"),
        pac("var a; ++a.b"),
        pac("var a = function ({b}) { b = 1 }"),
    ],
)
def test_any_doubt_is_a_yes(text):
    """Or no text of a script at all, which never gets here."""
    assert may_keep_state(text) in (True, False)
    assert may_keep_state(text) or text in ("", "function f() {", "} function f() { }")


def test_a_script_that_begins_anew_is_told_again(make_script, engine):
    """What it was told while it was loaded, and what it kept, may be over: another network."""

    class Moving:
        address = "10.0.0.9"
        clock = time.monotonic

        def known(self, keys):
            return {}

        def answer(self, keys, deadline):
            from pacaware._pac.dns import Answer

            return {key: Answer(self.address, float("inf")) for key in keys}

    lookups = Moving()
    body = "if (!kept) kept = myIpAddress(); return 'PROXY ' + loaded + ':1; PROXY ' + kept + ':2'"
    script = make_script(pac(body, "var kept, loaded = myIpAddress();"), engine=engine, lookups=lookups)
    seen = []
    for address in ("10.0.0.9", "192.168.7.7"):
        lookups.address = address
        seen.append(script.find_proxy("http://h/", "h").text)
        script.begin_anew()
        seen.append(script.find_proxy("http://h/", "h").text)
    assert seen == [f"PROXY {a}:1; PROXY {a}:2" for a in ("10.0.0.9", "10.0.0.9", "10.0.0.9", "192.168.7.7")]
