"""Machines of every kind for tests on any one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pacaware._system.system import Platform
from pacaware._system.windows import INTERNET_SETTINGS, IEConfig
from pacaware._system.windows_blob import ConnectionSettings

EMPTY = Path("/nonexistent")
GNOME = {"XDG_CURRENT_DESKTOP": "GNOME"}
CONNECTIONS = INTERNET_SETTINGS + r"\Connections"
KDE5 = {"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5"}
KDE = {"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "6", "XDG_CONFIG_DIRS": "/nonexistent"}


@dataclass
class Fake:
    """A machine that answers what it is told to."""

    answer: IEConfig | None = None
    registry: dict = field(default_factory=dict)
    active: str | None = None
    service: bool = False
    build_number: int = 19045

    def value(self, hive, key, name):
        return self.registry.get((hive, key, name))

    def ie_config(self):
        return self.answer

    def connection(self):
        return self.active

    def is_service(self):
        return self.service

    def build(self):
        return self.build_number


def plain(hive="HKCU", **values):
    return {(hive, INTERNET_SETTINGS, name): value for name, value in values.items()}


def blob(name="DefaultConnectionSettings", hive="HKCU", **values):
    return {(hive, CONNECTIONS, name): ConnectionSettings(**values).encode()}


def write_kioslaverc(home: Path, text: str, folder: str = ".config") -> dict[str, str]:
    """Write kioslaverc below a home folder; returns the environment of a session of KDE 5 there."""
    path = home / folder / "kioslaverc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="")
    return {**KDE5, "HOME": str(home), "XDG_CONFIG_DIRS": str(home / "xdg")}


def windows(**values: Any) -> Platform:
    """Windows that gives these answers."""
    return Platform("win32", Fake(**values), root=EMPTY)


def macos(**proxies: Any) -> Platform:
    """MacOS with these keys in its dictionary."""
    return Platform("darwin", ask_macos=lambda: ("SCDynamicStoreCopyProxies", proxies), root=EMPTY)


def linux(home: Path = EMPTY, root: Path = EMPTY, **values: str | int) -> Platform:
    """Linux with these keys of GNOME (``http_host="p"``), and KDE's files below ``home``."""

    def ask(environ: object) -> tuple[str | None, str]:
        if not values:
            return None, "the program gsettings is not installed"
        lines = []
        for key, value in values.items():
            child, _, name = key.rpartition("_")
            schema = "org.gnome.system.proxy" + (f".{child}" if child else "")
            lines.append(f"{schema} {name} {value!r}")
        return "\n".join(lines), ""

    return Platform("linux", ask_gsettings=ask, root=root, home=home)
