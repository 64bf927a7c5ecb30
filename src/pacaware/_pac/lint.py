"""What a PAC file does that is right for some clients only, slow, or surely not meant; found without running it.

Sources: Chromium services/proxy_resolver/pac_js_library.h and net/proxy_resolution/proxy_list.cc; Firefox
netwerk/base/ProxyAutoConfig.cpp and nsProtocolProxyService.cpp; Microsoft's documents on WinINet and WinHTTP.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._core.pac_result import parse_pac_result
from pacaware._models import pac_elements
from pacaware._pac.flow import Flow, pair_brackets
from pacaware._pac.tokens import PlacedToken, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Finding", "lint", "near_entry"]

_ENTRY: Final = "FindProxyForURL"
_EX: Final = "is missing in Firefox, where the call fails; test it with typeof first"
_NOWHERE: Final = "belongs to web pages: in a PAC file it does not exist, and the script fails"
_FOREIGN: Final = {
    "getClientVersion": "exists on Windows only; in Chromium and Firefox the call fails; test it with typeof first",
    **dict.fromkeys(("isResolvableEx", "isInNetEx", "dnsResolveEx", "myIpAddressEx", "sortIpAddressList"), _EX),
    "alert": "makes the script fail on Windows without a message; take it out before use",
    "console": "exists in no browser's PAC files, and the script fails there",
    **dict.fromkeys(("window", "document", "navigator", "setTimeout", "setInterval", "XMLHttpRequest"), _NOWHERE),
}
_LIVE: Final = re.compile(r"[\\^$+()\[\]{}|]")
_CHEAP: Final = {"isPlainHostName", "dnsDomainIs", "localHostOrDomainIs", "shExpMatch", "dnsDomainLevels"}
_LOOKING_UP: Final = {"dnsResolve", "dnsResolveEx", "isResolvable", "isResolvableEx"}
_OWN: Final = {"myIpAddress", "myIpAddressEx"}
_WORDS: Final = {
    "HTTP": "HTTP is Firefox's word: Chromium and Windows drop the entry; PROXY means the same everywhere",
    **{
        word: f"Windows documents PROXY, SOCKS and DIRECT only and may skip {word}"
        for word in ("HTTPS", "SOCKS4", "SOCKS5")
    },
}
_QUAD: Final = re.compile(
    r"(?:25[0-5]|2[0-4]\d|1\d\d|0*\d{1,2})(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|0*\d{1,2})){3}", re.ASCII
)
# Text that must stand after the slash behind the host; with live regexp characters nothing is sure.
_HTTPS_PATH: Final = re.compile(r"https://[^/\\^$+()\[\]{}|]*/[^\\^$+()\[\]{}|]*[^*\\^$+()\[\]{}|][^\\^$+()\[\]{}|]*")


class Finding(NamedTuple):
    """One remark; ``level`` is error, warning or note, ``at`` the index in the text."""

    code: str
    level: str
    at: int
    message: str


def lint(text: str) -> list[Finding]:
    """Examine the text of a PAC file that parses, in the order of the text."""
    tokens = list(scan(text))
    doubt = tokens[-1] if tokens and tokens[-1].kind == "doubt" else None
    pairs = None if doubt else pair_brackets(tokens)
    if pairs is None:
        at = doubt.at if doubt else 0
        return [Finding("not-examined", "note", at, "from here on the script could not be read, so it was only loaded")]
    return sorted(set(_Script(text, tokens, pairs).findings()), key=lambda finding: finding.at)


def near_entry(text: str) -> str:
    """Return a name in the text that was surely meant to be FindProxyForURL, or ""."""
    names = (token.text for token in scan(text) if token.kind == "name")
    near = (_ENTRY.lower(), f"{_ENTRY}Ex".lower())
    return next((name for name in names if name != _ENTRY and name.lower() in near), "")


class _Call(NamedTuple):
    name: str
    place: int
    at: int
    arguments: list[list[PlacedToken]]


class _Script:
    def __init__(self, text: str, tokens: list[PlacedToken], pairs: dict[int, int]) -> None:
        self._text = text
        self._tokens = tokens
        self._pairs = pairs
        self._flow = Flow(text, tokens, pairs)
        self._defined = set(self._definitions())
        self._parameters, self._start, self._end = self._entry()
        self._calls = [call for call in map(self._call, range(len(tokens))) if call is not None]

    def findings(self) -> Iterator[Finding]:
        yield from self._foreign()
        yield from self._lookups()
        yield from self._comparisons()
        yield from self._nets()
        yield from self._results()
        yield from self._returns()
        yield from self._letters()

    # -- what the text consists of

    def _word(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def _definitions(self) -> Iterator[str]:
        """Names that the script gives a meaning of its own; ``host = host.toLowerCase()`` does not."""
        for index, token in enumerate(self._tokens):
            declared = self._word(index - 1) in ("function", "var", "let", "const")
            assigned = self._word(index + 1) == "=" and self._word(index - 1) != "."
            lowered = [word.text for word in self._tokens[index + 2 : index + 5]] == [token.text, ".", "toLowerCase"]
            if token.kind == "name" and (declared or (assigned and not lowered)):
                yield token.text

    def _entry(self) -> tuple[list[str], int, int]:
        """Return the parameters of FindProxyForURL and the range of its body; nothing where its form is unusual."""
        places = [index for index, token in enumerate(self._tokens) if token[:2] == ("name", _ENTRY)]
        for index in places:
            opening = index + 1
            if self._word(index + 1) == "=" and self._word(index + 2) == "function":
                opening = index + 3 if self._word(index + 3) == "(" else index + 4
            elif self._word(index - 1) != "function":
                continue
            closing = self._pairs.get(opening, -1)
            body = closing + 1
            if self._word(opening) == "(" and self._word(body) == "{":
                names = [token.text for token in self._tokens[opening + 1 : closing] if token.kind == "name"]
                return names, body + 1, self._pairs[body]
        return [], 0, 0

    def _call(self, index: int) -> _Call | None:
        """Return the call of a helper, one that the script did not replace, whose name stands here."""
        token = self._tokens[index]
        if token.kind != "name" or token.text in self._defined:
            return None
        if self._word(index + 1) != "(" or self._word(index - 1) in (".", "function", "new"):
            return None
        arguments: list[list[PlacedToken]] = [[]]
        at, closing = index + 2, self._pairs[index + 1]
        while at < closing:
            if self._tokens[at].text == ",":
                arguments.append([])
            else:
                after = self._pairs.get(at, at)
                if len(arguments[-1]) < 2:  # of longer ones it matters only that they are
                    arguments[-1] += self._tokens[at : min(after, at + 1) + 1]
                at = after
            at += 1
        return _Call(token.text, index, token.at, arguments)

    def _is_parameter(self, call: _Call, number: int) -> bool:
        """Whether the call's first argument is that parameter of FindProxyForURL, as it came in."""
        if len(self._parameters) <= number or not self._start <= call.place < self._end:
            return False
        name = self._parameters[number]
        return name not in self._defined and [token.text for token in call.arguments[0]] == [name]

    # -- what is remarked

    def _foreign(self) -> Iterator[Finding]:
        seen = set(self._defined)
        tested = {self._word(index + 1) for index, token in enumerate(self._tokens) if token.text == "typeof"}
        for index, token in enumerate(self._tokens):
            name = token.text
            if token.kind != "name" or name not in _FOREIGN or name in seen | tested:
                continue
            if self._word(index - 1) == "." or self._word(index + 1) == ":" or name in self._parameters:
                continue
            seen.add(name)
            yield Finding("not-everywhere", "warning", token.at, f"{name} {_FOREIGN[name]}")

    def _lookups(self) -> Iterator[Finding]:
        first_cheap = min((call.place for call in self._calls if call.name in _CHEAP), default=len(self._tokens))
        groups: dict[str, list[_Call]] = {}
        for call in self._calls:
            by_name = call.name in _LOOKING_UP and not _is_address(call.arguments[0])
            if by_name or call.name in _OWN or (call.name == "isInNet" and self._is_parameter(call, 1)):
                groups.setdefault(call.name, []).append(call)
        for name, calls in groups.items():
            more = f" (and {len(calls) - 1} more)" if len(calls) > 1 else ""
            if name in _OWN:
                message = (
                    f"{name}(){more} may be any address of a machine that has several, or 127.0.0.1, and some clients "
                    "look up the machine's own name for it"
                )
                yield Finding("own-address", "note", calls[0].at, message)
                continue
            late = first_cheap < calls[0].place
            advice = "; it is best reached by few" if late else "; ask isPlainHostName, dnsDomainIs or shExpMatch first"
            message = f"{name}(){more} looks up a name in DNS, and each request that gets here waits for it{advice}"
            yield Finding("dns", "note" if late else "warning", calls[0].at, message)

    def _comparisons(self) -> Iterator[Finding]:
        for call in self._calls:
            if call.name not in ("shExpMatch", "dnsDomainIs", "localHostOrDomainIs") or len(call.arguments) < 2:
                continue
            value = _literal(call.arguments[1])
            if value is None:
                continue
            if self._is_parameter(call, 1) and value != value.lower() and not _LIVE.search(value):
                message = f"{value!r} matches nothing in browsers: they pass the host in lower case, and case counts"
                yield Finding("case", "warning", call.at, message)
            if call.name == "dnsDomainIs" and value[:1] not in ("", "."):
                message = f"without a dot in front {value!r} is the end of other domains too, such as {'x' + value!r}"
                yield Finding("no-dot", "note", call.at, message)
            if call.name == "shExpMatch" and self._is_parameter(call, 0) and _HTTPS_PATH.fullmatch(value):
                message = f"{value!r} matches nothing: of https URLs a PAC file sees the host and port only"
                yield Finding("https-path", "warning", call.at, message)

    def _nets(self) -> Iterator[Finding]:
        for call in self._calls:
            if call.name != "isInNet":
                continue
            values = [_literal(argument) for argument in call.arguments[1:3]]
            bad = next((value for value in values if value is not None and not _QUAD.fullmatch(value)), None)
            if len(call.arguments) < 3 or bad is not None:
                shown = "fewer arguments" if bad is None else repr(bad)
                message = f"isInNet(host, '10.0.0.0', '255.0.0.0') is the form; with {shown} the answer is always false"
                yield Finding("net", "warning", call.at, message)

    def _results(self) -> Iterator[Finding]:
        for token, value in self._returned():
            parsed = parse_pac_result(value)
            if parsed.proxies is None:
                yield Finding("result", "error", token.at, f"no client can use {value!r}: {'; '.join(parsed.notes)}")
                continue
            for note in parsed.notes:
                yield Finding("result", "warning", token.at, f"an entry is dropped: {note}")
            words = [element.split()[0].upper() for element, candidate, _ in pac_elements(value) if candidate]
            for word in dict.fromkeys(words):
                if word in _WORDS:
                    partly = word != "HTTP" and any(other not in _WORDS for other in words)
                    yield Finding("keyword", "note" if partly else "warning", token.at, _WORDS[word])

    def _returned(self) -> Iterator[tuple[PlacedToken, str]]:
        """The strings that FindProxyForURL returns as they are written, or by the name of a variable set once."""
        constants = self._constants()
        at = self._start
        while at < self._end:
            if self._word(at) == "function":
                at = self._after_function(at)
            elif self._word(at) == "return":
                after = self._flow.expression_end(at + 1, self._end)
                yield from self._values(at + 1, after, constants)
                at = after
            else:
                at += 1

    def _values(self, at: int, end: int, constants: dict[str, str]) -> Iterator[tuple[PlacedToken, str]]:
        """The known values of an expression: all of it, or the branches of a conditional."""
        while at < end:
            token = self._tokens[at]
            after = self._word(at + 1) if at + 1 < end else ";"
            if self._word(at - 1) in ("return", "?", ":") and after in (";", "}", ":"):
                value = _literal([token]) if token.kind == "string" else constants.get(token.text)
                if value is not None:
                    yield token, value
            at = self._pairs.get(at, at) + 1

    def _constants(self) -> dict[str, str]:
        """Variables that are declared with a string and never set again."""
        constants: dict[str, str] = {}
        for index, token in enumerate(self._tokens[:-3]):
            if (
                token.text in ("var", "let", "const")
                and self._word(index + 2) == "="
                and self._word(index + 4) in (";", ",")
            ):
                value = _literal([self._tokens[index + 3]])
                if value is not None:
                    constants[self._word(index + 1)] = value
        setting = Counter(token.text for index, token in enumerate(self._tokens) if self._word(index + 1)[-1:] == "=")
        return {name: value for name, value in constants.items() if setting[name] == 1 and name not in self._parameters}

    def _after_function(self, at: int) -> int:
        while at < self._end and self._word(at) != "(":
            at += 1
        body = self._pairs.get(at, at) + 1
        return self._pairs.get(body, body) + 1

    def _returns(self) -> Iterator[Finding]:
        if not self._end:
            return
        if self._flow.reaches_end(self._start, self._end):
            message = (
                "FindProxyForURL ends here without return where no condition before holds; clients take it as an error"
            )
            yield Finding("no-return", "warning", self._tokens[self._end].at, message)
        for token in self._flow.bare_returns:
            yield Finding("no-return", "warning", token.at, "this return has no value, which clients take as an error")

    def _letters(self) -> Iterator[Finding]:
        for token in self._tokens:
            if token.kind == "string" and not token.text.isascii():
                message = "clients read letters outside ASCII differently (as Latin-1, as UTF-8); write \\u escapes"
                yield Finding("not-ascii", "warning", token.at, message)
                return


def _literal(argument: list[PlacedToken]) -> str | None:
    """The value of a string written without escapes; None for anything else."""
    if len(argument) != 1 or argument[0].kind != "string" or "\\" in argument[0].text:
        return None
    return argument[0].text[1:-1]


def _is_address(argument: list[PlacedToken]) -> bool:
    value = _literal(argument)
    return value is not None and _QUAD.fullmatch(value) is not None
