"""Single flight: one thread answers a question while the others that ask the same wait for its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from pacaware.errors import PacError, PacTimeout, WpadError

__all__ = ["SingleFlight"]

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Runs a function once for each key at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Future[Result]] = {}

    def run(self, key: str, function: Callable[[], Result], timeout: float) -> Result:
        """Return what ``function`` returns, here or in the thread that was first.

        Waits at most ``timeout`` seconds for other threads (PacTimeout). A PacError or WpadError is everybody's; any
        other exception is of the thread that ran the function alone, and the next of those that wait runs it again.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = Future()
                    break
            try:
                error = flight.exception(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise PacTimeout(f"another thread is still looking for the same proxy after {timeout:g} s") from None
            if error is None:
                return flight.result()
            if isinstance(error, PacError | WpadError):
                raise error.again()
        return self._lead(key, mine, function)

    def _lead(self, key: str, flight: Future[Result], function: Callable[[], Result]) -> Result:
        try:
            result = function()
        except BaseException as exc:
            self._land(key)
            # A copy: the one that is raised here collects this thread's traceback.
            flight.set_exception(exc.again() if isinstance(exc, PacError | WpadError) else exc)
            raise
        self._land(key)
        flight.set_result(result)
        return result

    def _land(self, key: str) -> None:
        with self._lock:
            del self._flights[key]
