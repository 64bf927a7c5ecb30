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
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pacaware._core.answer_cache import Answer, answer_key
from pacaware._core.compiled import CompiledSettings, compile_settings
from pacaware._core.failover import FailOver
from pacaware._core.memory import Memory
from pacaware._core.selection import Next, Setting, Trouble, after_trouble
from pacaware._core.target import Target, parse_target
from pacaware._flights import SingleFlight
from pacaware._models import DIRECT, CachePolicy, Decision, ProxyConfig, ProxyList, Step, redact_url
from pacaware._system import environ as _environ
from pacaware.errors import ConfigError, PacFetchError

if TYPE_CHECKING:
    import ssl

    from pacaware._pac.ask import Failed
    from pacaware._pac.dns import Lookups
    from pacaware._pac.evaluator import PacScript
    from pacaware._pac.source import LoadedScript, PacSource

__all__ = ["ProxyResolver", "default_resolver"]

_log: Final = logging.getLogger("pacaware")
_FOREVER: Final = float("inf")
_LOOK_SECONDS: Final = 1.0
_SCOPES: Final = frozenset({"results", "bad-proxies", "pac", "wpad", "all"})


class _Recent(NamedTuple):
    """A decision ready to be handed out again until a time, as long as the generation is the same."""

    decision: Decision
    until: float
    generation: int


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
        self._policy = cache or CachePolicy()
        self._trust_env = trust_env
        self._engine = engine
        self._resolve_timeout = resolve_timeout
        self._worker_python = worker_python
        self._proxy_ssl_context = proxy_ssl_context
        self._clock = time.monotonic
        self._settings: CompiledSettings | None = None
        self._start()
        if config is not None:
            self._settings = compile_settings(config)  # a wrong setting is an error where it was written

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self._origins: OrderedDict[str, _Recent] = OrderedDict()
        self._generation = 0
        self._memory = Memory(self._policy)
        self._flights: SingleFlight[Answer] = SingleFlight()
        self._source: PacSource | None = None
        self._script_version = 0
        self._lookups: Lookups | None = None
        self._fingerprint: tuple[str | None, ...] = ()
        self._next_look = 0.0
        self._closed = False
        self._pid = os.getpid()
        self._counts = dict.fromkeys(
            ("hits", "misses", "evaluations", "failovers", "invalidations_settings", "invalidations_pac", "resets"), 0
        )
        _resolvers.add(self)

    # Answers given before

    def resolve(self, url: str) -> Decision:
        """Return the fail-over list for ``url``; fetches and runs the PAC file if need be.

        Raises ConfigError for a URL or settings that cannot be used, and the errors of the PAC file where the settings
        do not allow to go on without it.
        """
        recent = self._recent.get(url)
        if recent is None:
            return self._of_origin(url) or self._answer(url)
        now = self._clock()
        if recent.until <= now or recent.generation != self._generation or self._next_look <= now:
            return self._answer(url)
        return recent.decision

    def cached(self, url: str) -> Decision | None:
        """Return the decision for ``url`` if it is known; never blocks and never reads settings."""
        recent = self._recent.get(url)
        if recent is None:
            return self._of_origin(url)
        now = self._clock()
        if recent.until <= now or recent.generation != self._generation or self._next_look <= now:
            return None
        return recent.decision

    def _of_origin(self, url: str) -> Decision | None:
        """Return the decision of another URL of the same origin, where it holds for the whole of it."""
        # Only text that parse_target() read as the very origin is ever a key here, so "@", "?" or "\" cannot deceive.
        end = url.find("/", 8)
        recent = self._origins.get(url if end < 0 else url[:end])
        if recent is None:
            return None
        now = self._clock()
        if recent.until <= now or recent.generation != self._generation or self._next_look <= now:
            return None
        decision = recent.decision.for_url(url)
        self._remember(self._recent, url, _Recent(decision, recent.until, recent.generation))
        return decision

    async def aresolve(self, url: str) -> Decision:
        """Do as ``resolve()`` without blocking the event loop (asyncio or trio); what is known is returned at once."""
        decision = self.cached(url)
        if decision is not None:
            return decision
        from pacaware._threads import run_in_thread

        return await run_in_thread(self.resolve, url)

    def _remember(self, memory: OrderedDict[str, _Recent], key: str, recent: _Recent) -> None:
        with self._lock:
            memory[key] = recent
            if len(memory) > self._policy.max_entries:
                memory.popitem(last=False)

    # New questions

    def _answer(self, url: str) -> Decision:
        if self._closed:
            raise ConfigError("this ProxyResolver is closed")
        target = parse_target(url)
        settings = self._current_settings()
        answer, cached = self._find(settings, target)
        return self._decide(url, target, settings, answer, cached=cached)

    def _find(self, settings: CompiledSettings, target: Target) -> tuple[Answer, bool]:
        choice = settings.without_script(target)
        if choice is not None:
            steps = (*settings.warnings, Step("settings", "ok", choice.rule or f"{settings.config.origin}"))
            return Answer(tuple(choice.proxies), choice.source, None, steps, _FOREVER, whole_origin=True), False
        loaded = self._source.script(0) if self._source is not None and self._script_version else None
        if loaded is not None:
            self._script_in_use(loaded)
        key = answer_key(target, self._policy.key, ignores_path=loaded is not None and loaded.ignores_path)
        with self._lock:
            answer = self._memory.answers.get(key, self._clock()) if self._policy.result_cache else None
            self._counts["misses" if answer is None else "hits"] += 1
        if answer is not None:
            return answer, True
        wait = self._resolve_timeout + 60
        return self._flights.run(key, lambda: self._ask_and_keep(settings, target), wait), False

    def _ask_and_keep(self, settings: CompiledSettings, target: Target) -> Answer:
        answer = self._ask(settings, target)
        if self._policy.result_cache:
            key = answer_key(target, self._policy.key, ignores_path=answer.whole_origin)
            with self._lock:
                if settings is self._settings:
                    self._memory.answers.put(key, answer, self._clock())
        return answer

    def _ask(self, settings: CompiledSettings, target: Target) -> Answer:
        """Go through the settings in order until one answers."""
        steps = list(settings.warnings)
        for setting in settings.order:
            if setting is Setting.MANUAL or setting is Setting.DIRECT:
                choice = settings.manual(target)
                if choice.rule is not None:
                    steps.append(Step("bypass", "ok", choice.rule))
                # This stands in for a script that was not obtained, so it must not outlive the next try.
                until = self._clock() + _LOOK_SECONDS
                return Answer(tuple(choice.proxies), choice.source, None, tuple(steps), until, whole_origin=True)
            outcome = self._ask_script(setting, settings.config, target, steps)
            if isinstance(outcome, Answer):
                return outcome
            match after_trouble(outcome.trouble, setting, settings.config):
                case Next.RAISE:
                    raise outcome.error
                case Next.DIRECT:
                    steps.append(Step("fallback", "warning", f"DIRECT, because: {outcome.error}"))
                    _log.warning("going DIRECT to %s, because: %s", target.origin, outcome.error)
                    until = self._clock() + _LOOK_SECONDS
                    return Answer((DIRECT,), "pac", settings.config.pac_url, tuple(steps), until, whole_origin=False)
                case Next.NEXT_SETTING:
                    steps.append(Step("fallback", "warning", f"the next setting, because: {outcome.error}"))
        raise AssertionError("the order of settings ends with DIRECT")

    def _ask_script(self, setting: Setting, config: ProxyConfig, target: Target, steps: list[Step]) -> Answer | Failed:
        from pacaware._pac.ask import Failed, ask  # settings without a script need none of its packages

        if setting is Setting.AUTO_DETECT:
            steps.append(Step("auto-detect", "skipped", "this version does not look for a PAC file by itself"))
            return Failed(Trouble.NOT_OBTAINED, PacFetchError("no PAC file was detected"))
        self._counts["evaluations"] += 1
        source = self._current_source(config)
        return ask(source, target, steps, self._resolve_timeout, self._clock, self._script_in_use)

    def _decide(
        self, url: str, target: Target, settings: CompiledSettings, answer: Answer, *, cached: bool
    ) -> Decision:
        with self._lock:
            generation, now = self._generation, self._clock()
            ordered, until = self._memory.order(target.host, answer.listed, now)
            source = self._source
        origin = settings.config.origin
        decision = Decision(
            url, ProxyList(ordered), answer.source, origin, answer.pac_url, cached, answer.steps, answer.listed
        )
        until = min(until, answer.valid_until)
        if answer.source == "pac" and source is not None:
            until = min(until, source.fresh_until)
        if until > now and self._policy.result_cache:
            known = _Recent(decision.as_cached(), until, generation)
            self._remember(self._recent, url, known)
            end = url.find("/", 8)
            start = url if end < 0 else url[:end]
            if answer.whole_origin and f"{start}/" == target.origin_only_pac_url:
                self._remember(self._origins, start, known)
        return decision

    # What transports report

    def start(self, decision: Decision) -> FailOver:
        """Return the walk along the candidates of a decision, in the order that is right now."""
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
                self._generation += 1

    def embedded_credentials(self) -> tuple[tuple[str, str, str], ...]:
        """Return the (host:port, user, password) triples found in the proxy URLs of the settings now in force."""
        return self._current_settings().config.proxy_credentials

    @property
    def proxy_ssl_context(self) -> ssl.SSLContext:
        """The context for TLS to proxies: certificates are checked against the operating system's trust store."""
        if self._proxy_ssl_context is None:
            import ssl

            import truststore

            self._proxy_ssl_context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._proxy_ssl_context

    # Settings and the script

    def _current_settings(self) -> CompiledSettings:
        settings, now = self._settings, self._clock()
        if settings is not None and now < self._next_look:
            return settings
        with self._lock:
            if self._config is not None and self._settings is not None:
                self._next_look = _FOREVER
                return self._settings
            fingerprint = _environ.fingerprint(os.environ) if self._trust_env else ()
            if self._settings is None or fingerprint != self._fingerprint:
                config = self._config or self._read_config()
                no_proxy = _environ.no_proxy(os.environ) if self._trust_env and self._config is None else None
                changed = self._settings is not None
                self._settings = compile_settings(config, no_proxy)
                self._fingerprint = fingerprint
                if changed:
                    self._counts["invalidations_settings"] += 1
                    _log.info("the settings have changed; everything remembered is dropped")
                    self._forget(frozenset({"all"}))
            self._next_look = now + _LOOK_SECONDS
            return self._settings

    def _read_config(self) -> ProxyConfig:
        if not self._trust_env:
            return ProxyConfig(origin="none")
        return _environ.read_config(os.environ) or ProxyConfig.from_system(None, os.environ)

    def _current_source(self, config: ProxyConfig) -> PacSource:
        with self._lock:
            if self._source is None:
                from pacaware._pac.source import PacSource

                assert config.pac_url is not None
                self._source = PacSource(
                    config.pac_url.strip(), self._make_script, allow_file=config.allow_file, clock=self._clock
                )
            return self._source

    def _make_script(self, text: str) -> PacScript:
        from pacaware._pac.dns import Lookups
        from pacaware._pac.evaluator import PacScript

        if self._lookups is None:
            self._lookups = Lookups()
        dialect = (self._settings.config.pac_dialect if self._settings else None) or "chromium"
        return PacScript(
            text, engine=self._engine, worker_python=self._worker_python, lookups=self._lookups, dialect=dialect
        )

    def _script_in_use(self, loaded: LoadedScript) -> None:
        """Drop what an older text of the script has answered."""
        if loaded.version <= self._script_version:
            return
        with self._lock:
            if self._script_version:
                self._counts["invalidations_pac"] += 1
            self._script_version = loaded.version
            self._memory.forget_results()
            self._generation += 1

    def reset(self, *scopes: str) -> None:
        """Forget ``"results"``, ``"bad-proxies"``, ``"pac"``, ``"wpad"`` or ``"all"`` (no argument means all)."""
        unknown = set(scopes) - _SCOPES
        if unknown:
            raise ConfigError(f"reset({min(unknown)!r}): the scopes are {', '.join(sorted(_SCOPES))}")
        self._counts["resets"] += 1
        self._forget(frozenset(scopes or ("all",)))

    def _forget(self, scopes: frozenset[str]) -> None:
        everything = "all" in scopes
        with self._lock:
            if everything or scopes & {"results", "pac"}:
                self._memory.forget_results()
            if everything or "bad-proxies" in scopes:
                self._memory.bad.clear()
            source = None
            if everything or "pac" in scopes:
                source, self._source = self._source, None
                self._script_version = 0
            self._recent.clear()
            self._origins.clear()
            self._generation += 1
        if source is not None:
            source.close()

    def stats(self) -> dict[str, int]:
        """Return counts since the start, and the sizes of the memories now."""
        with self._lock:
            memory = self._memory
            sizes = {"answers": len(memory.answers), "routes": len(memory.routes), "bad_proxies": len(memory.bad)}
            fetches = 0 if self._source is None else self._source.fetches
            return {**self._counts, "fetches": fetches, **sizes}

    def close(self) -> None:
        """End the script's process and forget everything; later calls raise ConfigError."""
        self._closed = True
        self._forget(frozenset({"all"}))

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
    """Return the one resolver of this process for code that names none."""
    with _default_lock:
        if not _default:
            _default.append(ProxyResolver())
        return _default[0]


def _after_fork() -> None:
    """Give a forked child locks of its own: another thread of the parent may have held one."""
    global _default_lock  # a lock cannot be made free again, only replaced
    _default_lock = threading.Lock()
    for resolver in _resolvers:
        resolver._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
