"""The few threads in which slow work is kept off event loops (asyncio and trio, by anyio)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar

__all__ = ["run_in_thread"]

_THREADS: Final = 8
_limiter: RunVar[CapacityLimiter] = RunVar("pacaware_limiter")

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def run_in_thread(function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Run ``function`` in a thread of our own small number, so that the program's own threads stay free.

    A cancelled caller does not wait for the thread to end.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await anyio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True, limiter=limiter)
