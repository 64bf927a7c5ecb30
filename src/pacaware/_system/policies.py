"""Proxy policies of Chrome, Chromium and Edge: what an administrator told the browser alone. Shown, never used.

Chromium's policies ProxyMode, ProxyServer, ProxyPacUrl, ProxyBypassList, or all of them in ProxySettings; in the
registry of Windows, in managed property lists of macOS, in JSON files below ``/etc`` on Linux.
"""

from __future__ import annotations

import json
import plistlib
from typing import TYPE_CHECKING, Any, Final

from pacaware._models import ProxyConfig
from pacaware._system.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pacaware._system.windows import Machine

__all__ = ["read_files", "read_plists", "read_registry"]

_KEYS: Final = {"chrome": r"Software\Policies\Google\Chrome", "edge": r"Software\Policies\Microsoft\Edge"}
_PLISTS: Final = {"chrome": "com.google.Chrome.plist", "edge": "com.microsoft.Edge.plist"}
_FOLDERS: Final = {
    "chrome": ("etc/opt/chrome/policies", "etc/chromium/policies", "etc/chromium-browser/policies"),
    "edge": ("etc/opt/edge/policies",),
}
_NAMES: Final = ("ProxyMode", "ProxyServerMode", "ProxyServer", "ProxyPacUrl", "ProxyBypassList", "ProxyPacMandatory")
# The numbers of the old policy ProxyServerMode.
_MODES: Final = {0: "direct", 1: "auto_detect", 2: "fixed_servers", 3: "system"}


def read_registry(machine: Machine) -> Iterator[tuple[str, Reading]]:
    """Yield (browser, what its policy says) from the registry, the machine's before the user's."""
    for browser, key in _KEYS.items():
        for hive in ("HKLM", "HKCU"):
            values = {name: machine.value(hive, key, name) for name in (*_NAMES, "ProxySettings")}
            yield from _readings(browser, f"{hive}\\{key}", values)


def read_plists(root: Path) -> Iterator[tuple[str, Reading]]:
    """Yield (browser, what its policy says) from managed preferences, the machine's before the users'."""
    folder = root / "Library/Managed Preferences"
    for browser, name in _PLISTS.items():
        for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
            try:
                values = plistlib.loads(path.read_bytes())
            except (OSError, ValueError, plistlib.InvalidFileException):
                continue
            yield from _readings(browser, str(path), values)


def read_files(root: Path) -> Iterator[tuple[str, Reading]]:
    """Yield (browser, what its policy says) from the folders of managed and recommended policies."""
    for browser, folders in _FOLDERS.items():
        for folder in folders:
            for path in (*sorted((root / folder).glob("managed/*.json")), *(root / folder).glob("recommended/*.json")):
                try:
                    values = json.loads(path.read_text("utf-8"))
                except (OSError, ValueError, RecursionError):
                    continue
                yield from _readings(browser, str(path), values)


def _readings(browser: str, where: str, values: object) -> Iterator[tuple[str, Reading]]:
    if not isinstance(values, dict):
        return
    settings = values.get("ProxySettings")
    if isinstance(settings, str):
        try:
            settings = json.loads(settings)
        except (ValueError, RecursionError):
            settings = None
    said = {name: values[name] for name in _NAMES if values.get(name) is not None}
    if isinstance(settings, dict):
        said |= {name: settings[name] for name in _NAMES if settings.get(name) is not None}
    if said:
        yield browser, _reading(where, said)


def _reading(where: str, said: Mapping[str, Any]) -> Reading:
    number = said.get("ProxyServerMode")
    mode = said.get("ProxyMode") or _MODES.get(number if isinstance(number, int) else -1, "fixed_servers")
    bypass = said.get("ProxyBypassList")
    why = f"ProxyMode {mode}: for the browser alone, so it is shown and not used"
    config = ProxyConfig(
        auto_detect=mode == "auto_detect",
        pac_url=str(said.get("ProxyPacUrl", "")) or None if mode == "pac_script" else None,
        proxy_server=str(said.get("ProxyServer", "")) or None if mode == "fixed_servers" else None,
        bypass=str(bypass) if bypass and mode == "fixed_servers" else None,
        bypass_dialect="chromium",
    )
    return Reading(where, config, why)
