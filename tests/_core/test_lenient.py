"""What people type into settings: what is meant where only one thing can be, an error with text and place otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.lenient import plain_text, tidy_bypass, tidy_pac_url, tidy_proxies, tidy_proxy, tidy_variable
from pacaware._core.proxy_rules import ProxyRules
from pacaware.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "p:8080",
        "http://p:8080",
        "http=a:1;https=b:2",
        "[2001:db8::1]:80",
        "socks=socks4://s:1",
        "a:1;b:2",
        "P.Test:1",
        "http=a:1,direct://",
    ],
)
def test_what_needs_no_repair(text):
    """A proxy as it should be typed gives no note."""
    tidy = tidy_proxies(text, "here")
    assert (tidy.text.lower(), tidy.notes) == (text.lower(), ())


def test_a_slash_behind_the_address():
    """In a variable, where URLs belong, it is worth no note."""
    assert tidy_variable("http://p:8080/", "http_proxy", "http") == ("http://p:8080", (), ())
    assert tidy_variable("p:8080/", "http_proxy", "http").notes == ("http_proxy: 'p:8080/' is read as http://p:8080",)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (" p:8080", "p:8080"),
        ("p:8080/", "p:8080"),
        ("http://p:8080/", "http://p:8080"),
        ("p:8080\r\n", "p:8080"),
        ("p : 8080", "p:8080"),
        ("p 8080", "p:8080"),
        ("\u3000p:8080\u00a0", "p:8080"),
        ("\u200bp\u00ad:8080\ufeff", "p:8080"),
        ('"p:8080"', "p:8080"),
        ("「p:8080」", "p:8080"),
        ("ｐ：８０８０", "p:8080"),
        ("proxy。corp．test:８０８０", "proxy.corp.test:8080"),
        ("ｈｔｔｐ：／／p:8080", "http://p:8080"),
        ("http//p:8080", "http://p:8080"),
        ("http:/p:8080", "http://p:8080"),
        ("http:///p:8080", "http://p:8080"),
        ("http;//p:8080", "http://p:8080"),
        ("http:\\\\p:8080", "http://p:8080"),
        ("http://http://p:8080", "http://p:8080"),
        ("p:8080:8080", "p:8080"),
        ("p,8080", "p:8080"),
        ("p, 8080", "p:8080"),
        ("p;8080", "p:8080"),
        ("http=p,8080;https=q:1", "http=p:8080;https=q:1"),
        ("http://p:8080:8080", "http://p:8080"),
        ("http = a 1 ; https = b : 2", "http=a:1;https=b:2"),
        ("http=a:1；https=b:2", "http=a:1;https=b:2"),
    ],
)
def test_what_is_repaired(text, meant):
    """Blanks, invisible and full-width characters, misspelt schemes and doubled ports have one meaning, and a note."""
    tidy = tidy_proxies(text, "the place")
    assert tidy.text == meant
    assert tidy.notes == (f"the place: {text!r} is read as {meant}",)


@pytest.mark.parametrize(
    ("text", "meant", "said"),
    [
        ("p", "p:80", "'p' has no port, so 80 is used"),
        ("p:", "p:80", "has no port, so 80 is used"),
        ("https://p", "https://p:443", "so 443 is used"),
        ("http=a:1 b", "http=a:1;b:80", "'b' has no port"),
        ("例え.jp:8080", "xn--r8jz45g.jp:8080", "looked up as xn--r8jz45g.jp"),
        ("gopher=g:1;http=p:1", "http=p:1", "'gopher' is not one of http, https, ftp, socks.*left out"),
        ("ftp=ftp://gw;http=p:1", "http=p:1", "'ftp://gw' is not a proxy.*left out"),
        ("p:1;q:x", "p:1", "'q:x' is not a proxy.*left out"),
        ("http=p:1;http=q:x", "http=p:1", "'q:x' is not a proxy.*left out"),
    ],
)
def test_what_deserves_a_note(text, meant, said):
    """A missing port, an international name and a broken entry for other schemes are pointed out."""
    tidy = tidy_proxies(text, "here")
    assert tidy.text == meant
    assert re.search(said, "\n".join(tidy.notes))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p:8080:3128", "two ports, 8080 and 3128"),
        ("http://p/proxy.pac", "looks like the address of a PAC file"),
        ("http://p:80/x", "is not a proxy"),
        ("2001:db8::1", "in brackets"),
        ("p:99999", "not a port"),
        ("p:x", "not a port"),
        ("8080", "a port without a host"),
        ("http=8080", "a port without a host"),
        ("gopher://p", "is not a proxy"),
        ("http=p:x;https=q:1", "'p:x' is not a proxy"),
        (";", "names no proxy"),
        ("http=,;https=q:1", "names no proxy"),
        ("", "names no proxy"),
    ],
)
def test_what_could_mean_two_things(text, said):
    """The error shows the text and the place that it came from."""
    with pytest.raises(ConfigError, match=said) as caught:
        tidy_proxies(text, "ProxyServer of this machine")
    assert str(caught.value).startswith("ProxyServer of this machine: ")


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("me:ｓecret@p:1", ("p:1", "me", "ｓecret")),
        ("http://me:s%20t@p:1/", ("p:1", "me", "s t")),
        ("me:secret＠p:1", ("p:1", "me", "secret")),
        ("http//me:secret@p:1", ("p:1", "me", "secret")),
    ],
)
def test_passwords_are_kept_as_typed(text, credentials):
    """Nothing in a password is repaired, and no note shows it."""
    tidy = tidy_proxies(text, "here")
    assert tidy.credentials == (credentials,)
    assert tidy.text.endswith("p:1")
    assert "cret" not in "".join(tidy.notes)


@pytest.mark.parametrize(
    "text", ["me:secret@p:1＠q:1", "me:secret@p:x", "http://me:secret@p/q.pac", "a＠b@me:secret＠c"]
)
def test_errors_keep_passwords_to_themselves(text):
    """An error shows neither user nor password."""
    with pytest.raises(ConfigError) as caught:
        tidy_proxies(text, "here")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "port", "scheme", "meant", "said"),
    [
        ("p", 8080, "http", "http://p:8080", ""),
        ("http://p", 8080, "http", "http://p:8080", ""),
        ("http://p:8080/", 8080, "http", "http://p:8080", "'http://p:8080/' is read as http://p:8080"),
        ("p:8080", 0, "http", "http://p:8080", ""),
        ("https://p:8080", 0, "http", "http://p:8080", "https:// before the proxy is not heeded"),
        ("https://p", 0, "http", "http://p:80", "80 is used"),
        ("http//p", 8080, "http", "http://p:8080", "'http//p' is read as http://p:8080"),
        ("2001:db8::1", 8080, "http", "http://[2001:db8::1]:8080", ""),
        ("s", 0, "socks5", "socks5://s:1080", "1080 is used"),
        ("socks4://s", 1, "socks5", "socks4://s:1", ""),
        ("socks://s", 1, "socks5", "socks5://s:1", ""),
        ("ｐ", 1, "http", "http://p:1", "'ｐ' is read as http://p:1"),
    ],
)
def test_a_field_for_the_host_and_one_for_the_port(host, port, scheme, meant, said):
    """The field decides the scheme, but for SOCKS4; a port may stand in either field."""
    server, tidy = tidy_proxy(host, "here", port=port, scheme=scheme)
    assert (str(server), tidy.text) == (meant, meant)
    assert said in "\n".join(tidy.notes)
    assert bool(said) is bool(tidy.notes)


def test_two_fields_that_disagree():
    """A port beside the host that is not the one in its own field leaves open which is meant."""
    with pytest.raises(ConfigError, match="names port 3128, the field for the port 8080"):
        tidy_proxy("p:3128", "here", port=8080)


def test_a_user_in_the_field_for_the_host():
    """The user goes with the proxy as it is used."""
    server, tidy = tidy_proxy("me:secret@p", "here", port=8080)
    assert (str(server), tidy.credentials) == ("http://p:8080", (("p:8080", "me", "secret"),))


@pytest.mark.parametrize(
    ("text", "url", "said"),
    [
        ("http://h/p.pac", "http://h/p.pac", ""),
        (" http://h/p.pac ", "http://h/p.pac", ""),
        ("ｈttp://h/p.pac", "http://h/p.pac", "is read as"),
        ("http//h/p.pac", "http://h/p.pac", "is read as"),
        ("https:\\\\h/p.pac", "https://h/p.pac", "is read as"),
        ("data:,x", "data:,x", ""),
        ("", None, ""),
        (" ", None, ""),
        ("wpad.dat", None, "is not the URL of a PAC file"),
        ("ftp://h/p", None, "is not the URL of a PAC file"),
        ("http://u:secret@h x/p", None, "is not the URL of a PAC file"),
        (r"C:\temp\p.pac", r"C:\temp\p.pac", ""),
        (r"\\server\p.pac", r"\\server\p.pac", ""),
        ("file://h/p.pac", "file://h/p.pac", ""),
        ("/etc/p.pac", "file:///etc/p.pac", ""),
    ],
)
def test_the_address_of_a_pac_file(text, url, said):
    """Web addresses are repaired, paths are left to the one who fetches, anything else is ignored with a note."""
    tidy = tidy_pac_url(text, "here")
    assert tidy.url == url
    assert said in "".join(tidy.notes)
    assert "secret" not in "".join(tidy.notes)


def test_exceptions_in_full_width():
    """A list typed with a Japanese keyboard is read in plain characters; one in plain characters is left alone."""
    assert tidy_bypass("＊．corp．test；１０．＊", "here")[0] == "*.corp.test;10.*"
    assert tidy_bypass("a.test\r\n例え.jp", "here") == ("a.test\r\n例え.jp", ())


def test_what_cannot_be_seen():
    """Zero-width characters and marks of direction vanish, control characters are blanks."""
    assert plain_text("\u200ea\u2066b\x00c\x7f") == "ab c"


ODD = st.text(st.sampled_from('aｐ1８:：/／\\;；=@＠ .。[]"%\u200b\u3000\t\n-http'), max_size=24)


@settings(deadline=None)
@given(st.one_of(ODD, st.text(max_size=20)), st.integers(0, 65535))
def test_any_text_is_read_or_refused(text, port):
    """No text crashes the readers; what they make of it can be used, and reading it again changes nothing."""
    try:
        tidy = tidy_proxies(text, "here")
    except ConfigError:
        pass
    else:
        assert ProxyRules.parse(tidy.text).entries
        assert tidy_proxies(tidy.text, "here").text == tidy.text
    try:
        server, _ = tidy_proxy(text, "here", port=port)
    except ConfigError:
        pass
    else:
        assert server.port in (port, server.port)
        assert tidy_proxy(server.host if ":" not in server.host else f"[{server.host}]", "", port=server.port)
    url = tidy_pac_url(text, "here").url
    assert url is None or tidy_pac_url(url, "here").url == url
    tidy_bypass(text, "here")
