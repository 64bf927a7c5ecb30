"""The PAC file of a command line, and how a place in it is shown."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Final, NamedTuple

from pacaware._models import redact_url
from pacaware._pac.fetch import MAX_BYTES, NotModified, fetch_pac
from pacaware._pac.text import decode
from pacaware.errors import PacFetchError

__all__ = ["PacText", "excerpt", "place", "read_pac"]

_WIDTH: Final = 100
_BEFORE: Final = 60


class PacText(NamedTuple):
    """A PAC file: how it is called in messages, its text, and what was odd about getting it."""

    name: str
    text: str
    notes: tuple[str, ...] = ()


def read_pac(name: str) -> PacText:
    """Read ``-`` (standard input), a path, or a URL; raises PacFetchError."""
    if "://" in name or name.startswith("data:"):
        file = fetch_pac(name, allow_file=True)
        if isinstance(file, NotModified):
            raise PacFetchError(f"the server of {redact_url(name)} says the PAC file did not change, but was not asked")
        return PacText(redact_url(name) if "://" in name else "data:", file.text, file.notes)
    shown = "<stdin>" if name == "-" else name
    if name == "-" and sys.stdin is None:
        raise PacFetchError("the PAC file <stdin> was not read: there is no standard input")
    try:
        if name == "-":
            body = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file_:
                body = file_.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise PacFetchError(f"the PAC file {shown} was not read: {reason}") from exc
    if len(body) > MAX_BYTES:
        raise PacFetchError(f"the PAC file {shown} is larger than 1 MiB, which is not accepted")
    text, notes = decode(body, "")
    return PacText(shown, text, tuple(notes))


def place(text: str, at: int) -> tuple[int, int]:
    """Return line and column, from 1, of an index in the text."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def excerpt(text: str, line: int, column: int | None) -> list[str]:
    """Return the line with a caret under the column, of a long line the part around it; empty for a blank line."""
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return []
    source = "".join(character if character.isprintable() else " " for character in lines[line - 1].rstrip("\r"))
    index = min(max((column or 1) - 1, 0), len(source))
    start = max(0, index - _BEFORE) if len(source) > _WIDTH else 0
    shown = source[start : start + _WIDTH]
    if not shown.strip():
        return []
    if column is None:
        return [f"    {shown}"]
    # Japanese letters are two columns wide.
    wide = sum(unicodedata.east_asian_width(character) in ("W", "F") for character in source[start:index])
    return [f"    {shown}", f"    {' ' * (index - start + wide)}^"]
