"""What answers rest on now: the settings, the source of the script, the network; and noticing when these change."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._core.answer_cache import Answer
from pacaware._core.compiled import CompiledSettings
from pacaware._core.selection import Setting
from pacaware._flights import SingleFlight
from pacaware._models import CachePolicy, ProxyConfig
from pacaware._system.changes import SettingsReader
from pacaware._system.network import NetworkWatch, shared_watch

if TYPE_CHECKING:
    from pacaware._pac.dns import Lookups
    from pacaware._pac.source import LoadedScript, PacSource

__all__ = ["Basis", "Found", "Situation"]

_log: Final = logging.getLogger("pacaware")


class Basis(NamedTuple):
    """What answers rest on; ``version`` is that of the script in use, 0 before there is one.

    Whenever something is forgotten there is a new one. An answer is remembered only while the one that it was found
    with is still *the* one (``is``): what a slow thread finds out comes too late to spoil what was learned since.
    """

    settings: CompiledSettings
    policy: CachePolicy
    source: PacSource | None
    version: int
    network: int
    flights: SingleFlight[Found]


class Found(NamedTuple):
    """An answer, what it rests on, and when (clock) to look again whether it still does."""

    answer: Answer
    basis: Basis
    check_at: float
    cached: bool


class Situation:
    """Keeps the basis of one resolver up to date. Not thread-safe: the resolver's lock is held for each call.

    ``policy`` None is that of the settings, else the usual one. ``clock`` is asked by the sources that are made.
    """

    def __init__(
        self,
        config: ProxyConfig | None,
        policy: CachePolicy | None,
        *,
        trust_env: bool,
        engine: str,
        worker_python: str | None,
    ) -> None:
        self.reader = SettingsReader(config, trust_env=trust_env)
        self.network: NetworkWatch = shared_watch()
        self.script_seconds = 5.0
        self.basis: Basis | None = None
        self.lookups: Lookups | None = None
        self._policy = policy
        self._engine = engine
        self._worker_python = worker_python
        self._changes: int | None = None
        self._fetches = 0

    def look(self, clock: Callable[[], float]) -> str | None:
        """Bring the basis up to date; returns what has changed since the last look: settings, network or nothing.

        Raises ConfigError for settings that cannot be used.
        """
        changes = self.network.changes(clock())
        settings = self.reader.read()
        before, self._changes = self._changes, changes
        policy = self._policy or self.reader.policy or CachePolicy()
        basis = self.basis
        if basis is None:
            self.basis = self._begin(settings, policy, clock)
            return None
        if settings is not basis.settings or policy != basis.policy:
            self._drop_source(basis)
            self.basis = self._begin(settings, policy, clock)
            _log.info("the settings have changed; everything remembered is dropped")
            return "settings"
        if before is not None and changes != before:
            if basis.source is not None:
                basis.source.network_changed()
            self.outdate()
            _log.info("the network has changed; what was remembered of the other one is dropped")
            return "network"
        return None

    def _begin(self, settings: CompiledSettings, policy: CachePolicy, clock: Callable[[], float]) -> Basis:
        source = None
        if Setting.PAC_URL in settings.order:
            from pacaware._pac.dns import Lookups  # settings without a script need none of its packages
            from pacaware._pac.source import source_of

            if self.lookups is None:
                self.lookups = Lookups()
            # It knows nothing of its resolver: the process of a script ends as soon as its source is dropped.
            source = source_of(
                settings.config,
                self.lookups,
                engine=self._engine,
                worker_python=self._worker_python,
                script_seconds=self.script_seconds,
                clock=clock,
            )
        return Basis(settings, policy, source, 0, self._changes or 0, SingleFlight())

    def outdate(self) -> None:
        """Begin a new basis on the same script: what is being found out now is not remembered."""
        if self.basis is not None:
            self.basis = self.basis._replace(network=self._changes or 0, flights=SingleFlight())

    def renew(self, clock: Callable[[], float]) -> None:
        """Begin a new basis that knows no script: it will be fetched again."""
        basis = self.basis
        if basis is not None:
            self._drop_source(basis)
            self.basis = self._begin(basis.settings, basis.policy, clock)

    def in_use(self, basis: Basis, loaded: LoadedScript) -> tuple[Basis, bool]:
        """Return what answers of this script rest on, and whether it has just taken the place of an older script."""
        now = self.basis
        if now is None or now.source is not basis.source or now.version > loaded.version:
            return basis, False
        if now.version == loaded.version:
            return now, False
        self.basis = now._replace(version=loaded.version)
        return self.basis, bool(now.version)

    @property
    def fetches(self) -> int:
        """How often a server was asked for a PAC file."""
        source = None if self.basis is None else self.basis.source
        return self._fetches + (0 if source is None else source.fetches)

    def _drop_source(self, basis: Basis) -> None:
        self._fetches += basis.source.fetches if basis.source is not None else 0

    def forget_names(self) -> None:
        """Forget what names were looked up for scripts."""
        if self.lookups is not None:
            self.lookups.clear()

    def close(self) -> None:
        """End the threads and the process of a script; nothing waits for them."""
        basis, lookups = self.basis, self.lookups
        if basis is not None:
            self._drop_source(basis)
        self.basis = self.lookups = None
        if lookups is not None:
            lookups.close()
        if basis is not None and basis.source is not None:
            basis.source.close()
