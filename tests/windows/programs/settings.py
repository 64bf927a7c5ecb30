"""Runs on Windows: for each list of registry values, what Windows says of them and what we read."""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import registry

from pacaware._system.reading import Reading
from pacaware._system.windows import IEConfig, cache_policy, read_config, read_winhttp
from pacaware._system.windows_api import Windows


class WithoutTheCall(Windows):
    """This machine, had it no WinHttpGetIEProxyConfigForCurrentUser."""

    def ie_config(self) -> IEConfig | None:
        return None


class ProxyInfo(ctypes.Structure):
    """WINHTTP_PROXY_INFO."""

    _fields_ = (
        ("dwAccessType", ctypes.c_uint32),
        ("lpszProxy", ctypes.c_wchar_p),
        ("lpszProxyBypass", ctypes.c_wchar_p),
    )


def set_winhttp(proxy: str | None, bypass: str | None) -> bool:
    """Do what ``netsh winhttp set proxy`` does."""
    info = ProxyInfo(3 if proxy else 1, proxy, bypass)
    return bool(ctypes.WinDLL("winhttp").WinHttpSetDefaultProxyConfiguration(ctypes.byref(info)))


def read(reading: Reading) -> dict[str, Any]:
    config = reading.config
    return {
        "where": reading.where,
        "why": reading.why,
        "auto_detect": config and config.auto_detect,
        "pac_url": config and config.pac_url,
        "proxy_server": config and config.proxy_server,
        "bypass": config and config.bypass,
        "notes": [note.detail for note in config.notes] if config else [],
    }


def main() -> None:
    found = []
    for case in json.load(sys.stdin):
        registry.only(case.get("values", []))
        done = set_winhttp(*case["winhttp"]) if "winhttp" in case else None
        machine = Windows()
        policy = cache_policy(machine)
        # A false length in the binary value makes Wine crash.
        answer = None if case.get("broken") else machine.ie_config()
        found.append(
            {
                "answer": answer and answer._asdict(),
                "with": None if case.get("broken") else read(read_config(machine)),
                "without": read(read_config(WithoutTheCall())),
                "winhttp_set": done,
                "winhttp": read(read_winhttp(machine)),
                "policy": [policy.result_cache, policy.bad_proxy_seconds],
                "connection": machine.connection(),
                "service": machine.is_service(),
                "build": machine.build(),
            }
        )
    print(json.dumps(found))


main()
