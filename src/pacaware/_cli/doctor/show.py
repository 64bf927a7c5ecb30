"""Findings on a console: plain lines anywhere, live progress where there is a terminal and rich is installed."""

from __future__ import annotations

import os
import unicodedata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

from pacaware._cli.doctor.findings import Finding, Started, decisive
from pacaware._cli.doctor.texts import say, word
from pacaware._models import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

__all__ = ["Screen", "can_show", "columns_of", "finding_lines", "result_lines", "screen_for", "width"]

_STATUS_WIDTH: Final = 5
_COLUMNS: Final = 100
_FEWEST_COLUMNS: Final = 40
# What goes wrong here shows later. (A dead proxy before the one that is used does not.)
_ROOTS: Final = frozenset({"settings", "address", "pac", "clock"})
_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}


def width(text: str) -> int:
    """Return the columns that a text takes on a console, where Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def columns_of(stream: TextIO) -> int:
    """Return how wide lines may be: 100 columns, on a terminal that is narrower as many as it has, but at least 40."""
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):  # no terminal, no file, or nothing that has a number
        return _COLUMNS
    return max(_FEWEST_COLUMNS, min(_COLUMNS, found or _COLUMNS))


def finding_lines(finding: Finding, lang: str, columns: int = _COLUMNS) -> Iterator[str]:
    """Yield the line of a finding, and those of its cause and what to do."""
    mark, said = word(finding.status, lang), say(finding, lang)
    head = f"{mark}{' ' * (_STATUS_WIDTH - width(mark))} {word(finding.step, lang)}: {on_one_line(said.found)}"
    yield from _wrapped(head, columns)
    if said.likely:
        yield from _wrapped(f"{word('likely', lang)} {on_one_line(said.likely)}", columns, indent=True)
    if said.following:
        yield from _wrapped(f"{word('next', lang)} {on_one_line(said.following)}", columns, indent=True)
    if finding.detail and finding.status in ("warn", "fail"):
        yield from _wrapped(f"{word('said', lang)} {on_one_line(finding.detail)}", columns, indent=True)


def _wrapped(text: str, columns: int, later: str = " " * (_STATUS_WIDTH + 1), *, indent: bool = False) -> Iterator[str]:
    """Break a text into lines; between Japanese characters a line may end anywhere."""
    line = later if indent else ""
    start = True
    for piece in _pieces(text):
        if not start and width(line) + width(piece.rstrip()) > columns:
            yield line.rstrip()
            line, piece = later, piece.lstrip()
        line, start = line + piece, False
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Yield what must stay on one line: words with the blank before them, and single Japanese characters."""
    piece = ""
    for char in text:
        if piece and _may_break(piece[-1], char):
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters: none begins with a full stop or ends with an opening bracket."""
    if after == " ":
        return True
    if before in "(「 " or after in "、。」.,:;)":
        return False
    return width(before) == 2 or width(after) == 2


def result_lines(findings: Sequence[Finding], lang: str, columns: int = _COLUMNS) -> Iterator[str]:
    """Yield what the findings come to."""
    mark = word("warn", lang)
    warned = any(finding.status == "warn" for finding in findings)
    end = decisive(findings)
    if end is None:
        yield word("all-warn" if warned else "all-ok", lang, mark=mark)
        return
    yield word("ends", lang, step=word(end.step, lang))
    if any(finding.status == "warn" and finding.step in _ROOTS for finding in findings[: findings.index(end)]):
        yield word("first", lang, mark=mark)
    yield from _wrapped(word("elsewhere", lang), columns, "")
    yield from _wrapped(word("help-desk", lang), columns, "")


def can_show(stream: TextIO, text: str) -> bool:
    """Say whether a stream's encoding has these characters."""
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Screen(Protocol):
    """Where findings appear as they come."""

    def show(self, event: Started | Finding) -> None:
        """Show the beginning of a step, or what it found."""

    def close(self) -> None:
        """Take away what moves."""


class _Lines:
    """One block of lines for each finding."""

    def __init__(self, stream: TextIO, lang: str) -> None:
        self._stream = stream
        self._lang = lang

    def show(self, event: Started | Finding) -> None:
        if isinstance(event, Finding):
            lines = finding_lines(event, self._lang, columns_of(self._stream))
            print(*lines, sep="\n", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing moves."""


class _Live:
    """The same lines in colour, and under them the step that is being looked at."""

    def __init__(self, stream: TextIO, lang: str) -> None:
        from rich.console import Console

        self._lang = lang
        self._stream = stream
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._status: Any = None

    def show(self, event: Started | Finding) -> None:
        from rich.text import Text

        if isinstance(event, Started):
            text = Text(word("looking", self._lang, step=word(event.step, self._lang)))
            if self._status is None:
                # A spinner of plain characters: any terminal has them.
                self._status = self._console.status(text, spinner="line")
                self._status.start()
            else:
                self._status.update(text)
            return
        mark = width(word(event.status, self._lang))
        for index, line in enumerate(finding_lines(event, self._lang, columns_of(self._stream))):
            text = Text(line)
            if index == 0:
                text.stylize(_STYLES[event.status], 0, min(mark, len(line)))
            self._console.print(text, soft_wrap=True)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()


def screen_for(stream: TextIO, lang: str) -> Screen:
    """Return live progress for a terminal if rich is installed, else plain lines."""
    if stream.isatty() and find_spec("rich") is not None:
        return _Live(stream, lang)
    return _Lines(stream, lang)
