"""Which source of this machine's settings counts, and which others there are to look into."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._models import CachePolicy, ProxyConfig, Step
from pacaware._system import environ as _environ
from pacaware._system import gnome, kde, macos, windows
from pacaware._system.desktop import desktop
from pacaware._system.reading import Reading
from pacaware._system.situation import advice, situations
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pacaware._system.windows import Machine

__all__ = ["UNUSED", "Platform", "cache_policy", "fingerprint", "from_system", "platform"]

UNUSED: Final = {
    "gnome": "the desktop of this session is not GNOME or one of its kin",
    "kde": "the desktop of this session is not KDE",
    "winhttp": "services without settings of their own use it, and from_system('winhttp')",
}
_NAMES: Final = ("environment", "windows", "winhttp", "macos", "gnome", "kde")


class Platform(NamedTuple):
    """What the readers ask; tests hand in their own. ``machine`` is Windows where this is Windows."""

    name: str
    machine: Machine | None = None
    ask_gsettings: gnome.Ask = gnome.ask_gsettings
    ask_macos: Callable[[], tuple[str, macos.Proxies | None]] = macos.ask
    root: Path = Path("/")
    home: Path | None = None

    def readers(self, environ: Mapping[str, str]) -> dict[str, Callable[[], Reading]]:
        """Return the readers of the settings that this kind of system has, by the name of their source."""
        machine = self.machine
        if machine is not None:
            return {"windows": lambda: windows.read_config(machine), "winhttp": lambda: windows.read_winhttp(machine)}
        if self.name == "darwin":
            return {"macos": lambda: macos.read_config(self.ask_macos)}
        return {
            "gnome": lambda: gnome.read_config(environ, self.ask_gsettings),
            "kde": lambda: kde.read_config(environ, self.home),
        }

    def counting(self, environ: Mapping[str, str]) -> str | None:
        """Return the source that browsers on this machine use; None where they look at none."""
        if self.machine is not None:
            return "windows"
        if self.name == "darwin":
            return "macos"
        kind = desktop(environ)
        return kind if kind in ("gnome", "kde") else None

    def nothing(self, environ: Mapping[str, str]) -> ProxyConfig:
        """Return the settings where nothing is set, with lines for the person who expected a proxy."""
        kinds = () if self.name == "darwin" else situations(environ, self.root)
        if self.machine is not None:
            kinds = ("service",) if self.machine.is_service() else ()
        return ProxyConfig(origin="none", notes=tuple(Step("settings", "skipped", advice(kind)) for kind in kinds))


def platform() -> Platform:
    """Return what this process runs on."""
    if sys.platform == "win32":
        from pacaware._system.windows_api import Windows

        return Platform("win32", Windows())
    try:
        home = Path.home()
    except RuntimeError:  # no user of this number, and no HOME
        home = None
    return Platform(sys.platform, home=home)


def from_system(source: str | None, environ: Mapping[str, str], on: Platform | None = None) -> ProxyConfig:
    """Return the settings that are in force: the environment's, else those of the desktop or operating system.

    ``source`` (environment, windows, winhttp, macos, gnome, kde) asks for one kind alone. Raises ConfigError for
    settings that cannot be used, and for a source that this system does not have.
    """
    machine = on or platform()
    if source is None:
        found = _environ.read_config(environ)
        if found is not None:
            return found
        return _of_system(machine, environ)
    if source == "environment":
        return _environ.read_config(environ) or ProxyConfig(origin="environment")
    reader = machine.readers(environ).get(source)
    if reader is None:
        known = ", ".join(("environment", *machine.readers(environ)))
        unknown = "this system has no such settings" if source in _NAMES else "there is no such source"
        raise ConfigError(f"from_system({source!r}): {unknown}; here are {known}")
    return reader().config or ProxyConfig(origin=source)


def _of_system(machine: Platform, environ: Mapping[str, str]) -> ProxyConfig:
    """Return the settings of the source that counts, with notes of where they are, and why not others."""
    source, readers = machine.counting(environ), machine.readers(environ)
    others = tuple(Step("settings", "skipped", f"{name}: {UNUSED[name]}") for name in readers if name != source)
    if source is None:
        config = machine.nothing(environ)
        return replace(config, notes=(*others, *config.notes))
    reading = readers[source]()
    if reading.config is None:
        config = machine.nothing(environ)
        looked = Step("settings", "skipped", f"{source}: {reading.where}: {reading.why}")
        return replace(config, notes=(looked, *others, *config.notes))
    found = Step("settings", "ok", f"{reading.config.origin}: {reading.where}: {reading.why}")
    return replace(reading.config, notes=(found, *others, *reading.config.notes))


def fingerprint(environ: Mapping[str, str], on: Platform | None = None) -> tuple[object, ...]:
    """Return what changes with the settings that from_system() reads, except for the environment itself.

    It costs some calls of the system and starts no process: cheap enough to be asked every few seconds.
    """
    if on is None and sys.platform == "win32":
        from pacaware._system.windows_watch import fingerprint as watched

        return watched()
    machine = on or platform()
    if machine.machine is not None:
        return windows.fingerprint(machine.machine)
    if machine.name == "darwin":
        where, proxies = machine.ask_macos()
        return (where, repr(proxies))
    source = machine.counting(environ)
    if source == "kde":
        return kde.fingerprint(environ, machine.home)
    return gnome.fingerprint(environ) if source == "gnome" else ()


def cache_policy(on: Platform | None = None) -> CachePolicy:
    """Return what the system is told about remembering answers and bad proxies; Windows alone says anything."""
    machine = (on or platform()).machine
    return CachePolicy() if machine is None else windows.cache_policy(machine)
