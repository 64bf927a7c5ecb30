"""The clock of every memory: seconds that never go back and go on while the machine sleeps.

What was remembered for half an hour is over after a night in the bag, and a PAC file that was fresh for an hour is not
fresh any more. ``time.monotonic()`` stands still meanwhile on Linux and macOS.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

__all__ = ["awake_or_asleep"]


def _find_clock() -> Callable[[], float]:
    # CLOCK_MONOTONIC counts sleep on macOS, where time.monotonic() is another clock.
    name = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(sys.platform, "")
    number = getattr(time, name, None)
    if number is None:
        return time.monotonic
    clock = partial(time.clock_gettime, number)
    try:
        clock()
    except OSError:
        return time.monotonic
    return clock


awake_or_asleep: Final = _find_clock()
