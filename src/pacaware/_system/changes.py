"""Noticing that the settings have changed, without a thread of our own: by a look at what they are made from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from pacaware import _system
from pacaware._core.compiled import CompiledSettings, compile_settings
from pacaware._models import CachePolicy, ProxyConfig, Step
from pacaware._system.environ import explain, fingerprint, no_proxy, read_config

__all__ = ["SettingsReader", "SystemSettings"]


class SystemSettings(NamedTuple):
    """The settings of the system: how to read them, and how to see cheaply that they may be others.

    ``fingerprint`` is asked once a second; what it returns is equal as long as nothing has changed: the states of
    files (``files.file_state``), a counter of notifications, or, where there is neither, the time in steps.
    ``cache_policy`` is what the system says of memories (Windows: BadProxyExpiresTime, EnableAutoproxyResultCache).
    """

    read: Callable[[Mapping[str, str]], ProxyConfig]
    fingerprint: Callable[[Mapping[str, str]], object]
    cache_policy: Callable[[Mapping[str, str]], CachePolicy | None]


# By name at each call: what a test or another reader puts there counts.
_SYSTEM = SystemSettings(
    lambda environ: ProxyConfig.from_system(None, environ),
    lambda environ: _system.fingerprint(environ),
    lambda environ: _system.cache_policy(environ),
)


_log: Final = logging.getLogger("pacaware")
_GIVEN: Final = (
    Step("settings", "ok", "given in code"),
    Step("settings", "skipped", "environment and system: not read, as settings in code come first"),
)
_SYSTEM_NOT_READ: Final = (Step("settings", "skipped", "system: not read, as the environment comes first"),)
_NOT_TRUSTED: Final = (Step("settings", "skipped", "environment and system: not read, as trust_env=False"),)


class SettingsReader:
    """Reads the settings that are in force: those from code, else the environment's, else the system's.

    ``config`` are those from code; they never change, and a wrong one is an error here. Without ``trust_env`` neither
    the environment nor the system is read. ``policy`` is what the system's settings say of memories, if they are in
    force. Not thread-safe.
    """

    def __init__(self, config: ProxyConfig | None, *, trust_env: bool, system: SystemSettings = _SYSTEM) -> None:
        self._current = None if config is None else _told(compile_settings(config, chosen=_GIVEN))
        self._constant = config is not None or not trust_env
        self._system = system
        self._environment: tuple[str | None, ...] = ()
        self._system_state: object = None
        self._from_system = False
        self.policy: CachePolicy | None = None

    def read(self) -> CompiledSettings:
        """Return the settings: the same object for as long as they are the same.

        Raises ConfigError that names the variable whose value cannot be used.
        """
        current = self._current
        if self._constant:
            if current is None:
                current = self._current = compile_settings(ProxyConfig(origin="none"), chosen=_NOT_TRUSTED)
            return current
        environment = fingerprint(os.environ)
        # Where the environment decides, the system is not even looked at.
        state = self._system.fingerprint(os.environ) if self._from_system else None
        if current is not None and (environment, state) == (self._environment, self._system_state):
            return current
        config, policy = read_config(os.environ), None
        from_system = config is None
        if config is None:
            # The state first: what changes while the settings are read is seen at the next look.
            state = self._system.fingerprint(os.environ)
            config, policy = self._system.read(os.environ), self._system.cache_policy(os.environ)
        chosen = explain(os.environ) + (() if from_system else _SYSTEM_NOT_READ)
        settings = compile_settings(config, no_proxy(os.environ), chosen)
        if current is None or settings != current:
            current = self._current = _told(settings)
        self.policy = policy
        self._environment, self._system_state, self._from_system = (
            environment,
            state if from_system else None,
            from_system,
        )
        return current


def _told(settings: CompiledSettings) -> CompiledSettings:
    for step in settings.warnings:
        if step.status == "warning":
            _log.warning("%s: %s", step.name, step.detail)
    return settings
