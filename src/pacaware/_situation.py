"""What answers rest on now: the settings, the source of the script, the network; and noticing when these change."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._core.answer_cache import Answer
from pacaware._core.compiled import CompiledSettings
from pacaware._core.selection import Setting
from pacaware._flights import SingleFlight
from pacaware._models import CachePolicy, ProxyConfig
from pacaware._system.changes import SettingsReader
from pacaware._system.clock import awake_or_asleep
from pacaware._system.network import NetworkWatch, shared_watch

if TYPE_CHECKING:
    from pacaware._pac.dns import Lookups
    from pacaware._pac.evaluator import PacScript
    from pacaware._pac.source import LoadedScript, PacSource
    from pacaware._pac.wpad import SupportsDetection

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
    detected: PacSource | None = None

    @property
    def sources(self) -> tuple[PacSource, ...]:
        """Where scripts come from, in the order they are tried."""
        return tuple(source for source in (self.detected, self.source) if source is not None)

    def known(self) -> tuple[LoadedScript, float] | None:
        """Return the script in use and when (clock) to look again; None if there is none, or a better one may be had.

        Never waits; what is due is done in the background.
        """
        check_at = float("inf")
        for source in self.sources:
            loaded = source.known()
            if loaded is not None:
                return loaded, min(check_at, loaded.check_at)
            if not source.has_failed:
                return None
            source.retry()
            check_at = min(check_at, source.retry_at)
        return None


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
        self.detector: SupportsDetection | None = None
        self.basis: Basis | None = None
        self.lookups: Lookups | None = None
        self._policy = policy
        self._engine = engine
        self._worker_python = worker_python
        self._changes: int | None = None
        self._fetches = 0
        self._versions = itertools.count(1)

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
            for source in basis.sources:
                source.network_changed()
            # Another setting may have its turn now, and its script may be an older one.
            self.basis = basis._replace(version=0 if basis.detected else basis.version)
            self.outdate()
            _log.info("the network has changed; what was remembered of the other one is dropped")
            return "network"
        return None

    def _begin(self, settings: CompiledSettings, policy: CachePolicy, clock: Callable[[], float]) -> Basis:
        source = None
        if Setting.PAC_URL in settings.order:
            from pacaware._pac.source import PacSource  # settings without a script need none of its packages

            # It knows nothing of its resolver: the process of a script ends as soon as its source is dropped.
            config, maker = settings.config, self._script_maker(settings)
            url = (config.pac_url or "").strip()
            source = PacSource(url, maker, allow_file=config.allow_file, clock=clock, versions=self._versions)
        return Basis(
            *(settings, policy, source, 0, self._changes or 0, SingleFlight()),
            self._detection(settings, clock),
        )

    def _detection(self, settings: CompiledSettings, clock: Callable[[], float]) -> PacSource | None:
        if Setting.AUTO_DETECT not in settings.order:
            return None
        from pacaware._pac.source import DetectedSource
        from pacaware._pac.wpad import Detector

        detector = self.detector or Detector()
        return DetectedSource(detector, self._script_maker(settings), clock=clock, versions=self._versions)

    def _script_maker(self, settings: CompiledSettings) -> Callable[..., PacScript]:
        from pacaware._pac.dns import Lookups
        from pacaware._pac.source import script_maker

        if self.lookups is None:
            self.lookups = Lookups(clock=awake_or_asleep)
        return script_maker(
            settings.config,
            self.lookups,
            engine=self._engine,
            worker_python=self._worker_python,
            script_seconds=self.script_seconds,
        )

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

    def detect_anew(self, clock: Callable[[], float]) -> bool:
        """Forget what automatic detection found; returns whether the settings want any."""
        basis = self.basis
        if basis is None or basis.detected is None:
            return False
        self._fetches += basis.detected.fetches
        self.basis = basis._replace(detected=self._detection(basis.settings, clock), version=0, flights=SingleFlight())
        return True

    def in_use(self, basis: Basis, loaded: LoadedScript) -> tuple[Basis, bool]:
        """Return what answers of this script rest on, and whether it has just taken the place of an older script."""
        now = self.basis
        if now is None or now.flights is not basis.flights or now.version > loaded.version:
            return basis, False
        if now.version == loaded.version:
            return now, False
        self.basis = now._replace(version=loaded.version)
        return self.basis, bool(now.version)

    @property
    def fetches(self) -> int:
        """How often a server was asked for a PAC file."""
        return self._fetches + (0 if self.basis is None else _fetches(self.basis))

    def _drop_source(self, basis: Basis) -> None:
        self._fetches += _fetches(basis)

    def forget_names(self) -> None:
        """Forget what names were looked up for scripts, also where a script has kept it."""
        if self.lookups is not None:
            self.lookups.clear()
        for source in () if self.basis is None else self.basis.sources:
            source.begin_anew()

    def renew_names(self, names: tuple[str, ...]) -> None:
        """Have names that scripts were told looked up again in the background. Needs no lock."""
        lookups = self.lookups
        if lookups is not None:
            lookups.renew(names)

    def close(self) -> None:
        """End the threads and the process of a script; nothing waits for them."""
        basis, lookups = self.basis, self.lookups
        if basis is not None:
            self._drop_source(basis)
        self.basis = self.lookups = None
        if lookups is not None:
            lookups.close()
        for source in () if basis is None else basis.sources:
            source.close()


def _fetches(basis: Basis) -> int:
    return sum(source.fetches for source in basis.sources)
