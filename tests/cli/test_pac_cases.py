"""The table of ``pacaware pac test``: its forms, and a clear line for each thing that can be wrong in it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._cli.pac.cases import Case, World, parse_cases, read_cases
from pacaware._models import ProxyList
from pacaware.errors import ConfigError

URL = "http://a.test/"
DIRECT = ProxyList.parse("DIRECT")


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ('"DIRECT"', "DIRECT"),
        ('["DIRECT"]', "DIRECT"),
        ('"proxy P.test"', "PROXY p.test:80"),
        ('"PROXY a:1; SOCKS5 b:2;"', "PROXY a:1; SOCKS5 b:2"),
        ('["PROXY a:1", "SOCKS5 b:2"]', "PROXY a:1; SOCKS5 b:2"),
        ('["PROXY a:1; SOCKS5 b:2", "DIRECT"]', "PROXY a:1; SOCKS5 b:2; DIRECT"),
    ],
)
@pytest.mark.parametrize(
    "form", ['"{url}" = {expect}', '"{url}" = {{ expect = {expect} }}', '[[cases]]\nurl = "{url}"\nexpect = {expect}']
)
def test_forms_of_a_case(form, expect, expected):
    """A key that is a URL with a list or a table, or an entry of cases; the list as a string or an array."""
    assert parse_cases(form.format(url=URL, expect=expect), "toml") == [Case(URL, ProxyList.parse(expected), World())]


def test_what_holds_for_the_file_and_for_a_case():
    """A case adds its hosts to those of the file, and replaces my_ip and now."""
    text = """
        now = 2026-03-01T12:00:00
        my_ip = "10.0.0.1"
        hosts = { "a.test" = "10.0.0.2", "b.test" = ["10.0.0.3", "FD00::1"] }
        "http://a.test/" = "DIRECT"
        [[cases]]
        name = "other"
        url = "http://b.test/"
        host = "c.test"
        expect = "DIRECT"
        now = "2026-03-02T12:00:00Z"
        my_ip = ["10.0.0.4", "fd00::2"]
        hosts = { "a.test" = [] }
    """
    b = ("b.test", ("10.0.0.3", "fd00::1"))
    sunday, monday = dt.datetime(2026, 3, 1, 12), dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # noqa: DTZ001 - local time
    assert parse_cases(text, "toml") == [
        Case("http://a.test/", DIRECT, World((("a.test", ("10.0.0.2",)), b), ("10.0.0.1",), sunday)),
        Case("http://b.test/", DIRECT, World((("a.test", ()), b), ("10.0.0.4", "fd00::2"), monday), "c.test", "other"),
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "top level must be a table"),
        (None, "top level must be a table"),
        ({}, "there is no case in it"),
        ({"cases": []}, "there is no case in it"),
        ({"cases": {}}, "cases must be an array"),
        ({"cases": ["http://a/"]}, "case 1 must be a table with url and expect"),
        ({"cases": [{"url": URL}]}, "case 1: expect is missing"),
        ({"cases": [{"url": "a.test", "expect": "DIRECT"}]}, "case 1: 'a.test' is not an absolute URL"),
        ({"cases": [{"url": URL, "expected": "DIRECT"}]}, "case 1: 'expected' is not one of expect, host"),
        ({"case": []}, "'case' is neither a URL nor one of"),
        ({"http://": "DIRECT"}, "is not an absolute URL"),
        ({URL: 5}, "expect must be a string such as"),
        ({URL: ["DIRECT", 5]}, "expect must be a string such as"),
        ({URL: ""}, "expect is empty"),
        ({URL: []}, "expect is empty"),
        ({URL: "PROXY"}, "'PROXY' cannot be expected"),
        ({URL: "DIRECT a:1"}, "'DIRECT a:1' cannot be expected: DIRECT takes no address"),
        ({URL: {"expect": "DIRECT", "host": 5}}, "host must be a string"),
        ({URL: {"expect": "DIRECT", "my_ip": "me"}}, "'http://a.test/': my_ip: 'me'"),
        ({URL: "DIRECT", "my_ip": 5}, "the top level: my_ip must be an address"),
        ({URL: "DIRECT", "hosts": []}, "hosts must be a table"),
        ({URL: "DIRECT", "hosts": {"a": ["b"]}}, "the host 'a': 'b'"),
        ({URL: "DIRECT", "hosts": {"a": 5}}, "the host 'a' must be an address"),
        ({URL: "DIRECT", "hosts": {"http://b/": "DIRECT"}}, "put URLs above [hosts]"),
        ({URL: "DIRECT", "now": "soon"}, "the top level: now: "),
        ({URL: "DIRECT", "now": 5}, "now must be a date and time"),
    ],
)
def test_wrong_tables(table, said):
    """Each mistake is named with the entry it is in."""
    with pytest.raises(ConfigError) as caught:
        parse_cases(json.dumps(table), "json")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("{", "json", "not valid JSON: "),
        ("[" * 100_000, "json", "not valid JSON: "),
        ("a = ", "toml", "not valid TOML: "),
        ('"http://a/" = "DIRECT"\n"http://a/" = "DIRECT"', "toml", "not valid TOML: "),
        ('{"http://a/?x=1": "DIRECT", "http://a/?x=1": "DIRECT"}', "json", "'http://a/?x=...' is there twice"),
        ('now = 12:00:00\n"http://a/" = "DIRECT"', "toml", "now must be a date and time"),
        ('now = 2026-03-01\n"http://a/" = "DIRECT"', "toml", "now must be a date and time"),
    ],
)
def test_wrong_texts(text, kind, said):
    """What is not of the format is refused; a URL that is there twice in JSON too."""
    with pytest.raises(ConfigError) as caught:
        parse_cases(text, kind)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("cases.txt", b"", "must be a .toml or a .json file"),
        ("cases.json", None, "No such file"),
        ("cases.toml", b"\xff", "are not UTF-8"),
        ("cases.toml", b"x = 1", "neither a URL"),
    ],
)
def test_wrong_files(tmp_path, name, body, said):
    """The line names the file."""
    path = tmp_path / name
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(ConfigError) as caught:
        read_cases(str(path))
    assert str(caught.value).startswith(f"the cases {path}")
    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    """Editors on Windows write one."""
    path = tmp_path / "cases.TOML"
    path.write_bytes(b'\xef\xbb\xbf"http://a.test/" = "DIRECT"')
    assert read_cases(str(path)) == [Case(URL, DIRECT, World())]


_keys = (
    st.sampled_from(["cases", "hosts", "my_ip", "now", "expect", "url", "host", "name", URL, "http://["]) | st.text()
)
_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["DIRECT", "10.0.0.1", URL])
)
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(_keys, _values, max_size=5).map(json.dumps) | st.text(), st.sampled_from(["json", "toml"]))
def test_any_text_is_a_table_or_a_clear_error(text, kind):
    """No text makes the reader fail with anything but ConfigError; what it accepts has cases, each with a list."""
    cases = None
    with contextlib.suppress(ConfigError):
        cases = parse_cases(text, kind)
    assert cases is None or (cases and all(case.expect for case in cases))
