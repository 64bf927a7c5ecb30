"""Bypass lists: who goes direct, and which rule said so."""

from __future__ import annotations

import pickle
import re
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.bypass import IMPLICIT, REVERSED, BypassRules
from pacaware._core.glob import Glob
from pacaware._core.target import parse_target
from pacaware.errors import ConfigError
from tests.data import rows

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well

DIALECTS = ("windows", "chromium", "no_proxy", "gnome", "kde", "macos")
# Lists of which no entry can be told from the others by its beginning or end.
CROWDS = {
    "middles": "*host{}*.corp.example",
    "both ends": "www.*host{}*.example",
    "no ends": "*host{}x*",
    "optional characters": "*host{}?.corp.example",
    "ports": "*.corp.example:{}",
}
ENTRIES = st.one_of(
    st.sampled_from(["<local>", "<-loopback>", "<Local>", "localhost", "10.0.0.0/8", "a:b::/48", "[::1]:80", "*"]),
    st.from_regex(r"(http://)?[.*?]?[ab1.*?]{1,6}(:8[01]?)?", fullmatch=True),
    st.from_regex(r"(10|127)\.[0-9.*]{1,8}(/[0-9]{1,3})?", fullmatch=True),
)
TARGETS = st.builds(
    "{}://{}{}/".format,
    st.sampled_from(["http", "https"]),
    st.one_of(
        st.text("ab1.", min_size=1, max_size=6),
        st.sampled_from(
            ["localhost", "x.localhost", "127.0.0.1", "10.1.1.1", "[::1]", "[a:b::1]", "[::ffff:10.1.1.1]"]
        ),
    ),
    st.sampled_from(["", ":80", ":81"]),
)


# Left out of the table, since no dialect of ours means them so: address ranges of Firefox on Windows, where WinINet
# compares addresses as text, and "*.mozilla.org" for mozilla.org itself (Firefox on macOS).
@pytest.mark.parametrize(
    ("row", "dialect"), [(row, dialect) for row in rows("bypass_rules") for dialect in row["dialects"]]
)
def test_rules_of_the_browsers(row, dialect):
    """Each list sends the URL where the browser that it is written for sends it."""
    windows = {"windows": True, "not-windows": False}.get(row.get("platform"))
    rules = BypassRules.parse(row["rules"], dialect, reverse=row.get("reverse", False), loopback_name=windows)
    if row.get("mode") == "pac":
        assert (rules.implicit_match(parse_target(row["url"])) is not None) is row["bypass"]
    else:
        assert rules.matches(row["url"]) is row["bypass"]


@pytest.mark.parametrize("row", rows("windows_bypass"), ids=lambda row: f"{row['proxy_override']} {row['url']}")
def test_rules_of_windows(row):
    """ProxyOverride means what WinINet's documents say."""
    assert BypassRules.parse(row["proxy_override"]).matches(row["url"]) is row["bypass"]


@pytest.mark.parametrize("row", rows("bypass_parse"))
def test_how_browsers_read_rules(row):
    """Rules are counted, canonical and compared as in the browsers' own tests."""
    dialect = {"chromium": "chromium", "chromium-suffix": "no_proxy"}[row["dialect"]]
    rules = BypassRules.parse(row.get("rules", row.get("rule")), dialect)
    expected = {
        "valid": bool(rules.rules),
        "rule_count": len(rules.rules),
        "canonical": rules.rules[row["index"]] if "index" in row else None,
        "equal": rules == BypassRules.parse(row["equals"], dialect) if "equals" in row else None,
    }
    checked = {name: value for name, value in expected.items() if name in row}
    assert checked
    assert checked == {name: row[name] for name in checked}


@pytest.mark.parametrize(
    ("text", "url", "bypass"),
    [
        ("<-loopback>;localhost", "http://localhost/", True),
        ("localhost;<-loopback>", "http://localhost/", False),
        ("<local>;<-loopback>", "http://localhost/", False),
        ("<-loopback>;<local>", "http://localhost/", True),
        ("<-loopback>;<local>", "http://127.0.0.1/", False),
        ("<local>", "http://intranet./", False),
        ("*.x.test", "http://x.test/", False),
        ("x.test", "http://a.x.test/", False),
        ("012.1.2.3", "http://10.1.2.3/", False),
        ("[*:f8b0:4005:80a::200e]", "http://[2607:f8b0:4005:80a::200e]/", True),
        ("*.例え.jp", "http://www.例え.jp/", True),
        ("例え.jp", "http://例え.jp/", True),
        ("ftp://*", "http://a.test/", False),
        ("*:8080", "http://a.test:8080/", True),
        ("*:8080", "http://a.test/", False),
        ("a.test, b.test", "http://b.test/", True),
    ],
)
def test_windows_lists(text, url, bypass):
    """The later rule wins, addresses are text, "*" crosses dots, and a scheme or port restricts."""
    assert BypassRules.parse(text).matches(url) is bypass


@pytest.mark.parametrize(
    ("dialect", "text", "url", "bypass"),
    [
        ("no_proxy", "corp.test", "http://a.corp.test/", True),
        ("no_proxy", "corp.test", "http://xcorp.test/", True),
        ("no_proxy", ".corp.test", "http://corp.test/", False),
        ("no_proxy", ".例え.jp", "http://a.例え.jp/", True),
        ("no_proxy", "*", "http://any.test/", True),
        ("no_proxy", "2001:db8::1", "http://[2001:DB8:0::1]/", True),
        ("no_proxy", "[2001:db8::1]:81", "http://[2001:db8::1]/", False),
        ("no_proxy", "10.0.0.0/8 a.test", "http://10.2.3.4/", True),
        ("no_proxy", "10.0.0.0/8", "http://[::ffff:10.2.3.4]/", True),
        ("no_proxy", "0.0.0.0/0", "http://[2001:db8::1]/", False),
        ("no_proxy", "http://10.0.0.0/8", "https://10.2.3.4/", False),
        ("gnome", "::1,10.0.0.0/8", "http://10.2.3.4/", True),
        ("macos", "*.local, 169.254/16, 192.168/16", "http://192.168.7.7/", True),
        ("macos", "10/8", "http://11.0.0.1/", False),
        ("chromium", r"\a.t?est", "http://a.test/", True),
        ("chromium", "a?.test", "http://abc.test/", False),
        ("kde", "corp.test", "https://www.corp.test/", True),
    ],
)
def test_other_lists(dialect, text, url, bypass):
    """NO_PROXY and KDE take names as suffixes; ranges, IPv6 and ports work; Macs shorten their ranges."""
    assert BypassRules.parse(text, dialect).matches(url) is bypass


@pytest.mark.parametrize(
    ("dialect", "entry", "said"),
    [
        ("windows", "10.0.0.0/8", r'"10\.\*"'),
        ("windows", "a.test/", "no paths"),
        ("windows", ".corp.test", r'write "\*\.corp\.test"'),
        ("windows", "a?.test", "no wildcard"),
        ("windows", "a\\b", "no host contains"),
        ("windows", "\u3000a.test", "not a host name|not a valid"),
        ("windows", "*例え.jp", "international label"),
        ("windows", "１.*", "not a host name"),
        ("windows", "http://<local>", "no host contains"),
        ("windows", "a.test:", "not a port"),
        ("windows", "a.test:0", "not a port"),
        ("windows", "a.test:+80", "not a port"),
        ("windows", "://a.test", "not a scheme"),
        ("windows", "ht*p://a.test", "not a scheme"),
        ("windows", "http://", "names no host"),
        ("no_proxy", "http://", "names no host"),
        ("no_proxy", ":80", "names no host"),
        ("kde", "https://:443", "names no host"),
        ("windows", "[::g]", "no host contains"),
        ("no_proxy", "[a:b::]/48", "no brackets"),
        ("no_proxy", "10.0.0.0/33", "length of a prefix"),
        ("no_proxy", "10.0.0.0/8:80", "takes no port"),
        ("no_proxy", "a:b::/129", "length of a prefix"),
        ("no_proxy", "a.test/path", "neither a host"),
        ("chromium", "169.254/16", "neither a host"),
        ("chromium", "a b", "no host contains"),
        ("chromium", r"a\*", "no host contains"),
    ],
)
def test_broken_entries(dialect, entry, said):
    """A broken entry is dropped with the reason; the others keep their meaning and nothing else goes direct."""
    separator = "," if dialect != "windows" else ";"
    rules = BypassRules.parse(f"ok.test{separator}{entry}", dialect)
    ((dropped, reason),) = rules.dropped
    assert dropped == entry
    assert re.search(said, reason)
    assert len(rules.rules) == 1
    assert rules.matches("http://ok.test/")
    assert not rules.matches("http://elsewhere.test/")


@pytest.mark.parametrize(
    ("text", "reverse", "url", "expected"),
    [
        ("a.test;*.TEST", False, "http://a.test/", "*.test"),
        ("*.test;a.test", False, "http://a.test/", "a.test"),
        ("http://a.test:80;*b*", False, "http://a.test/", "http://a.test:80"),
        ("", False, "http://a.test/", None),
        ("", False, "http://x.localhost./", IMPLICIT + "localhost"),
        ("", False, "http://loopback/", IMPLICIT + "loopback"),
        ("", False, "http://127.1/", IMPLICIT + "127.0.0.0/8"),
        ("", False, "http://[::1]/", IMPLICIT + "::1"),
        ("", False, "http://169.254.1.1/", IMPLICIT + "169.254.0.0/16"),
        ("", False, "http://[febf::1]/", IMPLICIT + "fe80::/10"),
        ("<-loopback>", False, "http://127.1/", None),
        ("a.test", True, "http://a.test/", None),
        ("a.test", True, "http://b.test/", REVERSED),
        ("a.test", True, "http://127.1/", IMPLICIT + "127.0.0.0/8"),
        ("<-loopback>", True, "http://127.1/", "<-loopback>"),
    ],
)
def test_the_rule_that_decided(text, reverse, url, expected):
    """A match names its rule, the last one that covers the target; implicit rules are asked last, never reversed."""
    assert BypassRules.parse(text, reverse=reverse).match(parse_target(url)) == expected


def test_implicit_rules_alone():
    """Answers of PAC files meet the implicit rules only, and none after a <-loopback> anywhere."""
    local, other = parse_target("http://localhost/"), parse_target("http://a.test/")
    rules = BypassRules.parse("a.test")
    assert (rules.implicit_match(local), rules.implicit_match(other)) == (IMPLICIT + "localhost", None)
    assert BypassRules.parse("<-loopback>;localhost").implicit_match(local) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_name_loopback(dialect):
    """The host name loopback is this machine on Windows, and elsewhere if asked for."""
    assert BypassRules.parse("", dialect).matches("http://loopback/") is (dialect == "windows")
    assert BypassRules.parse("", dialect, loopback_name=True).matches("http://loopback./")


def test_what_is_no_url_matches_nothing():
    """matches() is False for what is no URL, whatever the list."""
    assert not BypassRules.parse("*").matches("not a URL")


def test_an_unknown_dialect():
    """A misspelt dialect is an error that lists the right ones."""
    with pytest.raises(ConfigError, match=r"'gnome3' is no dialect.*windows, chromium, no_proxy"):
        BypassRules.parse("", "gnome3")


def test_a_value():
    """Rules are immutable, hashable, and equal when they mean the same; pickles keep all."""
    rules = BypassRules.parse("A.test;.bad;<LOCAL>", reverse=True)
    with pytest.raises(FrozenInstanceError):
        rules.reverse = False
    assert rules == BypassRules.parse("a.test <local>", reverse=True)
    assert rules != BypassRules.parse("a.test <local>")
    assert len({rules, BypassRules.parse("a.test;<local>", reverse=True)}) == 1
    copy = pickle.loads(pickle.dumps(rules))
    assert (copy, copy.dropped, copy.dialect) == (rules, rules.dropped, "windows")
    assert str(rules) == "a.test;<local>"
    assert "a.test" in repr(rules)


@settings(deadline=None)
@given(st.one_of(ANY_TEXT, st.lists(ENTRIES).map(";".join)), st.sampled_from(DIALECTS))
def test_any_text_is_a_list(text, dialect):
    """No text crashes the parser; the canonical text means the same and nothing in it is dropped."""
    rules = BypassRules.parse(text, dialect)
    again = BypassRules.parse(str(rules), dialect)
    assert (again, again.dropped) == (rules, ())


@settings(deadline=None)
@given(st.lists(ENTRIES, max_size=12), TARGETS, st.sampled_from(DIALECTS))
def test_the_index_answers_as_the_rules_one_by_one(entries, url, dialect):
    """However the rules are filed, the last one that covers the target decides."""
    rules = BypassRules.parse(";".join(entries), dialect)
    try:
        target = parse_target(url)
    except ConfigError:
        assert not rules.matches(url)
        return
    expected = implicit = BypassRules.parse("", dialect).match(target)
    for text in rules.rules:
        if text == "<-loopback>":
            expected = None if implicit else expected
        elif (decided := BypassRules((text,), dialect).match(target)) == text:
            expected = decided
    assert rules.match(target) == expected


@pytest.mark.parametrize("pattern", CROWDS.values(), ids=CROWDS)
def test_few_of_thousands_of_rules_are_tried(pattern, monkeypatch):
    """However alike 5,000 rules are, a host is compared with a handful of them, and the right one is found."""
    rules = BypassRules.parse(";".join(map(pattern.format, range(1, 5001))), "chromium")
    tried, matches = [], Glob.matches
    monkeypatch.setattr(Glob, "matches", lambda glob, text: tried.append(glob) or matches(glob, text))
    assert not rules.matches("http://www.portal.corp.example:9999/")
    assert rules.matches("http://www.host4321x.corp.example:4321/")
    assert len(tried) < 50


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["*abc*", "*bcd*", "*a*", "*b?c*", "http://*cab*:81", "*"])), st.text("abcd", min_size=1)
)
def test_patterns_without_a_literal_end(entries, host):
    """Patterns filed by characters of their middle, or not at all, obey the same order."""
    rules = BypassRules.parse(";".join(entries), "chromium")
    target = parse_target(f"http://{host}.test/")
    single = [text for text in rules.rules if BypassRules((text,), "chromium").match(target)]
    assert rules.match(target) == (single[-1] if single else None)
