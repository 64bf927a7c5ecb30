"""One PAC URL over time: obtained once, kept while it is fresh, asked for again in the background."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._core.freshness import MIN_INTERVAL, RETRY_DELAYS, fresh_seconds, is_explicit, may_store
from pacaware._models import ProxyConfig, Step, redact_url
from pacaware._pac.analysis import ignores_url
from pacaware._pac.dns import SupportsLookups
from pacaware._pac.evaluator import PacScript
from pacaware._pac.fetch import NotModified, PacFile, fetch_pac
from pacaware.errors import PacError, PacFetchError, PacTimeout, WpadError

if TYPE_CHECKING:
    from pacaware._pac.wpad import SupportsDetection

__all__ = ["DetectedSource", "LoadedScript", "PacSource", "script_maker"]

_log: Final = logging.getLogger("pacaware")
_SHOWN: Final = 200
NOT_DETECTED_SECONDS: Final = 120.0
_SECONDS: Final = 30.0
_SECONDS_ON_A_NEW_NETWORK: Final = 5.0


class LoadedScript(NamedTuple):
    """A script that parses, ready to be asked.

    ``version`` is a higher one after each download that was not answered 304. From ``check_at`` (clock) on, the source
    wants to be asked for it again, to see whether its server has a newer one. ``network`` counts the networks; on
    another one than it was obtained on a script is used only if it ``travels``: its server said how long it is good.
    ``url`` is where it was looked for, ``source`` that of its decisions, ``found`` how the URL came to light.
    ``confirmed`` is when (Unix time) its server sent it or said that it still holds, after ``fetch_ms``.
    """

    script: PacScript
    file: PacFile
    ignores_path: bool
    version: int
    steps: tuple[Step, ...]
    check_at: float
    network: int = 0
    travels: bool = False
    url: str = ""
    source: str = "pac"
    found: tuple[Step, ...] = ()
    confirmed: float = 0.0
    fetch_ms: float = 0.0

    def told(self, since: float) -> tuple[Step, ...]:
        """Say how the script came here; what was done before ``since`` (Unix time) took this question no time."""
        age = max(0.0, time.time() - self.confirmed)
        status = "" if self.file.status is None else f"status {self.file.status}, "
        detail = f"{_shortened(redact_url(self.file.url))}: {status}{self.file.size} bytes, {age:.0f} s old"
        fetched = Step("pac-fetch", "ok", detail, self.fetch_ms)
        steps = (*self.found, fetched, *self.steps)
        return steps if self.confirmed >= since else tuple(step._replace(ms=0.0) for step in steps)

    @property
    def is_detected(self) -> bool:
        """Whether automatic detection found it, which anybody on the network can forge."""
        return self.source != "pac"


class Location(NamedTuple):
    """Where a PAC file is, the ``source`` of its decisions, how it came to light, and who resolves its host."""

    url: str
    source: str = "pac"
    steps: tuple[Step, ...] = ()
    resolve: Callable[[str], Sequence[str]] | None = None


class PacSource:
    """Obtains the script of one PAC URL. Thread-safe; only one thread at a time asks the server.

    A script in use is kept while its server is down, on the network it was obtained on. A failure to obtain it is
    remembered for 8 seconds, then 32, 120 and 300, so that requests do not wait for a dead server one after the other.
    Its process ends with ``close()``, or when nobody holds the source any more. ``versions`` numbers the scripts of all
    sources that may take turns.
    """

    def __init__(
        self,
        url: str,
        make_script: Callable[..., PacScript],
        *,
        allow_file: bool = False,
        clock: Callable[[], float] = time.monotonic,
        versions: Iterator[int] | None = None,
    ) -> None:
        self.url = url
        self._versions = versions or itertools.count(1)
        self._make_script = make_script
        self._allow_file = allow_file
        self._clock = clock
        self._lock = threading.Lock()  # held while the server is asked
        self._state = threading.Lock()  # held for a moment, to change what follows
        self._network = 0
        self._loaded: LoadedScript | None = None
        self._failures = 0
        self._error: PacError | WpadError | None = None
        self._retry_at = 0.0
        self._closed = False
        self.fetches = 0

    @property
    def retry_at(self) -> float:
        """Until when (clock) a failure to obtain the first script is remembered."""
        return self._retry_at

    @property
    def has_failed(self) -> bool:
        """Whether the last try to obtain a script on this network failed."""
        return self._error is not None

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

    def begin_anew(self) -> None:
        """Have the script in use forget what it was told of names and of this machine."""
        loaded = self._loaded
        if loaded is not None:
            loaded.script.begin_anew()

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
            self.retry()
            raise error.again()
        if not self._lock.acquire(timeout=timeout):
            what = f"the PAC file {redact_url(self.url)}" if self.url else "a PAC file that has to be detected"
            raise PacTimeout(f"{what} is still being fetched after {timeout:g} s")
        try:
            loaded, error, network = self._loaded, self._error, self._network
            if loaded is not None and self._holds(loaded):
                return loaded
            if error is not None and self._clock() < self._retry_at:
                raise error.again()
            try:
                return self._obtain(loaded, _SECONDS_ON_A_NEW_NETWORK if network else _SECONDS)
            except (PacError, WpadError) as exc:
                self._note_failure(exc, network)
                raise
        finally:
            self._lock.release()

    def retry(self) -> None:
        """Have the server asked again in the background, if it failed and the time for that has come."""
        if self._error is not None and self._retry_at <= self._clock():
            self._ask_in_background()

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
                    self._note_failure(
                        exc if isinstance(exc, PacError | WpadError) else PacFetchError(repr(exc)), network
                    )
        finally:
            self._lock.release()

    def _locate(self) -> Location:
        """Return where the PAC file is; called before each download."""
        return Location(self.url)

    def _obtain(self, old: LoadedScript | None, seconds: float) -> LoadedScript:
        """Ask the server, and put what it has to use."""
        network = self._network
        place = self._locate()
        self.fetches += 1
        may_compare = old is not None and old.url == place.url and may_store(old.file.cache_control)
        compared = old.file if old is not None and may_compare else None
        started = time.perf_counter()
        answer = fetch_pac(
            place.url,
            allow_file=self._allow_file,
            timeout=seconds,
            etag=compared.etag if compared else None,
            last_modified=compared.last_modified if compared else None,
            resolve=place.resolve,
        )
        file = _updated(old.file, answer) if old and isinstance(answer, NotModified) else answer
        assert isinstance(file, PacFile)  # a request without conditions is never answered "not modified"
        fetch_ms = (time.perf_counter() - started) * 1000
        confirmed = time.time()
        check_at = self._clock() + _fresh_seconds(file)
        if old is not None and file.text == old.file.text:
            # The same text is no reason to start the process again. Sent anew, it still ends what is remembered of it.
            is_new = isinstance(answer, PacFile) and answer.status is not None
            loaded = old._replace(file=file, version=next(self._versions) if is_new else old.version, check_at=check_at)
        else:
            loaded = self._load(place.url, file, check_at)
        loaded = loaded._replace(network=network, url=place.url, source=place.source, found=place.steps)
        loaded = loaded._replace(confirmed=confirmed, fetch_ms=fetch_ms)
        if loaded.is_detected:  # on another network there may be another; and it sees no paths
            loaded = loaded._replace(travels=False, ignores_path=True)
        else:
            loaded = loaded._replace(travels=file.status is None or is_explicit(file.cache_control, file.expires))
        with self._state:
            self._loaded = loaded
            self._error, self._failures = None, 0
        if self._closed:
            loaded.script.close()
        return loaded

    def _load(self, url: str, file: PacFile, check_at: float) -> LoadedScript:
        started = time.perf_counter()
        script = self._make_script(file.text, name=f"the PAC file {_shortened(redact_url(url))}")
        try:
            script.load()
        except BaseException:
            script.close()
            raise
        steps = (
            *(Step("pac-fetch", "note", note) for note in file.notes),
            Step("pac-load", "ok", f"the script parses ({script.containment})", (time.perf_counter() - started) * 1000),
        )
        return LoadedScript(script, file, ignores_url(file.text), next(self._versions), steps, check_at)

    def _note_failure(self, error: PacError | WpadError, network: int) -> None:
        with self._state:
            if network != self._network:
                return  # it says nothing of the network of now
            if isinstance(error, WpadError):
                delay = NOT_DETECTED_SECONDS
            else:
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


class DetectedSource(PacSource):
    """Obtains the script that automatic detection leads to, looking for it anew before each download.

    That nothing was found is remembered for two minutes, as .NET and Windows do.
    """

    def __init__(
        self,
        detector: SupportsDetection,
        make_script: Callable[..., PacScript],
        *,
        clock: Callable[[], float],
        versions: Iterator[int],
    ) -> None:
        super().__init__("", make_script, clock=clock, versions=versions)
        self._detector = detector

    def _locate(self) -> Location:
        started = time.perf_counter()
        found = self._detector.detect()
        self.url = found.url
        detail = f"{redact_url(found.url)}, from {found.via.upper()}"
        steps = (
            Step("auto-detect", "ok", detail, (time.perf_counter() - started) * 1000),
            *(Step("auto-detect", "note", note) for note in found.notes),
        )
        return Location(found.url, found.source, steps, self._detector.addresses)


def script_maker(
    config: ProxyConfig,
    lookups: SupportsLookups,
    *,
    engine: str,
    worker_python: str | None,
    script_seconds: float,
) -> Callable[..., PacScript]:
    """Return what makes scripts of texts as a config wants them."""
    return partial(
        PacScript,
        engine=engine,
        worker_python=worker_python,
        lookups=lookups,
        time_limit=script_seconds,
        dialect=config.pac_dialect or "chromium",
    )


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
