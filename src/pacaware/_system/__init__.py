"""Reading proxy settings from the machine.

Importing this package makes ProxyConfig.from_environ and ProxyConfig.from_system work.
"""

from __future__ import annotations

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
    """Return a configuration without any setting: no desktop or operating system is read yet.

    The arguments are there for the readers to come and change nothing today.
    """
    del source, environ
    return ProxyConfig(origin="none")


def fingerprint(environ: Mapping[str, str]) -> object:
    """Return what is equal as long as the system's settings are the same: nothing is read, so nothing changes."""
    del environ
    return ()


def cache_policy(environ: Mapping[str, str]) -> CachePolicy | None:
    """Return what the system's settings say of memories, or None where they say nothing."""
    del environ
    return None


plug_in_readers(ConfigReaders(system=from_system, environ=from_environ))
