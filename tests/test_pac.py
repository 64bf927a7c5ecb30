"""``pacaware.pac``: a PAC file tried by hand, in a world that the test makes up."""

from __future__ import annotations

import datetime as dt
import pickle
import time

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


@pytest.fixture(params=["quickjs", "pacparser"])
def engine(request):
    return request.param


def answer_of(expression, **world):
    """What an expression gives in a script for http://a.test/, as a string."""
    text = "function FindProxyForURL(url, host) { return '' + (" + expression + ") }"
    with PacEvaluator(text, **world) as pac:
        return pac.find_proxy("http://a.test/")


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
def test_errors_have_a_place(text, message, line, engine):
    """Errors carry the message of the engine and the line in the PAC file."""
    with PacEvaluator(text, {}, engine=engine) as pac:
        for _ in range(2):
            with pytest.raises(errors.PacScriptError, match=message) as caught:
                pac.find_proxy("http://a.test/")
            assert caught.value.line == line
            assert (caught.value.column is None) == (line is None)


def test_own_address_without_names_looks_names_up():
    """With my_ip alone only that is fixed."""
    with PacEvaluator(
        "function FindProxyForURL(u, h) { return myIpAddress() + dnsResolve(h) }", my_ip="10.0.0.9"
    ) as pac:
        assert pac.find_proxy("http://127.0.0.1/").raw == "10.0.0.9127.0.0.1"


@pytest.mark.parametrize(
    ("hosts", "expression", "raw", "lookups"),
    [
        ({"a.test": ["10.0.0.1"]}, "dnsResolve(host)", "10.0.0.1", {"a.test": "10.0.0.1"}),
        ({"A.TEST.": "10.0.0.1"}, "dnsResolve(host)", "10.0.0.1", {"a.test": "10.0.0.1"}),
        ({"a.test": ["FD00::1", "10.0.0.1"]}, "dnsResolve(host)", "10.0.0.1", {"a.test": "10.0.0.1"}),
        ({"a.test": ["fd00::1", "10.0.0.1"]}, "dnsResolveEx(host)", "fd00::1;10.0.0.1", {"a.test": "fd00::1;10.0.0.1"}),
        (
            {"a.test": ["fd00::1", "10.0.0.1"]},
            "dnsResolveEx(host) + dnsResolve(host)",
            "fd00::1;10.0.0.110.0.0.1",
            {"a.test": "fd00::1;10.0.0.1"},
        ),
        ({"a.test": []}, "dnsResolve(host)", "null", {"a.test": None}),
        ({}, "isResolvable(host) || isInNet(host, '0.0.0.0', '0.0.0.0')", "false", {"a.test": None}),
        ({}, "isResolvable('10.0.0.1')", "true", {}),
    ],
)
def test_lookups_with_their_answers(hosts, expression, raw, lookups):
    """Names resolve as the table says and not otherwise; the result tells each name with what the script was told."""
    result = answer_of(expression, hosts=hosts)
    assert (result.raw, result.lookups) == (raw, lookups)


@pytest.mark.parametrize(
    ("my_ip", "expression", "raw"),
    [
        (None, "myIpAddress()", "127.0.0.1"),
        (None, "myIpAddressEx()", ""),
        ("10.0.0.9", "myIpAddress() + ' ' + myIpAddressEx()", "10.0.0.9 10.0.0.9"),
        (["10.0.0.9", "fd00::9"], "myIpAddress() + ' ' + myIpAddressEx()", "10.0.0.9 10.0.0.9;fd00::9"),
    ],
)
def test_own_addresses(my_ip, expression, raw):
    """One address or several; without any, this machine's are not used where the hosts are given."""
    assert answer_of(expression, hosts={}, my_ip=my_ip).raw == raw


@pytest.mark.parametrize(
    ("now", "expression", "raw"),
    [
        (TUESDAY, "new Date().toISOString()", "2009-03-03T12:00:00.000Z"),
        (TUESDAY.astimezone(dt.timezone(dt.timedelta(hours=9))), "timeRange(12, 'GMT')", "true"),
        (dt.datetime(2009, 3, 3, 23, 59), "timeRange(23) && weekdayRange('TUE') && dateRange(3, 'MAR')", "true"),  # noqa: DTZ001
        (dt.datetime(2009, 3, 4, 0, 0), "timeRange(0) && weekdayRange('WED') && new Date().getHours()", "0"),  # noqa: DTZ001
    ],
)
def test_the_clock(now, expression, raw):
    """An aware time is that moment wherever it runs; a naive one is what the clock on the wall shows."""
    assert answer_of(expression, hosts={}, now=now).raw == raw


@pytest.mark.parametrize(
    ("world", "message"),
    [
        ({"hosts": {"a.test": ["b.test"]}}, "'a.test': 'b.test' is not an IPv4 or IPv6 address"),
        ({"hosts": {"a.test": "10.0.0"}}, "'a.test': '10.0.0' is not"),
        ({"my_ip": "me"}, "my_ip: 'me' is not"),
        ({"my_ip": ["10.0.0.1", ""]}, "my_ip: '10.0.0.1', '' is not"),
    ],
)
def test_what_is_no_address_is_refused(world, message):
    """A mistake in the made-up world is told at once, not taken for a name that does not resolve."""
    with pytest.raises(errors.ConfigError, match=message):
        PacEvaluator(TEXT, **world)


def test_unknown_engine():
    """The choices are named."""
    with PacEvaluator(TEXT, {}, engine="v8") as pac, pytest.raises(errors.ConfigError, match="'quickjs'"):
        pac.find_proxy("http://a.test/")


def test_what_is_no_url():
    """Only absolute URLs can be asked about."""
    with PacEvaluator(TEXT, {}) as pac, pytest.raises(errors.ConfigError, match="not an absolute URL"):
        pac.find_proxy("a.test")


def test_a_closed_evaluator_starts_again():
    """close() ends the process; the next question starts another one, with a fresh world for the script."""
    with PacEvaluator("var n = 0; function FindProxyForURL(u, h) { return 'PROXY p:' + ++n }", {}) as pac:
        assert [pac.find_proxy("http://a.test/").raw for _ in range(2)] == ["PROXY p:1", "PROXY p:2"]
        pac.close()
        pac.close()
        assert pac.find_proxy("http://a.test/").raw == "PROXY p:1"


def test_a_result_is_a_value():
    """Results compare by what was answered, not by how long it took; they can be hashed, copied and pickled."""
    first, second = (
        answer_of("'DIRECT' + isResolvable(host)", hosts={}),
        answer_of("'DIRECT' + isResolvable(host)", hosts={}),
    )
    assert first == second
    assert hash(first) == hash(second)
    assert pickle.loads(pickle.dumps(first)) == first
    assert 0 < first.seconds < 10
    with pytest.raises(AttributeError):
        first.raw = "other"


def test_an_endless_script_is_stopped():
    """A script that does not end is an error after 5 s, and the program goes on."""
    started = time.monotonic()
    with PacEvaluator("function FindProxyForURL(u, h) { for (;;); }", {}) as pac, pytest.raises(errors.PacTimeout):
        pac.find_proxy("http://a.test/")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("function FindProxyForURL(u, h) {\n  var a = 1;\n  return nosuch.foo;\n}", "nosuch is not defined", (3, 10)),
        ("// c\n\nfunction FindProxyForURL(u, h) {\n\n  return nosuch(h);\n}", "nosuch is not defined", (5, 10)),
        ("function FindProxyForURL(u, h) { throw new Error('x'); }", "Error: x", (1, 44)),
        ("function FindProxyForURL(u, h) {\n  f();\n}\nfunction f() {\n  null.x;\n}", "of null", (5, 3)),
        ("function FindProxyForURL(u, h) {\n  isPlainHostName(5);\n}", "Requires 1 string parameter", (2, 3)),
        ("function FindProxyForURL(u, h) {\n  return 'a' 'b';\n}", "SyntaxError", (2, 14)),
        ("var x;\nx.y.z;\nfunction FindProxyForURL(u, h) {}", "does not load", (2, 1)),
        ("\ufeff\r\nfunction FindProxyForURL(u, h) {\r\n  return nosuch;\r\n}", "nosuch", (3, 10)),
    ],
)
def test_where_an_error_is(text, message, place):
    """Line and column count from 1 in the text as it was given, whichever engines are installed beside quickjs-ng."""
    with PacEvaluator(text, {}) as pac, pytest.raises(errors.PacScriptError) as caught:
        pac.find_proxy("http://h.test/")
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place
    assert f"line {place[0]}, column {place[1]}" in str(caught.value)
