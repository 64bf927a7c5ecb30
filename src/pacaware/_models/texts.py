"""Text that is fit to be shown: without secrets, without control characters."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["on_one_line", "redact_url", "without_userinfo"]


_WIDE_BLANK: Final = "\u3000"  # of Japanese text; to Python it is not printable


def on_one_line(text: str) -> str:
    """Return the text with its control characters written as escapes, and its line ends as blanks.

    What a server, a script or a person wrote must not move the cursor of a terminal, nor look like a line of ours.
    """
    if text.isprintable():
        return text
    words = " ".join(text.split("\n"))
    return "".join(char if char.isprintable() or char == _WIDE_BLANK else ascii(char)[1:-1] for char in words)


# What stands between "//" and the path, and an authority that cannot be the beginning of an unescaped password.
_AUTHORITY: Final = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?([^/?#]*)")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?")


def redact_url(url: str) -> str:
    """Return the URL without userinfo and fragment, each query value replaced by an ellipsis."""
    head, mark, query = without_userinfo(url).partition("#")[0].partition("?")
    if mark:
        query = "&".join(_redact_parameter(parameter) for parameter in query.split("&"))
    return f"{head}{mark}{query}"


def without_userinfo(url: str) -> str:
    match = _AUTHORITY.match(url)
    assert match is not None  # every part of the pattern may be empty
    start, authority = match[1] or "", match[2]
    if "@" in authority:
        return start + authority.rpartition("@")[2] + url[match.end() :]
    if not _HOST_AND_PORT.fullmatch(authority):  # user:pa/ss@host, or no URL at all: up to the last @ it may be secret
        return start + url[len(start) :].rpartition("@")[2]
    return url


def _redact_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}=..." if equals else "..." if parameter else ""
