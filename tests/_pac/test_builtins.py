"""Every helper of a PAC file, as Chromium's own tests have it, through the real process and with both engines."""

from __future__ import annotations

import datetime as dt
import functools
import json
from pathlib import Path

import pytest
from tests._pac.crashers import entry

from pacaware._pac.dns import FixedLookups
from pacaware.errors import PacScriptError

DATA = Path(__file__).parents[1] / "data"
ROWS = json.loads((DATA / "pac_builtins.json").read_text())
SCRIPTS = json.loads((DATA / "pac_script.json").read_text())
# The host is the expression; its value, or what it throws, is the answer.
TEXT = """
function FindProxyForURL(url, host) {
  try { return JSON.stringify({value: eval(host)}); } catch (e) { return JSON.stringify({thrown: String(e)}); }
}
"""


def moment(row):
    if "clock" not in row:
        return None
    text = row["clock"].removesuffix(" GMT").replace(",", "")
    words = text.split()
    words = words[1:] if words[0] in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun") else words
    form = "%b %d %Y %H:%M:%S" if ":" in text else "%b %d %Y"
    zone = dt.UTC if row["clock_tz"] == "UTC" else None
    return dt.datetime.strptime(" ".join(words), form).replace(tzinfo=zone).timestamp()


@pytest.fixture(scope="module")
def evaluate():
    from pacaware._pac.evaluator import PacScript

    made = []

    @functools.cache
    def script(engine, now, dns):
        hosts = {name: tuple(found) for name, found in json.loads(dns).items()}
        made.append(PacScript(TEXT, engine=engine, now=now, lookups=FixedLookups(hosts, ())))
        return made[-1]

    def answer(engine, expression, now=None, dns=None):
        return script(engine, now, json.dumps(dns or {})).find_proxy("http://a.test/", expression)

    yield answer
    for one in made:
        one.close()


def name_of(row):
    return f"{row['expression']}@{row['clock']}" if "clock" in row else row["expression"]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_answers_as_chromium(evaluate, engine, row):
    """The value, the error and the alert of each row are Chromium's."""
    answer = evaluate(engine, row["expression"], moment(row), row.get("dns"))
    got = json.loads(answer.text)
    if "throws" in row:
        assert got == {"thrown": row["throws"]}
    elif "alert" in row:
        assert answer.alerts == (row["alert"],)
    else:
        # One row is a fault of the test it comes from, whose Date ignores its arguments: the library gives the other.
        assert got.get("value") == row.get("real_library_value", row["expected"])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('shExpMatch("www.corp", "(www|ftp).corp")', True),
        ('shExpMatch("a.corp", "[ab].corp")', True),
        ('shExpMatch("axb", "a.b")', False),
        ('shExpMatch("http://a.corp/x?y=1", "http://*.corp/*y=?")', True),
        ('shExpMatch("a.corp", "*.corp")', True),
        ('shExpMatch("corp", "*.corp")', False),
        ('shExpMatch("a.corp:80/", "a.corp*")', True),
        ('shExpMatch("x.b.c", "*b*")', True),
        ('shExpMatch("abc", "a*b*c")', True),
        ('shExpMatch("ab", "a?b")', False),
        ('shExpMatch("a\\nb", "a*b")', False),
        ('shExpMatch("", "")', True),
        ('shExpMatch("", "*")', True),
        ('shExpMatch(5, "5")', True),
        ('dnsDomainIs("www.google.com", "google.com")', True),
        ('dnsDomainIs("WWW.Google.com", ".google.com")', False),
        ('localHostOrDomainIs("www", "www.google.com")', True),
        ('localHostOrDomainIs("www.x.com", "www.google.com")', False),
        ('isInNet("a.test", "10.0.0.0", "255.0.0.0")', True),
        ('isInNet("nowhere.test", "0.0.0.0", "0.0.0.0")', False),
        ('isInNet("10.1.2.3", "10.0.0.0", "foo")', False),
        ('isInNet("10.1.2.3", "10.0.0.0")', False),
        ('isInNetEx("foo.bar", "10.0.0.0/8")', False),
        ('isInNetEx("10.1", "10.0.0.0/8")', True),
        ('isInNetEx("0x0a.0.0.1", " 10.0/ 008 ")', True),
        ('isInNetEx("10.0.0.1", "10.0.0.0/+8")', False),
        ('isInNetEx("10.0.0.256", "0.0.0.0/0")', False),
        ('isInNetEx("4294967296", "0.0.0.0/0")', False),
        ('isPlainHostName("1")', False),
        ('sortIpAddressList("1.1.1.1;1;0x7f.1")', "1;1.1.1.1;0x7f.1"),
        ('sortIpAddressList("\uff11.2.3.4")', None),
        ("isResolvableEx(null)", True),
        ('timeRange("x", "x", "x", 1)', False),
        ('shExpMatch("a.test", new String("*.test"))', True),
        ('isInNetEx("10.0.0.1", "10.0.0.0/33")', False),
        ('isResolvable("a.test")', True),
        ('isResolvable("nowhere.test")', False),
        ('isResolvableEx("a.test")', True),
        ('dnsResolveEx("a.test")', "10.0.0.1;fd00::1"),
        ('dnsResolve("a.test")', "10.0.0.1"),
        ('dnsResolve("10.9.8.7")', "10.9.8.7"),
        ('dnsResolve("")', None),
        ('sortIpAddressList("10.2.3.9;2001:4898:28:3:201:2ff:feea:fc14;::1;127.0.0.1")',
         "::1;2001:4898:28:3:201:2ff:feea:fc14;10.2.3.9;127.0.0.1"),
        ("getClientVersion()", "1.0"),
        ("typeof performance", "undefined"),
        ("Date.length + Date.name", "7Date"),
        ("new Date(2009, 2, 3) instanceof Date", True),
        ("typeof Date()", "string"),
        ("wdays.SAT + months.DEC", 17),
    ],
)  # fmt: skip
def test_details(evaluate, engine, expression, expected):
    """Details that PAC files in the wild depend on."""
    dns = {"a.test": ["10.0.0.1", "fd00::1"]}
    assert json.loads(evaluate(engine, expression, None, dns).text) == {"value": expected}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("timeRange(1, 2, 3)", "bad number"),
        ('shExpMatch("a", undefined)', "not a string"),
        ("dnsDomainIs(null, 'a')", "TypeError"),
        ("dnsDomainLevels(-1)", "TypeError"),
        ("localHostOrDomainIs('a', 5)", "TypeError"),
        ("convert_addr(5)", "TypeError"),
        ("isValidIpAddress(Symbol())", "TypeError"),
    ],
)
def test_wrong_arguments_throw(evaluate, engine, expression, message):
    """Arguments that make Chromium's library throw make ours throw."""
    assert message in json.loads(evaluate(engine, expression).text)["thrown"]


def test_redefined_helper_is_used_by_the_others(make_script, engine):
    """A script that brings its own dnsResolve has isInNet use it, as in browsers."""
    script = make_script(
        "function dnsResolve(h) { return '1.2.3.4' }\n"
        "function FindProxyForURL(u, h) { return isInNet(h, '1.2.3.4', '255.255.255.255') ? 'PROXY a:1' : 'DIRECT' }",
        engine=engine,
    )
    assert script.find_proxy("http://x/", "x").text == "PROXY a:1"


OWN = {
    "function": "function findProxyForURL(u, h) { return 'PROXY mine:1' }",
    "variable": "var findProxyForURL = function () { return 'PROXY mine:1' };",
    "property": "this.findProxyForURL = function () { return 'PROXY mine:1' };",
}


@pytest.mark.parametrize("kind", OWN)
def test_any_name_is_free_for_the_script(make_script, engine, kind):
    """A function whose name an engine uses for itself is the script's own, call after call."""
    script = make_script(
        OWN[kind] + " function FindProxyForURL(u, h) { if (h === 'x') throw new Error('x');"
        " return h === 'y' ? FindProxyForURL(u, 'z') : findProxyForURL(u, h) }",
        engine=engine,
    )
    for _ in range(2):
        assert script.find_proxy("http://y/", "y").text == "PROXY mine:1"
        with pytest.raises(PacScriptError, match="Error: x"):
            script.find_proxy("http://x/", "x")


def test_own_function_of_an_engines_name_may_be_replaced(make_script, engine):
    """What a script does to such a function of its own while it runs holds for later calls."""
    script = make_script(
        "var n = 0; function findProxyForURL() { return 'PROXY n' + n++ + ':1' }"
        " function FindProxyForURL(u, h) { var said = findProxyForURL();"
        " findProxyForURL = function () { return 'PROXY new:1' }; return said }",
        engine=engine,
    )
    assert [script.find_proxy("http://x/", "x").text for _ in range(3)] == ["PROXY n0:1", "PROXY new:1", "PROXY new:1"]


# Asked of Chromium 156 by tests/oracle/chromium.py, a file for each name.
IN_THE_WAY = [
    *("dnsDomainIs", "dnsDomainLevels", "isValidIpAddress", "convert_addr", "isInNet", "isResolvable"),
    *(
        "isResolvableEx",
        "localHostOrDomainIs",
        "shExpMatch",
        "weekdayRange",
        "dateRange",
        "timeRange",
        "wdays",
        "months",
    ),
]


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_constant_of_a_helpers_name_does_not_load(make_script, engine, name):
    """A let, const or class at the top level cannot take the name of what is JavaScript in Chromium; a function can."""
    text = entry(f"return 'PROXY ' + (delete globalThis.{name}) + ':1'")
    with pytest.raises(PacScriptError, match=f"does not load: SyntaxError: .*({name}|name of a helper)"):
        make_script(f"const {name} = 1; {text}", engine=engine).load()
    script = make_script(f"function {name}() {{}} {text}", engine=engine)
    assert script.find_proxy("http://x/", "x").text == "PROXY false:1"


@pytest.mark.parametrize("name", ["alert", "myIpAddress", "dnsResolve", "dnsResolveEx", "myIpAddressEx", "console"])
def test_constant_may_have_the_name_of_a_native_helper(make_script, engine, name):
    """The names of what is not JavaScript in Chromium are free."""
    script = make_script(f"const {name} = 'own'; " + entry(f"return 'PROXY ' + {name} + ':1'"), engine=engine)
    assert script.find_proxy("http://x/", "x").text == "PROXY own:1"


@pytest.mark.parametrize("name", ["isPlainHostName", "isInNetEx", "findProxyForURL", "pacawareDispatch"])
def test_constants_that_pacparser_refuses(make_script, name):
    """The names that pacparser itself declares are taken: the error says what is wrong; quickjs-ng leaves them free."""
    text = f"const {name} = 'own'; " + entry(f"return 'PROXY ' + {name} + ':1'")
    with pytest.raises(PacScriptError, match="let, const or class at the top level"):
        make_script(text, engine="pacparser").load()
    assert make_script(text, engine="quickjs").find_proxy("http://x/", "x").text == "PROXY own:1"


def test_alerts_and_this_are_as_in_browsers(make_script, engine):
    """An alert throws for what has no string; FindProxyForURL is called on the global object, in strict mode too."""
    script = make_script(
        "'use strict'; function FindProxyForURL(u, h) {"
        " try { alert(Symbol()) } catch (e) { return 'PROXY ' + (this === globalThis) + ':1' } }",
        engine=engine,
    )
    assert script.find_proxy("http://x/", "x").text == "PROXY true:1"


def test_console_is_kept_as_alerts(make_script, engine):
    """console.log and alert both end up among the alerts."""
    script = make_script(
        "function FindProxyForURL(u, h) { console.log('x', 1); alert('y'); return 'DIRECT' }", engine=engine
    )
    assert script.find_proxy("http://x/", "x").alerts == ("x 1", "y")


@pytest.mark.parametrize("row", SCRIPTS, ids=lambda row: row.get("findproxy_returns") or row["script_kind"])
def test_whole_scripts(make_script, engine, row):
    """What a whole script answers, over several calls where it counts them."""
    kind = row.get("script_kind", "")
    if "getter" in kind:
        text = "Object.defineProperty(this, 'FindProxyForURL', {get: function () { throw 'crash!' }})"
    elif "counter" in kind:
        text = "var n = 0; function FindProxyForURL(u, h) { return 'PROXY sideffect_' + n++ }"
    elif "ends with" in kind:
        text = 'function FindProxyForURL(u, h) { return "PROXY success:" + x }\nx = 3'
    else:
        text = f"function FindProxyForURL(u, h) {{ return {row['findproxy_returns']} }}"
    script = make_script(text, engine=engine)
    if "error" in row:
        with pytest.raises(PacScriptError) as caught:
            script.find_proxy("http://x/", "x")
        assert row["message"].removesuffix(".") in str(caught.value)
        return
    expected = row.get("expected_sequence") or [row["expected"]]
    for one in expected:
        raw = script.find_proxy("http://x/", "x").text
        wanted = "" if one == ["DIRECT"] else f"PROXY {one[0][1]}" + (f":{one[0][2]}" if one[0][2] != 80 else "")
        assert raw == wanted


def test_gmt_dates_move_field_by_field(evaluate, engine):
    """Near the end of a month a GMT date is off by days, as in Chromium: 28 February in UTC, 1 March in India."""
    expression = "dateRange(30, 'SEP', 'GMT')"
    moment = dt.datetime(2026, 2, 28, 21, 40, 1, tzinfo=dt.UTC).timestamp()
    from pacaware._pac.evaluator import PacScript

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        script = PacScript(TEXT, engine=engine, now=moment, lookups=FixedLookups({}, ()))
        found = json.loads(script.find_proxy("http://a.test/", expression).text)
        script.close()
    assert found == {"value": False}
