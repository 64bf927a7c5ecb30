"""Which setting applies, and what follows trouble with a PAC file."""

from __future__ import annotations

import pytest

from pacaware._core.bypass import BypassRules
from pacaware._core.proxy_rules import ProxyRules
from pacaware._core.selection import (
    ManualChoice,
    Next,
    Setting,
    Trouble,
    after_trouble,
    is_strict,
    manual_candidates,
    settings_in_order,
)
from pacaware._core.target import parse_target
from pacaware._models import ProxyConfig, ProxyList
from tests.data import rows

AUTO, URL, MANUAL, DIRECT = Setting.AUTO_DETECT, Setting.PAC_URL, Setting.MANUAL, Setting.DIRECT


def settings(auto_detect=False, pac_url=False, manual=False, **more):
    return ProxyConfig(
        auto_detect=auto_detect,
        pac_url="http://pac.test/p.pac" if pac_url else None,
        proxy_server="proxy.test:8080" if manual else None,
        **more,
    )


@pytest.mark.parametrize("row", rows("windows_priority"), ids=lambda row: "+".join(row["order"]))
def test_the_order_of_the_settings(row):
    """Automatic detection, PAC URL, manual proxy, direct: those that are switched on, in this order."""
    config = settings(row["auto_detect"], row["pac_url"], row["manual"], origin="windows")
    assert [setting.name.lower() for setting in settings_in_order(config)] == row["order"]


@pytest.mark.parametrize("row", rows("windows_priority"), ids=lambda row: "+".join(row["order"]))
def test_what_is_used_when_no_script_is_obtained(row):
    """Each script that is not obtained hands on to the next setting, until one is no script."""
    config = settings(row["auto_detect"], row["pac_url"], row["manual"], origin="windows")
    order = list(settings_in_order(config))
    setting = order.pop(0)
    while setting in (AUTO, URL):
        following = after_trouble(Trouble.NOT_OBTAINED, setting, config)
        setting = order.pop(0)
        assert (following is Next.DIRECT) is (setting is DIRECT)
    used = {"direct": DIRECT, "manual proxy": MANUAL}
    assert setting is used[row["outcomes"][-1]["use"]]


def test_blank_settings_are_switched_off():
    """Windows leaves a single blank where an address was cleared."""
    assert settings_in_order(ProxyConfig(pac_url=" ", proxy_server=" ")) == (DIRECT,)


LENIENT = [{"origin": "windows"}, {"origin": "gnome"}, {"origin": "code", "pac_mandatory": False}]
STRICT = [{"origin": "code"}, {"origin": "environment"}, {"origin": "windows", "pac_mandatory": True}]


@pytest.mark.parametrize(
    ("trouble", "setting", "switched_on", "lenient", "strict"),
    [
        (Trouble.NOT_OBTAINED, AUTO, (True, True, True), Next.NEXT_SETTING, Next.NEXT_SETTING),
        (Trouble.NOT_OBTAINED, AUTO, (True, True, False), Next.NEXT_SETTING, Next.NEXT_SETTING),
        (Trouble.NOT_OBTAINED, AUTO, (True, False, True), Next.NEXT_SETTING, Next.NEXT_SETTING),
        (Trouble.NOT_OBTAINED, AUTO, (True, False, False), Next.DIRECT, Next.RAISE),
        (Trouble.NOT_OBTAINED, URL, (True, True, True), Next.NEXT_SETTING, Next.NEXT_SETTING),
        (Trouble.NOT_OBTAINED, URL, (False, True, True), Next.NEXT_SETTING, Next.NEXT_SETTING),
        (Trouble.NOT_OBTAINED, URL, (True, True, False), Next.DIRECT, Next.RAISE),
        (Trouble.NOT_OBTAINED, URL, (False, True, False), Next.DIRECT, Next.RAISE),
        (Trouble.UNUSABLE_ANSWER, AUTO, (True, True, True), Next.DIRECT, Next.RAISE),
        (Trouble.UNUSABLE_ANSWER, URL, (False, True, True), Next.DIRECT, Next.RAISE),
        (Trouble.UNUSABLE_ANSWER, URL, (False, True, False), Next.DIRECT, Next.RAISE),
        (Trouble.FATAL, AUTO, (True, True, True), Next.RAISE, Next.RAISE),
        (Trouble.FATAL, URL, (False, True, True), Next.RAISE, Next.RAISE),
        (Trouble.FATAL, URL, (False, True, False), Next.RAISE, Next.RAISE),
    ],
)
def test_trouble_with_the_script(trouble, setting, switched_on, lenient, strict):
    """Not obtained: the next setting. Unusable: direct on a desktop, an error in code. Out of control: an error."""
    for more in LENIENT:
        assert after_trouble(trouble, setting, settings(*switched_on, **more)) is lenient
    for more in STRICT:
        assert after_trouble(trouble, setting, settings(*switched_on, **more)) is strict


@pytest.mark.parametrize("more", LENIENT + STRICT, ids=str)
def test_who_is_strict(more):
    """Settings of code and environment are strict unless pac_mandatory says otherwise."""
    assert is_strict(settings(**more)) is (more in STRICT)


@pytest.mark.parametrize(
    ("url", "choice"),
    [
        ("http://a.test/", ManualChoice(ProxyList.parse("PROXY p:1"), "manual")),
        ("https://a.test/", ManualChoice(ProxyList.parse("DIRECT"), "manual")),
        ("http://b.test/", ManualChoice(ProxyList.parse("DIRECT"), "bypass", "b.test")),
        ("http://127.0.0.1/", ManualChoice(ProxyList.parse("DIRECT"), "implicit-bypass", "implicit: 127.0.0.0/8")),
    ],
)
def test_the_manual_setting(url, choice):
    """A bypass rule or a scheme without a proxy means DIRECT; the choice says which rule decided."""
    rules, bypass = ProxyRules.parse("http=p:1"), BypassRules.parse("b.test")
    assert manual_candidates(rules, bypass, parse_target(url)) == choice
