"""One PAC URL over time: obtained once, kept while it is fresh, asked for again in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pacaware._core.freshness import RETRY_DELAYS, fresh_seconds
from pacaware._models import Step, redact_url
from pacaware._pac.analysis import ignores_url
from pacaware._pac.evaluator import PacScript
from pacaware._pac.fetch import NotModified, PacFile, fetch_pac
from pacaware.errors import PacError, PacTimeout

__all__ = ["LoadedScript", "PacSource"]

_log: Final = logging.getLogger("pacaware")


class LoadedScript(NamedTuple):
    """A script that parses, ready to be asked."""

    script: PacScript
    file: PacFile
    ignores_path: bool
    version: int
    steps: tuple[Step, ...]


class PacSource:
    """Obtains the script of one PAC URL. Thread-safe; only one thread at a time asks the server.

    A script in use is kept while its server is down. A failure to obtain the first one is remembered for 8 seconds,
    then 32, 120 and 300, so that requests do not wait for a dead server one after the other.
    """

    def __init__(
        self,
        url: str,
        make_script: Callable[[str], PacScript],
        *,
        allow_file: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._make_script = make_script
        self._allow_file = allow_file
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded: LoadedScript | None = None
        self._fresh_until = 0.0
        self._failures = 0
        self._error: PacError | None = None
        self._retry_at = 0.0
        self._refreshing = False
        self._closed = False
        self.fetches = 0

    @property
    def fresh_until(self) -> float:
        """Until when (clock) the script in use needs no look at its server."""
        return self._fresh_until

    def script(self, timeout: float) -> LoadedScript:
        """Return the script, waiting at most ``timeout`` seconds for the first one.

        Raises PacFetchError or PacScriptError if it was not obtained, PacTimeout if another thread is still at it.
        """
        loaded = self._loaded
        if loaded is not None:
            if self._clock() >= self._fresh_until:
                self._refresh_in_background()
            return loaded
        if not self._lock.acquire(timeout=timeout):
            raise PacTimeout(f"the PAC file {redact_url(self.url)} is still being fetched after {timeout:.0f} s")
        try:
            if self._loaded is None:
                self._obtain_first()
            assert self._loaded is not None
            return self._loaded
        finally:
            self._lock.release()

    def _obtain_first(self) -> None:
        now = self._clock()
        if self._error is not None and now < self._retry_at:
            raise self._error.again()
        try:
            self._load(self._fetch(None))
        except PacError as exc:
            self._note_failure(exc)
            raise
        self._error, self._failures = None, 0

    def _fetch(self, known: PacFile | None) -> PacFile | NotModified:
        self.fetches += 1
        return fetch_pac(
            self.url,
            allow_file=self._allow_file,
            etag=known.etag if known else None,
            last_modified=known.last_modified if known else None,
        )

    def _load(self, answer: PacFile | NotModified) -> None:
        started = time.perf_counter()
        self._fresh_until = self._clock() + fresh_seconds(
            answer.cache_control, answer.expires, answer.age, answer.date, answer.last_modified, time.time()
        )
        old = self._loaded
        if isinstance(answer, NotModified) or (old is not None and old.file.text == answer.text):
            return
        script = self._make_script(answer.text)
        try:
            script.load()
        except BaseException:
            script.close()
            raise
        elapsed = (time.perf_counter() - started) * 1000
        steps = (
            Step("pac-fetch", "ok", f"{redact_url(self.url)}: {answer.size} bytes", answer.seconds * 1000),
            *(Step("pac-fetch", "note", note) for note in answer.notes),
            Step("pac-load", "ok", "the script parses", elapsed),
        )
        version = 1 if old is None else old.version + 1
        self._loaded = LoadedScript(script, answer, ignores_url(answer.text), version, steps)
        if old is not None:
            old.script.close()

    def _note_failure(self, error: PacError) -> None:
        delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
        self._failures += 1
        self._error = error
        self._retry_at = self._clock() + delay
        _log.warning("%s; the next try is in %.0f s", error, delay)

    def _refresh_in_background(self) -> None:
        with self._lock:
            if self._refreshing or self._closed or self._clock() < self._retry_at:
                return
            self._refreshing = True
        threading.Thread(target=self._refresh, name="pacaware-pac-refresh", daemon=True).start()

    def _refresh(self) -> None:
        try:
            loaded = self._loaded
            self._load(self._fetch(loaded.file if loaded else None))
            self._error, self._failures, self._retry_at = None, 0, 0.0
        except PacError as exc:
            self._note_failure(exc)
        finally:
            self._refreshing = False

    def forget(self) -> None:
        """Drop the script and the memory of failures: the next use asks the server."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
            self._error, self._failures, self._retry_at, self._fresh_until = None, 0, 0.0, 0.0
        if loaded is not None:
            loaded.script.close()

    def close(self) -> None:
        """End the child process of the script."""
        self._closed = True
        self.forget()
