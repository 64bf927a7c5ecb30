"""What FindProxyForURL returned: a fail-over list, or nothing that can be used.

Grammar: Chromium net/proxy_resolution/proxy_list.cc; the string must be ASCII, as in
services/proxy_resolver/proxy_resolver_v8.cc.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pacaware._models import DIRECT, Candidate, ProxyList, pac_elements

__all__ = ["MAX_ENTRIES", "MAX_LENGTH", "ParsedResult", "parse_pac_result"]

#: Longer answers (characters) and lists (entries) are not lists of proxies but a script gone wrong.
MAX_LENGTH: Final = 64 * 1024
MAX_ENTRIES: Final = 1000
_MAX_NOTES: Final = 20
_SHOWN: Final = 300


class ParsedResult(NamedTuple):
    """The list, or None where nothing in the string is usable: what to do then is not decided here.

    ``notes`` say which entries were dropped and why; they never hold a user or password.
    """

    proxies: ProxyList | None
    notes: tuple[str, ...] = ()


def parse_pac_result(raw: str) -> ParsedResult:
    """Read the string that a PAC script returned; an empty one means DIRECT."""
    if len(raw) > MAX_LENGTH:
        return ParsedResult(None, (f"the script's answer has {len(raw)} characters, more than {MAX_LENGTH}",))
    if not raw.isascii():
        return ParsedResult(None, ("the script's answer holds characters outside ASCII",))
    if raw.count(";") > MAX_ENTRIES:
        return ParsedResult(None, (f"the script's answer has more than {MAX_ENTRIES} entries",))
    candidates: list[Candidate] = []
    notes: list[str] = []
    empty = True
    for element, candidate, reason in pac_elements(raw):
        empty = False
        if candidate is not None:
            candidates.append(candidate)
        else:
            notes.append(_note(element, reason))
    if len(notes) > _MAX_NOTES:
        notes[_MAX_NOTES:] = [f"{len(notes) - _MAX_NOTES} more entries are not usable"]
    if empty:
        candidates.append(DIRECT)
    return ParsedResult(ProxyList(candidates) if candidates else None, tuple(notes))


def _note(element: str, reason: str) -> str:
    note = f"{element!r} is not usable: {reason}"
    return note if len(note) <= _SHOWN else note[:_SHOWN] + "..."
