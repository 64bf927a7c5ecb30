"""Entries of a bypass list that let far more go direct than their authors mean.

Source: jpdsi LAN settings article, section 2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pacaware._core.bypass import BypassRules

__all__ = ["BroadRule", "broad_rules"]

_PARTS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(\[.*\]|.*?)(?::[0-9]+)?")
_RANGE: Final = re.compile(r".*/([0-9]+)")
# Literal parts that say nothing about whose host it is.
_COMMON: Final = frozenset({"", "www", "web", "mail", "ftp", "api", "m"})
#: Shorter prefixes than these hold more than any one organisation has.
_SHORTEST: Final = {4: 8, 6: 4}


class BroadRule(NamedTuple):
    """A rule as it stands in the list, and what it lets through."""

    rule: str
    reason: str


def broad_rules(rules: BypassRules, is_public_suffix: Callable[[str], bool]) -> tuple[BroadRule, ...]:
    """Return the rules that cover hosts of unrelated owners, such as ``*``, ``www.*.com`` and ``*.jp``.

    ``is_public_suffix`` says whether anybody may register names below a domain.
    """
    return tuple(_judged(rules.rules, is_public_suffix))


def _judged(rules: Iterable[str], is_public_suffix: Callable[[str], bool]) -> Iterable[BroadRule]:
    for rule in rules:
        match = _PARTS.fullmatch(rule)
        pattern = match[1] if match else rule
        if found := _RANGE.fullmatch(pattern):
            version = 6 if ":" in pattern else 4
            if int(found[1]) < _SHORTEST[version]:
                yield BroadRule(rule, "it covers a large part of the Internet")
        elif "*" in pattern:
            if not pattern.strip("*?."):
                yield BroadRule(rule, "it covers every host: the proxy is never used")
            elif _says_nothing(pattern, is_public_suffix):
                yield BroadRule(rule, _reason(pattern))


def _says_nothing(pattern: str, is_public_suffix: Callable[[str], bool]) -> bool:
    """Whether nothing in a pattern but its ending, which is anybody's, says whose host is meant."""
    head, _, tail = pattern.rpartition("*")
    ending = tail.lstrip("?.")
    if not ending or not is_public_suffix(ending):
        return False
    return all(label in _COMMON for label in re.split(r"[*?.]+", head))


def _reason(pattern: str) -> str:
    ending = pattern.rpartition("*")[2].lstrip("?.")
    start = pattern.partition("*")[0]
    return f"it covers every host{f' that begins with {start}' if start else ''} under .{ending}, whoever owns it"
