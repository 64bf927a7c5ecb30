"""Entries of bypass lists that let unrelated hosts go direct."""

from __future__ import annotations

import pytest

from pacaware._core.broad import broad_rules
from pacaware._core.bypass import BypassRules

SUFFIXES = {"jp", "com", "co.jp", "org", "net"}


@pytest.mark.parametrize(
    ("text", "dialect", "said"),
    [
        ("*", "windows", "covers every host"),
        ("*.*", "windows", "covers every host"),
        ("*:8080", "windows", "covers every host"),
        ("www.*.com", "windows", "begins with www. under .com"),
        ("www*.com", "windows", "begins with www under .com"),
        ("*.jp", "windows", "under .jp"),
        ("*.co.jp", "windows", "under .co.jp"),
        ("http://*.jp:80", "windows", "under .jp"),
        ("*.www.*.jp", "windows", "under .jp"),
        ("jp", "no_proxy", "under .jp"),
        (".com", "kde", "under .com"),
        ("0.0.0.0/0", "no_proxy", "large part of the Internet"),
        ("128.0.0.0/1", "no_proxy", "large part of the Internet"),
        ("::/0", "gnome", "large part of the Internet"),
    ],
)
def test_broad_entries(text, dialect, said):
    """An entry that names nobody's hosts in particular is pointed out, as it stands in the list."""
    ((rule, reason),) = broad_rules(BypassRules.parse(text, dialect), SUFFIXES.__contains__)
    assert rule in BypassRules.parse(text, dialect).rules
    assert said in reason


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("*.example.com", "windows"),
        ("*.example.co.jp", "windows"),
        ("www.example.*", "windows"),
        ("*contoso*", "windows"),
        ("intra*.com", "windows"),
        ("10.*", "windows"),
        ("123.1*.66.*", "windows"),
        ("[fe80:*]", "windows"),
        ("*.local;*.corp;<local>;<-loopback>", "windows"),
        ("jp", "windows"),
        ("example.com", "no_proxy"),
        ("lan", "no_proxy"),
        ("10.0.0.0/8,fc00::/7,fe80::/10,192.168.0.0/16", "no_proxy"),
        ("169.254/16", "macos"),
        ("", "gnome"),
    ],
)
def test_entries_that_are_not_broad(text, dialect):
    """An entry that names an owner, an address range of one network or a private name is left alone."""
    assert broad_rules(BypassRules.parse(text, dialect), SUFFIXES.__contains__) == ()
