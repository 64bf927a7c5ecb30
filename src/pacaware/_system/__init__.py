"""Reading proxy settings from the machine.

Importing this package makes ProxyConfig.from_environ and ProxyConfig.from_system work.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pacaware._models import CachePolicy, ConfigReaders, ProxyConfig, plug_in_readers
from pacaware._system.environ import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cache_policy", "fingerprint", "from_environ", "from_system"]


def from_environ(environ: Mapping[str, str]) -> ProxyConfig:
    """Return the settings of the environment; one without any setting if nothing there selects a proxy.

    Raises ConfigError that names the variable whose value cannot be used.
    """
    return read_config(environ) or ProxyConfig(origin="environment")


def from_system(source: str | None = None, environ: Mapping[str, str] | None = None) -> ProxyConfig:
    """Return the settings in force on this machine: the environment's, else those of the desktop or system.

    ``source`` names one kind instead: environment, windows, winhttp, macos, gnome or kde. Raises ConfigError for
    settings that cannot be used, and for a source that this system does not have.
    """
    from pacaware._system import system  # not needed where code or the environment decides

    return system.from_system(source, os.environ if environ is None else environ)


def fingerprint(environ: Mapping[str, str]) -> object:
    """Return what is equal as long as the system's settings are the same; starts no process."""
    from pacaware._system import system

    return system.fingerprint(environ)


def cache_policy(environ: Mapping[str, str]) -> CachePolicy | None:
    """Return what the system is told about remembering answers and bad proxies; Windows alone says anything."""
    del environ
    if sys.platform != "win32":
        return None
    from pacaware._system import system

    return system.cache_policy()


plug_in_readers(ConfigReaders(system=from_system, environ=from_environ))
