"""The words of a PAC file: a tokenizer for JavaScript that says so where it could be wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OPERATORS", "PlacedToken", "Token", "scan", "tokenize"]

_TOKENS: Final = re.compile(
    r"""(?P<space>[\s\ufeff]+)
      | (?P<comment>//[^\n\r\u2028\u2029]*|/\*.*?\*/)
      | (?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$\\]))
      | (?P<name>[A-Za-z_$][\w$]*)
      | (?P<string>"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
      | (?P<sign>=>|\+\+|--|[-+*/%&|^]=|<<=|>>=|>>>=|\*\*=|&&=|\|\|=|\?\?=|===|!==|==|!=|<=|>=|&&|\|\|
        |[][(){};,<>+\-*%&|^!~?:=./])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_REGEXP: Final = re.compile(r"/(?![*/])(?:[^\\/\[\n\r]|\\[^\n\r]|\[(?:[^\]\\\n\r]|\\[^\n\r])*\])+/[a-z]*", re.ASCII)
#: Words after which a value follows.
OPERATORS: Final = {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do"}
#: Words that may be a name too, or the end of a statement: what a slash behind them is cannot be said.
_AMBIGUOUS: Final = {"of", "instanceof", "break", "continue", "debugger", "yield", "await", "let", "async"}


class Token(NamedTuple):
    """A word: its kind (name, number, string, regexp, sign) and its text."""

    kind: str
    text: str


class PlacedToken(NamedTuple):
    """A word and where it starts; the kind ``doubt`` marks the place beyond which the text is not understood."""

    kind: str
    text: str
    at: int


def scan(text: str) -> Iterator[PlacedToken]:
    """Split the text, without spaces and comments; ends with a ``doubt`` where a simple tokenizer could be wrong.

    That is at templates, escapes and letters outside ASCII in names, and slashes that could divide or start a regexp.
    """
    earlier = before = Token("sign", ";")
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        kind = match.lastgroup or "" if match else ""
        if match and kind == "sign" and match[0] in ("/", "/="):
            match, kind = _slash(text, position, match, earlier, before)
        # "<!--" and "-->" are comments in the middle of code.
        if match is None or text.startswith(("<!--", "-->"), position):
            yield PlacedToken("doubt", text[position : position + 1], position)
            return
        if kind not in ("space", "comment"):
            earlier, before = before, Token(kind, match[0])
            yield PlacedToken(kind, match[0], position)
        position = match.end()


def tokenize(text: str) -> list[Token] | None:
    """Split the text; None where scan() has a doubt, or a string holds an escape: it might spell any name."""
    tokens: list[Token] = []
    for kind, word, _ in scan(text):
        if kind == "doubt" or (kind == "string" and "\\" in word):
            return None
        tokens.append(Token(kind, word))
    return tokens


def _slash(
    text: str, position: int, sign: re.Match[str], earlier: Token, before: Token
) -> tuple[re.Match[str] | None, str]:
    """Tell a division from a regexp by the two words before; None where they do not decide."""
    if before.text in (")", "}", "++", "--") or text.startswith("/*", position):
        return None, ""
    if before.kind in ("number", "string", "regexp") or before.text == "]":
        return sign, "sign"
    if before.kind == "name":
        if earlier.text == ".":  # a member, whatever it is called
            return sign, "sign"
        if before.text in _AMBIGUOUS:
            return None, ""
        if before.text not in OPERATORS:
            return sign, "sign"
    return _REGEXP.match(text, position), "regexp"
