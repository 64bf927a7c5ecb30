"""One PAC URL over time: obtained once, kept while it is fresh, asked for again in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from pacaware._core.freshness import MIN_INTERVAL, RETRY_DELAYS, fresh_seconds
from pacaware._models import ProxyConfig, Step, redact_url
from pacaware._pac.analysis import ignores_url
from pacaware._pac.dns import SupportsLookups
from pacaware._pac.evaluator import PacScript
from pacaware._pac.fetch import NotModified, PacFile, fetch_pac
from pacaware.errors import PacError, PacFetchError, PacTimeout

__all__ = ["LoadedScript", "PacSource", "source_of"]

_log: Final = logging.getLogger("pacaware")
_SHOWN: Final = 200


class LoadedScript(NamedTuple):
    """A script that parses, ready to be asked.

    ``version`` counts the downloads that were not answered 304. From ``check_at`` (clock) on, the source wants to be
    asked for it again, to see whether its server has a newer one.
    """

    script: PacScript
    file: PacFile
    ignores_path: bool
    version: int
    steps: tuple[Step, ...]
    check_at: float


class PacSource:
    """Obtains the script of one PAC URL. Thread-safe; only one thread at a time asks the server.

    A script in use is kept while its server is down. A failure to obtain it is remembered for 8 seconds, then 32, 120
    and 300, so that requests do not wait for a dead server one after the other. Its process ends with ``close()``, or
    when nobody holds the source any more.
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
        self._lock = threading.Lock()  # held while the server is asked
        self._loaded: LoadedScript | None = None
        self._failures = 0
        self._error: PacError | None = None
        self._retry_at = 0.0
        self._closed = False
        self.fetches = 0

    @property
    def retry_at(self) -> float:
        """Until when (clock) a failure to obtain the first script is remembered."""
        return self._retry_at

    def known(self) -> LoadedScript | None:
        """Return the script in use, if there is one; never waits. Has the server asked in the background if need be."""
        loaded = self._loaded
        if loaded is not None and loaded.check_at <= self._clock() and self._lock.acquire(blocking=False):
            try:
                threading.Thread(target=self._refresh, name="pacaware-pac-refresh", daemon=True).start()
            except RuntimeError:  # no more threads, or the interpreter is on its way out: the script in use will do
                self._lock.release()
        return loaded

    def script(self, timeout: float) -> LoadedScript:
        """Return the script, waiting at most ``timeout`` seconds for the first one.

        Raises PacTimeout if another thread is still at it, and otherwise what kept the script from being obtained.
        """
        loaded = self.known()
        if loaded is not None:
            return loaded
        if not self._lock.acquire(timeout=timeout):
            raise PacTimeout(f"the PAC file {redact_url(self.url)} is still being fetched after {timeout:g} s")
        try:
            if self._loaded is not None:
                return self._loaded
            if self._error is not None and self._clock() < self._retry_at:
                raise self._error.again()
            try:
                return self._obtain(None)
            except PacError as exc:
                self._note_failure(exc)
                raise
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        """Ask the server again; the lock was taken by who started this thread."""
        try:
            loaded = self._loaded
            # Another thread may have done it between the look at the clock and the lock.
            if loaded is not None and loaded.check_at <= self._clock():
                try:
                    self._obtain(loaded)
                except Exception as exc:  # noqa: BLE001 - nobody waits for this thread; it is logged and tried again
                    self._note_failure(exc if isinstance(exc, PacError) else PacFetchError(repr(exc)))
                    self._loaded = loaded._replace(check_at=self._retry_at)
        finally:
            self._lock.release()

    def _obtain(self, old: LoadedScript | None) -> LoadedScript:
        """Ask the server, and put what it has to use."""
        self.fetches += 1
        started = time.perf_counter()
        answer = fetch_pac(
            self.url,
            allow_file=self._allow_file,
            etag=old.file.etag if old else None,
            last_modified=old.file.last_modified if old else None,
        )
        file = _updated(old.file, answer) if old and isinstance(answer, NotModified) else answer
        assert isinstance(file, PacFile)  # a request without conditions is never answered "not modified"
        check_at = self._clock() + _fresh_seconds(file)
        if old is not None and file.text == old.file.text:
            # The same text is no reason to start the process again. Sent anew, it still ends what is remembered of it.
            version = old.version + (isinstance(answer, PacFile) and answer.status is not None)
            loaded = old._replace(file=file, version=version, check_at=check_at)
        else:
            fetched = (time.perf_counter() - started) * 1000
            loaded = self._load(file, fetched, 1 if old is None else old.version + 1, check_at)
        self._loaded = loaded
        self._error, self._failures = None, 0
        if self._closed:
            loaded.script.close()
        return loaded

    def _load(self, file: PacFile, fetched: float, version: int, check_at: float) -> LoadedScript:
        started = time.perf_counter()
        script = self._make_script(file.text)
        try:
            script.load()
        except BaseException:
            script.close()
            raise
        steps = (
            Step("pac-fetch", "ok", f"{redact_url(file.url)}: {file.size} bytes", fetched),
            *(Step("pac-fetch", "note", note) for note in file.notes),
            Step("pac-load", "ok", f"the script parses ({script.containment})", (time.perf_counter() - started) * 1000),
        )
        return LoadedScript(script, file, ignores_url(file.text), version, steps, check_at)

    def _note_failure(self, error: PacError) -> None:
        delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
        self._failures += 1
        self._error = error.again()
        self._retry_at = self._clock() + delay
        kept = "; the script in use is kept" if self._loaded is not None else ""
        _log.warning("%s%s; the next try is in %.0f s", error, kept, delay)

    def close(self) -> None:
        """End the process of the script."""
        self._closed = True
        loaded = self._loaded
        if loaded is not None:
            loaded.script.close()


def source_of(
    config: ProxyConfig,
    lookups: SupportsLookups,
    *,
    engine: str,
    worker_python: str | None,
    script_seconds: float,
    clock: Callable[[], float],
) -> PacSource:
    """Return the source for the PAC URL of a config; nothing is fetched yet."""
    assert config.pac_url is not None
    make_script = partial(
        PacScript,
        engine=engine,
        worker_python=worker_python,
        lookups=lookups,
        time_limit=script_seconds,
        dialect=config.pac_dialect or "chromium",
        name=f"the PAC file {_shortened(redact_url(config.pac_url.strip()))}",
    )
    return PacSource(config.pac_url.strip(), make_script, allow_file=config.allow_file, clock=clock)


def _shortened(url: str) -> str:
    return url if len(url) <= _SHOWN else f"{url[:_SHOWN]}..."  # data: URLs hold the whole script


def _updated(file: PacFile, answer: NotModified) -> PacFile:
    """Return the file with the header fields of a 304; those it leaves out keep their value (RFC 9111, 4.3.4)."""
    return replace(
        file,
        cache_control=answer.cache_control or file.cache_control,
        expires=answer.expires or file.expires,
        etag=answer.etag or file.etag,
        last_modified=answer.last_modified or file.last_modified,
        age=answer.age,
        date=answer.date,
    )


def _fresh_seconds(file: PacFile) -> float:
    if file.status is None:
        return MIN_INTERVAL  # from a disk: a look costs nothing
    return fresh_seconds(file.cache_control, file.expires, file.age, file.date, file.last_modified, time.time())
