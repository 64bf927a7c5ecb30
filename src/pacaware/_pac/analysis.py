"""What can be known about a PAC file without running it."""

from __future__ import annotations

import re
from typing import Final

from pacaware._pac.tokens import Token, tokenize

__all__ = ["ignores_url"]

# With one of these, written as a name or as a string, a script can reach a parameter or replace its own entry point
# without writing that name: code made of text, the global object by another name, a function's arguments, and what
# hands out members by computed names (also the constructor of functions, which makes code of text).
DOUBTFUL: Final = re.compile(
    r"eval|Function|arguments|constructor|with|this|globalThis|window|self|global|import|caller|callee"
    r"|async|await|yield|class|super|get|set|prototype|__\w+__|call|apply|bind|valueOf"
    r"|Object|Reflect|Proxy|JSON|Promise|Symbol|Iterator|Atomics|ShadowRealm|queueMicrotask|setTimeout|setInterval"
    r"|prepareStackTrace|captureStackTrace|script|FindProxyForURLEx|findProxyForURL|pacawareDispatch",
    re.ASCII,
)
# Beyond this a script is not looked at more closely: the time for that grows with their product.
_MAX_COUNTING: Final = 20
_DECLARING: Final = {"var", "let", "const"}
_ASSIGNING: Final = re.compile(r"(?:[-+*/%&|^]|<<|>>>?|\*\*|&&|\|\||\?\?)?=")
_COMPUTING: Final = {"<", ">", "<=", ">=", "==", "===", "!=", "!==", "+", "-", "*", "%"}
# Before a bracket that begins a list, and surely no access to a member.
_BEFORE_LISTS: Final = {"=", "(", ",", "[", ":", "?", "&&", "||", "+", "==", "===", "!=", "!==", "!", "=>", ";"}
_WORDS_BEFORE_LISTS: Final = {"return", "var", "const", "typeof", "case", "in"}


def ignores_url(text: str) -> bool:
    """Return True only if FindProxyForURL provably never uses its first parameter.

    Then all URLs of an origin share an answer. Any doubt is a No: another language feature than plain functions,
    comparisons and calls, the parameter's name anywhere else, the entry point named or assigned otherwise.
    """
    tokens = tokenize(text)
    if tokens is None:
        return False
    names = [token.text for token in tokens if token.kind == "name"]
    words = {*names, *(token.text[1:-1] for token in tokens if token.kind == "string")}
    if any(map(DOUBTFUL.fullmatch, words)) or names.count("FindProxyForURL") != 1:
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
    """Whether every ``a[b]`` has a number or a counting variable for b: computed names could reach anything.

    So could they as keys in braces, and as targets of an assignment.
    """
    counting: set[str] = set()
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind != "sign" or token.text not in ("[", "]", "}"):
            continue
        after = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if token.text == "[":
            opened.append(at)
            index = _plain_index(tokens, at)
            if index is None:
                if not _begins_list(tokens, at):
                    return False
            elif index.kind == "name" and index.text not in counting:
                if len(counting) == _MAX_COUNTING or not _counts(tokens, index.text):
                    return False
                counting.add(index.text)
            continue
        start = opened.pop() if token.text == "]" and opened else None
        if start is not None and after in (":", "(") and tokens[start - 1].text in ("{", ","):
            return False
        if _ASSIGNING.fullmatch(after) and not (
            start is not None and tokens[start - 1].kind == "name" and _plain_index(tokens, start)
        ):
            return False
    return True


def _plain_index(tokens: list[Token], at: int) -> Token | None:
    """Return the only word in the brackets that open here, if it is a number, or a name behind what has members."""
    index, end = (*tokens[at + 1 : at + 3], Token("", ""), Token("", ""))[:2]
    if end.text != "]" or end.kind != "sign":
        return None
    return index if index.kind == "number" or (index.kind == "name" and not _begins_list(tokens, at)) else None


def _begins_list(tokens: list[Token], at: int) -> bool:
    """Whether a bracket surely begins a list (or a pattern); never for one that reads a member."""
    earlier, before = (Token("sign", ";"), Token("sign", ";"), *tokens[max(at - 2, 0) : at])[-2:]
    if before.kind == "name":
        return before.text in _WORDS_BEFORE_LISTS and earlier.text != "."
    return before.kind == "sign" and before.text in _BEFORE_LISTS


def _counts(tokens: list[Token], name: str) -> bool:
    """Whether a variable only ever holds numbers: set to number literals, counted up or down, compared."""
    blank = Token("sign", ";")
    padded = [blank, blank, *tokens, blank, blank, blank]
    for at, token in enumerate(padded):
        if token != ("name", name):
            continue
        reads_member = padded[at - 1].text == "[" and _plain_index(padded, at - 1) is not None
        if not reads_member and not _is_counted(*padded[at - 2 : at], *padded[at + 1 : at + 4]):
            return False
    return True


def _is_counted(earlier: Token, before: Token, after: Token, value: Token, end: Token) -> bool:
    """Whether a variable between these words holds a number, if it did before. Anything unusual is a No."""
    if before.text == "." and earlier.text != ".":
        return True  # a member that is called the same
    if after.text == "=":
        if value.kind != "number":
            return False
        if end.text == ";":
            return before.text in (*_DECLARING, ";", "{", "}", ")", "else", "do") or (
                before.text == "(" and earlier.text == "for"
            )
        # Followed by a comma it could be a pattern or a parameter with a default.
        return end.text == "," and (before.text in _DECLARING or (before.text == "(" and earlier.text == "for"))
    if after.text in ("+=", "-="):
        return value.kind == "number" and end.text in (";", ",", ")")
    if after.text in _COMPUTING or after.text in ("++", "--", ":", ";"):
        return True
    if before.text in _COMPUTING or before.text in ("++", "--"):
        return after.text in (")", "&&", "||", "?", ",")
    return before.text in _DECLARING and after.text == ","
