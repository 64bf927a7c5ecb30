"""Whether a run of a PAC file can leave anything behind for the next one."""

from __future__ import annotations

import re
from typing import Final

from pacaware._pac.analysis import DOUBTFUL
from pacaware._pac.tokens import Token, tokenize

__all__ = ["may_keep_state"]

# Methods that change what they are called on: it may be a list or a date that outlives the run.
_CHANGING: Final = re.compile(
    r"push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|set\w+|add|delete|clear|compile|RegExp|lastIndex"
)
_ASSIGNING: Final = re.compile(r"(?:[-+*/%&|^]|<<|>>>?|\*\*|&&|\|\||\?\?)?=")
_DECLARING: Final = {"var", "let", "const"}


class _Function:
    """One function that is being read: where its body begins and which names are its own."""

    def __init__(self, names: set[str], depth: int) -> None:
        self.names = names
        self.depth = depth


def may_keep_state(text: str) -> bool:
    """Return False only if functions surely assign to nothing but variables of their own.

    Then a run may be repeated as if it had never been. Any doubt is a Yes.
    """
    tokens = tokenize(text)
    if tokens is None:
        return True
    for token in tokens:
        if token.kind == "name" and (DOUBTFUL.fullmatch(token.text) or _CHANGING.fullmatch(token.text)):
            return True
        if token.text == "=>" or (token.kind == "regexp" and re.search("[gy]", token.text.rpartition("/")[2])):
            return True
    return _assigns_elsewhere(tokens)


def _assigns_elsewhere(tokens: list[Token]) -> bool:
    """Walk along the text; at the top level, which runs but once, everything may be assigned to."""
    blank = Token("sign", ";")
    padded = [*tokens, blank, blank]
    functions: list[_Function] = []
    depth = 0
    for at, token in enumerate(tokens):
        if token.kind == "sign":
            depth += {"{": 1, "}": -1}.get(token.text, 0)
        if functions and token.text == "}" and depth == functions[-1].depth:
            functions.pop()
        elif token == ("name", "function"):
            opening = at + 1 if padded[at + 1].text == "(" else at + 2
            names = _parameters(padded, opening)
            if names is None:
                return True
            functions.append(_Function(names | _declared(tokens, opening), depth))
        elif functions and _assigns(padded, at) and not _is_own(padded, at, functions[-1].names):
            return True
    return False


def _parameters(tokens: list[Token], opening: int) -> set[str] | None:
    """Return the names in a plain list of parameters; None for any other, such as one with defaults or patterns."""
    names: set[str] = set()
    for at in range(opening + 1, len(tokens)):
        if tokens[at].text == ")":
            return names if tokens[opening].text == "(" and tokens[at + 1].text == "{" else None
        if tokens[at].kind == "name":
            names.add(tokens[at].text)
        elif tokens[at].text != ",":
            return None
    return None


def _declared(tokens: list[Token], at: int) -> set[str]:
    """Return what the function declares whose parameters begin here; not what its blocks and functions declare."""
    names: set[str] = set()
    while at < len(tokens) and tokens[at].text != "{":
        at += 1
    depth = nested = 0
    declares = -1  # the depth of brackets of the declaration that is being read
    brackets = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}
    for place in range(at, len(tokens)):
        before, token = tokens[place - 1], tokens[place]
        change = brackets.get(token.text, 0) if token.kind == "sign" else 0
        depth += change
        if not depth:
            break
        if token == ("name", "function") and not nested:
            nested = depth
        elif nested:
            nested = 0 if token.text == "}" and depth == nested else nested
        elif token.kind == "name" and (before.text == "var" or (before.text in _DECLARING and depth == 1)):
            names.add(token.text)
            declares = depth
        elif token.kind == "name" and before.text == "," and depth == declares:
            names.add(token.text)
        elif token.text == ";" or depth < declares:
            declares = -1
    return names


def _assigns(tokens: list[Token], at: int) -> bool:
    """Whether something gets a value here: by an operator, as the variable of a loop, or by going away."""
    token = tokens[at]
    if token.kind == "name":
        return token.text in ("in", "of", "delete") and (
            token.text == "delete" or tokens[at - 2].text in ("(", *_DECLARING)
        )
    return token.kind == "sign" and (token.text in ("++", "--") or _ASSIGNING.fullmatch(token.text) is not None)


def _is_own(tokens: list[Token], at: int, names: set[str]) -> bool:
    """Whether a variable of the function itself is what gets the value."""
    before, after = tokens[at - 1], tokens[at + 1]
    is_own_before = before.kind == "name" and before.text in names and tokens[at - 2].text != "."
    if tokens[at].text not in ("++", "--"):
        return is_own_before
    # A line end decides which of the two it belongs to, so where there are two both have to be own.
    is_own_after = after.kind == "name" and after.text in names and tokens[at + 2].text not in (".", "[")
    has_before = before.kind != "sign" or before.text in (")", "]")
    has_after = after.kind != "sign" or after.text in ("(", "[")
    return (is_own_before or not has_before) and (is_own_after or not has_after)
