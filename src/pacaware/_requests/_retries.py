"""The caller's Retry, spent once for the whole list of candidates and not once for each."""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = ["Budget"]


class Budget:
    """What is left of the Retry of one request."""

    def __init__(self, retries: Any) -> None:
        self._left = retries

    def hand_out(self) -> Any:
        """Return the Retry for one call of ``urlopen()``; what that call spends is gone for the others too."""
        retries = self._left
        if retries.total is not None and not retries.total:  # 0 or False, as nearly always
            return retries
        return self._watched(retries.new())

    def _watched(self, retries: Any) -> Any:
        increment = retries.increment

        def spend(*args: Any, **kwargs: Any) -> Any:
            self._left = increment(*args, **kwargs)
            return self._watched(self._left)

        # On the instance, because Retry makes its successors by type(self)(…) from arguments it knows.
        retries.increment = spend
        return retries

    def spend(self, method: str, url: str, error: Exception, pool: Any, traceback: TracebackType | None) -> None:
        """Pay for another walk along the whole list and wait as Retry wants; raises what Retry raises if it is over."""
        self._left = self._left.increment(method, url, error=error, _pool=pool, _stacktrace=traceback)
        self._left.sleep()
