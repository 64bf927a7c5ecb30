"""The string that FindProxyForURL returned."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.pac_result import MAX_ENTRIES, MAX_LENGTH, parse_pac_result
from pacaware._models import DIRECT, ProxyList
from tests.data import rows

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well


# Chromium drops proxies of other schemes from a list in one place ("keep_only_scheme"): nothing that we do.
@pytest.mark.parametrize(
    "row", [row for row in rows("pac_string") if row.get("op") != "keep_only_scheme"], ids=lambda row: row["pac_result"]
)
def test_lists_of_the_browsers(row):
    """Types, ports and order are Chromium's; of nothing usable Chromium's list makes DIRECT, which is not said here."""
    result = parse_pac_result(row["pac_result"])
    if row["expected"] in (None, ["DIRECT"]) and result.notes:
        assert result.proxies is None
        assert list(ProxyList.parse(row["pac_result"])) == [DIRECT]
        return
    shown = [item.pac_text if item is DIRECT else [item.scheme, item.host, item.port] for item in result.proxies]
    assert (shown, result.notes) == (row["expected"], ())


@pytest.mark.parametrize("raw", ["", "  ", ";", " ;\t; "])
def test_an_empty_string_means_direct(raw):
    """A string without any entry is DIRECT, as in browsers."""
    assert parse_pac_result(raw) == (ProxyList([DIRECT]), ())


@pytest.mark.parametrize(
    ("raw", "proxies", "note"),
    [
        ("PROXY a:1; FTP b", "PROXY a:1", "'FTP b' is not usable: unknown type 'FTP'"),
        ("HTTP a:1; DIRECT x", "PROXY a:1", "'DIRECT x' is not usable: DIRECT takes no address"),
        ("PROXY a:1; PROXY b:99999", "PROXY a:1", "'PROXY b:99999' is not usable: 'b:99999' is not a proxy"),
        ("nonsense", None, "'nonsense' is not usable"),
        ("PROXY", None, "'PROXY' is not usable"),
        ("PROXY a:1\n", None, "not usable"),
        ("PROXY プロキシ:80", None, "outside ASCII"),
        ("PROXY a:1;" + " " * MAX_LENGTH, None, "65546 characters, more than 65536"),
        ("DIRECT;" * (MAX_ENTRIES + 1), None, "more than 1000 entries"),
    ],
)
def test_what_is_not_usable(raw, proxies, note):
    """Unusable entries are dropped with a note; proxies is None where nothing is left or the whole is no list."""
    result = parse_pac_result(raw)
    assert (None if result.proxies is None else str(result.proxies)) == proxies
    assert len(result.notes) == 1
    assert note in result.notes[0]


def test_as_many_entries_as_allowed():
    """A list of the greatest length is read."""
    result = parse_pac_result("; ".join(["PROXY a:1"] * MAX_ENTRIES))
    assert result.proxies is not None
    assert len(result.proxies) == MAX_ENTRIES


def test_notes_are_few_and_short():
    """A script gone wrong does not flood the log."""
    result = parse_pac_result("; ".join(["PROXY " + "x" * 500 + ":y"] * 100))
    assert len(result.notes) == 21
    assert result.notes[-1] == "80 more entries are not usable"
    assert max(map(len, result.notes)) < 310


@pytest.mark.parametrize(
    ("raw", "proxies"),
    [
        ("PROXY p :80", "PROXY p:80"),
        ("PROXY ::1:80", "PROXY [::1]:80"),
        ("SOCKS5 fd00::1 :1080", "SOCKS5 [fd00::1]:1080"),
        ("PROXY p:000080", "PROXY p:80"),
    ],
)
def test_loosely_written_servers_are_taken_as_browsers_do(raw, proxies):
    """A blank before the colon, an IPv6 address without brackets, zeros before a port: all as in Chromium."""
    assert str(parse_pac_result(raw).proxies) == proxies
    assert parse_pac_result(raw).notes == ()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("PROXY user:top@secret@h:1", "'PROXY ...@h:1'"),
        ("user:top@secret@h:1", "'...@h:1'"),
        ("PROXY @h", "'PROXY ..."),
        ("PROXY user:top;secret@h:1", "'PROXY ...' is not usable: perhaps half a user and password"),
        ("user:top;secret@h:1", "'...' is not usable: perhaps half a user and password"),
    ],
)
def test_notes_keep_passwords_to_themselves(raw, shown):
    """Credentials in a PAC result are refused, and not shown."""
    result = parse_pac_result(raw)
    assert result.proxies is None
    assert shown in result.notes[0]
    assert "top" not in result.notes[0]
    assert "secret" not in result.notes[0]


@settings(deadline=None)
@given(
    st.one_of(
        ANY_TEXT, st.from_regex(r"((PROXY|SOCKS5?|DIRECT|HTTPS|X) ?[a-z:1.\[\]@]{0,6} ?; ?){0,5}", fullmatch=True)
    )
)
def test_any_text_is_an_answer(raw):
    """No text crashes the parser; a list that was read is written so that it reads the same."""
    result = parse_pac_result(raw)
    assert result.proxies is not None or result.notes
    if result.proxies is not None:
        assert parse_pac_result(str(result.proxies)) == (result.proxies, ())
