"""Manual proxy strings: WinINet's and Chromium's reading."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.bypass import BypassRules
from pacaware._core.proxy_rules import ProxyRules
from pacaware._core.selection import manual_candidates
from pacaware._core.target import parse_target
from pacaware._models import DIRECT, ProxyServer
from pacaware.errors import ConfigError
from tests.data import rows

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well

CHROMIUM = rows("proxy_rules")


def plain(candidates):
    return [item if item is DIRECT else [item.scheme, item.host, item.port] for item in candidates]


def expected(candidates):
    return [DIRECT if item == "DIRECT" else item for item in candidates or ()]


@pytest.mark.parametrize("row", [row for row in CHROMIUM if "type" in row], ids=lambda row: row["rules"])
def test_how_chromium_reads_them(row):
    """Lists by commas, entries by semicolons; a first bare entry is for all, later ones are not counted."""
    rules = ProxyRules.parse(row["rules"], "chromium")
    if row["type"] == "single":
        assert plain(rules.candidates("http")) == expected(row["single"])
        assert plain(rules.candidates("gopher")) == expected(row["single"])
        return
    lists = dict(rules.entries)
    for key, name in (("http", "http"), ("https", "https"), ("ftp", "ftp"), ("socks", "fallback")):
        assert plain(lists.get(key, ())) == expected(row[name])


@pytest.mark.parametrize(
    ("row", "dialect"), [(row, dialect) for row in CHROMIUM if "url" in row for dialect in ("chromium", "windows")]
)
def test_which_proxy_a_url_gets(row, dialect):
    """A scheme without an entry uses SOCKS, else nothing; ws and wss use SOCKS, https, http in this order."""
    rules = ProxyRules.parse(row["rules"], dialect)
    bypass = BypassRules.parse(row.get("bypass", ""), "chromium")
    assert plain(manual_candidates(rules, bypass, parse_target(row["url"])).proxies) == expected(row["result"])


@pytest.mark.parametrize("row", rows("windows_proxy_string"), ids=lambda row: row["proxy_server"])
def test_how_windows_reads_them(row):
    """Blanks separate as semicolons do, keys have no case, a bare entry serves whatever is not named."""
    rules = ProxyRules.parse(row["proxy_server"])
    for scheme in ("http", "https", "ftp"):
        # An FTP proxy ("ftp://") is nothing that this project speaks to.
        if not row[scheme].startswith("ftp:"):
            assert [str(item) for item in rules.candidates(scheme)] == [row[scheme]]
    assert [str(item) for item in dict(rules.entries).get("socks", ())] == [row["socks"]] * bool(row["socks"])


@pytest.mark.parametrize(
    ("text", "scheme", "result"),
    [
        ("http=a:1", "https", []),
        ("http=a:1", "gopher", []),
        ("a:1", "wss", ["http://a:1"]),
        ("http=a:1 b:2", "https", ["http://b:2"]),
        ("b:2;http=a:1", "http", ["http://a:1"]),
        ("socks=s b:2", "https", ["http://b:2"]),
        ("http = a:1 ; https = b:2", "https", ["http://b:2"]),
        ("a:1, b:2", "http", ["http://a:1", "http://b:2"]),
        ("http=a:1;http=b:2", "http", ["http://a:1"]),
        ("http=bad:x;http=b:2", "http", ["http://b:2"]),
        ("http://proxy:8080/", "http", ["http://proxy:8080"]),
        ("socks=socks5://s", "ftp", ["socks5://s:1080"]),
        ("http=direct://;b:2", "http", ["DIRECT"]),
    ],
)
def test_windows_settings(text, scheme, result):
    """The first usable entry for a scheme counts, then the bare one, then SOCKS."""
    found = ProxyRules.parse(text).candidates(scheme)
    assert [item.pac_text if item is DIRECT else str(item) for item in found] == result


@pytest.mark.parametrize(
    ("dialect", "text", "dropped"),
    [
        ("windows", "a:1;b:2", [("b:2", "an entry before it is for the same scheme")]),
        ("windows", "a:1;gopher=b:2", [("gopher=b:2", "'gopher' is not one of http, https, ftp, socks")]),
        ("chromium", "a:1;http=b:2", [("http=b:2", "the first entry is for all schemes")]),
        ("chromium", "http=b:2;a:1", [("a:1", "it names no scheme, unlike the entries before it")]),
        ("windows", "a:1,b:x,,c:3", [("b:x", "'b:x' is not a proxy: 'x' is not a port (1 to 65535)")]),
    ],
)
def test_what_is_dropped(dialect, text, dropped):
    """Entries that cannot be used are noted with the reason; the others stand."""
    rules = ProxyRules.parse(text, dialect)
    assert list(rules.dropped) == dropped
    assert rules.entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (" ; ", "it is empty"),
        ("proxy:80x", "'80x' is not a port"),
        ("ftp://p:21", "scheme must be"),
        ("gopher=p:1", "not one of"),
        ("http=", "names no usable proxy"),
        ("ｐroxy：8080", "not a proxy"),
        ("http://p:8080/path", "not a port"),
    ],
)
def test_nothing_usable(text, said):
    """A setting without any usable proxy is an error that shows its text and the reason."""
    with pytest.raises(ConfigError, match=said) as caught:
        ProxyRules.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["http://u:top;secret@p:1", "http=http://u:top secret@p:1", "u:top=secret@p:1"])
def test_errors_keep_passwords_to_themselves(text):
    """A setting that was given with a password is refused without showing a piece of it."""
    with pytest.raises(ConfigError, match="must not contain a user or password") as caught:
        ProxyRules.parse(text)
    assert "top" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unknown_dialect():
    """A misspelt dialect is an error that lists the right ones."""
    with pytest.raises(ConfigError, match="'wininet' is no dialect"):
        ProxyRules.parse("p", "wininet")


def test_a_value():
    """Rules compare by what they name and survive copying and pickling."""
    rules = ProxyRules.parse("P;http=direct://")
    assert rules == ProxyRules.parse("http=direct:// p:80 q:1")
    assert pickle.loads(pickle.dumps(rules)) == copy.deepcopy(rules) == rules
    assert str(rules) == "http=direct://;http://p:80"
    assert rules.candidates("https") == (ProxyServer("http", "p", 80),)


ENTRY = st.builds(
    "{}{}".format,
    st.sampled_from(["", "http=", "HTTPS=", "socks=", "ftp=", "x="]),
    st.lists(st.sampled_from(["a", "b:8080", "https://c", "direct://", "socks5://[::1]:1", "d:x", ""]), max_size=3).map(
        ",".join
    ),
)


@settings(deadline=None)
@given(st.one_of(ANY_TEXT, st.lists(ENTRY).map(";".join)), st.sampled_from(["windows", "chromium"]))
def test_any_text_parses_or_is_refused(text, dialect):
    """No text crashes the parser; the canonical text means the same and nothing in it is dropped."""
    try:
        rules = ProxyRules.parse(text, dialect)
    except ConfigError:
        return
    again = ProxyRules.parse(str(rules), dialect)
    assert (again, again.dropped) == (rules, ())
