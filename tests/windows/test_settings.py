"""The settings of Windows as a Windows Python reads them: from the registry, and from WinHTTP."""

from __future__ import annotations

import pytest

from pacaware._system.windows_blob import ConnectionSettings
from tests.data import rows

LAN = "DefaultConnectionSettings"
PAC = "http://pac.test/p.pac"
# Wine takes text for Latin-1 and knows nothing of the old layout; both are told apart by our reading of the value.
ROWS = [row for row in rows("windows_blob") if row["name"] not in ("own_utf8_bypass", "own_v3c")]


def blob(hive: str = "HKCU", **fields) -> list:
    return [hive, "connections", LAN, {"hex": ConnectionSettings(**fields).encode().hex()}]


def plain(**values) -> list[list]:
    return [["HKCU", "settings", name, value] for name, value in values.items()]


CASES = {
    "nothing": {},
    "plain": {"values": plain(ProxyEnable=1, ProxyServer="p.test:8080", ProxyOverride="*.corp;<local>")},
    "plain-off": {"values": plain(ProxyEnable=0, ProxyServer="p.test:8080", AutoConfigURL=PAC)},
    "plain-text": {"values": plain(ProxyEnable="1", ProxyServer="p.test:8080")},
    "both": {"values": [*plain(ProxyEnable=1, ProxyServer="plain.test:1"), blob(flags=3, proxy_server="blob.test:1")]},
    "broken": {
        "values": [
            ["HKCU", "connections", LAN, {"hex": "46000000010000000300000000ffff7f"}],
            *plain(AutoConfigURL=PAC),
        ],
        "broken": True,
    },
    "machine": {
        "values": [
            blob(flags=3, proxy_server="user.test:1"),
            blob("HKLM", flags=3, proxy_server="machine.test:1"),
            ["HKLM", "policies", "ProxySettingsPerUser", 0],
        ]
    },
    "no-wpad": {"values": [blob(flags=9), ["HKLM", "winhttp", "DisableWpad", 1]]},
    "dirty": {"values": [blob(flags=3, proxy_server="http://p.test:8080/ ")]},
    "memory": {
        "values": [
            ["HKCU", "policies", "EnableAutoproxyResultCache", 0],
            ["HKCU", "settings", "BadProxyExpiresTime", 60],
        ]
    },
    **{
        f"winhttp {row['label']}": {"winhttp": [row["proxy"] or None, row["bypass"] or None]}
        for row in rows("winhttp_blob")
    },
    **{row["name"]: {"values": [["HKCU", "connections", LAN, {"hex": row["hex"]}]]} for row in ROWS},
}


@pytest.fixture(scope="module")
def found(machine) -> dict[str, dict]:
    """What was read in each case, by one program."""
    return dict(zip(CASES, machine.ask("settings", list(CASES.values())), strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_the_boxes_of_the_dialog(found, row):
    """WinHTTP says of a binary value what the table says, and our own decoding of it comes to the same settings."""
    case, said = found[row["name"]], row["wine"]
    assert case["answer"] == {
        "auto_detect": bool(said["auto_detect"]),
        "pac_url": said["url"],
        "proxy": said["proxy"],
        "bypass": said["bypass"],
    }
    for name in ("auto_detect", "pac_url", "proxy_server", "bypass"):
        assert case["with"][name] == case["without"][name], name
    assert case["with"]["where"] == "WinHttpGetIEProxyConfigForCurrentUser"
    assert case["without"]["where"].endswith(f"Connections: {LAN}")


def test_no_settings(found):
    """In a new profile WinHTTP says that auto-detect is on; the registry has nothing."""
    assert found["nothing"]["with"]["auto_detect"] is True
    assert found["nothing"]["without"]["why"] == "there are no settings"


@pytest.mark.parametrize(
    ("name", "proxy", "bypass", "pac_url"),
    [
        ("plain", "p.test:8080", "*.corp;<local>", None),
        ("plain-off", None, None, PAC),
        ("plain-text", "p.test:8080", None, None),
    ],
)
def test_plain_values(found, name, proxy, bypass, pac_url):
    """Where WinHTTP has no answer and there is no binary value, the plain values count."""
    case = found[name]["without"]
    assert (case["proxy_server"], case["bypass"], case["pac_url"]) == (proxy, bypass, pac_url)


def test_the_binary_value_comes_before_the_plain_ones(found):
    """Both WinHTTP and our own reading take it."""
    assert found["both"]["answer"]["proxy"] == "blob.test:1"
    assert found["both"]["without"]["proxy_server"] == "blob.test:1"


def test_a_broken_binary_value(found):
    """It is passed over with a note, and the plain values count."""
    case = found["broken"]["without"]
    assert case["pac_url"] == PAC
    assert any("cannot be read" in note for note in case["notes"])


def test_settings_of_the_machine(found):
    """ProxySettingsPerUser=0 makes the values under HKEY_LOCAL_MACHINE count."""
    case = found["machine"]["without"]
    assert case["proxy_server"] == "machine.test:1"
    assert case["where"].startswith("HKLM\\")
    assert found["machine"]["answer"]["proxy"] == "user.test:1"  # Wine's WinHTTP knows nothing of that policy


def test_detection_switched_off(found):
    """DisableWpad=1 overrules what WinHTTP says."""
    assert found["no-wpad"]["answer"]["auto_detect"] is True
    assert found["no-wpad"]["with"]["auto_detect"] is False
    assert any("DisableWpad=1" in note for note in found["no-wpad"]["with"]["notes"])


def test_dirty_settings(found):
    """A text that WinHTTP hands out as it stands is repaired, with a note."""
    assert found["dirty"]["answer"]["proxy"] == "http://p.test:8080/ "
    assert "/ " not in found["dirty"]["with"]["proxy_server"]
    assert "p.test:8080" in found["dirty"]["with"]["proxy_server"]
    assert found["dirty"]["with"]["notes"]


def test_what_windows_says_about_memory(found):
    """EnableAutoproxyResultCache=0 and BadProxyExpiresTime are heeded; without them both memories are on."""
    assert found["memory"]["policy"] == [False, 60]
    assert found["nothing"]["policy"] == [True, 1800]


@pytest.mark.parametrize("row", rows("winhttp_blob"), ids=lambda row: row["label"])
def test_settings_of_winhttp(found, row):
    """What WinHttpSetDefaultProxyConfiguration writes is read back."""
    case = found[f"winhttp {row['label']}"]
    assert case["winhttp_set"] is True
    if row["label"] == "bad chars":  # two proxies to our grammar: blanks part them
        assert case["winhttp"]["notes"]
    else:
        assert case["winhttp"]["proxy_server"] == (row["proxy"] or None)
        assert case["winhttp"]["bypass"] == (row["bypass"] or None)


def test_the_session(found):
    """This is a LAN, and a session where somebody could log on, of a Windows that knows no PAC files on disk."""
    assert found["nothing"]["connection"] is None
    assert found["nothing"]["service"] is False
    assert found["nothing"]["build"] >= 14393
