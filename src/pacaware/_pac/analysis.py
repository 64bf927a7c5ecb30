"""What can be known about a PAC file without running it."""

from __future__ import annotations

import re
from typing import Final

from pacaware._pac.tokens import OPERATORS, Token, tokenize

__all__ = ["ignores_url"]

# With one of these a script can reach a parameter, or replace its own entry point, without writing the name.
_DOUBTFUL: Final = re.compile(
    r"eval|Function|arguments|constructor|with|this|globalThis|window|self|global|Reflect|Proxy|import"
    r"|caller|callee|FindProxyForURLEx|setTimeout|setInterval|async|await|yield|class|super|__proto__"
    r"|prototype|apply|call|bind|defineProperty|defineProperties|getOwnPropertyDescriptor"
    r"|getOwnPropertyNames|keys|values|entries|get|set|assign|valueOf|__defineGetter__|__lookupGetter__"
    r"|script"
)
# Beyond these a script is not looked at more closely: the time for that grows with their product.
_MAX_COUNTING: Final = 20
_FAR: Final = 100
_DECLARING: Final = {"var", "let", "const"}


def ignores_url(text: str) -> bool:
    """Return True only if FindProxyForURL provably never uses its first parameter.

    Then all URLs of an origin share an answer. Any doubt is a No: another language feature than plain functions,
    comparisons and calls, the parameter's name anywhere else, the entry point named or assigned otherwise.
    """
    tokens = tokenize(text)
    if tokens is None:
        return False
    names = [token.text for token in tokens if token.kind == "name"]
    if any(_DOUBTFUL.fullmatch(name) for name in names) or names.count("FindProxyForURL") != 1:
        return False
    parameter = _first_parameter(tokens, tokens.index(Token("name", "FindProxyForURL")))
    if parameter is None or (parameter and names.count(parameter) != 1):
        return False
    return _only_plain_brackets(tokens)


def _first_parameter(tokens: list[Token], at: int) -> str | None:
    """Return the parameter's name, "" if there is none, None if this is not a plain top-level declaration."""
    depth = sum({"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(token.text, 0) for token in tokens[:at])
    texts = [token.text for token in tokens[at - 1 : at + 40]] if at else []
    if depth or texts[:1] != ["function"] or texts[2:3] != ["("]:
        return None
    if at >= 2 and tokens[at - 2].text not in (";", "}"):
        return None
    if ")" not in texts:
        return None
    listed = texts[3 : texts.index(")")]
    if texts[texts.index(")") + 1 : texts.index(")") + 2] != ["{"]:
        return None
    names, commas = listed[::2], listed[1::2]
    if set(commas) - {","} or not all(re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) for name in names):
        return None
    return names[0] if names else ""


def _only_plain_brackets(tokens: list[Token]) -> bool:
    """Whether every ``a[b]`` has a number or a counting variable for b: computed names could reach anything."""
    counting: set[str] = set()
    for at, token in enumerate(tokens):
        if token.text != "[" or token.kind != "sign":
            continue
        before = tokens[at - 1] if at else Token("sign", ";")
        if not _is_operand(before):
            continue
        index, after = tokens[at + 1 : at + 3] if len(tokens) > at + 2 else (token, token)
        if after.text != "]":
            return False
        if index.kind == "number":
            continue
        if index.text in counting and index.kind == "name":
            continue
        if index.kind != "name" or len(counting) == _MAX_COUNTING or not _counts(tokens, index.text):
            return False
        counting.add(index.text)
    return not any(
        token.text in ("]", "}") and tokens[at + 1].text == "=" and not _closes_access(tokens, at)
        for at, token in enumerate(tokens[:-1])
    )


def _closes_access(tokens: list[Token], at: int) -> bool:
    return tokens[at].text == "]" and tokens[at - 2].text == "[" and _is_operand(tokens[at - 3])


def _counts(tokens: list[Token], name: str) -> bool:
    """Whether a variable only ever holds numbers: set to number literals and counted up or down."""
    for at, token in enumerate(tokens):
        if token != ("name", name):
            continue
        before = tokens[at - 1].text if at else ";"
        after, value, end = (*tokens[at + 1 : at + 4], Token("", ""), Token("", ""), Token("", ""))[:3]
        if before in ("in", "of", "function", "...") or after.text in ("in", "of", "=>", ":"):
            return False
        if after.text in ("=", "+=", "-=") and not (value.kind == "number" and end.text in (";", ",", ")")):
            return False
        if after.text in ("*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", ">>>=", "**="):
            return False
        if _is_parameter(tokens, at):
            return False
    return True


def _is_parameter(tokens: list[Token], at: int) -> bool:
    """Whether the name stands in a list of parameters, of a catch, or in a pattern: there it could get any value."""
    start = at
    while at and tokens[at].text not in ("(", ";", "{", "}", "["):
        at -= 1
        if start - at > _FAR:
            return True
    before = tokens[at - 1] if at else Token("sign", ";")
    if tokens[at].text == "[":
        return not _is_operand(before)
    if tokens[at].text == "{":
        return before.text in (*_DECLARING, ",", "(", "[", "{", ":", "=")
    if tokens[at].text != "(" or before.text in ("if", "for", "while", "switch"):
        return False
    depth = 0
    for end in range(at, min(at + _FAR, len(tokens) - 1)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return tokens[end + 1].text in ("{", "=>")
    return True


def _is_operand(token: Token) -> bool:
    """Whether a bracket after this token is an access to a member."""
    if token.kind == "name":
        return token.text not in OPERATORS and token.text not in _DECLARING
    return token.kind in ("string", "regexp") or token.text in (")", "]", "}")
