"""Hosts, ports and userinfo as URLs write them."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pacaware._hosts import canonical_host, host_for_url, is_address, split_host_port, split_userinfo

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well
LIKE_A_HOST = st.text(st.sampled_from("aB9xX0.:[]-_%@/;é。１ß "), max_size=24)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Proxy.Corp", "proxy.corp"),
        ("proxy.corp.", "proxy.corp."),
        ("under_score-1", "under_score-1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("0xA.020.3.4", "10.16.3.4"),
        ("1.2.3", "1.2.0.3"),
        ("4294967295", "255.255.255.255"),
        ("0x", "0.0.0.0"),
        ("1.2.3.4.", "1.2.3.4"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("[::192.9.5.5]", "::c009:505"),
        ("[::ffff:192.0.2.1]", "::ffff:c000:201"),
    ],
)
def test_one_text_for_each_host(text, canonical):
    """Whatever way a host is written, it has one text: lower case, punycode, dotted IPv4, short IPv6."""
    assert canonical_host(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", ".a", "a..b", "a b", "a/b", "a%41", "a?b", "a#b", "a|b", "a\tb", "a:b", "a\x7f",
        "[::1", "::1", "[]", "[g::1]", "[fe80::1%eth0]", "foo.111", "1.2.3.4.5", "1.2.3.256", "256.1", "1.2.65536.1",
        "08.1.1.1", "4294967296", "9" * 30, "1.0x.0xg.1", "bücher..de", "\ud800.de", "ｅ" * 70 + ".de",
    ],
)  # fmt: skip
def test_what_no_url_could_have_as_its_host(text):
    """A text that no browser takes for a host is refused."""
    with pytest.raises(ValueError):
        canonical_host(text)


@given(st.one_of(ANY_TEXT, LIKE_A_HOST))
@example("\u212a.de")
def test_any_text_is_a_host_or_refused(text):
    """No text crashes the reader, and the canonical text of a host is its own canonical text."""
    try:
        host = canonical_host(text)
    except ValueError:
        return
    assert host.isascii()
    assert host == host.lower()
    assert canonical_host(host_for_url(host)) == host


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("p:8080", ("p", 8080)),
        ("p", ("p", None)),
        ("P:00080", ("p", 80)),
        ("[::1]", ("::1", None)),
        ("[::1]:65535", ("::1", 65535)),
        ("10.1:1", ("10.0.0.1", 1)),
    ],
)
def test_host_and_port(text, pair):
    """The port is optional; IPv6 needs its brackets and loses them."""
    assert split_host_port(text) == pair


@pytest.mark.parametrize(
    "text", ["p:", "p:0", "p:65536", "p:-1", "p:+1", "p:８０", "p:8 0", "p:123456", ":80", "::1", "p:80:80"]
)
def test_what_is_no_port(text):
    """An empty port, one out of range, or anything but ASCII digits is refused."""
    with pytest.raises(ValueError):
        split_host_port(text)


@given(st.one_of(ANY_TEXT, LIKE_A_HOST))
def test_any_text_is_host_and_port_or_refused(text):
    """No text crashes the splitter, and what it splits can be put together again."""
    try:
        host, port = split_host_port(text)
    except ValueError:
        return
    assert split_host_port(host_for_url(host) + (f":{port}" if port else "")) == (host, port)


@pytest.mark.parametrize(
    "text", ["user:sesame@p:80", "user:se@same@p:80", "user:sesame@", "user:sesame@p:pw", "sesame@[::1]"]
)
@pytest.mark.parametrize("read", [canonical_host, split_host_port])
def test_refusals_do_not_show_a_password(read, text):
    """A user or password before a host is refused without being shown."""
    with pytest.raises(ValueError, match="user or password") as caught:
        read(text)
    assert "same" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "clean", "pair"),
    [
        ("http://p:80", "http://p:80", None),
        ("http://user:secret@p:80", "http://p:80", ("user", "secret")),
        ("user:secret@p", "p", ("user", "secret")),
        ("user@p", "p", ("user", "")),
        ("http://u%40corp:a%3Ab%25@p", "http://p", ("u@corp", "a:b%")),
        ("http://user:p@ss@p", "http://p", ("user", "p@ss")),
        ("http://user:a/b?c#d@p", "http://p", ("user", "a/b?c#d")),
        ("http://user:a:b@p", "http://p", ("user", "a:b")),
        ("us er:a://b@p", "p", ("us er", "a://b")),
        ("http://@p", "http://p", ("", "")),
        ("http://%C3%A9:%E3%83%91@p", "http://p", ("é", "パ")),
    ],
)
def test_userinfo(uri, clean, pair):
    """User and password are taken out and percent-decoded; an unescaped @ or : in the password does no harm."""
    assert split_userinfo(uri) == (clean, pair)


@given(ANY_TEXT)
def test_userinfo_of_any_text(uri):
    """No text crashes the splitter; what is left holds no @ where a user or password was taken out."""
    clean, pair = split_userinfo(uri)
    assert (pair is None) == ("@" not in uri.partition("://")[2] + uri) or "@" not in clean.rpartition("://")[2]


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "1." * 500_000, "[" + ":" * 1_000_000 + "]", "é" * 1_000_000, "é." * 9]
)
def test_a_long_text_takes_no_long_time(text):
    """Time grows no faster than the text: a million characters are read or refused within seconds."""
    started = time.perf_counter()
    with contextlib.suppress(ValueError):
        canonical_host(text)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("10.1", False), ("proxy.test", False), ("", False)],
)
def test_addresses_are_told_from_names(host, expected):
    """Whole addresses of either family are addresses, with a zone too; nothing else is."""
    assert is_address(host) is expected
