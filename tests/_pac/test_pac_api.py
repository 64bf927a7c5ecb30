"""pacaware.pac: trying a PAC file by hand, and what a script's answer depends on."""

from __future__ import annotations

import datetime as dt

import pytest

from pacaware import errors
from pacaware._models import ProxyList
from pacaware.pac import PacEvaluator, PacResult

TEXT = """
function FindProxyForURL(url, host) {
  alert("asked for " + url);
  if (isInNet(host, "10.0.0.0", "255.0.0.0")) return "DIRECT";
  if (myIpAddress() == "10.0.0.9" && weekdayRange("TUE")) return "PROXY a:1; FOO b:2; SOCKS5 c";
  return "";
}
"""
TUESDAY = dt.datetime(2009, 3, 3, 12, tzinfo=dt.UTC)


def test_names_address_and_clock_are_given(engine):
    """Everything an answer depends on can be fixed, and the answer tells what it used."""
    with PacEvaluator(TEXT, hosts={"a.test": ["10.0.0.1"]}, my_ip="10.0.0.9", now=TUESDAY, engine=engine) as pac:
        assert pac.find_proxy("https://user:pw@A.test/path?q#f") == PacResult(
            "DIRECT", ProxyList.parse("DIRECT"), (), ("asked for https://a.test/",), {"a.test": "10.0.0.1"}
        )
        result = pac.find_proxy("http://other.test/path?q#f")
    assert result.raw == "PROXY a:1; FOO b:2; SOCKS5 c"
    assert str(result.proxies) == "PROXY a:1; SOCKS5 c:1080"
    assert len(result.notes) == 1
    assert "FOO" in result.notes[0]
    assert result.alerts == ("asked for http://other.test/path?q",)
    assert result.lookups == {"other.test": None, "myIpAddress()": "10.0.0.9"}


def test_other_moment_other_answer():
    """A naive datetime is local time; an empty answer means DIRECT."""
    with PacEvaluator(TEXT, hosts={}, my_ip="10.0.0.9", now=dt.datetime(2009, 3, 4, 12)) as pac:  # noqa: DTZ001
        result = pac.find_proxy("http://other.test/")
    assert (result.raw, str(result.proxies)) == ("", "DIRECT")


def test_host_may_be_given():
    """The second argument can be other than the URL's host, as in tests of a PAC file."""
    with PacEvaluator("function FindProxyForURL(u, h) { return 'PROXY ' + h + ':1' }", {}) as pac:
        assert pac.find_proxy("http://[::1]:80/").raw == "PROXY ::1:1"
        assert pac.find_proxy("http://a.test/", host="b.test").raw == "PROXY b.test:1"


def test_unusable_answer_is_told_not_judged():
    """A string with nothing usable in it gives no list: what then is the resolver's decision."""
    with PacEvaluator("function FindProxyForURL(u, h) { return 'nonsense' }", {}) as pac:
        result = pac.find_proxy("http://a.test/")
    assert (result.raw, result.proxies) == ("nonsense", None)
    assert result.notes


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("var a;\nfunction FindProxyForURL(u, h) {\n  return 'x' ++ ;\n}", "does not load: SyntaxError", 3),
        ("function FindProxyForURL(u, h) {\n\n  null.x;\n}", "TypeError", 3),
        ("\n\nthrow new Error('no')", "does not load: Error: no", 3),
        ("function FindProxyForURL(u, h) { throw 'plain' }", "plain", None),
        ("function FindProxyForURL(u, h) { return 5 }", "did not return a string, but a number", None),
        ("function findproxyforurl(u, h) {}", "FindProxyForURL is undefined or not a function", None),
    ],
)
def test_errors_have_a_place(text, message, line):
    """Errors carry the message of the engine and the line in the PAC file."""
    with PacEvaluator(text, {}) as pac:
        for _ in range(2):
            with pytest.raises(errors.PacScriptError, match=message) as caught:
                pac.find_proxy("http://a.test/")
            assert caught.value.line == line
            assert (caught.value.column is None) == (line is None)


@pytest.mark.parametrize(
    ("body", "clock", "random"),
    [
        ("return 'DIRECT'", False, False),
        ("return 'p' + new Date()", True, False),
        ("return 'p' + Date()", True, False),
        ("return 'p' + Date.now()", True, False),
        ("return 'p' + new Date(2009, 1, 1).getDay() + Date.UTC(2009)", False, False),
        ("return 'p' + weekdayRange('MON')", True, False),
        ("return 'p' + dateRange(1)", True, False),
        ("return 'p' + timeRange(1)", True, False),
        ("return 'p' + new (new Date(0)).constructor()", True, False),
        ("return 'p' + Math.random()", False, True),
    ],
)
def test_use_of_clock_and_chance_is_reported(make_script, engine, body, clock, random):
    """Whoever keeps answers learns that this one depends on more than the URL."""
    script = make_script(f"function FindProxyForURL(u, h) {{ {body} }}", engine=engine)
    answer = script.find_proxy("http://x/", "x")
    assert (answer.uses_clock, answer.uses_random, answer.dns_valid_for) == (clock, random, None)


def test_use_of_the_clock_while_loading_counts(make_script, engine):
    """A script that reads the clock at its top level gives answers that depend on it."""
    script = make_script("var d = new Date(); function FindProxyForURL(u, h) { return 'DIRECT' }", engine=engine)
    assert script.find_proxy("http://x/", "x").uses_clock


@pytest.mark.parametrize(("dialect", "expected"), [("chromium", "PROXY plain:1"), ("windows", "PROXY ex:1")])
def test_dialect_decides_on_the_entry_point(make_script, engine, dialect, expected):
    """FindProxyForURLEx is preferred in the dialect of Windows alone."""
    text = (
        "function FindProxyForURL(u, h) { return 'PROXY plain:1' }"
        "function FindProxyForURLEx(u, h) { return 'PROXY ex:1' }"
    )
    assert make_script(text, engine=engine, dialect=dialect).find_proxy("http://x/", "x").text == expected


def test_unknown_dialect(make_script):
    """A dialect that does not exist is refused when the script is made."""
    with pytest.raises(errors.ConfigError, match="'firefox'"):
        make_script("", dialect="firefox")


def test_own_address_without_names_looks_names_up():
    """With my_ip alone only that is fixed."""
    with PacEvaluator(
        "function FindProxyForURL(u, h) { return myIpAddress() + dnsResolve(h) }", my_ip="10.0.0.9"
    ) as pac:
        assert pac.find_proxy("http://127.0.0.1/").raw == "10.0.0.9127.0.0.1"
