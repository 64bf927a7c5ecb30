"""Answers to the lookups a PAC file makes: all names of a run at once, in bounded threads, with a short memory."""

from __future__ import annotations

import ipaddress
import math
import os
import queue
import threading
import time
import weakref
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pacaware._hosts import canonical_host
from pacaware._pac import my_address
from pacaware.errors import PacTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Answer", "FixedLookups", "Lookups", "Resolved", "SupportsLookups", "describe_key"]

MIN_LIFE: Final = 5.0  # Chromium net/proxy_resolution: answers are shared by requests for 5 s
MAX_LIFE: Final = 300.0
MY_ADDRESS_LIFE: Final = 60.0
MAX_ENTRIES: Final = 1000
RENEW_AFTER: Final = 0.75
"""The part of an answer's life after which it may be looked up again beside the requests."""
_RENEW_SECONDS: Final = 10.0


class Resolved(NamedTuple):
    """The addresses of a name, in order, and how many seconds they hold; no addresses: there is no such name."""

    addresses: tuple[str, ...]
    life: float


class Answer(NamedTuple):
    """What the script is told (``""``: the lookup failed), and until when by the clock that may be told again.

    From ``renew_at`` on it is worth looking up again.
    """

    text: str
    expires: float
    renew_at: float = math.inf


class SupportsLookups(Protocol):
    """What PacScript asks of whoever answers its lookups; keys as in ``pacaware._pac.reply.Reply``.

    ``clock`` is what the ends of answers are told by; deadlines are those of ``time.monotonic()``.
    """

    clock: Callable[[], float]

    def answer(self, keys: Collection[str], deadline: float) -> dict[str, Answer]:
        """Answer all keys, or raise PacTimeout at the deadline."""

    def known(self, keys: Collection[str]) -> dict[str, Answer]:
        """Return those of the answers that need no work."""


def describe_key(key: str) -> str:
    """Return the lookup as a person would write it: the name, or ``myIpAddress()``."""
    return {"m": "myIpAddress()", "M": "myIpAddressEx()"}.get(key) or key[2:]


class Lookups:
    """Answers lookups with ``resolve(name, six, seconds)``, remembering them for 5 s or their life up to 300 s.

    ``resolve`` gets a canonical name, never an address, whether IPv6 is wanted too, and the time left; the default
    follows the system's settings. ``my_addresses(ex)`` returns this machine's own addresses. Thread-safe; threads are
    daemons, made at the first use, at most ``threads`` of them.
    """

    def __init__(
        self,
        resolve: Callable[[str, bool, float], Resolved] | None = None,
        *,
        my_addresses: Callable[[bool], list[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        threads: int = 16,
    ) -> None:
        self._resolve = resolve
        self._my_addresses = my_addresses or my_address.my_addresses
        self.clock = clock
        self._pool = _Pool(threads)
        self._lock = threading.Lock()
        self._known: dict[str, Answer] = {}
        self._following: dict[str, Answer] = {}  # other answers, found before the time of those known is over
        self._pending: dict[str, Future[Answer]] = {}
        _all.add(self)

    def known(self, keys: Collection[str]) -> dict[str, Answer]:
        """Return the answers that are remembered and still hold."""
        now = self.clock()
        with self._lock:
            return {key: answer for key in keys if (answer := self._current(key, now)) is not None}

    def _current(self, key: str, now: float) -> Answer | None:
        answer = self._known.get(key)
        if answer is not None and answer.expires <= now and key in self._following:
            answer = self._known[key] = self._following.pop(key)
        return answer if answer is not None and answer.expires > now else None

    def answer(self, keys: Collection[str], deadline: float) -> dict[str, Answer]:
        """Answer all keys, looking up at once what is not remembered; raises PacTimeout naming what was too slow."""
        answers = self.known(keys)
        waiting = {key: self._start(key, deadline) for key in keys if key not in answers}
        slow = []
        for key, future in waiting.items():
            try:
                answers[key] = future.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                slow.append(describe_key(key))
        if slow:
            raise PacTimeout(f"the PAC file asked for names that were not resolved in time: {', '.join(slow[:5])}")
        return answers

    def renew(self, keys: Collection[str]) -> None:
        """Look up again, in the background, what is near its end: nobody will have to wait for it then.

        What is known is told until its time is over, also if there is another answer by then: it makes no difference
        which of two requests remembers what it was told.
        """
        now = self.clock()
        with self._lock:
            near = [key for key in keys if (known := self._known.get(key)) and known.renew_at <= now]
            futures: dict[str, Future[Answer]] = {key: Future() for key in near if key not in self._pending}
            self._pending.update(futures)
        deadline = time.monotonic() + _RENEW_SECONDS
        for key, future in futures.items():
            self._pool.submit(partial(self._work, key, deadline, future))

    def clear(self) -> None:
        """Forget every answer; lookups under way are not remembered either."""
        with self._lock:
            self._known.clear()
            self._following.clear()
            self._pending.clear()

    def close(self) -> None:
        """Let the threads end; a later lookup starts new ones."""
        self._pool.close()

    def _after_fork(self) -> None:
        # The threads are gone here, and the locks may be held for ever.
        self._lock = threading.Lock()
        self._pending = {}
        self._pool = _Pool(self._pool.limit)

    def _start(self, key: str, deadline: float) -> Future[Answer]:
        at_once = self._without_work(key)
        with self._lock:
            future = self._pending.get(key)
            if future is not None:
                return future
            future = Future()
            if at_once is None:
                self._pending[key] = future
        if at_once is not None:
            future.set_result(at_once)
        else:
            self._pool.submit(partial(self._work, key, deadline, future))
        return future

    def _without_work(self, key: str) -> Answer | None:
        """Answer addresses and impossible names, which need no lookup."""
        if key in ("m", "M"):
            return None
        name = _canonical(key[2:])
        if name is None:
            return Answer("", math.inf)
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return None
        return Answer(name if key[0] == "a" or address.version == 4 else "", math.inf)

    def _work(self, key: str, deadline: float, future: Future[Answer]) -> None:
        try:
            answer = self._look_up(key, max(0.1, deadline - time.monotonic()))
        except Exception:  # noqa: BLE001 - whatever a resolver raises, the script is told that the lookup failed
            answer = self._failed(key)
        with self._lock:
            if self._pending.get(key) is future:
                del self._pending[key]
                self._keep(key, answer)
        future.set_result(answer)

    def _keep(self, key: str, answer: Answer) -> None:
        now, known = self.clock(), self._known.pop(key, None)
        self._following.pop(key, None)
        if known is not None and known.expires > now and known.text != answer.text:
            self._following[key], answer = answer, known._replace(renew_at=math.inf)
        while len(self._known) >= MAX_ENTRIES:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._following.pop(oldest, None)
        self._known[key] = answer

    def _failed(self, key: str) -> Answer:
        """Return the answer that still holds, if this was to renew it, else that there is none, for a while."""
        now = self.clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and known.expires > now:
            return known._replace(renew_at=now + MIN_LIFE)
        return Answer("", now + MIN_LIFE)

    def _look_up(self, key: str, seconds: float) -> Answer:
        if key in ("m", "M"):
            addresses = self._my_addresses(key == "M")
            return self._holding(";".join(addresses), MY_ADDRESS_LIFE)
        resolve = self._resolve
        if resolve is None:
            from pacaware._pac.system_dns import resolve as system_resolve

            resolve = self._resolve = system_resolve
        found = resolve(_canonical(key[2:]) or "", key[0] == "a", seconds)
        life = min(max(found.life, MIN_LIFE), MAX_LIFE) if found.addresses else MIN_LIFE
        return self._holding(_chosen(key, found.addresses), life)

    def _holding(self, text: str, seconds: float) -> Answer:
        now = self.clock()
        return Answer(text, now + seconds, now + seconds * RENEW_AFTER)


class FixedLookups:
    """Answers from a table: no other name resolves, and nothing is ever looked up."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, hosts: dict[str, tuple[str, ...]], my_addresses: tuple[str, ...]) -> None:
        self._hosts = {(_canonical(name) or name).removesuffix("."): found for name, found in hosts.items()}
        self._my_addresses = my_addresses

    def known(self, keys: Collection[str]) -> dict[str, Answer]:
        """Answer all keys."""
        return {key: Answer(self._text(key), math.inf) for key in keys}

    def answer(self, keys: Collection[str], deadline: float) -> dict[str, Answer]:
        """Answer all keys."""
        return self.known(keys)

    def _text(self, key: str) -> str:
        if key in ("m", "M"):
            return ";".join(self._my_addresses if key == "M" else self._my_addresses[:1])
        name = _canonical(key[2:])
        if name is None:
            return ""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return _chosen(key, self._hosts.get(name.removesuffix("."), ()))
        return _chosen(key, (name,))


def _chosen(key: str, addresses: tuple[str, ...]) -> str:
    """Take what the helper returns: the first IPv4 address, or for the Ex functions all, joined by ";"."""
    if key[0] == "a":
        return ";".join(addresses)
    return next((address for address in addresses if ":" not in address), "")


def _canonical(name: str) -> str | None:
    if ":" in name:
        name = f"[{name}]"
    try:
        return canonical_host(name)
    except ValueError:
        return None


class _Pool:
    """Daemon threads for work that may hang; they are made when needed and leave after a few idle seconds."""

    idle_seconds: Final = 10.0

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0

    def submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            self._jobs.put(job)
            if self._waiting >= self._jobs.qsize() or self._threads >= self.limit:
                return
            self._threads += 1
        threading.Thread(target=self._run, name="pacaware-dns", daemon=True).start()

    def close(self) -> None:
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._waiting += 1
            try:
                job = self._jobs.get(timeout=self.idle_seconds)
            except queue.Empty:
                job = None
            with self._lock:
                self._waiting -= 1
                # A job may have come in between the end of the wait and here.
                if job is None and self._jobs.empty():
                    self._threads -= 1
                    return
            if job is not None:
                job()


_all: weakref.WeakSet[Lookups] = weakref.WeakSet()


def _start_afresh() -> None:
    for lookups in list(_all):
        lookups._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
