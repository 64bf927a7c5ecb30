"""One PAC URL over time: obtained once, kept while it is fresh, asked for again in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from pacaware._core.freshness import MIN_INTERVAL, RETRY_DELAYS, fresh_seconds, is_explicit, may_store
from pacaware._models import ProxyConfig, Step, redact_url
from pacaware._pac.analysis import ignores_url
from pacaware._pac.dns import SupportsLookups
from pacaware._pac.evaluator import PacScript
from pacaware._pac.fetch import NotModified, PacFile, fetch_pac
from pacaware.errors import PacError, PacFetchError, PacTimeout

__all__ = ["LoadedScript", "PacSource", "source_of"]

_log: Final = logging.getLogger("pacaware")
_SHOWN: Final = 200
_SECONDS: Final = 30.0
_SECONDS_ON_A_NEW_NETWORK: Final = 5.0


class LoadedScript(NamedTuple):
    """A script that parses, ready to be asked.

    ``version`` counts the downloads that were not answered 304. From ``check_at`` (clock) on, the source wants to be
    asked for it again, to see whether its server has a newer one. ``network`` counts the networks; on another one than
    it was obtained on a script is used only if it ``travels``: its server said how long it is good.
    """

    script: PacScript
    file: PacFile
    ignores_path: bool
    version: int
    steps: tuple[Step, ...]
    check_at: float
    network: int = 0
    travels: bool = False


class PacSource:
    """Obtains the script of one PAC URL. Thread-safe; only one thread at a time asks the server.

    A script in use is kept while its server is down, on the network it was obtained on. A failure to obtain it is
    remembered for 8 seconds, then 32, 120 and 300, so that requests do not wait for a dead server one after the other.
    Its process ends with ``close()``, or when nobody holds the source any more.
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
        self._state = threading.Lock()  # held for a moment, to change what follows
        self._network = 0
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

    @property
    def is_carried_over(self) -> bool:
        """Whether the script in use was obtained on another network, and so may know nothing of this one."""
        loaded = self._loaded
        return loaded is not None and loaded.network != self._network and loaded.travels

    def network_changed(self) -> None:
        """Note that this machine is on another network.

        A script that its server said is still good is used on. Any other is asked for again by the next who needs it.
        """
        with self._state:
            self._network += 1
            self._error, self._failures, self._retry_at = None, 0, 0.0
            loaded = self._loaded
            if loaded is not None and loaded.check_at <= self._clock():
                self._loaded = loaded._replace(travels=False)

    def doubt(self) -> None:
        """Use a script of another network no longer: none of its proxies could be reached."""
        with self._state:
            if self._loaded is not None:
                self._loaded = self._loaded._replace(travels=False)

    def known(self) -> LoadedScript | None:
        """Return the script in use, if there is one; never waits. Has the server asked in the background if need be."""
        loaded = self._loaded
        if loaded is None or not self._holds(loaded):
            return None
        if loaded.check_at <= self._clock():
            self._ask_in_background()
        return loaded

    def _holds(self, loaded: LoadedScript) -> bool:
        return loaded.network == self._network or loaded.travels

    def script(self, timeout: float, *, can_do_without: bool = False) -> LoadedScript:
        """Return the script, waiting at most ``timeout`` seconds for the first one.

        Who ``can_do_without`` does not wait for a server that has failed before. Raises PacTimeout if another thread is
        still at it, and otherwise what kept the script from being obtained.
        """
        loaded = self.known()
        if loaded is not None:
            return loaded
        error = self._error
        if can_do_without and error is not None:
            if self._retry_at <= self._clock():
                self._ask_in_background()
            raise error.again()
        if not self._lock.acquire(timeout=timeout):
            raise PacTimeout(f"the PAC file {redact_url(self.url)} is still being fetched after {timeout:g} s")
        try:
            loaded, error, network = self._loaded, self._error, self._network
            if loaded is not None and self._holds(loaded):
                return loaded
            if error is not None and self._clock() < self._retry_at:
                raise error.again()
            try:
                return self._obtain(loaded, _SECONDS_ON_A_NEW_NETWORK if network else _SECONDS)
            except PacError as exc:
                self._note_failure(exc, network)
                raise
        finally:
            self._lock.release()

    def _ask_in_background(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                threading.Thread(target=self._refresh, name="pacaware-pac-refresh", daemon=True).start()
            except RuntimeError:  # no more threads, or the interpreter is on its way out: what there is will do
                self._lock.release()

    def _refresh(self) -> None:
        """Ask the server again; the lock was taken by who started this thread."""
        try:
            loaded, network = self._loaded, self._network
            due = self._retry_at if loaded is None or not self._holds(loaded) else loaded.check_at
            # Another thread may have done it between the look at the clock and the lock.
            if due <= self._clock():
                try:
                    self._obtain(loaded, _SECONDS)
                except Exception as exc:  # noqa: BLE001 - nobody waits for this thread; it is logged and tried again
                    self._note_failure(exc if isinstance(exc, PacError) else PacFetchError(repr(exc)), network)
        finally:
            self._lock.release()

    def _obtain(self, old: LoadedScript | None, seconds: float) -> LoadedScript:
        """Ask the server, and put what it has to use."""
        self.fetches += 1
        network = self._network
        compared = old.file if old is not None and may_store(old.file.cache_control) else None
        started = time.perf_counter()
        answer = fetch_pac(
            self.url,
            allow_file=self._allow_file,
            timeout=seconds,
            etag=compared.etag if compared else None,
            last_modified=compared.last_modified if compared else None,
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
        travels = file.status is None or is_explicit(file.cache_control, file.expires)
        loaded = loaded._replace(network=network, travels=travels)
        with self._state:
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
            Step("pac-load", "ok", "the script parses", (time.perf_counter() - started) * 1000),
        )
        return LoadedScript(script, file, ignores_url(file.text), version, steps, check_at)

    def _note_failure(self, error: PacError, network: int) -> None:
        with self._state:
            if network != self._network:
                return  # it says nothing of the network of now
            delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
            self._failures += 1
            self._error = error.again()
            self._retry_at = self._clock() + delay
            loaded = self._loaded
            is_kept = loaded is not None and loaded.network == network
            if loaded is not None:
                self._loaded = loaded._replace(check_at=self._retry_at, travels=False)
        kept = "; the script in use is kept" if is_kept else ""
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
