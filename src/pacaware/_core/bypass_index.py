"""Bypass rules, compiled: which rule of thousands speaks last about a target, in microseconds.

Names are looked up by whole text, by the literal end of a pattern or by three characters from its middle, address
ranges by their length; only patterns without any of these are tried one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from pacaware._core.glob import Glob
from pacaware._hosts import host_for_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacaware._core.target import Target

__all__ = ["Index", "Rule", "address_number", "implicit_name"]

# IPv4 addresses are compared as their IPv4-mapped IPv6 form, so that either spelling meets either rule.
MAPPED: Final = 0xFFFF << 32


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
    port: int | None
    glob: Glob | None


_Table: TypeAlias = dict[str, list[_Entry]]


class Index:
    """The rules of one list; ``last_match`` answers with a rule's place, the later rules winning."""

    __slots__ = ("_any", "_grams", "_heads", "_hosts", "_local", "_networks", "_sizes", "_tails", "no_loopback")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._hosts: _Table = {}
        self._heads: _Table = {}
        self._tails: _Table = {}
        self._grams: _Table = {}
        self._networks: dict[int, dict[int, list[_Entry]]] = {}
        self._any: list[_Entry] = []
        self._local = -1
        #: The place of the last ``<-loopback>``, or -1.
        self.no_loopback = -1
        patterns: list[tuple[_Entry, Glob]] = []
        for place, rule in enumerate(rules):
            entry = _Entry(place, rule.scheme, rule.port, None)
            if rule.kind == "host":
                self._hosts.setdefault(rule.value, []).append(entry)
            elif rule.kind == "pattern":
                patterns.append((entry, Glob(rule.value)))
            elif rule.kind == "network":
                number, length = rule.network
                same = self._networks.setdefault(128 - length, {})
                same.setdefault(number >> (128 - length), []).append(entry)
            elif rule.kind == "local":
                self._local = place
            else:
                self.no_loopback = place
        self._add_patterns(patterns)
        self._sizes = (sorted({len(key) for key in self._heads}), sorted({len(key) for key in self._tails}))
        for table in (self._hosts, self._heads, self._tails, self._grams):
            for entries in table.values():
                entries.reverse()
        for same in self._networks.values():
            for entries in same.values():
                entries.reverse()
        self._any.reverse()

    def _add_patterns(self, patterns: list[tuple[_Entry, Glob]]) -> None:
        """File each pattern under its head, tail or a part of its middle, whichever fewest patterns share."""
        heads = Counter(glob.head for _, glob in patterns)
        tails = Counter(glob.tail for _, glob in patterns)
        grams = Counter(gram for _, glob in patterns for gram in _grams(glob.pieces))
        for entry, glob in patterns:
            # A pattern that is nothing but one "*" and its key needs no further look.
            plain = glob.pattern in (glob.head + "*", "*" + glob.tail)
            filed = entry if plain else entry._replace(glob=glob)
            if glob.tail and (not glob.head or tails[glob.tail] <= heads[glob.head]):
                self._tails.setdefault(glob.tail, []).append(filed)
            elif glob.head:
                self._heads.setdefault(glob.head, []).append(filed)
            elif rare := min(_grams(glob.pieces), key=grams.__getitem__, default=None):
                self._grams.setdefault(rare, []).append(filed)
            else:
                self._any.append(filed)

    def last_match(self, target: Target) -> int:
        """Return the place of the last rule that covers the target, ``<-loopback>`` apart; -1 if none does."""
        host = target.host
        text = host_for_url(host)
        best = -1
        if entries := self._hosts.get(host):
            best = _last(entries, target, text, best)
        head_sizes, tail_sizes = self._sizes
        for size in tail_sizes:
            if entries := self._tails.get(text[-size:]):
                best = _last(entries, target, text, best)
        for size in head_sizes:
            if entries := self._heads.get(text[:size]):
                best = _last(entries, target, text, best)
        if self._grams:
            for gram in self._grams.keys() & _grams((text,)):
                best = _last(self._grams[gram], target, text, best)
        if self._any:
            best = _last(self._any, target, text, best)
        if self._local > best and "." not in host and ":" not in host:
            best = self._local
        if self._networks and (number := address_number(host)) is not None:
            for shift, same in self._networks.items():
                if entries := same.get(number >> shift):
                    best = _last(entries, target, text, best)
        return best


def _grams(pieces: tuple[str, ...]) -> set[str]:
    return {piece[place : place + 3] for piece in pieces for place in range(len(piece) - 2)}


def _last(entries: list[_Entry], target: Target, text: str, best: int) -> int:
    for place, scheme, port, glob in entries:  # the last rule stands first
        if place < best:
            break
        if (
            (scheme is None or scheme == target.scheme)
            and (port is None or port == target.port)
            and (glob is None or glob.matches(text))
        ):
            return place
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
