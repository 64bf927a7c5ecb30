"""Patterns of plain characters, ``*`` and ``?``, matched in linear time.

No regular expression is made of what users write: a list of a few hundred patterns must not be able to stall a program.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Glob"]


class Glob:
    """A pattern over a whole text: ``*`` is any run of characters, ``?`` zero or one (Chromium base/strings/pattern.h).

    ``head`` and ``tail`` are the literal characters before the first and after the last wildcard; an index may look
    patterns up by them.
    """

    __slots__ = ("_literals", "_masks", "_middle", "_size", "_skips", "_stars", "head", "pattern", "tail")

    def __init__(self, pattern: str) -> None:
        self.pattern: Final = pattern
        first = min(pattern.find(mark) if mark in pattern else len(pattern) for mark in "*?")
        last = max(pattern.rfind("*"), pattern.rfind("?"))
        self.head: Final = pattern[:first]
        self.tail: Final = pattern[last + 1 :] if last >= 0 else ""
        self._middle: tuple[str, ...] | None = None
        if last >= 0 and "?" not in pattern:
            self._middle = tuple(piece for piece in pattern[first:last].split("*") if piece)
        else:
            self._compile()

    def _compile(self) -> None:
        """Number the states between pattern characters; each set of them is the bits of one integer."""
        masks: dict[str, int] = {}
        self._stars = self._skips = self._size = 0
        for character in self.pattern:
            bit = 1 << self._size
            if character == "*":
                self._stars |= bit
                continue
            if character == "?":
                self._skips |= bit
            else:
                masks[character] = masks.get(character, 0) | bit
            self._size += 1
        self._masks = masks
        self._literals = self.pieces

    @property
    def pieces(self) -> tuple[str, ...]:
        """The runs of literal characters, in order."""
        return tuple(piece for piece in self.pattern.replace("?", "*").split("*") if piece)

    def matches(self, text: str) -> bool:
        """Whether the pattern covers the whole text."""
        if self._middle is None:
            return all(piece in text for piece in self._literals) and self._run(text)
        end = len(text) - len(self.tail)
        place = len(self.head)
        if end < place or not text.startswith(self.head) or not text.endswith(self.tail):
            return False
        for piece in self._middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    def _run(self, text: str) -> bool:
        states = self._closed(1)
        for character in text:
            step = states & (self._masks.get(character, 0) | self._skips)
            states = self._closed(step << 1 | states & self._stars)
            if not states:
                return False
        return bool(states >> self._size & 1)

    def _closed(self, states: int) -> int:
        """Add the states that are reached without a character, over one or more ``?`` in a row."""
        # Adding carries each set bit through its run of skippable states and one beyond (Navarro and Raffinot, 2002).
        return states | (self._skips + (states & self._skips)) ^ self._skips
