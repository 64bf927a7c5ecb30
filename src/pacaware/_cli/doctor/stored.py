"""Proxies that are stored on this machine and switched off: the address is there, the tick is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacaware._models import ProxyConfig, redact_url
from pacaware._system import gnome, kde, windows
from pacaware._system.windows_blob import ConnectionSettings
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pacaware._system.system import Platform

__all__ = ["switched_off"]

_HIVES: Final = ("HKCU", "HKLM")
_KDE: Final = ("httpProxy", "httpsProxy", "socksProxy", "Proxy Config Script")
_MACOS: Final = (("HTTP", "HTTPProxy"), ("HTTPS", "HTTPSProxy"), ("SOCKS", "SOCKSProxy"))


def switched_off(on: Platform, environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return pairs of a place and the address that is stored there without being used; users and passwords left out."""
    if on.machine is not None:
        found = _windows(on.machine)
    elif on.name == "darwin":
        found = _macos(on)
    else:
        counting = on.counting(environ)
        found = _kde(on, environ) if counting == "kde" else _gnome(on, environ) if counting == "gnome" else iter(())
    return tuple(dict.fromkeys((where, _without_user(text.strip())) for where, text in found if text.strip()))


def _without_user(text: str) -> str:
    return redact_url(text) if "://" in text else ProxyConfig(proxy_server=text).proxy_server or ""


def _windows(machine: windows.Machine) -> Iterator[tuple[str, str]]:
    for hive in _HIVES:
        place = f"{hive}\\{windows.INTERNET_SETTINGS}"
        server = machine.value(hive, windows.INTERNET_SETTINGS, "ProxyServer")
        # Some machines hold the number as text.
        if isinstance(server, str) and str(machine.value(hive, windows.INTERNET_SETTINGS, "ProxyEnable")) in (
            "0",
            "None",
        ):
            yield f"{place}: ProxyServer", server
        data = machine.value(hive, f"{windows.INTERNET_SETTINGS}\\Connections", "DefaultConnectionSettings")
        if not isinstance(data, bytes):
            continue
        try:
            settings = ConnectionSettings.decode(data)
        except ValueError:
            continue
        if settings.pac_url and not settings.uses_pac_url:
            yield f"{place}: AutoConfigURL", settings.pac_url
        if settings.proxy_server and not settings.uses_proxy:
            yield f"{place}: ProxyServer", settings.proxy_server


def _macos(on: Platform) -> Iterator[tuple[str, str]]:
    proxies = on.ask_macos()[1]
    if proxies is None:
        return
    for key, name in _MACOS:
        if not _on(proxies.get(f"{key}Enable")) and isinstance(proxies.get(name), str):
            yield f"System Settings: {name}", f"{proxies[name]}:{proxies.get(f'{key}Port', '')}".rstrip(":")
    if not _on(proxies.get("ProxyAutoConfigEnable")) and isinstance(proxies.get("ProxyAutoConfigURLString"), str):
        yield "System Settings: ProxyAutoConfigURLString", proxies["ProxyAutoConfigURLString"]


def _on(value: object) -> bool:
    return value not in (None, 0, "0", "")


def _gnome(on: Platform, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    values = gnome.parse_listing(on.ask_gsettings(environ)[0] or "")
    if values.get("mode") != "none":
        return
    for mode in ("manual", "auto"):
        try:
            config = gnome.settings_from({**values, "mode": mode})
        except ConfigError:
            continue
        text = (config.proxy_server or config.pac_url) if config else None
        if text:
            yield f"gsettings org.gnome.system.proxy mode {mode}", text


def _kde(on: Platform, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    values = kde.merged(kde.config_files(environ, on.home), environ)
    if "ProxyType" not in values or values["ProxyType"].text.strip() == "0":
        yield from ((f"{values[key].file}: {key}", values[key].text) for key in _KDE if key in values)
