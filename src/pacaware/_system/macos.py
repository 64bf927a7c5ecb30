"""The proxy settings of macOS: the dictionary of SCDynamicStoreCopyProxies, asked by ctypes, or of ``scutil --proxy``.

Chromium's reading (net/proxy_resolution/proxy_config_service_mac.cc): each scheme has its own proxy, the one for https
is a plain HTTP proxy too, SOCKS means SOCKS5 and serves what has no proxy of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pacaware._models import ProxyConfig
from pacaware._system.reading import Draft, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ask", "copy_proxies", "parse_scutil", "read_config", "settings_from"]

Proxies: TypeAlias = "Mapping[str, Any]"

_STORE: Final = "SCDynamicStoreCopyProxies"
_SCUTIL: Final = "/usr/sbin/scutil"
_FRAMEWORK: Final = "/System/Library/Frameworks/{0}.framework/{0}"
_SCHEMES: Final = (("http", "HTTP"), ("https", "HTTPS"), ("ftp", "FTP"), ("socks", "SOCKS"))
_XML: Final = 100  # kCFPropertyListXMLFormat_v1_0
_SECONDS: Final = 2.0
_PAIR: Final = re.compile(r"\s*(\S+) : (.*)")
_DEPTH: Final = 20


def read_config(asked: Callable[[], tuple[str, Proxies | None]] | None = None) -> Reading:
    """Read the settings of the current network service; raises ConfigError for a proxy that cannot be made out."""
    where, proxies = (asked or ask)()
    if proxies is None:
        return Reading(where, None, "the system gives no settings")
    config = settings_from(proxies)
    return Reading(where, config, "a proxy is switched on" if _says_something(config) else "no proxy is switched on")


def _says_something(config: ProxyConfig) -> bool:
    return bool(config.auto_detect or config.pac_url or config.proxy_server)


def settings_from(proxies: Proxies) -> ProxyConfig:
    """Return the settings in a dictionary of the system (keys kSCPropNetProxies...)."""
    draft = Draft("macos")
    auto_detect = _on(proxies, "ProxyAutoDiscoveryEnable")
    pac_url = None
    if _on(proxies, "ProxyAutoConfigEnable"):
        pac_url = draft.pac_url(_text(proxies, "ProxyAutoConfigURLString"), "System Settings: ProxyAutoConfigURLString")
    for scheme, key in _SCHEMES:
        host = _text(proxies, f"{key}Proxy")
        if _on(proxies, f"{key}Enable") and host.strip():
            port = _number(proxies.get(f"{key}Port"))
            draft.proxy(scheme, host, f"System Settings: {key}Proxy", port, decides=not (auto_detect or pac_url))
    exceptions = proxies.get("ExceptionsList")
    names = [str(name) for name in exceptions] if isinstance(exceptions, list | tuple) else []
    if _on(proxies, "ExcludeSimpleHostnames"):
        names.insert(0, "<local>")
    bypass = draft.bypass(",".join(names), "System Settings: ExceptionsList")
    return draft.config(ProxyConfig(auto_detect=auto_detect, pac_url=pac_url, bypass=bypass, bypass_dialect="macos"))


def ask() -> tuple[str, Proxies | None]:
    """Ask the system, by ctypes or else by scutil."""
    try:
        import ctypes

        core = ctypes.CDLL(_FRAMEWORK.format("CoreFoundation"))
        proxies = copy_proxies(core, ctypes.CDLL(_FRAMEWORK.format("SystemConfiguration")))
    except (OSError, AttributeError, ImportError):
        proxies = None
    if proxies is not None:
        return _STORE, proxies
    import subprocess  # the answer of the system itself needs none

    try:
        answer = subprocess.run(  # noqa: S603 - a program of the system with constant arguments, and no shell
            [_SCUTIL, "--proxy"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return f"{_STORE}, scutil --proxy", None
    return "scutil --proxy", parse_scutil(answer.stdout.decode("utf-8", "replace"))


def copy_proxies(core: Any, system: Any) -> Proxies | None:
    """Return the dictionary of SCDynamicStoreCopyProxies, by way of its XML form, which Python reads.

    ``core`` and ``system`` are the libraries CoreFoundation and SystemConfiguration.
    """
    import ctypes
    import plistlib

    system.SCDynamicStoreCopyProxies.restype = ctypes.c_void_p
    system.SCDynamicStoreCopyProxies.argtypes = (ctypes.c_void_p,)
    core.CFPropertyListCreateData.restype = ctypes.c_void_p
    core.CFPropertyListCreateData.argtypes = (
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_ulong, ctypes.c_void_p),
    )
    core.CFDataGetLength.restype = ctypes.c_long
    core.CFDataGetLength.argtypes = (ctypes.c_void_p,)
    core.CFDataGetBytePtr.restype = ctypes.c_void_p
    core.CFDataGetBytePtr.argtypes = (ctypes.c_void_p,)
    core.CFRelease.restype = None
    core.CFRelease.argtypes = (ctypes.c_void_p,)
    dictionary = system.SCDynamicStoreCopyProxies(None)
    if not dictionary:
        return None
    try:
        data = core.CFPropertyListCreateData(None, dictionary, _XML, 0, None)
        if not data:
            return None
        try:
            xml = ctypes.string_at(core.CFDataGetBytePtr(data), core.CFDataGetLength(data))
        finally:
            core.CFRelease(data)
    finally:
        core.CFRelease(dictionary)
    found = plistlib.loads(xml)
    return found if isinstance(found, dict) else None


def parse_scutil(text: str) -> Proxies | None:
    """Read what ``scutil --proxy`` prints; None where it is no dictionary."""
    lines = iter(text.splitlines())
    if next(lines, "").strip() != "<dictionary> {":
        return None
    return dict(_pairs(lines, 0))


def _pairs(lines: Iterator[str], depth: int) -> Iterator[tuple[str, Any]]:
    for line in lines:
        if line.strip() == "}":
            return
        match = _PAIR.fullmatch(line)
        if match is None:
            continue
        key, value = match.groups()
        if value not in ("<dictionary> {", "<array> {"):
            yield key, value
        elif depth < _DEPTH:
            inner = dict(_pairs(lines, depth + 1))
            yield key, inner if value.startswith("<d") else list(inner.values())


def _on(proxies: Proxies, key: str) -> bool:
    return _number(proxies.get(key)) != 0


def _number(value: object) -> int:
    """Read a number, which is text where scutil printed it."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII) else 0
    return value if isinstance(value, int) else 0


def _text(proxies: Proxies, key: str) -> str:
    value = proxies.get(key)
    return value if isinstance(value, str) else ""
