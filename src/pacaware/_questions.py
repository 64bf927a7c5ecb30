"""New questions: through the settings in order, until one of them answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pacaware._core.answer_cache import Answer, answer_key
from pacaware._core.memory import Memory
from pacaware._core.selection import Next, Setting, Trouble, after_trouble
from pacaware._core.target import Target
from pacaware._models import DIRECT, ProxyList, Step
from pacaware._situation import Basis, Found, Situation

if TYPE_CHECKING:
    from pacaware._pac.ask import Failed
    from pacaware._pac.source import LoadedScript

__all__ = ["Questions"]

_log: Final = logging.getLogger("pacaware")
_FOREVER: Final = float("inf")
_STAND_IN_SECONDS: Final = 1.0
# How long the one that asks may take before the others give up: two PAC files 40 s each, a script 10 s, some to spare.
_OBTAIN_SECONDS: Final = 100.0


class Questions:
    """Finds answers that are not known yet, by one thread for each question. Thread-safe.

    ``lock`` is the resolver's, held for a moment around what they share: situation, memory and counts.
    ``resolve_timeout`` is the number of seconds that a script's name lookups may take in all.
    """

    def __init__(
        self,
        lock: threading.RLock,
        situation: Situation,
        memory: Memory,
        counts: dict[str, int],
        resolve_timeout: float,
    ) -> None:
        self._lock = lock
        self._situation = situation
        self._memory = memory
        self._counts = counts
        self._resolve_timeout = resolve_timeout

    def find(self, basis: Basis, target: Target, clock: Callable[[], float]) -> Found:
        """Return the answer for a target; raises the errors of the PAC file where the settings end there."""
        settings = basis.settings
        choice = settings.without_script(target)
        if choice is not None:
            steps = settings.steps_without_script(choice, target)
            answer = Answer(
                *(tuple(choice.proxies), choice.source, None, steps, _FOREVER, True, time.time()),
                "until the settings change",
            )
            return Found(answer, basis, _FOREVER, cached=False)
        loaded, check_at = basis.known() or (None, 0.0)
        if loaded is not None:
            basis = self._in_use(basis, loaded)
        key = answer_key(target, basis.policy.key, ignores_path=loaded is not None and loaded.ignores_path)
        now = clock()
        with self._lock:
            known = self._memory.answers.get(key, now)
            self._counts["misses" if known is None else "hits"] += 1
        if loaded is not None and known is not None:
            if known.renew_at <= now:
                self._situation.renew_names(known.names)
            return Found(known, basis, check_at, cached=True)
        wait = self._resolve_timeout + _OBTAIN_SECONDS
        return basis.flights.run(key, lambda: self._ask(basis, target, clock), wait)

    def _ask(self, basis: Basis, target: Target, clock: Callable[[], float]) -> Found:
        """Go through the settings in order until one answers."""
        settings = basis.settings
        steps = list(settings.first_steps)
        for setting in settings.order:
            if setting is Setting.MANUAL or setting is Setting.DIRECT:
                break
            outcome = self._ask_script(setting, basis, target, steps, clock)
            if isinstance(outcome, Found):
                return outcome
            following = after_trouble(outcome.trouble, setting, settings.config)
            if following is Next.RAISE:
                outcome.error.steps = tuple(steps)
                raise outcome.error
            if following is Next.DIRECT:
                steps.append(Step("fallback", "warning", "DIRECT, as these settings go on without the PAC file"))
                _log.warning("going DIRECT to %s, because: %s", target.origin, outcome.error)
                source = "no-proxy" if outcome.trouble is Trouble.NOT_OBTAINED else "pac"
                return self._stand_in(basis, ProxyList((DIRECT,)), source, steps, clock())
            steps.append(Step("fallback", "warning", "the next setting, as this one gave no PAC file"))
        choice = settings.manual(target)
        steps += settings.explain(choice, target, setting)
        return self._stand_in(basis, choice.proxies, choice.source, steps, clock())

    def _ask_script(
        self, setting: Setting, basis: Basis, target: Target, steps: list[Step], clock: Callable[[], float]
    ) -> Found | Failed:
        from pacaware._pac.ask import Failed, obtain, run  # settings without a script need none of its packages

        source = basis.detected if setting is Setting.AUTO_DETECT else basis.source
        assert source is not None  # it comes with the setting
        following = after_trouble(Trouble.NOT_OBTAINED, setting, basis.settings.config)
        loaded = obtain(source, steps, can_do_without=following is not Next.RAISE)
        if isinstance(loaded, Failed):
            return loaded
        basis = self._in_use(basis, loaded)
        key = answer_key(target, basis.policy.key, ignores_path=loaded.ignores_path)
        with self._lock:
            # Now that the script is known, what another thread or URL has just asked may be the same question.
            known = self._memory.answers.get(key, clock())
            self._counts["evaluations"] += known is None
        if known is not None:
            return Found(known, basis, _check_at(basis, loaded), cached=True)
        after = basis.settings.order[basis.settings.order.index(setting) + 1]
        steps += basis.settings.passed_over(after, "a PAC file was obtained")
        answer = run(loaded, target, steps, self._resolve_timeout, clock)
        if isinstance(answer, Failed):
            return answer
        with self._lock:
            if basis is self._situation.basis and basis.policy.result_cache:
                self._memory.answers.put(key, answer, clock())
        return Found(answer, basis, _check_at(basis, loaded), cached=False)

    def _stand_in(self, basis: Basis, proxies: ProxyList, source: str, steps: list[Step], now: float) -> Found:
        """Return what is used instead of a script's answer; it must not outlive the next try to get one."""
        config, until = basis.settings.config, now + _STAND_IN_SECONDS
        until = max(until, min((script.retry_at for script in basis.sources), default=until))
        pac_url = None if source in ("manual", "bypass") else config.pac_url
        answer = Answer(
            *(tuple(proxies), source, pac_url, tuple(steps), until, False, time.time()),
            "until there is a PAC file, which is tried again and again",
        )
        return Found(answer, basis, until, cached=False)

    def _in_use(self, basis: Basis, loaded: LoadedScript) -> Basis:
        """Return what is current now that this script is in use; drop what an older one has answered."""
        if loaded.version == basis.version:
            return basis
        with self._lock:
            before = self._situation.basis
            now, is_newer = self._situation.in_use(basis, loaded)
            self._counts["invalidations_pac"] += is_newer
            if self._situation.basis is not before:
                self._memory.forget_results()
            return now


def _check_at(basis: Basis, loaded: LoadedScript) -> float:
    """Return when to look again: a setting before this one may have its script by then."""
    before = [source.retry_at for source in basis.sources if source.has_failed]
    return min([loaded.check_at, *before])
