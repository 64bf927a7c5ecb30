"""ProxyResolver: drives the rooms below; the only place with locks around shared state.

``resolve()`` has three depths. An answer given lately comes from a dictionary without a lock. An answer that is known
but whose order may have changed is put in order again under the lock. Only a new question reaches the settings, the
script and the network, by one thread for each question.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pacaware._core.answer_cache import Answer, answer_key
from pacaware._core.compiled import CompiledSettings
from pacaware._core.failover import FailOver
from pacaware._core.memory import Memory
from pacaware._core.recent import RecentDecisions
from pacaware._core.selection import Next, Setting, Trouble, after_trouble
from pacaware._core.target import Target, parse_target
from pacaware._flights import SingleFlight
from pacaware._models import DIRECT, CachePolicy, Decision, ProxyConfig, ProxyList, Step, redact_url
from pacaware._system import system_cache_policy
from pacaware._system.changes import SettingsReader
from pacaware.errors import ConfigError, PacFetchError

if TYPE_CHECKING:
    import ssl

    from pacaware._pac.ask import Failed
    from pacaware._pac.dns import Lookups
    from pacaware._pac.source import LoadedScript, PacSource

__all__ = ["ProxyResolver", "default_resolver"]

_log: Final = logging.getLogger("pacaware")
_FOREVER: Final = float("inf")
_LOOK_SECONDS: Final = 1.0
# How long the one that asks may take before the others give up: the PAC file 40 s, its script 10 s, some to spare.
_OBTAIN_SECONDS: Final = 60.0
_NO_DETECTION: Final = "this version does not look for a PAC file by itself; give its address as the PAC URL"
_COUNTS: Final = (
    *("hits", "misses", "evaluations", "fetches", "failovers", "resets"),
    *("invalidations_settings", "invalidations_pac"),
)
_SCOPES: Final = frozenset({"results", "bad-proxies", "pac", "wpad", "all"})


class _Current(NamedTuple):
    """What answers rest on; ``version`` is that of the script in use, 0 before there is one.

    Whenever something is forgotten there is a new one. An answer is remembered only while the one that it was found
    with is still *the* one (``is``): what a slow thread finds out comes too late to spoil what was learned since.
    """

    settings: CompiledSettings
    source: PacSource | None
    version: int
    flights: SingleFlight[_Found]


class _Found(NamedTuple):
    """An answer, what it rests on, and when (clock) to look again whether it still does."""

    answer: Answer
    current: _Current
    check_at: float
    cached: bool


class ProxyResolver:
    """Finds the fail-over list for a URL, and remembers which proxies worked. Thread-safe.

    Without ``config`` the environment decides, then the system's settings (see ``trust_env``). ``resolve_timeout`` is
    the number of seconds that a script's name lookups may take in all. ``proxy_ssl_context`` is used for TLS to
    proxies instead of the operating system's trust store.
    """

    def __init__(
        self,
        config: ProxyConfig | None = None,
        *,
        cache: CachePolicy | None = None,
        trust_env: bool = True,
        engine: str = "auto",
        resolve_timeout: float = 10.0,
        worker_python: str | None = None,
        proxy_ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if engine not in ("auto", "pacparser", "quickjs"):
            raise ConfigError(f"engine={engine!r}: the engine is 'auto', 'pacparser' or 'quickjs'")
        self._config = config
        self._policy = cache or system_cache_policy()
        self._trust_env = trust_env
        self._engine = engine
        self._resolve_timeout = resolve_timeout
        self._worker_python = worker_python
        self._proxy_ssl_context = proxy_ssl_context
        self._clock = time.monotonic
        self._script_seconds = 5.0
        self._closed = False
        self._start()
        _resolvers.add(self)

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._reader = SettingsReader(self._config, trust_env=self._trust_env)
        self._recent = RecentDecisions(self._policy.max_entries)
        self._memory = Memory(self._policy)
        self._current: _Current | None = None
        self._lookups: Lookups | None = None
        self._next_look = 0.0
        self._counts = dict.fromkeys(_COUNTS, 0)

    # Answers given before

    def resolve(self, url: str) -> Decision:
        """Return the fail-over list for ``url``; fetches and runs the PAC file if need be.

        Raises ConfigError for a URL or settings that cannot be used, and the errors of the PAC file where the settings
        do not allow to go on without it.
        """
        return self.cached(url) or self._answer(url)

    def cached(self, url: str) -> Decision | None:
        """Return the decision for ``url`` if it is known; never blocks and never reads settings."""
        now = self._clock()
        return self._recent.get(url, now) if now < self._next_look else None

    async def aresolve(self, url: str) -> Decision:
        """Do as ``resolve()`` without blocking the event loop (asyncio or trio); what is known is returned at once."""
        decision = self.cached(url)
        if decision is not None:
            return decision
        from pacaware._threads import run_in_thread

        return await run_in_thread(self.resolve, url)

    # New questions

    def _answer(self, url: str) -> Decision:
        if self._closed:
            raise ConfigError("this ProxyResolver is closed")
        target = parse_target(url)
        return self._decide(url, target, self._find(self._current_settings(), target))

    def _find(self, current: _Current, target: Target) -> _Found:
        settings, source = current.settings, current.source
        choice = settings.without_script(target)
        if choice is not None:
            steps = (*settings.warnings, Step("settings", "ok", choice.rule or f"{settings.config.origin}"))
            answer = Answer(tuple(choice.proxies), choice.source, None, steps, _FOREVER, whole_origin=True)
            return _Found(answer, current, _FOREVER, cached=False)
        loaded = None if source is None else source.known()
        if loaded is not None:
            current = self._in_use(current, loaded)
        key = answer_key(target, self._policy.key, ignores_path=loaded is not None and loaded.ignores_path)
        with self._lock:
            known = self._memory.answers.get(key, self._clock())
            self._counts["misses" if known is None else "hits"] += 1
        if loaded is not None and known is not None:
            return _Found(known, current, loaded.check_at, cached=True)
        wait = self._resolve_timeout + _OBTAIN_SECONDS
        return current.flights.run(key, lambda: self._ask(current, target), wait)

    def _ask(self, current: _Current, target: Target) -> _Found:
        """Go through the settings in order until one answers."""
        settings = current.settings
        steps = list(settings.warnings)
        for setting in settings.order:
            if setting is Setting.MANUAL or setting is Setting.DIRECT:
                break
            outcome = self._ask_script(setting, current, target, steps)
            if isinstance(outcome, _Found):
                return outcome
            following = after_trouble(outcome.trouble, setting, settings.config)
            if following is Next.RAISE:
                raise outcome.error
            if following is Next.DIRECT:
                steps.append(Step("fallback", "warning", f"DIRECT, because: {outcome.error}"))
                _log.warning("going DIRECT to %s, because: %s", target.origin, outcome.error)
                source = "no-proxy" if outcome.trouble is Trouble.NOT_OBTAINED else "pac"
                return self._stand_in(current, ProxyList((DIRECT,)), source, steps)
            steps.append(Step("fallback", "warning", f"the next setting, because: {outcome.error}"))
        choice = settings.manual(target)
        if choice.rule is not None:
            steps.append(Step("bypass", "ok", choice.rule))
        return self._stand_in(current, choice.proxies, choice.source, steps)

    def _ask_script(self, setting: Setting, current: _Current, target: Target, steps: list[Step]) -> _Found | Failed:
        from pacaware._pac.ask import Failed, obtain, run  # settings without a script need none of its packages

        if setting is Setting.AUTO_DETECT:
            steps.append(Step("auto-detect", "skipped", _NO_DETECTION))
            return Failed(Trouble.NOT_OBTAINED, PacFetchError(_NO_DETECTION))
        source = current.source
        assert source is not None  # it comes with the setting
        loaded = obtain(source, steps)
        if isinstance(loaded, Failed):
            return loaded
        current = self._in_use(current, loaded)
        key = answer_key(target, self._policy.key, ignores_path=loaded.ignores_path)
        with self._lock:
            # Now that the script is known, what another thread or URL has just asked may be the same question.
            known = self._memory.answers.get(key, self._clock())
            self._counts["evaluations"] += known is None
        if known is not None:
            return _Found(known, current, loaded.check_at, cached=True)
        answer = run(loaded, target, source.url, steps, self._resolve_timeout, self._clock)
        if isinstance(answer, Failed):
            return answer
        with self._lock:
            if current is self._current and self._policy.result_cache:
                self._memory.answers.put(key, answer, self._clock())
        return _Found(answer, current, loaded.check_at, cached=False)

    def _stand_in(self, current: _Current, proxies: ProxyList, source: str, steps: list[Step]) -> _Found:
        """Return what is used instead of a script's answer; it must not outlive the next try to get one."""
        config, until = current.settings.config, self._clock() + _LOOK_SECONDS
        pac_url = None
        if current.source is not None:
            until = max(until, current.source.retry_at)
            pac_url = None if source == "manual" else config.pac_url
        answer = Answer(tuple(proxies), source, pac_url, tuple(steps), until, whole_origin=False)
        return _Found(answer, current, until, cached=False)

    def _decide(self, url: str, target: Target, found: _Found) -> Decision:
        answer, cached, origin = found.answer, found.cached, found.current.settings.config.origin
        with self._lock:
            now = self._clock()
            ordered, until = self._memory.order(target.host, answer.listed, now)
            proxies = ProxyList(ordered)
            decision = Decision(
                url, proxies, answer.source, origin, answer.pac_url, cached, answer.steps, answer.listed
            )
            until = min(until, answer.valid_until, found.check_at)
            may_keep = self._policy.result_cache or answer.source != "pac"
            if until > now and may_keep and found.current is self._current:
                self._recent.put(decision.as_cached(), target, until, whole_origin=answer.whole_origin)
        return decision

    # What transports report

    def start(self, decision: Decision) -> FailOver:
        """Return the walk along the candidates of a decision."""
        if _log.isEnabledFor(logging.INFO):
            where = f"{decision.source}, settings from: {decision.config_origin}"
            _log.info("%s goes by %s (%s)", redact_url(decision.url), decision.proxies, where)
        return FailOver(decision.proxies)

    def connected(self, decision: Decision, failover: FailOver) -> None:
        """Note that the current candidate stands: those before it are marked as bad, and this one is remembered."""
        for failed, reason in failover.failures:
            _log.info("%s failed, %s is used instead: %s", failed.pac_text, failover.current.pac_text, reason)
        listed = decision.listed
        if not listed or (not failover.failures and failover.current == listed[0] and not len(self._memory.bad)):
            return
        with self._lock:
            if failover.newly_bad():
                self._counts["failovers"] += 1
            if self._memory.connected(parse_target(decision.url).host, listed, failover, self._clock()):
                self._recent.outdate()

    def embedded_credentials(self) -> tuple[tuple[str, str, str], ...]:
        """Return the (host:port, user, password) triples found in the proxy URLs of the settings now in force."""
        return self._current_settings().settings.config.proxy_credentials

    @property
    def proxy_ssl_context(self) -> ssl.SSLContext:
        """The context for TLS to proxies: certificates are checked against the operating system's trust store."""
        context = self._proxy_ssl_context
        if context is None:
            import ssl

            import truststore

            with self._lock:  # one for all: transports keep connections apart by it
                context = self._proxy_ssl_context = self._proxy_ssl_context or truststore.SSLContext(
                    ssl.PROTOCOL_TLS_CLIENT
                )
        return context

    # Settings and the script

    def _current_settings(self) -> _Current:
        current, now = self._current, self._clock()
        if current is not None and now < self._next_look:
            return current
        with self._lock:
            settings, current = self._reader.read(now), self._current
            if current is not None and settings is not current.settings:
                self._counts["invalidations_settings"] += 1
                _log.info("the settings have changed; everything remembered is dropped")
                self._forget(frozenset({"all"}))
            if current is None or settings is not current.settings:
                current = self._current = self._begin(settings)
            self._next_look = _FOREVER if self._reader.constant else now + _LOOK_SECONDS
            return current

    def _begin(self, settings: CompiledSettings) -> _Current:
        source = None
        if Setting.PAC_URL in settings.order:
            from pacaware._pac.dns import Lookups  # settings without a script need none of its packages
            from pacaware._pac.source import source_of

            if self._lookups is None:
                self._lookups = Lookups()
            # It knows nothing of this resolver: the process of a script ends as soon as its source is dropped.
            source = source_of(
                settings.config,
                self._lookups,
                engine=self._engine,
                worker_python=self._worker_python,
                script_seconds=self._script_seconds,
                clock=self._clock,
            )
        return _Current(settings, source, 0, SingleFlight())

    def _in_use(self, current: _Current, loaded: LoadedScript) -> _Current:
        """Return what is current now that this script is in use; drop what an older one has answered."""
        if loaded.version == current.version:
            return current
        with self._lock:
            now = self._current
            if now is None or now.source is not current.source or now.version > loaded.version:
                return current
            if now.version < loaded.version:
                if now.version:
                    self._counts["invalidations_pac"] += 1
                self._memory.forget_results()
                self._recent.outdate()
                now = self._current = now._replace(version=loaded.version)
            return now

    def reset(self, *scopes: str) -> None:
        """Forget ``"results"``, ``"bad-proxies"``, ``"pac"``, ``"wpad"`` or ``"all"`` (no argument means all).

        Results are the answers, the routes that worked and the names looked up for scripts; ``"pac"`` includes them.
        """
        unknown = set(scopes) - _SCOPES
        if unknown:
            raise ConfigError(f"reset({min(unknown)!r}): the scopes are {', '.join(sorted(_SCOPES))}")
        with self._lock:
            self._counts["resets"] += 1
            self._forget(frozenset(scopes or ("all",)))

    def _forget(self, scopes: frozenset[str]) -> None:
        everything = "all" in scopes
        with self._lock:
            if everything or scopes & {"results", "pac"}:
                self._memory.forget_results()
                if self._lookups is not None:
                    self._lookups.clear()
            if everything or "bad-proxies" in scopes:
                self._memory.bad.clear()
            current = self._current
            if current is not None and (everything or "pac" in scopes):
                self._counts["fetches"] += current.source.fetches if current.source is not None else 0
                self._current = self._begin(current.settings)
            elif current is not None:
                self._current = current._replace(flights=SingleFlight())
            self._recent.clear()

    def stats(self) -> dict[str, int]:
        """Return counts since the start, and the sizes of the memories now.

        ``hits`` and ``misses`` count looks into the memory of what scripts answered; a decision that can be handed out
        as it was needs no look. ``evaluations`` counts runs of a script, ``fetches`` questions to its server.
        """
        with self._lock:
            memory = self._memory
            sizes = {"answers": len(memory.answers), "routes": len(memory.routes), "bad_proxies": len(memory.bad)}
            source = None if self._current is None else self._current.source
            fetches = self._counts["fetches"] + (0 if source is None else source.fetches)
            return {**self._counts, "fetches": fetches, **sizes}

    def close(self) -> None:
        """End the script's process and forget everything; later questions raise ConfigError."""
        with self._lock:
            self._closed = True
            current, self._current = self._current, None
            lookups, self._lookups = self._lookups, None
            self._forget(frozenset({"all"}))
        if lookups is not None:
            lookups.close()
        if current is not None and current.source is not None:
            current.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        names = ("_config", "_policy", "_trust_env", "_engine", "_resolve_timeout", "_worker_python")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        config = state.pop("_config")
        policy = state.pop("_policy")
        ProxyResolver.__init__(self, config, cache=policy, **{name[1:]: value for name, value in state.items()})

    def __repr__(self) -> str:
        return f"ProxyResolver({self._config!r})" if self._config is not None else "ProxyResolver()"


_resolvers: weakref.WeakSet[ProxyResolver] = weakref.WeakSet()
_default: list[ProxyResolver] = []
_default_lock = threading.Lock()


def default_resolver() -> ProxyResolver:
    """Return the one resolver of this process for code that names none; a new one if somebody closed it."""
    with _default_lock:
        if not _default or _default[0]._closed:
            _default[:] = [ProxyResolver()]
        return _default[0]


def _after_fork() -> None:
    """Give a forked child locks of its own: another thread of the parent may have held one."""
    global _default_lock  # a lock cannot be made free again, only replaced
    _default_lock = threading.Lock()
    for resolver in list(_resolvers):
        resolver._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
