"""ProxyResolver: drives the rooms below; the only place with a lock around what they share.

``resolve()`` has three depths. An answer given lately comes from a dictionary without a lock. An answer that is known
but whose order may have changed is put in order again under the lock. Only a new question reaches the settings, the
script and the network, by one thread for each question.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Self

from pacaware._core.answer_cache import FROM_SCRIPTS
from pacaware._core.failover import FailOver
from pacaware._core.memory import Memory
from pacaware._core.target import Target, parse_target
from pacaware._models import CachePolicy, Decision, ProxyConfig, ProxyList, ProxyServer, redact_url
from pacaware._questions import Questions
from pacaware._situation import Basis, Found, Situation
from pacaware._system.clock import awake_or_asleep
from pacaware.errors import ConfigError, PacawareError

if TYPE_CHECKING:
    import ssl


__all__ = ["ProxyResolver", "default_resolver"]

_log: Final = logging.getLogger("pacaware")
_LOOK_SECONDS: Final = 1.0
_COUNTS: Final = (
    *("hits", "misses", "evaluations", "fetches", "failovers", "resets"),
    *("invalidations_settings", "invalidations_network", "invalidations_pac"),
)
_SCOPES: Final = frozenset({"results", "bad-proxies", "pac", "wpad", "all"})


class ProxyResolver:
    """Finds the fail-over list for a URL, and remembers which proxies worked. Thread-safe; a context manager.

    Share one between sessions, adapters and transports that should know the same. Without ``config`` the environment
    decides, then the system's settings; with ``trust_env=False`` neither, so everything is DIRECT. ``engine`` is auto,
    pacparser or quickjs. ``resolve_timeout`` is the number of seconds that a script's name lookups may take in all.
    ``worker_python`` is the Python that runs scripts, where this program is not one. ``proxy_ssl_context`` is used for
    TLS to proxies instead of the operating system's trust store. Without ``cache`` the system's settings may say what
    is remembered (Windows: BadProxyExpiresTime, EnableAutoproxyResultCache). Raises ConfigError for an unknown engine.
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
        self._policy = cache
        self._trust_env = trust_env
        self._engine = engine
        self._resolve_timeout = resolve_timeout
        self._worker_python = worker_python
        self._proxy_ssl_context = proxy_ssl_context
        self._clock = awake_or_asleep
        self._closed = False
        self._start()
        _resolvers.add(self)

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._situation = Situation(
            self._config,
            self._policy,
            trust_env=self._trust_env,
            engine=self._engine,
            worker_python=self._worker_python,
        )
        self._next_look = 0.0
        self._epoch = 0
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._handed_out = itertools.count()  # counts without a lock
        self._memory = Memory(self._policy or CachePolicy())
        self._questions = Questions(self._lock, self._situation, self._memory, self._counts, self._resolve_timeout)

    # Answers given before

    def resolve(self, url: str) -> Decision:
        """Return the decision for ``url``; fetches and runs the PAC file if need be, which may take seconds.

        Raises ConfigError for a URL or settings that cannot be used, and where the settings do not allow to go on
        without a PAC file PacFetchError, PacScriptError or WpadError. PacTimeout and PacEngineError are always raised.
        """
        return self.cached(url) or self._answer(url)

    def cached(self, url: str) -> Decision | None:
        """Return the decision for ``url`` if it is known; never blocks and never reads settings."""
        now = self._clock()
        decision = self._memory.recent.get(url, now) if now < self._next_look else None
        if decision is not None:
            next(self._handed_out)
        return decision

    async def aresolve(self, url: str) -> Decision:
        """Do as ``resolve()`` without blocking the event loop (asyncio or trio); what is known is returned at once.

        Raises what ``resolve()`` raises. A task that is cancelled does not wait for the answer.
        """
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
        return self._decide(url, target, self._questions.find(self._now(), target, self._clock))

    def _decide(self, url: str, target: Target, found: Found) -> Decision:
        answer, basis = found.answer, found.basis
        with self._lock:
            now = self._clock()
            ordered, until = self._memory.order(target.host, answer.listed, now)
            steps = answer.steps
            if ordered != answer.listed:
                steps = (*steps, self._memory.explain_order(target.host, answer.listed, now))
            decision = Decision(
                *(url, ProxyList(ordered), answer.source, basis.settings.config.origin, answer.pac_url, found.cached),
                *(steps, answer.listed, answer.answered, answer.holds, basis.network),
            )
            until = min(until, answer.valid_until, found.check_at)
            may_keep = basis.policy.result_cache or answer.source not in FROM_SCRIPTS
            if until > now and may_keep and basis is self._situation.basis:
                self._memory.recent.put(decision.as_cached(), target, until, whole_origin=answer.whole_origin)
        return decision

    # What transports report

    def start(self, decision: Decision) -> FailOver:
        """Return the walk along the candidates of a decision."""
        if _log.isEnabledFor(logging.INFO):
            where = f"{decision.source}, settings from: {decision.config_origin}; {decision.freshness}"
            if decision.listed and decision.proxies[0] != decision.listed[0]:
                where += f"; {decision.proxies[0].pac_text} is not the first of the list, but worked before"
            _log.info("%s goes by %s (%s)", redact_url(decision.url), decision.proxies, where)
        return FailOver(decision.proxies, epoch=self._epoch, may_go_on=self._is_doubtful(decision))

    def connected(self, decision: Decision, failover: FailOver) -> None:
        """Note that the current candidate stands: those before it are marked as bad, and this one is remembered."""
        for failed, reason in failover.failures:
            _log.info("%s failed, %s is used instead: %s", failed.pac_text, failover.current.pac_text, reason)
        listed = decision.listed
        if not listed or (not failover.failures and failover.current == listed[0] and not len(self._memory.bad)):
            return
        with self._lock:
            if failover.epoch != self._epoch:
                return  # it began on another network, or before a reset
            if failover.newly_bad():
                self._counts["failovers"] += 1
            if self._memory.connected(parse_target(decision.url).host, listed, failover, self._clock()):
                self._memory.recent.outdate()

    def reconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        """Return another decision, now that every candidate of this one has failed; None if there is none.

        There is one if the settings or the network have changed meanwhile, or if the script was obtained on another
        network: it is then fetched again, once. ``failover`` goes on with the new candidates. May block.
        """
        if not decision.listed:
            return None
        try:
            self._next_look = 0.0
            self._now()
            if failover.epoch == self._epoch:
                if not self._is_doubtful(decision):
                    return None
                self._doubt_script()
            other = self.resolve(decision.url)
        except PacawareError as exc:
            _log.warning("no other way to %s: %s", redact_url(decision.url), exc)
            return None
        return other if failover.go_on_with(other.proxies, epoch=self._epoch) else None

    async def areconsider(self, decision: Decision, failover: FailOver) -> Decision | None:
        """Do as ``reconsider()`` without blocking the event loop (asyncio or trio)."""
        if not decision.listed:
            return None
        from pacaware._threads import run_in_thread

        return await run_in_thread(self.reconsider, decision, failover)

    def _is_doubtful(self, decision: Decision) -> bool:
        """Whether the decision is that of a script from another network, and names proxies."""
        basis = self._situation.basis
        source = None if basis is None or decision.source != "pac" else basis.source
        return (
            source is not None and source.is_carried_over and any(isinstance(c, ProxyServer) for c in decision.listed)
        )

    def _doubt_script(self) -> None:
        with self._lock:
            basis = self._situation.basis
            if basis is not None and basis.source is not None:
                basis.source.doubt()
                self._counts["invalidations_network"] += 1
                self._forget(frozenset({"results"}))

    def embedded_credentials(self) -> tuple[tuple[str, str, str], ...]:
        """Return the (host:port, user, password) triples found in the proxy URLs of the settings now in force."""
        return self._now().settings.config.proxy_credentials

    @property
    def proxy_ssl_context(self) -> ssl.SSLContext:
        """The context for TLS to proxies: certificates are checked against the operating system's trust store."""
        context = self._proxy_ssl_context
        if context is None:
            from pacaware._trust import system_trust

            with self._lock:  # one for all: transports keep connections apart by it
                context = self._proxy_ssl_context = self._proxy_ssl_context or system_trust()
        return context

    # What answers rest on

    def _now(self) -> Basis:
        """Return what answers rest on now; looks at most once a second whether it has changed."""
        basis = self._situation.basis
        if basis is not None and self._clock() < self._next_look:
            return basis
        with self._lock:
            basis, now = self._situation.basis, self._clock()
            if basis is not None and now < self._next_look:
                return basis
            # First, so that other threads go on with what is known while this one looks.
            self._next_look = now + _LOOK_SECONDS
            try:
                changed = self._situation.look(self._clock)
            except BaseException:
                self._next_look = 0.0
                raise
            found = self._situation.basis
            assert found is not None  # for the type checker: a look finds one
            if changed is not None:
                self._counts[f"invalidations_{changed}"] += 1
                self._forget(frozenset({"results", "bad-proxies"}))
            if basis is None or changed == "settings":
                self._memory.begin(found.policy)
            return self._situation.basis or found

    def reset(self, *scopes: str) -> None:
        """Forget ``"results"``, ``"bad-proxies"``, ``"pac"``, ``"wpad"`` or ``"all"`` (no argument means all).

        Results are the answers, the routes that worked and the names looked up for scripts; ``"pac"`` includes them.
        ``"wpad"`` is what automatic detection found. Raises ConfigError for another word.
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
            self._epoch += 1
            if everything or scopes & {"results", "pac"}:
                self._memory.forget_results()
                self._situation.forget_names()
            if everything or "bad-proxies" in scopes:
                self._memory.bad.clear()
            if everything or "pac" in scopes:
                self._situation.renew(self._clock)
            elif "wpad" in scopes and self._situation.detect_anew(self._clock):
                self._memory.forget_results()
            else:
                self._situation.outdate()
            self._memory.recent.clear()

    def stats(self) -> dict[str, int]:
        """Return counts since the start, and the sizes of the memories now.

        ``hits`` counts answers that were known before, ``misses`` those that were not; what settings without a script
        say is no miss. ``evaluations`` counts runs of a script, ``fetches`` questions to its server, ``invalidations``
        what made everything, or the answers of a script, be forgotten.
        """
        with self._lock:
            memory, counts = self._memory, dict(self._counts)
            counts["hits"] += int(repr(self._handed_out)[len("count(") : -1])
            counts["fetches"] = self._situation.fetches
            sizes = {"answers": len(memory.answers), "routes": len(memory.routes), "bad_proxies": len(memory.bad)}
            return {**counts, **sizes}

    def close(self) -> None:
        """End the script's process and forget everything; later questions raise ConfigError."""
        with self._lock:
            self._closed = True
            self._situation.close()
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
