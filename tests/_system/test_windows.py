"""The settings of Windows, decided from what a machine answers."""

from __future__ import annotations

import pytest

from pacaware._core.compiled import compile_settings
from pacaware._core.selection import is_strict
from pacaware._models import CachePolicy
from pacaware._system.windows import (
    INTERNET_SETTINGS,
    POLICIES,
    IEConfig,
    cache_policy,
    fingerprint,
    read_config,
    read_winhttp,
)
from pacaware._system.windows_blob import WinHttpSettings
from pacaware.errors import ConfigError
from tests._system.expected import assert_is, notes
from tests._system.machines import CONNECTIONS, Fake, blob, plain
from tests.data import rows

WINHTTP = INTERNET_SETTINGS + r"\WinHttp"
PAC = "http://pac.test/p.pac"


@pytest.mark.parametrize("row", rows("windows_settings"))
def test_what_chromium_reads(row):
    """The system's answer becomes the settings that Chromium makes of it."""
    ie = row["ie_config"]
    answer = IEConfig(ie["auto_detect"], ie["auto_config_url"], ie["proxy"], ie["proxy_bypass"])
    config = read_config(Fake(answer)).config
    assert_is(config, row["expected"])
    assert (config.origin, config.bypass_dialect, config.pac_dialect) == ("windows", "windows", "windows")
    assert not is_strict(config)


# Wine takes text for Latin-1 and knows nothing of the old layout; both are told apart here.
@pytest.mark.parametrize(
    "row",
    [row for row in rows("windows_blob") if row["name"] not in ("own_utf8_bypass", "own_v3c")],
    ids=lambda row: row["name"],
)
def test_the_binary_value_says_what_the_system_would(row):
    """Without an answer of the system its source is read to the same effect: texts count while their box is ticked."""
    data, wine = bytes.fromhex(row["hex"]), row["wine"]
    config = read_config(Fake(registry={("HKCU", CONNECTIONS, "DefaultConnectionSettings"): data})).config
    assert config.auto_detect is bool(wine["auto_detect"])
    assert config.pac_url == ((wine["url"] or "").strip() or None)
    assert (config.proxy_server, config.bypass) == (
        (wine["proxy"] or "").replace("socks=p4", "socks=socks4://p4") or None,
        wine["bypass"],
    )


def test_the_system_is_asked_first():
    """Its answer counts before the binary value, and that before the plain values."""
    registry = blob(flags=3, proxy_server="blob:1") | plain(ProxyEnable=1, ProxyServer="plain:1")
    answer = IEConfig(False, None, "answer:1", None)
    assert read_config(Fake(answer, registry)).config.proxy_server == "answer:1"
    assert read_config(Fake(None, registry)).config.proxy_server == "blob:1"
    assert read_config(Fake(None, plain(ProxyEnable=1, ProxyServer="plain:1"))).config.proxy_server == "plain:1"
    assert read_config(Fake()).config is None


def test_the_active_connection():
    """A dial-up or VPN connection has settings of its own, in the value that bears its name."""
    registry = blob(flags=3, proxy_server="lan:1") | blob("Work VPN", flags=5, pac_url=PAC)
    reading = read_config(Fake(registry=registry, active="Work VPN"))
    assert (reading.config.pac_url, reading.config.proxy_server) == (PAC, None)
    assert reading.where.endswith("Connections: Work VPN")


def test_settings_of_the_machine():
    """ProxySettingsPerUser=0 puts the machine's settings in place of the user's."""
    registry = blob(flags=3, proxy_server="user:1") | blob(hive="HKLM", flags=3, proxy_server="machine:1")
    assert read_config(Fake(registry=registry)).config.proxy_server == "user:1"
    registry["HKLM", POLICIES, "ProxySettingsPerUser"] = 0
    assert read_config(Fake(registry=registry)).config.proxy_server == "machine:1"


@pytest.mark.parametrize("data", [b"", b"\x46\0\0\0\1", b"\x99" * 60], ids=["empty", "short", "unknown"])
def test_a_broken_binary_value(data):
    """The plain values stand in for a binary value that cannot be read, with a note that says so."""
    registry = {("HKCU", CONNECTIONS, "DefaultConnectionSettings"): data} | plain(AutoConfigURL=PAC)
    config = read_config(Fake(registry=registry)).config
    assert config.pac_url == PAC
    assert "DefaultConnectionSettings cannot be read (" in notes(config)


@pytest.mark.parametrize(
    ("values", "proxy", "bypass"),
    [
        ({"ProxyEnable": 1, "ProxyServer": "p:1", "ProxyOverride": "<local>"}, "p:1", "<local>"),
        ({"ProxyEnable": "1", "ProxyServer": "p:1"}, "p:1", None),
        ({"ProxyEnable": "0x1", "ProxyServer": "p:1"}, "p:1", None),
        ({"ProxyEnable": 0, "ProxyServer": "p:1", "ProxyOverride": "<local>"}, None, None),
        ({"ProxyEnable": "no", "ProxyServer": "p:1"}, None, None),
        ({"ProxyEnable": b"\1", "ProxyServer": "p:1"}, None, None),
        ({"ProxyEnable": 1, "ProxyServer": " "}, None, None),
        ({"ProxyEnable": 1}, None, None),
    ],
    ids=str,
)
def test_the_plain_values(values, proxy, bypass):
    """The number may be text, as on some machines; what is switched off or blank does not count."""
    config = read_config(Fake(registry=plain(**values))).config
    assert (config.proxy_server, config.bypass) == (proxy, bypass)


def test_detection_in_the_plain_values():
    """Scripts write AutoDetect as a plain value."""
    assert read_config(Fake(registry=plain(AutoDetect=1))).config.auto_detect


def test_winhttp_for_services():
    """A service account without settings of its own uses those of WinHTTP; anybody else uses them by name only."""
    registry = {("HKLM", CONNECTIONS, "WinHttpSettings"): WinHttpSettings(flags=3, proxy_server="svc:1").encode()}
    default = IEConfig(True, None, None, None)
    reading = read_config(Fake(default, registry, service=True))
    assert (reading.config.origin, reading.config.proxy_server) == ("winhttp", "svc:1")
    assert "service account" in reading.why
    assert read_config(Fake(IEConfig(False, None, "own:1", None), registry, service=True)).config.origin == "windows"
    assert read_config(Fake(default, registry)).config == read_config(Fake(default)).config
    assert read_config(Fake(default, service=True)).config.auto_detect
    assert read_winhttp(Fake(registry=registry)).config.proxy_server == "svc:1"


@pytest.mark.parametrize("flags", [5, 9])
def test_a_script_of_winhttp(flags):
    """A PAC file or detection of ``netsh winhttp set advproxy`` is not read, and that is said."""
    data = WinHttpSettings(version=0x28, flags=flags, rest=b"\x14\0\0\0http://pac.test/p.pac").encode()
    registry = {("HKLM", CONNECTIONS, "WinHttpSettings"): data}
    config = read_winhttp(Fake(registry=registry)).config
    assert (config.pac_url, config.auto_detect, config.proxy_server) == (None, False, None)
    assert "its PAC file or detection cannot be read; give the address as PACAWARE_PAC_URL" in notes(config)
    service = read_config(Fake(IEConfig(True, None, None, None), registry, service=True)).config
    assert (service.origin, service.auto_detect) == ("windows", True)
    assert "cannot be read" in notes(service)


@pytest.mark.parametrize(
    ("data", "why"),
    [(None, "no such value"), (b"\x18", "cannot be read: it ends within the version"), ("text", "no such value")],
)
def test_no_settings_of_winhttp(data, why):
    """A value that is missing or broken is no setting."""
    reading = read_winhttp(Fake(registry={("HKLM", CONNECTIONS, "WinHttpSettings"): data}))
    assert reading.config is None
    assert why in reading.why


def test_winhttp_without_a_proxy():
    """Direct access is a setting: no proxy."""
    data = WinHttpSettings(proxy_server="left:1").encode()
    reading = read_winhttp(Fake(registry={("HKLM", CONNECTIONS, "WinHttpSettings"): data}))
    assert (reading.config.proxy_server, reading.why) == (None, "no proxy is set")


def test_detection_can_be_forbidden():
    """DisableWpad=1 switches automatic detection off, with a note."""
    config = read_config(Fake(IEConfig(True, PAC, None, None), {("HKLM", WINHTTP, "DisableWpad"): 1})).config
    assert (config.auto_detect, config.pac_url) == (False, PAC)
    assert "DisableWpad=1" in notes(config)


@pytest.mark.parametrize(
    ("build", "name", "allowed"),
    [
        (10586, "EnableLegacyAutoProxyFeatures", True),
        (9600, "EnableLegacyAutoProxyFeature", True),
        (14393, "EnableLegacyAutoProxyFeatures", False),
        (10586, "Other", False),
    ],
)
def test_pac_files_on_disk(build, name, allowed):
    """A PAC file on disk is allowed by a policy, before Windows 10 1607 only."""
    machine = Fake(IEConfig(False, r"C:\temp\proxy.pac", None, None), {("HKLM", POLICIES, name): 1})
    machine.build_number = build
    config = read_config(machine).config
    assert (config.pac_url, config.allow_file) == (r"C:\temp\proxy.pac", allowed)


def test_a_proxy_that_cannot_be_made_out():
    """It is an error with its place where it decides, and left out with a note where a script comes first."""
    with pytest.raises(ConfigError, match=r"WinHttpGetIEProxyConfigForCurrentUser: ProxyServer: .*two ports") as caught:
        read_config(Fake(IEConfig(False, None, "user:secret@p:80:81", None)))
    assert "secret" not in str(caught.value)
    config = read_config(Fake(IEConfig(False, PAC, "p:80:81", None))).config
    assert (config.pac_url, config.proxy_server) == (PAC, None)
    assert "two ports" in notes(config)


def test_users_in_the_proxy_setting():
    """User and password are kept beside the proxy, out of sight."""
    config = read_config(Fake(IEConfig(False, None, "http://me:pa%3Ass@p:8080/", None))).config
    assert (config.proxy_server, config.proxy_credentials) == ("http://p:8080", (("p:8080", "me", "pa:ss"),))
    assert "pa:ss" not in repr(config) + notes(config)


def test_a_long_list_is_used_whole():
    """A bypass list beyond the 2064 bytes that Windows takes is not cut, and a warning says so."""
    text = ";".join(f"host{number}.example.test" for number in range(150))
    settings = compile_settings(read_config(Fake(IEConfig(False, None, "p:1", text))).config)
    assert len(settings.bypass.rules) == 150
    assert ["2064 bytes" in step.detail for step in settings.warnings] == [True]


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ({}, CachePolicy()),
        ({("HKCU", POLICIES, "EnableAutoproxyResultCache"): 0}, CachePolicy(result_cache=False)),
        ({("HKLM", POLICIES, "EnableAutoproxyResultCache"): 0}, CachePolicy(result_cache=False)),
        ({("HKCU", POLICIES, "EnableAutoproxyResultCache"): 1}, CachePolicy()),
        ({("HKCU", INTERNET_SETTINGS, "BadProxyExpiresTime"): 60}, CachePolicy(bad_proxy_seconds=60)),
        ({("HKCU", INTERNET_SETTINGS, "BadProxyExpiresTime"): 0}, CachePolicy(bad_proxy_seconds=0)),
    ],
    ids=str,
)
def test_what_windows_is_told_to_remember(registry, expected):
    """The switches for the answer cache and for bad proxies are honoured."""
    assert cache_policy(Fake(registry=registry)) == expected


def test_changes_are_noticed():
    """Every value that decides shows in the fingerprint."""
    before = fingerprint(Fake())
    for registry in (
        blob(flags=3),
        plain(ProxyEnable=1),
        plain(AutoConfigURL=PAC),
        {("HKLM", CONNECTIONS, "WinHttpSettings"): b"x"},
        {("HKLM", POLICIES, "ProxySettingsPerUser"): 0},
    ):
        assert fingerprint(Fake(registry=registry)) != before
    assert fingerprint(Fake()) == before
