"""Reading proxy settings from the machine.

Importing this package makes ProxyConfig.from_environ and ProxyConfig.from_system work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacaware._models import ConfigReaders, ProxyConfig, plug_in_readers
from pacaware._system.environ import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_environ", "from_system"]


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


plug_in_readers(ConfigReaders(system=from_system, environ=from_environ))
