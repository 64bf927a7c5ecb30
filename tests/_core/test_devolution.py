"""Names that automatic detection asks for, and the URLs and addresses it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from pacaware._core.devolution import MAX_NAMES, address_refusal, url_refusal, wpad_names

PUBLIC = PublicSuffixList()
LABELS = st.sampled_from(["a", "corp", "com", "co", "jp", "kobe", "github", "io", "ck", "wpad", "xn--p1ai", "local"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=7).map(".".join)


@pytest.mark.parametrize(
    ("suffixes", "expected"),
    [
        (["example.contoso.com"], ["wpad.example.contoso.com", "wpad.contoso.com"]),
        (["contoso.com"], ["wpad.contoso.com"]),
        (["com"], []),
        (["tokyo.corp.co.jp"], ["wpad.tokyo.corp.co.jp", "wpad.corp.co.jp"]),
        (["co.jp"], []),
        (["a.b.kobe.jp"], ["wpad.a.b.kobe.jp"]),
        (["city.kobe.jp"], ["wpad.city.kobe.jp"]),
        (["team.github.io"], ["wpad.team.github.io"]),
        (["x.corp.local"], ["wpad.x.corp.local", "wpad.corp.local"]),
        (["lan"], []),
        (["Corp.Test.", ".corp.test", " corp.test "], ["wpad.corp.test"]),
        (["b.corp.test", "a.corp.test"], ["wpad.b.corp.test", "wpad.corp.test", "wpad.a.corp.test"]),
        (["ｂücher.example"], ["wpad.xn--bcher-kva.example"]),
        (["", ".", "a..b", "192.0.2.1", "a b.test", "x@y.test", "1.2", "a." * 130 + "test"], []),
        ([], []),
    ],
    ids=str,
)
def test_names(suffixes, expected):
    """Every suffix in order, each devolved down to the registered domain and never into a public suffix."""
    assert list(wpad_names(suffixes, PUBLIC.is_public)) == expected


@given(st.lists(DOMAINS, max_size=8))
def test_no_name_stands_in_a_public_suffix(suffixes):
    """Whatever the suffixes, what follows ``wpad.`` is the private part of a domain; no name twice, never too many."""
    names = wpad_names(suffixes, PUBLIC.is_public)
    assert len(names) == len(set(names)) <= MAX_NAMES
    for name in names:
        domain = name.removeprefix("wpad.")
        assert PUBLIC.privatesuffix(domain) is not None
        assert any(suffix == domain or suffix.endswith(f".{domain}") for suffix in suffixes)


@given(st.text(max_size=300))
def test_any_text_may_be_a_suffix(text):
    """What resolv.conf or a registry holds never breaks detection."""
    assert all(name.startswith("wpad.") for name in wpad_names([text], PUBLIC.is_public))


@pytest.mark.parametrize(
    "url",
    [
        "http://wpad.corp.test/wpad.dat",
        "https://pac.corp.test:8443/p.pac?x=1",
        "HTTP://192.0.2.1/p.pac",
        "http://[2001:db8::1]/p.pac",
        "http://10.0.0.1/",
        "http://pac/p.pac",
        "http://127.example.test/",
    ],
)
def test_urls_that_are_used(url):
    """Any server that is not this machine."""
    assert url_refusal(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/p.pac", "this machine"),
        ("http://127.9.9.9:80/p.pac", "this machine"),
        ("http://0x7f000001/p.pac", "this machine"),
        ("http://2130706433/p.pac", "this machine"),
        ("http://localhost/p.pac", "this machine"),
        ("http://a.LOCALHOST./p.pac", "this machine"),
        ("http://[::1]/p.pac", "this machine"),
        ("http://[::ffff:127.0.0.1]/p.pac", "this machine"),
        ("http://0.0.0.0/p.pac", "this machine"),
        ("http://[::]/p.pac", "this machine"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://[fe80::1]/p.pac", "link-local"),
        ("http://[::ffff:169.254.1.1]/p.pac", "link-local"),
        ("http://224.0.0.251/p.pac", "multicast"),
        ("http://255.255.255.255/p.pac", "multicast"),
        ("http://[ff02::1]/p.pac", "multicast"),
        ("file:///etc/passwd", "file: is not accepted"),
        ("file://server/p.pac", "file: is not accepted"),
        ("data:,FindProxyForURL", "data: is not accepted"),
        ("//server/p.pac", "not a URL"),
        ("ftp://ftp.test/p.pac", "ftp: is not accepted"),
        ("\\\\server\\share\\p.pac", "not a URL"),
        ("p.pac", "not a URL"),
        ("", "not a URL"),
        ("http://", "not a URL"),
        ("http://[fe80::1%25eth0]/p", "not a URL"),
        ("http://h.test:99999/", "not a URL"),
        ("http://h.test:0/", "port 0"),
        ("http://[::1/", "not a URL"),
    ],
)
def test_urls_that_are_refused(url, why):
    """This machine itself, link-local and multicast addresses however they are written, and what is not http(s)."""
    assert why in (url_refusal(url) or "")


@given(st.text(max_size=60).map(lambda text: "http://" + text) | st.text(max_size=60))
def test_any_text_may_be_a_url(text):
    """A URL is used or refused with a reason, never an exception."""
    reason = url_refusal(text)
    assert reason is None or reason


@pytest.mark.parametrize(
    ("address", "why"),
    [("192.0.2.1", None), ("2001:db8::1", None), ("fe80::1%eth0", "link-local"), ("127.0.0.1", "itself"), ("x", "not")],
)
def test_addresses(address, why):
    """What DNS answers is checked as addresses in URLs are."""
    reason = address_refusal(address)
    assert reason is None if why is None else why in (reason or "")
