"""Paired, interleaved measurement: two things are timed in turn, so that whatever slows the machine slows both."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Paired", "Result", "Single", "in_turn", "of_pairs", "paired", "single"]

Action = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """One line of the table; ``target`` says what it should be, ``met`` whether it is."""

    name: str
    target: str
    met: bool | None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "text": self.text()}

    def text(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Single(Result):
    """A time by itself, in microseconds: median and the middle half of the samples."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        return f"{_us(self.median)} ({_us(self.low)} .. {_us(self.high)})"


@dataclass(frozen=True)
class Paired(Result):
    """Two times and the median of their ratio, with a 95 % interval from resampling the pairs."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float

    def text(self) -> str:
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]  ours {_us(self.ours)}, theirs {_us(self.theirs)}"


def _us(microseconds: float) -> str:
    if microseconds >= 10_000:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds:.2f} us" if microseconds < 100 else f"{microseconds:.0f} us"


def _time(action: Action, repeat: int) -> float:
    started = time.perf_counter_ns()
    for _ in range(repeat):
        action()
    return (time.perf_counter_ns() - started) / 1000 / repeat


def single(name: str, action: Action, *, limit_us: float, rounds: int = 60, repeat: int = 2000) -> Single:
    """Time ``action``; the target is a median of at most ``limit_us`` microseconds."""
    _time(action, repeat)
    gc.collect()
    samples = sorted(_time(action, repeat) for _ in range(rounds))
    median = statistics.median(samples)
    low, high = samples[len(samples) // 4], samples[3 * len(samples) // 4]
    return Single(name, f"<= {limit_us:g} us", median <= limit_us, median, low, high)


def paired(
    name: str,
    ours: Action,
    theirs: Action,
    *,
    target: str,
    at_most: float | None = None,
    rounds: int = 300,
    repeat: int = 4,
    warm_up: int = 20,
) -> Paired:
    """Time both in turn, in random order within each pair; ``at_most`` bounds the lower end of the ratio's interval."""
    pairs = in_turn(ours, theirs, rounds=rounds, repeat=repeat, warm_up=warm_up)
    return of_pairs(name, pairs, target=target, at_most=at_most)


def in_turn(
    ours: Action, theirs: Action, *, rounds: int, repeat: int, warm_up: int = 20, seed: int = 1
) -> list[tuple[float, float]]:
    """Return the times of both in microseconds, pair by pair, in random order within each pair."""
    for _ in range(warm_up):
        ours()
        theirs()
    gc.collect()
    coin = random.Random(seed)
    pairs: list[tuple[float, float]] = []
    for _ in range(rounds):
        if coin.random() < 0.5:
            first = _time(ours, repeat)
            pairs.append((first, _time(theirs, repeat)))
        else:
            second = _time(theirs, repeat)
            pairs.append((_time(ours, repeat), second))
    return pairs


def of_pairs(name: str, pairs: list[tuple[float, float]], *, target: str, at_most: float | None = None) -> Paired:
    """Make a result of (ours, theirs) pairs in microseconds."""
    ratios = [ours / theirs for ours, theirs in pairs]
    draw = random.Random(2)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(1000))
    low, high = medians[25], medians[974]
    met = None if at_most is None else low <= at_most
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Paired(name, target, met, ours, theirs, statistics.median(ratios), low, high)
