"""One PAC file in a process of its own: loaded, asked, ended at its time limit, started again.

Name lookups are not done by the process. A run that needs one ends void and names what it asked for; everything is
looked up here at once and the script runs again (Chromium: services/proxy_resolver/proxy_resolver_v8_tracing.cc).
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
import weakref
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._pac.dns import describe_key
from pacaware._pac.engines import Engine, find_engines, find_launcher
from pacaware._pac.process import MEMORY_MEGABYTES, EngineNotLoaded, ProcessGone, ProcessLate, ScriptProcess
from pacaware._pac.reply import Reply, read_reply
from pacaware._pac.state import may_keep_state
from pacaware.errors import ConfigError, PacEngineError, PacScriptError, PacTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pacaware._pac.dns import Answer, SupportsLookups

__all__ = ["PacScript", "RawAnswer"]

MAX_ROUNDS: Final = 20
MAX_KILLS: Final = 3
_MAX_HABITS: Final = 32
_DIALECTS: Final = ("chromium", "windows")
_SIGALRM: Final = -14
_SIGPROF: Final = -27
_SIGSYS: Final = -31
_scripts: weakref.WeakSet[PacScript] = weakref.WeakSet()


class _LeftIdle(PacEngineError):
    """The process left for want of work just when it was asked; another one will do."""


class RawAnswer(NamedTuple):
    """What FindProxyForURL returned, and what that depended on.

    ``lookups`` holds what it was told for each name, None where that failed. ``dns_valid_for`` is how many seconds they
    still hold; None if it used none. ``seconds`` is how long it took, lookups included, loading the text not, and
    ``lookup_seconds`` how much of that the lookups took. ``keys`` are the lookups as ``Lookups.renew()`` takes them.
    ``calls`` are the helpers that the run called, and how often.
    """

    text: str
    alerts: tuple[str, ...]
    lookups: Mapping[str, str | None]
    uses_clock: bool
    uses_random: bool
    dns_valid_for: float | None
    seconds: float
    lookup_seconds: float = 0.0
    keys: tuple[str, ...] = ()
    calls: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class _Loaded:
    """What loading the text used; the world is built again when its lookups no longer give the same answers."""

    reply: Reply
    answers: dict[str, Answer]

    @property
    def expires(self) -> float:
        return min(answer.expires for answer in self.answers.values())


class PacScript:
    """A PAC file ready to answer; thread-safe, calls take turns.

    ``places`` prefers the engine that knows best where an error is. ``time_limit`` is seconds of JavaScript for one
    call. ``dialect="windows"`` prefers FindProxyForURLEx. ``now`` fixes the script's clock (seconds since 1970), for
    tests. The process starts at the first use; in a forked child the first use starts another one. ``name`` is what
    messages call the file.
    """

    def __init__(
        self,
        text: str,
        *,
        lookups: SupportsLookups,
        engine: str = "auto",
        worker_python: str | None = None,
        time_limit: float = 5.0,
        dialect: str = "chromium",
        now: float | None = None,
        name: str = "the PAC file",
        places: bool = False,
    ) -> None:
        if dialect not in _DIALECTS:
            raise ConfigError(f"pac_dialect={dialect!r}: the dialect is 'chromium' or 'windows'")
        self.name = name
        self._text = text.removeprefix("\ufeff")
        self._lookups = lookups
        self._engine_choice = engine
        self._places = places
        self._worker_python = worker_python
        self._time_limit = time_limit
        self._dialect = dialect
        self._now = None if now is None else now * 1000
        self._lock = threading.Lock()
        self._process: ScriptProcess | None = None
        self._engine: Engine | None = None
        self._loaded: _Loaded | None = None
        self._load_error: PacScriptError | None = None
        self._habits: dict[str, None] = {}
        self._keeps_state: bool | None = None
        self._begins_anew = False
        self._kills = 0
        self._lookup_seconds = 0.0  # of the call that has its turn
        _scripts.add(self)

    def load(self, *, timeout: float = 10.0) -> None:
        """Start the process and load the text; raises PacScriptError, PacTimeout, PacEngineError."""
        deadline = time.monotonic() + timeout
        self._take_turn(deadline)
        try:
            self._ready(deadline)
        finally:
            self._lock.release()

    def find_proxy(self, url: str, host: str, *, timeout: float = 10.0) -> RawAnswer:
        """Return what the script answers; ``timeout`` bounds everything: waiting, loading, running, looking up.

        Raises PacScriptError if it throws or answers no string, PacTimeout, PacEngineError.
        """
        deadline = time.monotonic() + timeout
        clock = "null" if self._now is None else repr(self._now)
        question = f'{{"op":"find","url":{quote(url)},"host":{quote(host)},"clock":{clock},"answers":'

        def frame(answers: str) -> bytes:
            return f"{question}{answers}}}".encode("ascii")

        self._take_turn(deadline)
        try:
            self._ready(deadline)
            started = time.monotonic()
            try:
                reply, answers = self._settle(frame, self._expected(host), deadline, self._undo)
            except _LeftIdle:
                self._ready(deadline)
                started = time.monotonic()
                reply, answers = self._settle(frame, self._expected(host), deadline, self._undo)
            seconds = (time.monotonic() - started, self._lookup_seconds)
            loaded = self._loaded
            assert loaded is not None  # it has just been asked
            if reply.used:
                self._learn(reply.used, host)
        finally:
            self._lock.release()
        if reply.error is not None:
            raise reply.error
        if loaded.answers:
            answers = {**loaded.answers, **answers}
        return _answer(reply, loaded.reply, answers, self._lookups.clock(), seconds)

    @property
    def containment(self) -> str:
        """Which engine runs the script, and whether its system calls are filtered, as a person would say it."""
        process, engine = self._process, self._engine
        if process is None or engine is None:
            return "not running"
        return f"{engine.name}, {process.unfiltered or 'system calls filtered'}"

    def forgive(self) -> None:
        """Lift the quarantine of a script that ran over its time limit three times."""
        self._kills = 0

    def begin_anew(self) -> None:
        """Load the text again before the next run: what it was told while it was loaded, or kept, may be over."""
        self._begins_anew = True

    def close(self) -> None:
        """End the process; a later call starts another one."""
        with self._lock:
            self._drop()

    def _take_turn(self, deadline: float) -> None:
        """Hold the lock, for the caller to release."""
        if not self._lock.acquire(blocking=False) and not self._lock.acquire(
            timeout=max(0.0, deadline - time.monotonic())
        ):
            raise PacTimeout(f"{self.name} is busy with other requests and did not get to this one in time")
        if self._kills >= MAX_KILLS:
            self._lock.release()
            raise PacTimeout(
                f"{self.name} ran over its time limit of {self._time_limit:g} s {MAX_KILLS} times "
                "and is not run any more until it changes or reset('pac')"
            )

    # -- the world of the script

    def _ready(self, deadline: float) -> _Loaded:
        """Return the loaded state of a running process, starting and loading as needed."""
        if self._load_error is not None:
            raise self._load_error.again()
        loaded = self._loaded
        if loaded is None or self._process is None or self._begins_anew:
            return self._load(deadline)
        if not loaded.answers or self._lookups.clock() < loaded.expires or self._still_holds(loaded, deadline):
            return loaded
        return self._load(deadline)

    def _still_holds(self, loaded: _Loaded, deadline: float) -> bool:
        fresh = self._lookups.answer(loaded.answers, deadline)
        if any(fresh[key].text != answer.text for key, answer in loaded.answers.items()):
            return False
        loaded.answers = fresh
        return True

    def _load(self, deadline: float) -> _Loaded:
        self._loaded, self._begins_anew = None, False
        if "\0" in self._text:
            line = self._text.count("\n", 0, self._text.index("\0")) + 1
            raise PacScriptError(f"{self.name} contains a NUL character; is it saved as UTF-16?", line, reason="syntax")
        if self._process is not None and self._process.time_zone != os.environ.get("TZ"):
            self._drop()
        text = self._text.encode("utf-8", "replace")
        question = json.dumps({"op": "begin", "dialect": self._dialect, "clock": self._now})[:-1] + ',"answers":'

        def frame(answers: str) -> bytes:
            begin, prelude = f"{question}{answers}}}".encode("ascii"), _prelude()
            header = struct.pack(">cdII", b"L", self._time_limit + 1.0, len(prelude), len(begin))
            return b"".join((header, prelude, begin, text))

        reply, answers = self._settle(frame, {}, deadline)
        if reply.error is not None:
            message = f"{self.name} does not load: {reply.error.message}"
            error = PacScriptError(message, reply.error.line, reply.error.column, reply.error.reason)
            if not answers and not reply.uses_clock and not reply.uses_random:
                self._load_error = error
            self._drop()
            raise error
        self._loaded = _Loaded(reply, answers)
        return self._loaded

    def _undo(self, deadline: float) -> None:
        """Make what a void run has left behind undone: a script may keep what it was told, and ask no more."""
        if self._keeps_state is None:
            self._keeps_state = may_keep_state(self._text)
        if self._keeps_state:
            self._load(deadline)

    def _expected(self, host: str) -> dict[str, Answer]:
        """Return the answers, as far as they are known, that this script has asked for in earlier calls."""
        if not self._habits:
            return {}
        return self._lookups.known([habit.replace("\0", host) for habit in self._habits])

    def _learn(self, used: tuple[str, ...], host: str) -> None:
        for key in used:
            habit = key[:2] + "\0" if key[2:] == host else key
            self._habits[habit] = None
        while len(self._habits) > _MAX_HABITS:
            del self._habits[next(iter(self._habits))]

    # -- one request, however many runs it takes

    def _settle(
        self,
        frame: Callable[[str], bytes],
        answers: dict[str, Answer],
        deadline: float,
        undo: Callable[[float], None] | None = None,
    ) -> tuple[Reply, dict[str, Answer]]:
        """Ask until every lookup of the run was answered; return the reply and the answers it used.

        ``frame`` makes what is sent of the answers as a JSON object; ``undo`` is called after a run that was void.
        """
        seconds = self._time_limit
        looked_up = 0.0
        for _ in range(MAX_ROUNDS + 1):
            texts = {key: answer.text for key, answer in answers.items()} if answers else {}
            started = time.monotonic()
            reply = self._read(self._ask(frame(json.dumps(texts) if texts else "{}"), deadline, seconds), texts)
            seconds -= time.monotonic() - started
            if reply.out_of_memory:
                self._drop()
                raise self._greedy()
            if reply.too_many:
                raise PacTimeout(f"{self.name} asks for more than 100 names in one run")
            if not reply.missing:
                self._lookup_seconds = looked_up
                return reply, {key: answers[key] for key in reply.used} if reply.used else {}
            # Answers given before stay the same for all runs of a call.
            started = time.monotonic()
            answers = {**self._lookups.answer(reply.missing, deadline), **answers}
            looked_up += time.monotonic() - started
            if undo is not None:
                undo(deadline)
        names = ", ".join(describe_key(key) for key in reply.missing[:3])
        raise PacTimeout(f"{self.name} still asks for new names after {MAX_ROUNDS} rounds of lookups: {names}")

    def _ask(self, frame: bytes, deadline: float, seconds: float) -> bytes:
        process = self._process or self._start()
        limit = time.monotonic() + max(0.0, seconds)
        try:
            return process.ask(frame, min(deadline, limit))
        except ProcessLate as exc:
            raise self._too_slow(deadline < limit) from exc
        except ProcessGone as exc:
            self._drop()
            # Its alarm for a run goes off later than ours, so before that it was the one for idling.
            if exc.code in (_SIGALRM, _SIGPROF) and time.monotonic() >= limit:
                raise self._too_slow(deadline < limit) from exc
            if exc.code == _SIGSYS:
                raise self._greedy() from exc
            error = _LeftIdle if exc.unasked or exc.code in (0, _SIGALRM) else PacEngineError
            raise error(f"the process of the PAC file failed: {exc}") from exc
        except BaseException:
            # Interrupted (Ctrl-C): what it may still answer must not be taken for the answer to another question.
            self._drop()
            raise

    def _read(self, data: bytes, given: dict[str, str]) -> Reply:
        try:
            return read_reply(data, given)
        except PacEngineError:
            self._drop()
            raise

    def _too_slow(self, by_caller: bool) -> PacTimeout:
        self._drop()
        if by_caller:
            return PacTimeout(f"{self.name} did not answer in the time left for this request")
        self._kills += 1
        return PacTimeout(f"{self.name} ran longer than {self._time_limit:g} s and was stopped")

    def _greedy(self) -> PacEngineError:
        return PacEngineError(f"{self.name} used up the memory it may have ({MEMORY_MEGABYTES} MiB)")

    def _start(self) -> ScriptProcess:
        launcher = find_launcher(self._worker_python)
        engines = [self._engine] if self._engine else find_engines(self._engine_choice, places=self._places)
        errors = []
        for number, engine in enumerate(engines):
            try:
                process = ScriptProcess(launcher, engine)
            except EngineNotLoaded as exc:
                errors.append(exc)
                continue
            if process.unfiltered is not None and engine.name == "pacparser" and number + 1 < len(engines):
                # Only the filter makes up for what this engine lacks; the other one is next.
                process.kill()
                engines.append(engine)
                continue
            self._process, self._engine = process, engine
            return process
        raise errors[0]

    def _drop(self) -> None:
        process, self._process, self._loaded = self._process, None, None
        if process is not None:
            process.kill()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._drop()


def _answer(
    reply: Reply, load: Reply, answers: dict[str, Answer], now: float, seconds: tuple[float, float]
) -> RawAnswer:
    expires = min(answer.expires for answer in answers.values()) if answers else None
    return RawAnswer(
        reply.text or "",
        reply.alerts,
        _lookups(answers),
        reply.uses_clock or load.uses_clock,
        reply.uses_random or load.uses_random,
        None if expires is None else max(0.0, expires - now),
        *seconds,
        tuple(answers),
        reply.calls,
    )


def _lookups(answers: dict[str, Answer]) -> dict[str, str | None]:
    """Return what each name was answered; of a name asked for in both ways, what the Ex function was told."""
    lookups: dict[str, str | None] = {}
    for key, answer in answers.items():
        name = describe_key(key)
        if name not in lookups or key[0] == "a":
            # Without an address of its own a machine is told 127.0.0.1 (prelude.js).
            lookups[name] = answer.text or ("127.0.0.1" if key == "m" else None)
    return lookups


@cache
def _prelude() -> bytes:
    return Path(__file__).with_name("prelude.js").read_bytes()


def _forget_processes() -> None:
    for script in list(_scripts):
        script._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_processes)
