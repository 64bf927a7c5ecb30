"""Single flight: one thread answers a question while the others that ask the same wait for its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from pacaware.errors import PacError, PacTimeout

__all__ = ["SingleFlight"]

Result = TypeVar("Result")


class _Flight(Generic[Result]):
    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: Result | None = None
        self.error: BaseException | None = None


class SingleFlight(Generic[Result]):
    """Runs a function once for each key at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight[Result]] = {}

    def run(self, key: str, function: Callable[[], Result], timeout: float) -> Result:
        """Return what ``function`` returns, here or in the thread that was first.

        Waits at most ``timeout`` seconds for another thread (PacTimeout). A PacError is everybody's; after any other
        exception in the first thread this one runs the function itself.
        """
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if leads:
            return self._lead(key, flight, function)
        if not flight.done.wait(timeout):
            raise PacTimeout(f"another thread is still looking for the proxy for {key} after {timeout:.0f} s")
        if flight.result is not None:
            return flight.result
        if isinstance(flight.error, PacError):
            raise flight.error.again()
        return function()

    def _lead(self, key: str, flight: _Flight[Result], function: Callable[[], Result]) -> Result:
        try:
            result = flight.result = function()
        except BaseException as exc:
            flight.error = exc
            raise
        finally:
            with self._lock:
                del self._flights[key]
            flight.done.set()
        return result
