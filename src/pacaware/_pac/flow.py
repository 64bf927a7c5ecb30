"""Where the statements of a PAC file lead: whether a function can end without ``return``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacaware._pac.tokens import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacaware._pac.tokens import PlacedToken

__all__ = ["Flow", "pair_brackets"]

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_UNFINISHED: Final = OPERATORS | {
    "var",
    "let",
    "const",
    "function",
    "instanceof",
    "async",
    "await",
    "yield",
    "if",
    "while",
}
_GOES_ON: Final = {"in", "of", "instanceof"}
_NOT_READ: Final = {"class", "async", "import", "export", "with", "switch", "do"}
_ALWAYS: Final = {"true", "1", ""}
_MAX_DEPTH: Final = 100


def pair_brackets(tokens: Sequence[PlacedToken]) -> dict[int, int] | None:
    """Return the index of the closing bracket for that of each opening one; None where they do not match."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _OPENING:
            stack.append(index)
        elif token.text in (")", "]", "}"):
            if not stack or _OPENING[tokens[stack[-1]].text] != token.text:
                return None
            pairs[stack.pop()] = index
    return None if stack else pairs


class Flow:
    """Reads statements. Every answer is True (the end can be reached), False (it cannot), or None (not known).

    Conditions are taken to go either way; loops, ``switch`` and labels beyond the simplest are not understood.
    ``bare_returns`` collects the ``return`` without a value that were met.
    """

    def __init__(self, text: str, tokens: Sequence[PlacedToken], pairs: dict[int, int]) -> None:
        self._text = text
        self._tokens = tokens
        self._pairs = pairs
        self._depth = 0
        self.bare_returns: list[PlacedToken] = []

    def reaches_end(self, start: int, end: int) -> bool | None:
        """Read the statements from one token to another."""
        try:
            return self._sequence(start, end)
        except LookupError:  # not the brackets that a statement has: the text is not JavaScript
            return None

    def expression_end(self, at: int, end: int) -> int:
        """Return the index after an expression: behind its ";", where a bracket closes, or another statement starts."""
        before: PlacedToken | None = None
        while at < end:
            token = self._tokens[at]
            if token.text == ";":
                return at + 1
            if token.text in (")", "]", "}") and token.kind == "sign":
                return at
            if before is not None and _is_complete(before) and _starts(token) and self._new_line(before, token):
                return at
            at = self._pairs.get(at, at)
            before = self._tokens[at]
            at += 1
        return end

    def _sequence(self, start: int, end: int) -> bool | None:
        known = True
        while start < end:
            start, through = self._statement(start, end)
            if through is False:
                return False
            known = known and through is not None
        return True if known else None

    def _statement(self, at: int, end: int) -> tuple[int, bool | None]:
        """Return the index after the statement, and whether what follows it can be reached."""
        token = self._tokens[at]
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH or token.text in _NOT_READ or self._text_at(at + 1) == ":":
                return end, None
            if token.text == "{":
                return self._pairs[at] + 1, self._sequence(at + 1, self._pairs[at])
            if token.text in ("return", "throw"):
                return self._leave(at, end), False
            if token.text == "if":
                return self._if(at, end)
            if token.text in ("for", "while"):
                return self._loop(at, end)
            if token.text == "try":
                return self._try(at)
            if token.text == "function":
                return self._pairs[self._pairs[self._opening(at)] + 1] + 1, True
            return self.expression_end(at, end), True
        finally:
            self._depth -= 1

    def _text_at(self, at: int) -> str:
        return self._tokens[at].text if at < len(self._tokens) else ""

    def _opening(self, at: int) -> int:
        """Return the index of the next "(" ."""
        while self._tokens[at].text != "(":
            at += 1
        return at

    def _leave(self, at: int, end: int) -> int:
        token = self._tokens[at]
        following = self._tokens[at + 1] if at + 1 < end else None
        if following is None or following.text == ";" or self._new_line(token, following):
            if token.text == "return":
                self.bare_returns.append(token)
            return at + 2 if following is not None and following.text == ";" else at + 1
        return self.expression_end(at + 1, end)

    def _if(self, at: int, end: int) -> tuple[int, bool | None]:
        after, then = self._statement(self._pairs[at + 1] + 1, end)
        if then is None:  # nor is it known where that ends
            return end, None
        if after >= end or self._text_at(after) != "else":
            constant = self._pairs[at + 1] == at + 3 and self._text_at(at + 2) in _ALWAYS
            return after, then if constant else True
        after, otherwise = self._statement(after + 1, end)
        if then is True or otherwise is True:
            return after, True
        return after, False if then is False and otherwise is False else None

    def _loop(self, at: int, end: int) -> tuple[int, bool | None]:
        closing = self._pairs[at + 1]
        head = [token.text for token in self._tokens[at + 2 : closing]]
        if head.count(";") == 2:
            first = head.index(";")
            head = head[first + 1 : head.index(";", first + 1)]
        after, body = self._statement(closing + 1, end)
        if body is None:
            return end, None
        return after, None if body is False or " ".join(head) in _ALWAYS else True

    def _try(self, at: int) -> tuple[int, bool | None]:
        after = self._pairs[at + 1] + 1
        through = self._sequence(at + 2, after - 1)
        if self._text_at(after) == "catch":
            opening = after + 1 if self._text_at(after + 1) == "{" else self._pairs[after + 1] + 1
            after = self._pairs[opening] + 1
            caught = self._sequence(opening + 1, after - 1)
            if through is False and caught is not False:
                through = None
        if self._text_at(after) == "finally":
            opening, after = after + 1, self._pairs[after + 1] + 1
            if self._sequence(opening + 1, after - 1) is False:
                through = False
        return after, through

    def _new_line(self, before: PlacedToken, after: PlacedToken) -> bool:
        return "\n" in self._text[before.at + len(before.text) : after.at]


def _is_complete(token: PlacedToken) -> bool:
    """Whether an expression may end with this token (ECMA-262, section 12.10)."""
    if token.kind == "name":
        return token.text not in _UNFINISHED
    return token.kind != "sign" or token.text in (")", "]", "}", "++", "--")


def _starts(token: PlacedToken) -> bool:
    """Whether this token cannot go on with an expression that is complete."""
    return token.text not in _GOES_ON if token.kind == "name" else token.kind in ("string", "number")
