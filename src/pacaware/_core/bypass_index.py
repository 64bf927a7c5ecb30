"""Bypass rules, compiled: which rule of thousands speaks last about a target, in microseconds.

Names are looked up by whole text, by the literal end of a pattern or, where many share that, by three or six characters
from anywhere in it, address ranges by their length; only patterns without any of these are tried one by one.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pacaware._core.glob import Glob
from pacaware._hosts import host_for_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacaware._core.target import Target

__all__ = ["Index", "Rule", "address_number", "implicit_name"]

# IPv4 addresses are compared as their IPv4-mapped IPv6 form, so that either spelling meets either rule.
MAPPED: Final = 0xFFFF << 32
_PART_SIZES: Final = (3, 6)
# So many patterns with the same end are tried faster than the parts of a host are looked up.
_CROWD: Final = 8


class Rule(NamedTuple):
    """One rule of a list; ``value`` is a host, a pattern (IPv6 in brackets), or a network as (number, length)."""

    kind: Literal["host", "pattern", "network", "local", "no-loopback"]
    text: str
    value: str = ""
    network: tuple[int, int] = (0, 0)
    scheme: str | None = None
    port: int | None = None


class _Entry(NamedTuple):
    place: int
    scheme: str | None
    glob: Glob | None


#: Entries under one key by the port they are for, None for any.
_Ports: TypeAlias = dict[int | None, list[_Entry]]
_Table: TypeAlias = dict[str, _Ports]


class Index:
    """The rules of one list; ``last_match`` answers with a rule's place, the later rules winning."""

    __slots__ = ("_any", "_heads", "_hosts", "_local", "_networks", "_parts", "_sizes", "_tails", "no_loopback")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._hosts: _Table = {}
        self._heads: _Table = {}
        self._tails: _Table = {}
        self._parts: _Table = {}
        self._networks: dict[int, dict[int, _Ports]] = {}
        self._any: _Ports = {}
        self._local = -1
        #: The place of the last ``<-loopback>``, or -1.
        self.no_loopback = -1
        patterns: list[tuple[int, Rule, Glob]] = []
        # The last rule is looked at first, so it is filed first.
        for place, rule in reversed(list(enumerate(rules))):
            if rule.kind == "host":
                _file(self._hosts.setdefault(rule.value, {}), place, rule)
            elif rule.kind == "pattern":
                patterns.append((place, rule, Glob(rule.value)))
            elif rule.kind == "network":
                number, length = rule.network
                same = self._networks.setdefault(128 - length, {})
                _file(same.setdefault(number >> (128 - length), {}), place, rule)
            elif rule.kind == "local":
                self._local = max(self._local, place)
            else:
                self.no_loopback = max(self.no_loopback, place)
        self._add_patterns(patterns)
        self._sizes = tuple(sorted({*map(len, table)}) for table in (self._heads, self._tails, self._parts))

    def _add_patterns(self, patterns: list[tuple[int, Rule, Glob]]) -> None:
        """File each pattern under its head or its tail; where many share these, under a part that fewest share."""
        heads = Counter(glob.head for _, _, glob in patterns)
        tails = Counter(glob.tail for _, _, glob in patterns)
        crowd: list[tuple[int, Rule, Glob, tuple[str, ...]]] = []
        for place, rule, glob in patterns:
            # A pattern that is nothing but one "*" and its key needs no further look.
            if glob.tail and glob.pattern == "*" + glob.tail:
                _file(self._tails.setdefault(glob.tail, {}), place, rule)
                continue
            if glob.head and glob.pattern == glob.head + "*":
                _file(self._heads.setdefault(glob.head, {}), place, rule)
                continue
            ends = [(heads[glob.head], glob.head, self._heads), (tails[glob.tail], glob.tail, self._tails)]
            count, end, table = min((item for item in ends if item[1]), key=itemgetter(0), default=(_CROWD, "", {}))
            if count >= _CROWD and (parts := _parts(glob.pieces)):
                crowd.append((place, rule, glob, parts))
            else:
                _file(table.setdefault(end, {}) if end else self._any, place, rule, glob)
        shared = Counter(part for _, _, _, parts in crowd for part in parts)
        for place, rule, glob, parts in crowd:
            _file(self._parts.setdefault(min(parts, key=shared.__getitem__), {}), place, rule, glob)

    def last_match(self, target: Target) -> int:
        """Return the place of the last rule that covers the target, ``<-loopback>`` apart; -1 if none does."""
        host = target.host
        text = host_for_url(host)
        best = -1
        if found := self._hosts.get(host):
            best = _last(found, target, text, best)
        head_sizes, tail_sizes, part_sizes = self._sizes
        length = len(text)
        for size in tail_sizes:
            if size > length:
                break
            if found := self._tails.get(text[-size:]):
                best = _last(found, target, text, best)
        for size in head_sizes:
            if size > length:
                break
            if found := self._heads.get(text[:size]):
                best = _last(found, target, text, best)
        for size in part_sizes:
            for at in range(length - size + 1):
                if found := self._parts.get(text[at : at + size]):
                    best = _last(found, target, text, best)
        if self._any:
            best = _last(self._any, target, text, best)
        if self._local > best and "." not in host and ":" not in host:
            best = self._local
        if self._networks and (number := address_number(host)) is not None:
            for shift, same in self._networks.items():
                if found := same.get(number >> shift):
                    best = _last(found, target, text, best)
        return best


def _file(ports: _Ports, place: int, rule: Rule, glob: Glob | None = None) -> None:
    ports.setdefault(rule.port, []).append(_Entry(place, rule.scheme, glob))


def _parts(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a host must contain to match, in pieces of the sizes that hosts are looked up by."""
    found = (piece[at : at + size] for size in _PART_SIZES for piece in pieces for at in range(len(piece) - size + 1))
    return tuple(dict.fromkeys(found))


def _last(ports: _Ports, target: Target, text: str, best: int) -> int:
    for port in (None, target.port):
        for place, scheme, glob in ports.get(port, ()):  # the last rule stands first
            if place < best:
                break
            if (scheme is None or scheme == target.scheme) and (glob is None or glob.matches(text)):
                best = place
                break
    return best


def address_number(host: str) -> int | None:
    """Return a canonical host as a number of 128 bits if it is an IP address, else None."""
    if ":" in host:
        import ipaddress

        return int(ipaddress.IPv6Address(host))
    if not host.rpartition(".")[2].isdigit():
        return None
    first, second, third, fourth = host.split(".")
    return MAPPED | int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)


def implicit_name(host: str, *, loopback_name: bool) -> str | None:
    """Return which implicit rule makes a canonical host direct, if one does.

    Chromium net/proxy_resolution/proxy_bypass_rules.cc; ``loopback`` is a name for this machine on Windows only.
    """
    number = address_number(host)
    if number is None:
        name = host.removesuffix(".")
        if name == "localhost" or name.endswith(".localhost"):
            return "localhost"
        return "loopback" if loopback_name and name == "loopback" else None
    if number == 1:
        return "::1"
    if number >> 24 == MAPPED >> 24 | 127:
        return "127.0.0.0/8"
    if number >> 16 == MAPPED >> 16 | 169 << 8 | 254:
        return "169.254.0.0/16"
    return "fe80::/10" if number >> 118 == 0xFE80 >> 6 else None
