"""What a step of the walk found: one status, one key into the tables of texts, and the values that fill it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["STEPS", "Finding", "Started", "decisive", "exit_status", "fail", "ok", "skip", "warn"]

#: The steps in the order of the walk, and the exit status of a run that fails there. 1 and 2 are every command's.
_EXITS: Final = {
    "settings": 10,
    "address": 10,
    "network": 11,
    "pac": 12,
    "route": 12,
    "name": 13,
    "port": 13,
    "speaks": 14,
    "clock": 14,
    "offers": 15,
    "credentials": 15,
    "accepted": 15,
    "origin": 16,
    "certificate": 17,
}
STEPS: Final = tuple(_EXITS)


@dataclass(frozen=True, slots=True)
class Started:
    """The walk has come to this step."""

    step: str


@dataclass(frozen=True, slots=True)
class Finding:
    """``status`` is ok, warn, fail or skip; ``key`` names the texts, which ``values`` fill.

    ``detail`` is what a program said, in its own words; it holds no secrets. ``ms`` is how long the look took.
    """

    step: str
    status: str
    key: str
    values: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    ms: float = 0.0


def ok(step: str, key: str, detail: str = "", ms: float = 0.0, **values: str) -> Finding:
    """All is well here."""
    return Finding(step, "ok", key, tuple(values.items()), detail, ms)


def warn(step: str, key: str, detail: str = "", ms: float = 0.0, **values: str) -> Finding:
    """It works, or may work, and somebody should look at it."""
    return Finding(step, "warn", key, tuple(values.items()), detail, ms)


def fail(step: str, key: str, detail: str = "", ms: float = 0.0, **values: str) -> Finding:
    """The path ends here."""
    return Finding(step, "fail", key, tuple(values.items()), detail, ms)


def skip(step: str, key: str, **values: str) -> Finding:
    """There was nothing to look at."""
    return Finding(step, "skip", key, tuple(values.items()))


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 if the path is open (warnings or not), else the status of the first step that failed."""
    return next((_EXITS[found.step] for found in findings if found.status == "fail"), 0)


def decisive(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding to look at first: where the path ends; None if it does not.

    What was wrong before that is the cause more often than not: a clock that is off, a PAC file that did not come.
    """
    return next((found for found in findings if found.status == "fail"), None)
