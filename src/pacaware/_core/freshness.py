"""How long a fetched PAC file may be used without asking again (RFC 9111, sections 4.2 and 5.2.2)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["MAX_HEURISTIC", "MIN_INTERVAL", "RETRY_DELAYS", "fresh_seconds", "is_explicit", "may_store"]

MAX_HEURISTIC: Final = 12 * 3600.0
MIN_INTERVAL: Final = 30.0
"""A server that says no-cache is still not asked more often than this."""
RETRY_DELAYS: Final = (8.0, 32.0, 120.0, 300.0)
"""After a failure to obtain the file (Chromium's first three, then every five minutes)."""
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*([^\s,;]*)", re.IGNORECASE)
_NO_CACHE: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)(?:$|[\s,;=])", re.IGNORECASE)
_NO_STORE: Final = re.compile(r"(?:^|[\s,])no-store(?:$|[\s,;=])", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\"?([0-9]+)\"?", re.ASCII)
_LONGEST: Final = float(2**31)


def fresh_seconds(
    cache_control: str | None,
    expires: str | None,
    age: str | None,
    date: str | None,
    last_modified: str | None,
    now: float,
) -> float:
    """Return the seconds for which a response received at ``now`` (Unix time) may be used without asking again.

    What says nothing that can be understood counts as stale (section 4.2.1). The clocks of the server and of this
    machine are never compared, so that a wrong one does no harm: there is no apparent age (4.2.3) where Date is given.
    """
    directives = cache_control or ""
    if _NO_CACHE.search(directives):
        return MIN_INTERVAL
    spent = _seconds(age) or 0.0
    received = _unix_time(date, now)
    max_age = _MAX_AGE.search(directives)
    if max_age:
        return max((_seconds(max_age[1]) or 0.0) - spent, MIN_INTERVAL)
    if expires is not None:
        return max(_unix_time(expires, 0.0) - received - spent, MIN_INTERVAL)
    if last_modified is None:
        return MAX_HEURISTIC
    modified = _unix_time(last_modified, received)
    return min(max((received - modified) / 10 - spent, MIN_INTERVAL), MAX_HEURISTIC)


def is_explicit(cache_control: str | None, expires: str | None) -> bool:
    """Say whether the server itself says for how long the file is good (RFC 9111, section 4.2.1).

    Such a file stays good on another network, too, as in Windows (jpdsi LAN settings article, causes A to C of a new
    download).
    """
    directives = cache_control or ""
    return not _NO_CACHE.search(directives) and (expires is not None or _MAX_AGE.search(directives) is not None)


def may_store(cache_control: str | None) -> bool:
    """Say whether the file may be kept to compare it with the server's (RFC 9111, section 5.2.2.5)."""
    return not _NO_STORE.search(cache_control or "")


def _seconds(text: str | None) -> float | None:
    """Read delta-seconds (section 1.2.2); what is larger than 2^31 means that."""
    match = _SECONDS.fullmatch((text or "").strip())
    return min(float(match[1][:12]), _LONGEST) if match else None


def _unix_time(text: str | None, default: float) -> float:
    """Read a date in any of the three forms of RFC 9110, section 5.6.7; the one without a zone is UTC too."""
    if text is None:
        return default
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return default
