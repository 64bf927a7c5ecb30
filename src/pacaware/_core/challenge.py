"""The challenges of a 407: RFC 9110, section 11.6.1, read leniently because proxies write them carelessly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Challenge", "parse_challenges", "parse_parameters"]

_MAX_LENGTH: Final = 32_768
_MAX_CHALLENGES: Final = 32
_SKIP: Final = re.compile(r"[ \t,]*")
_BLANK: Final = re.compile(r"[ \t]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|\Z))")
_PARAMETER: Final = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*"
    r'(?:"((?:[^"\\]|\\.)*)"?|([^\s,"]*))',
    re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: scheme in lower case, then a token68 or parameters with names in lower case."""

    scheme: str
    token: str | None = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def realm(self) -> str:
        """The realm, or an empty string."""
        return self.params.get("realm", "")


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Read the values of all Proxy-Authenticate lines, each of which may hold several challenges.

    What cannot be read is skipped up to the next comma; the first of two parameters with one name counts.
    """
    found: list[Challenge] = []
    for value in values:
        found += _parse_line(value[:_MAX_LENGTH])
        if len(found) >= _MAX_CHALLENGES:
            break
    return tuple(found[:_MAX_CHALLENGES])


def parse_parameters(value: str) -> dict[str, str]:
    """Read a list of parameters without a scheme, as Proxy-Authentication-Info has it (RFC 9110, section 11.6.3)."""
    return _parse_parameters(value[:_MAX_LENGTH], 0)[0]


def _parse_parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    params: dict[str, str] = {}
    while (parameter := _PARAMETER.match(text, _end(_SKIP, text, at))) is not None:
        quoted, plain = parameter[2], parameter[3]
        params.setdefault(parameter[1].lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
        at = parameter.end()
    return params, at


def _parse_line(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while len(found) < _MAX_CHALLENGES:
        at = _end(_SKIP, text, at)
        scheme = _TOKEN.match(text, at)
        if scheme is None:
            at = text.find(",", at)
            if at < 0:
                break
            continue
        challenge, at = _parse_one(text, scheme)
        if challenge is not None:
            found.append(challenge)
    return found


def _parse_one(text: str, scheme: re.Match[str]) -> tuple[Challenge | None, int]:
    at = scheme.end()
    blank = _BLANK.match(text, at)
    if blank is None:
        if at == len(text) or text[at] == ",":
            return Challenge(scheme[0].lower()), at
        stop = text.find(",", at)  # not a scheme: "realm=x" where a challenge should begin
        return None, len(text) if stop < 0 else stop
    at = blank.end()
    token = _TOKEN68.match(text, at)
    if token is not None:
        return Challenge(scheme[0].lower(), token=token[0]), token.end()
    params, at = _parse_parameters(text, at)
    if not params and at < len(text) and text[at] != ",":
        stop = text.find(",", at)  # "Basic ???": the scheme is offered all the same
        at = len(text) if stop < 0 else stop
    return Challenge(scheme[0].lower(), params=MappingProxyType(params)), at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
