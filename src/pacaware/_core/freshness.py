"""How long a fetched PAC file may be used without asking again (RFC 9111, sections 4.2 and 5.2.2)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["MAX_HEURISTIC", "MIN_INTERVAL", "RETRY_DELAYS", "fresh_seconds"]

MAX_HEURISTIC: Final = 12 * 3600.0
MIN_INTERVAL: Final = 30.0
"""A server that says no-cache is still not asked more often than this."""
RETRY_DELAYS: Final = (8.0, 32.0, 120.0, 300.0)
"""After a failure to obtain the file (Chromium's first three, then every five minutes)."""
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_NO_CACHE: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)(?:$|[\s,;=])", re.IGNORECASE)


def fresh_seconds(
    cache_control: str | None,
    expires: str | None,
    age: str | None,
    date: str | None,
    last_modified: str | None,
    now: float,
) -> float:
    """Return the seconds for which a response received at ``now`` (Unix time) may be used without asking again."""
    directives = cache_control or ""
    if _NO_CACHE.search(directives):
        return MIN_INTERVAL
    spent = float(age) if age and age.isdigit() else 0.0
    received = _unix_time(date, now)
    max_age = _MAX_AGE.search(directives)
    if max_age:
        return max(float(max_age[1]) - spent, MIN_INTERVAL)
    if expires is not None:
        return max(_unix_time(expires, 0.0) - received - spent, MIN_INTERVAL)
    modified = _unix_time(last_modified, -1.0)
    if modified < 0:
        return MAX_HEURISTIC
    return min(max((received - modified) / 10 - spent, MIN_INTERVAL), MAX_HEURISTIC)


def _unix_time(text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return default
