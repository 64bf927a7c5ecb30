"""Noticing that the settings have changed, without a thread of our own: by a look at what they are made from."""

from __future__ import annotations

import logging
import os
from typing import Final

from pacaware._core.compiled import CompiledSettings, compile_settings
from pacaware._models import ProxyConfig
from pacaware._system.environ import fingerprint, no_proxy, read_config
from pacaware._system.look import SystemLook

__all__ = ["SettingsReader"]


_log: Final = logging.getLogger("pacaware")
# Neither changes on its own: code says what it says, and the environment is looked at by its own variables.
_NOT_THE_SYSTEM: Final = frozenset({"code", "environment", "wsl"})


class SettingsReader:
    """Reads the settings that are in force: those from code, else the environment's, else the system's.

    ``config`` are those from code; they never change, and a wrong one is an error here. Without ``trust_env`` neither
    the environment nor the system is read. Not thread-safe.
    """

    def __init__(self, config: ProxyConfig | None, *, trust_env: bool) -> None:
        self._current = None if config is None else compile_settings(config)
        self.constant = config is not None or not trust_env
        self._fingerprint: tuple[str | None, ...] = ()
        self._look = SystemLook()

    def read(self, now: float) -> CompiledSettings:
        """Return the settings: the same object for as long as they are the same. ``now`` is a clock's, in seconds.

        Raises ConfigError that names the variable whose value cannot be used.
        """
        current = self._current
        if self.constant:
            if current is None:
                current = self._current = compile_settings(ProxyConfig(origin="none"))
            return current
        seen = fingerprint(os.environ)
        if current is None or seen != self._fingerprint or self._system_changed(current, now):
            config = read_config(os.environ) or ProxyConfig.from_system(None, os.environ)
            settings = compile_settings(config, no_proxy(os.environ))
            self._system_changed(settings, now)  # the first look, if there was none: later ones are compared with it
            if settings != current:
                current = self._current = settings
                for step in settings.warnings:
                    if step.status == "warning":
                        _log.warning("%s: %s", step.name, step.detail)
            self._fingerprint = seen
        assert current is not None  # for the type checker
        return current

    def _system_changed(self, settings: CompiledSettings, now: float) -> bool:
        return settings.config.origin not in _NOT_THE_SYSTEM and self._look.changed(os.environ, now)
