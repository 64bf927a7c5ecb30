"""Runs on Windows: make these the only proxy settings; as a program, those on the standard input."""

from __future__ import annotations

import json
import sys
import winreg
from contextlib import suppress
from typing import Any

INTERNET_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
KEYS = {
    "settings": INTERNET_SETTINGS,
    "connections": INTERNET_SETTINGS + r"\Connections",
    "winhttp": INTERNET_SETTINGS + r"\WinHttp",
    "policies": r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings",
}
PLAIN = ("ProxyEnable", "ProxyServer", "ProxyOverride", "AutoConfigURL", "AutoDetect", "BadProxyExpiresTime")
EVERYTHING = {
    "settings": PLAIN,
    "connections": ("DefaultConnectionSettings", "SavedLegacySettings", "WinHttpSettings"),
    "winhttp": ("DisableWpad",),
    "policies": ("ProxySettingsPerUser", "EnableAutoproxyResultCache"),
}
HIVES = {"HKCU": winreg.HKEY_CURRENT_USER, "HKLM": winreg.HKEY_LOCAL_MACHINE}


def only(values: list[list[Any]]) -> None:
    """Set values, each [hive, name of a key above, name, number, text or {"hex": ...}], and delete all others."""
    for hive in HIVES.values():
        for key, names in EVERYTHING.items():
            for name in names:
                with suppress(FileNotFoundError), winreg.OpenKey(hive, KEYS[key], 0, winreg.KEY_SET_VALUE) as opened:
                    winreg.DeleteValue(opened, name)
    put(values)


def put(values: list[list[Any]]) -> None:
    """Set values, and leave the others."""
    for hive, key, name, value in values:
        with winreg.CreateKeyEx(HIVES[hive], KEYS[key], 0, winreg.KEY_SET_VALUE) as opened:
            if isinstance(value, int):
                winreg.SetValueEx(opened, name, 0, winreg.REG_DWORD, value)
            elif isinstance(value, str):
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)
            else:
                winreg.SetValueEx(opened, name, 0, winreg.REG_BINARY, bytes.fromhex(value["hex"]))


if __name__ == "__main__":
    only(json.load(sys.stdin))
    print("{}")
