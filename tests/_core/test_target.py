"""Targets: what the rules and PAC scripts see of a URL."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacaware._core.target import Target, parse_target
from pacaware.errors import ConfigError
from tests.data import rows

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well

URLS = st.one_of(
    ANY_TEXT,
    st.from_regex(
        r"(http|https|wss|ftp|x)://([a-z:@%]{0,8}@)?[a-zA-Z0-9.\[\]:_-]{1,12}(:[0-9]{0,5})?.{0,20}", fullmatch=True
    ),
    st.builds(
        "{}://{}@{}/{}".format, st.sampled_from(["http", "https"]), ANY_TEXT, st.sampled_from(["h", "1.2"]), ANY_TEXT
    ),
)


@pytest.mark.parametrize("row", rows("sanitize_url"), ids=lambda row: row["url"])
def test_what_a_script_sees(row):
    """Userinfo and fragment are removed always, path and query of encrypted schemes as well."""
    target = parse_target(row["url"])
    assert target.pac_url == row["pac_url"]
    assert target.pac_host == row.get("pac_host", target.host)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.COM", Target("http", "example.com", 80, "http://example.com/")),
        ("http://h:80/a?b", Target("http", "h", 80, "http://h/a?b")),
        ("http://h:/a", Target("http", "h", 80, "http://h/a")),
        ("https://h:443/secret?token=1", Target("https", "h", 443, "https://h/")),
        ("https://h:8443", Target("https", "h", 8443, "https://h:8443/")),
        ("ws://h/chat?x", Target("ws", "h", 80, "ws://h/chat?x")),
        ("wss://h/chat?x", Target("wss", "h", 443, "wss://h/")),
        ("ftp://h/f", Target("ftp", "h", 21, "ftp://h/f")),
        ("gopher://h/f", Target("gopher", "h", 0, "gopher://h/f")),
        ("gopher://h:70/f", Target("gopher", "h", 70, "gopher://h:70/f")),
        ("http://[2001:DB8::0:1]:8080/", Target("http", "2001:db8::1", 8080, "http://[2001:db8::1]:8080/")),
        ("http://[fe80::1%25eth0]/", Target("http", "fe80::1", 80, "http://[fe80::1]/")),
        ("http://[fe80::1%eth0]:81/", Target("http", "fe80::1", 81, "http://[fe80::1]:81/")),
        ("http://0x7f.1/", Target("http", "127.0.0.1", 80, "http://127.0.0.1/")),
        ("http://例え.jp/ä?ö", Target("http", "xn--r8jz45g.jp", 80, "http://xn--r8jz45g.jp/%C3%A4?%C3%B6")),
        ("http://h/a/./b/../c", Target("http", "h", 80, "http://h/a/c")),
        ("http://h/../%2e%2E/x/..?a/../b", Target("http", "h", 80, "http://h/?a/../b")),
        ("http://h/x/%2e", Target("http", "h", 80, "http://h/x/")),
        ("http://h/...//y", Target("http", "h", 80, "http://h/...//y")),
        ("""http://h/{|}^`'?{|}^`'""", Target("http", "h", 80, "http://h/%7B%7C%7D%5E%60'?{|}^`%27")),
        ("http://h:000080/", Target("http", "h", 80, "http://h/")),
        ("http://u:p@w@h/a b", Target("http", "h", 80, "http://h/a%20b")),
        ("http://h?q=http://u:p@i/", Target("http", "h", 80, "http://h/?q=http://u:p@i/")),
        ("  http://h/  ", Target("http", "h", 80, "http://h/")),
    ],
)
def test_the_parts_of_a_url(url, expected):
    """Scheme and host are canonical, the port is the effective one, 0 where no default is known."""
    assert parse_target(url) == expected


@pytest.mark.parametrize(
    ("url", "origin", "origin_only"),
    [
        ("http://u@h/a?b", "http://h:80", "http://h/"),
        ("https://[::1]:8443/a", "https://[::1]:8443", "https://[::1]:8443/"),
        ("gopher://h/a", "gopher://h", "gopher://h/"),
    ],
)
def test_the_origin(url, origin, origin_only):
    """The origin always has the port; a script found by detection gets the origin only."""
    target = parse_target(url)
    assert (target.origin, target.origin_only_pac_url) == (origin, origin_only)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "scheme and a host"),
        ("example.com", "scheme and a host"),
        ("/path", "scheme and a host"),
        ("//h/path", "scheme and a host"),
        ("http:h", "scheme and a host"),
        ("http://", "not a host name"),
        ("http:///path", "not a host name"),
        ("http://:80/", "not a host name"),
        ("http://h:99999/", "not a port"),
        ("http://h:x/", "not a port"),
        ("http://[::1/", "not closed"),
        ("http://[::g]/", "not an IPv6 address"),
        ("http://1.2.3.400/", "not an IPv4 address"),
        ("http://a b/", "not a host name"),
        ("http://a..b/", "empty label"),
        ("http://h\\@evil/", "absolute URL"),
        ("http://h\\evil/", r"'\\\\'"),
        ("http://h/\x00", r"'\\x00'"),
        ("http://h/\r\nX: y", r"'\\r'"),
        ("http://h/\udcff", r"'\\udcff'"),
        ("data:text/plain,x", "scheme and a host"),
        ("1http://h/", "scheme and a host"),
    ],
)
def test_what_is_no_url(url, said):
    """Anything but an absolute URL with a host is refused, and the message says what is wrong."""
    with pytest.raises(ConfigError, match=said):
        parse_target(url)


@pytest.mark.parametrize(
    "url", ["http://user:top-secret@h:x/", "http://user:top-/secret@h/", "user:top-secret@h", "http://u:top-s?ecret@h/"]
)
def test_errors_keep_passwords_to_themselves(url):
    """No part of a password is shown, wherever an unescaped character cuts it."""
    with pytest.raises(ConfigError) as caught:
        parse_target(url)
    assert "top-" not in str(caught.value)
    assert "ecret" not in str(caught.value)


@settings(deadline=None)
@given(URLS)
@example("http://h/%zz#@")
@example("x://[::1%]]@:0")
def test_any_text_parses_or_is_refused(url):
    """No text crashes the parser; what a script sees is stable, ASCII, and never has userinfo or a fragment."""
    try:
        target = parse_target(url)
    except ConfigError:
        return
    assert parse_target(target.pac_url) == target
    assert parse_target(target.origin_only_pac_url)[:3] == target[:3]
    authority = target.pac_url.split("/")[2]
    assert "@" not in authority
    assert "#" not in target.pac_url
    assert target.pac_url.isascii()
    assert target.pac_url.isprintable()
    assert " " not in target.pac_url
