"""The proxy settings of Windows (jpdsi LAN settings article; WinINet and WinHTTP documentation).

The system's own answer comes first: ``WinHttpGetIEProxyConfigForCurrentUser`` knows which connection is active and
whether the settings are the machine's. Without it the binary value of the active connection is read, which is where the
answer comes from, and only then the plain values beside it, which are copies.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, TypeAlias

from pacaware._models import CachePolicy, ProxyConfig
from pacaware._system.reading import Draft, Reading
from pacaware._system.windows_blob import ConnectionSettings, WinHttpSettings

__all__ = ["IEConfig", "Machine", "cache_policy", "fingerprint", "read_config", "read_winhttp"]

Value: TypeAlias = int | str | bytes | None

INTERNET_SETTINGS: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
POLICIES: Final = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"
_CONNECTIONS: Final = INTERNET_SETTINGS + r"\Connections"
_WINHTTP: Final = INTERNET_SETTINGS + r"\WinHttp"
_LAN: Final = "DefaultConnectionSettings"
_API: Final = "WinHttpGetIEProxyConfigForCurrentUser"
# Windows 10 1607, from which on no switch brings PAC files from disk back (jpdsi LAN settings article, section 3).
_NO_LEGACY_BUILD: Final = 14393


class IEConfig(NamedTuple):
    """WINHTTP_CURRENT_USER_IE_PROXY_CONFIG."""

    auto_detect: bool
    pac_url: str | None
    proxy: str | None
    bypass: str | None


class Machine(Protocol):
    """What is asked of Windows; everything else here is decided from the answers."""

    def value(self, hive: str, key: str, name: str) -> Value:
        """Return a value of the registry (hive ``HKCU`` or ``HKLM``), or None if there is none that can be read."""
        ...

    def ie_config(self) -> IEConfig | None:
        """Return the answer of WinHttpGetIEProxyConfigForCurrentUser, or None if there is none."""
        ...

    def connection(self) -> str | None:
        """Return the name of the active dial-up or VPN connection, or None for the LAN."""
        ...

    def is_service(self) -> bool:
        """Whether this process runs where nobody can log on (session 0)."""
        ...

    def build(self) -> int:
        """Return the build number of Windows, such as 19045."""
        ...


class _Found(NamedTuple):
    where: str
    config: IEConfig
    notes: tuple[str, ...] = ()


def read_config(machine: Machine) -> Reading:
    """Read what browsers use; for a service account without settings of its own, what WinHTTP uses.

    Raises ConfigError for a proxy that cannot be made out.
    """
    found = _find(machine)
    not_read: tuple[str, ...] = ()
    # A service's own settings are those that somebody made; a profile that nobody logs on to just says "detect".
    if machine.is_service() and not (found and (_given(found.config.pac_url) or _given(found.config.proxy))):
        winhttp = read_winhttp(machine)
        if winhttp.config is not None and winhttp.config.proxy_server:
            return winhttp._replace(why=f"{winhttp.why}; this is a service account without settings of its own")
        not_read = tuple(note.detail for note in winhttp.config.notes) if winhttp.config is not None else ()
    if found is None:
        return Reading(f"HKCU\\{INTERNET_SETTINGS}", None, "there are no settings")
    draft = Draft("windows")
    draft.notes += (*found.notes, *not_read)
    pac_url = draft.pac_url(found.config.pac_url, f"{found.where}: AutoConfigURL")
    auto_detect = found.config.auto_detect
    if auto_detect and _number(machine.value("HKLM", _WINHTTP, "DisableWpad")) == 1:
        auto_detect = False
        draft.notes.append(f"HKLM\\{_WINHTTP}: DisableWpad=1, so no PAC file is looked for")
    if _given(found.config.proxy):
        assert found.config.proxy is not None
        draft.proxies(found.config.proxy, f"{found.where}: ProxyServer", decides=not (auto_detect or pac_url))
    config = ProxyConfig(
        auto_detect=auto_detect,
        pac_url=pac_url,
        bypass=draft.bypass(found.config.bypass, f"{found.where}: ProxyOverride"),
        pac_dialect="windows",
        allow_file=_files_allowed(machine),
    )
    boxes = [("detect settings", auto_detect), ("PAC URL", pac_url), ("proxy server", draft.proxy_server)]
    ticked = ", ".join(name for name, on in boxes if on)
    return Reading(found.where, draft.config(config), ticked or "no proxy is switched on")


def read_winhttp(machine: Machine) -> Reading:
    """Read the machine's settings for WinHTTP (``netsh winhttp show proxy``)."""
    where = f"HKLM\\{_CONNECTIONS}: WinHttpSettings"
    data = machine.value("HKLM", _CONNECTIONS, "WinHttpSettings")
    if not isinstance(data, bytes):
        return Reading(where, None, "there is no such value")
    try:
        settings = WinHttpSettings.decode(data)
    except ValueError as exc:
        return Reading(where, None, f"the value cannot be read: {exc}")
    draft = Draft("winhttp")
    if settings.uses_script:
        draft.notes.append(f"{where}: its PAC file or detection cannot be read; give the address as PACAWARE_PAC_URL")
    if settings.uses_proxy and _given(settings.proxy_server):
        draft.proxies(settings.proxy_server, where)
    config = draft.config(ProxyConfig(bypass=draft.bypass(settings.bypass, where), pac_dialect="windows"))
    return Reading(where, config, "a proxy is set" if draft.proxy_server else "no proxy is set")


def cache_policy(machine: Machine) -> CachePolicy:
    """Return what Windows is told about remembering: EnableAutoproxyResultCache and BadProxyExpiresTime (seconds)."""
    off = any(_number(machine.value(hive, POLICIES, "EnableAutoproxyResultCache"), 1) == 0 for hive in ("HKCU", "HKLM"))
    seconds = _number(machine.value("HKCU", INTERNET_SETTINGS, "BadProxyExpiresTime"), -1)
    return CachePolicy(result_cache=not off, bad_proxy_seconds=seconds if seconds >= 0 else 1800)


def fingerprint(machine: Machine) -> tuple[object, ...]:
    """Return what changes with the settings: the values themselves, which cost microseconds each."""
    names = ("ProxyEnable", "ProxyServer", "ProxyOverride", "AutoConfigURL", "AutoDetect")
    connection = machine.connection() or _LAN
    return (
        connection,
        *(machine.value(hive, _CONNECTIONS, connection) for hive in ("HKCU", "HKLM")),
        *(machine.value(hive, INTERNET_SETTINGS, name) for hive in ("HKCU", "HKLM") for name in names),
        machine.value("HKLM", _CONNECTIONS, "WinHttpSettings"),
        machine.value("HKLM", _WINHTTP, "DisableWpad"),
        machine.value("HKLM", POLICIES, "ProxySettingsPerUser"),
    )


def _find(machine: Machine) -> _Found | None:
    answer = machine.ie_config()
    if answer is not None:
        return _Found(_API, answer)
    hive = "HKLM" if _number(machine.value("HKLM", POLICIES, "ProxySettingsPerUser"), 1) == 0 else "HKCU"
    name = machine.connection() or _LAN
    where = f"{hive}\\{_CONNECTIONS}: {name}"
    data = machine.value(hive, _CONNECTIONS, name)
    note: tuple[str, ...] = ()
    if isinstance(data, bytes):
        try:
            return _Found(where, _from_blob(ConnectionSettings.decode(data)))
        except ValueError as exc:
            note = (f"{where} cannot be read ({exc}), so the plain values beside it are used",)
    return _from_values(machine, hive, note)


def _from_blob(settings: ConnectionSettings) -> IEConfig:
    return IEConfig(
        auto_detect=settings.auto_detect,
        pac_url=settings.pac_url if settings.uses_pac_url else None,
        proxy=settings.proxy_server if settings.uses_proxy else None,
        bypass=settings.bypass if settings.uses_proxy else None,
    )


def _from_values(machine: Machine, hive: str, notes: tuple[str, ...]) -> _Found | None:
    def value(name: str) -> Value:
        return machine.value(hive, INTERNET_SETTINGS, name)

    def text(name: str) -> str | None:
        found = value(name)
        return found if isinstance(found, str) else None

    # Some machines hold the number as text.
    enabled, pac_url, detect = value("ProxyEnable"), text("AutoConfigURL"), value("AutoDetect")
    if enabled is None and pac_url is None and detect is None:
        return None
    on = _number(enabled) != 0
    config = IEConfig(
        auto_detect=_number(detect) != 0,
        pac_url=pac_url,
        proxy=text("ProxyServer") if on else None,
        bypass=text("ProxyOverride") if on else None,
    )
    return _Found(f"{hive}\\{INTERNET_SETTINGS}", config, notes)


def _files_allowed(machine: Machine) -> bool:
    if machine.build() >= _NO_LEGACY_BUILD:
        return False
    names = ("EnableLegacyAutoProxyFeatures", "EnableLegacyAutoProxyFeature")  # documents spell it in both ways
    return any(_number(machine.value("HKLM", POLICIES, name)) == 1 for name in names)


def _given(text: str | None) -> bool:
    """Whether there is more than the single blank that Windows leaves where a text was cleared."""
    return bool(text and text.strip())


def _number(value: Value, default: int = 0) -> int:
    if isinstance(value, str):
        try:
            return int(value.strip(), 0)
        except ValueError:
            return default
    return value if isinstance(value, int) else default
