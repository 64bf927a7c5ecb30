"""Noticing that the settings have changed, without a thread of our own: by a look at what they are made from."""

from __future__ import annotations

import os

from pacaware._core.compiled import CompiledSettings, compile_settings
from pacaware._models import ProxyConfig
from pacaware._system.environ import fingerprint, no_proxy, read_config

__all__ = ["SettingsReader"]


class SettingsReader:
    """Reads the settings that are in force: those from code, else the environment's, else the system's.

    ``config`` are those from code; they never change, and a wrong one is an error here. Without ``trust_env`` neither
    the environment nor the system is read. Not thread-safe.
    """

    def __init__(self, config: ProxyConfig | None, *, trust_env: bool) -> None:
        self._current = None if config is None else compile_settings(config)
        self.constant = config is not None or not trust_env
        self._fingerprint: tuple[str | None, ...] = ()

    def read(self) -> CompiledSettings:
        """Return the settings: the same object for as long as they are the same.

        Raises ConfigError that names the variable whose value cannot be used.
        """
        current = self._current
        if self.constant:
            if current is None:
                current = self._current = compile_settings(ProxyConfig(origin="none"))
            return current
        now = fingerprint(os.environ)
        if current is None or now != self._fingerprint:
            config = read_config(os.environ) or ProxyConfig.from_system(None, os.environ)
            settings = compile_settings(config, no_proxy(os.environ))
            if settings != current:
                current = self._current = settings
            self._fingerprint = now
        assert current is not None  # for the type checker
        return current
