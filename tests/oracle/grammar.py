"""PAC files made at random, with URLs to ask them about: the same for the same seed.

Each case comes from one of a few kinds of files: probes of helpers (many expressions, their values told by ``alert``),
probes of the clock, rules as authors write them, results well and ill formed, features of the language, and odd shapes
of a file. What we answer differently on purpose is left out: that is in ``differences.json``.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from tests.oracle import urls
from tests.oracle.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

ZONES: Final = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
URLS_PER_CASE: Final = 12
#: One address of a family for each name, as the hosts file that Chromium reads allows; IPv6 goes first.
HOSTS: Final = {
    "a.test": ["10.0.0.1"],
    "www.a.test": ["10.20.30.40"],
    "b.test": ["192.168.7.20"],
    "both.test": ["fd00::5", "10.1.0.1"],
    "six.test": ["fd00::1"],
    "public.test": ["198.51.100.7"],
    "loop.test": ["127.0.0.1"],
    "xn--mnchen-3ya.test": ["10.9.8.7"],
    "intranet": ["172.16.4.4"],
}
GROUPS: Final = 6
EXPRESSIONS: Final = 6

# Chromium looks names up in a hosts file as they are written, and in DNS not: no upper case and no final dot here.
_NAMES: Final = (*HOSTS, *WORDS["names"])
_QUADS: Final = WORDS["quads"]
_MASKS: Final = WORDS["masks"]
_ODD_QUADS: Final = WORDS["odd_quads"]
_SIX: Final = WORDS["six"]
_ODD_SIX: Final = WORDS["odd_six"]
_PREFIXES: Final = WORDS["prefixes"]
_ODD_PREFIXES: Final = WORDS["odd_prefixes"]
_ANYTHING: Final = WORDS["anything"]
_SERVERS: Final = WORDS["servers"]
_ODD_SERVERS: Final = WORDS["odd_servers"]
_TYPES: Final = WORDS["types"]
_ODD_TYPES: Final = WORDS["odd_types"]
_PIECES: Final = WORDS["pieces"]
_LIVE: Final = WORDS["live"]
_DAYS: Final = WORDS["days"]
_MONTHS: Final = WORDS["months"]
_MOMENTS: Final = WORDS["moments"]
_SHAPES: Final = (
    *WORDS["files"],
    *(f"function FindProxyForURL(url, host) {{ return {value} }}" for value in WORDS["returned"]),
    *(f"function FindProxyForURL(url, host) {{ throw {value} }}" for value in WORDS["thrown"]),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A PAC file and URLs for it; ``clock`` (milliseconds since 1970) stands still, None where it plays no part."""

    text: str
    urls: tuple[str, ...]
    zone: str = ZONES[0]
    clock: int | None = None


class Grammar:
    """Makes cases; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: dict[Callable[[], str], int] = {
            self._probe: 6,
            self._clock_probe: 5,
            self._rules: 4,
            self._results: 4,
            self._language: 2,
            self._shape: 18,
        }
        self._shapes: list[str] = []

    def cases(self, pairs: int) -> list[Case]:
        """Return as many cases as it takes for so many pairs of a PAC file and a URL."""
        made: list[Case] = []
        while sum(len(case.urls) for case in made) < pairs:
            make = self._random.choices(list(self._kinds), list(self._kinds.values()))[0]
            timed = make in (self._clock_probe, self._rules, self._language)
            count = 3 if make == self._shape else URLS_PER_CASE
            text = make()
            asked = urls.some(self._random, count, tuple(name for name in HOSTS if name != "loop.test"))
            made.append(Case(text, asked, self._pick(ZONES), self._moment() if timed else None))
        return made

    # -- small things

    def _pick(self, choices: tuple[str, ...]) -> str:
        return self._random.choice(choices)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _moment(self) -> int:
        """Return a moment on no day when clocks change: there QuickJS errs (a row in the table of differences)."""
        while True:
            moment = self._any_moment()
            days = [datetime.fromtimestamp(moment / 1000 + hours * 3600, UTC) for hours in (-30, 30)]
            zones = [ZoneInfo(name) for name in ZONES]
            if all(len({day.astimezone(zone).utcoffset() for day in days}) == 1 for zone in zones):
                return moment

    def _any_moment(self) -> int:
        near = datetime.fromisoformat(self._pick(_MOMENTS)).replace(tzinfo=UTC).timestamp()
        if self._chance(0.4):
            return int(near * 1000)
        if self._chance(0.5):
            return int(near * 1000) + self._random.randrange(-86_400_000, 86_400_000)
        return self._random.randrange(946_684_800_000, 2_208_988_800_000)

    def _text(self, usual: tuple[str, ...], odd: tuple[str, ...] = (), share: float = 0.3) -> str:
        """Write an argument: mostly a usual one, at times an odd one, seldom no string at all."""
        if self._chance(0.04):
            return self._pick(_ANYTHING)
        return "'" + self._pick(odd if odd and self._chance(share) else usual) + "'"

    def _host(self) -> str:
        return "host" if self._chance(0.4) else self._text(_NAMES + _QUADS, _ODD_QUADS + _SIX + _ODD_SIX, 0.25)

    def _pattern(self) -> str:
        pieces = [self._pick(_LIVE if self._chance(0.2) else _PIECES) for _ in range(self._random.randint(1, 6))]
        return "'" + "".join(pieces).replace("?*", "*").replace("**", "*") + "'"

    # -- calls of helpers

    def _call(self) -> str:
        calls = (
            lambda: f"isPlainHostName({self._host()})",
            lambda: f"dnsDomainIs({self._host()}, {self._text(('.test', 'a.test', '.a.test', 'TEST', '', 't'))})",
            lambda: f"localHostOrDomainIs({self._host()}, {self._text(_NAMES)})",
            lambda: f"isResolvable({self._host()})",
            lambda: (
                f"isInNet({self._host()}, {self._text(_QUADS, _ODD_QUADS)}, {self._text(_MASKS, _ODD_QUADS, 0.15)})"
            ),
            lambda: f"dnsResolve({self._host()})",
            lambda: f"convert_addr({self._text(_QUADS, _ODD_QUADS)})",
            lambda: f"isValidIpAddress({self._text(_QUADS, _ODD_QUADS)})",
            lambda: self._pick(("myIpAddress()", "myIpAddressEx()", "isInNet(myIpAddress(), '10.0.0.0', '255.0.0.0')")),
            lambda: f"dnsDomainLevels({self._host()})",
            lambda: f"shExpMatch({self._pick(('host', 'url', self._host()))}, {self._pattern()})",
            lambda: (
                f"shExpMatch({self._text(('a.test', 'www.a.test', 'aab', 'http://a.test/path'))}, {self._pattern()})"
            ),
            lambda: f"isResolvableEx({self._host()})",
            lambda: (
                f"isInNetEx({self._text(_QUADS + _SIX, _ODD_SIX + _ODD_QUADS)}, {self._text(_PREFIXES, _ODD_PREFIXES)})"
            ),
            lambda: f"dnsResolveEx({self._host()})",
            self._sorting,
            self._missing_arguments,
        )
        return self._random.choice(calls)()

    def _sorting(self) -> str:
        pool = _QUADS + _SIX + ((self._pick(_ODD_SIX + _ODD_QUADS),) if self._chance(0.3) else ())
        items = [self._pick(pool) for _ in range(self._random.randint(0, 4))]
        return f"sortIpAddressList('{self._pick((';', ';', ' ; ', ';;', ',', ';	')).join(items)}')"

    def _missing_arguments(self) -> str:
        names = (
            *("isPlainHostName", "dnsDomainIs", "localHostOrDomainIs", "isResolvable", "isInNet", "dnsResolve"),
            *("convert_addr", "dnsDomainLevels", "shExpMatch", "isResolvableEx", "isInNetEx", "dnsResolveEx"),
            *("sortIpAddressList", "isValidIpAddress", "alert", "weekdayRange", "dateRange", "timeRange"),
        )
        extra = self._pick(("", "", "'a.test'", "host", "host, 1", "'a.test', 'a.test', 'a.test', 1"))
        return f"{self._pick(names)}({extra})"

    def _clock_call(self) -> str:
        kind, gmt = self._pick(("weekday", "date", "date", "time", "time")), self._chance(0.3)
        number = self._random.randint
        if kind == "weekday":
            words = [f"'{self._pick((*_DAYS, *_DAYS, *_DAYS, 'mon', 'FOO'))}'" for _ in range(number(1, 2))]
        elif kind == "time":
            words = self._time(self._random.choice((1, 2, 2, 4, 4, 6, 6)))
        else:
            words = self._dates()
        if gmt:
            words.append("'GMT'")
        if self._chance(0.02):
            words[number(0, len(words) - 1)] = self._pick(_ANYTHING)
        return f"{kind}Range({', '.join(words)})"

    def _time(self, count: int) -> list[str]:
        tops = {1: [23], 2: [23, 23], 4: [23, 59] * 2, 6: [23, 59, 59] * 2}[count]
        words = [str(self._random.choice((0, top, self._random.randint(0, top)))) for top in tops]
        return [f"'{word}'" if self._chance(0.05) else word for word in words]

    def _dates(self) -> list[str]:
        form = self._pick(
            ("d", "m", "y", "dd", "mm", "yy", "dmdm", "mymy", "dmydmy", "dm", "dmy", "my", "ddmm", "mdmd")
        )
        year = self._random.randint(1998, 2030)
        write = {
            "d": lambda: str(self._random.choice((1, 28, 29, 30, 31, self._random.randint(1, 31)))),
            "m": lambda: f"'{self._pick(_MONTHS)}'",
            "y": lambda: str(self._random.choice((year, 2026, 2024))),
        }
        return [write[letter]() for letter in form]

    # -- whole files

    def _result(self) -> str:
        """Write a result: up to four entries, well formed or not."""
        entries = [self._entry() for _ in range(self._random.choice((0, 1, 1, 2, 2, 3, 4)))]
        if entries and self._chance(0.3):
            entries.append(entries[0])
        return self._pick((";", "; ", "; ", " ; ", ";;", "\\t;", ";\\t")).join(entries) + self._pick(
            ("", "", ";", " ", ";;")
        )

    def _entry(self) -> str:
        if self._chance(0.2):
            return self._pick(("DIRECT", "direct", " DIRECT ", "DIRECT x", "Direct", "DIRECT:1", "DIRECT\\t"))
        kind = self._pick(_ODD_TYPES if self._chance(0.12) else _TYPES)
        server = self._pick(_ODD_SERVERS if self._chance(0.3) else _SERVERS)
        return self._pick(("", "", " ", "\\t")) + kind + self._pick((" ", " ", " ", "  ", "\\t", "")) + server

    def _answer(self) -> str:
        return f"'{self._result()}'".replace("p'q", "p\\'q")

    def _probe(self) -> str:
        return self._probing(self._call)

    def _clock_probe(self) -> str:
        return self._probing(self._clock_call)

    def _probing(self, call: Callable[[], str]) -> str:
        groups = ",\n".join(
            "[" + ",\n ".join(f"function () {{ return {call()} }}" for _ in range(EXPRESSIONS)) + "]"
            for _ in range(GROUPS)
        )
        return (
            "var url, host;\n"
            "function value(f) {\n"
            "  try { var v = f(); return typeof v === 'boolean' ? +v : v === undefined ? 'undefined' : v }\n"
            # timeRange throws a string in Chromium, and an error here.
            "  catch (e) { return /timeRange/.test(e) ? '!timeRange' : '!' + (e && e.name) }\n"
            "}\n"
            f"var groups = [{groups}];\n"
            "function FindProxyForURL(u, h) {\n"
            "  var sum = 0; url = u; host = h;\n"
            "  for (var i = 0; i < u.length; i++) sum += u.charCodeAt(i);\n"
            "  alert(JSON.stringify([u, h].concat(groups[sum % groups.length].map(value))));\n"
            f"  return {self._answer()};\n"
            "}\n"
        )

    def _condition(self, depth: int = 0) -> str:
        turn = self._random.random()
        if depth < 2 and turn < 0.25:
            return f"({self._condition(depth + 1)} {self._pick(('&&', '||'))} {self._condition(depth + 1)})"
        if depth < 2 and turn < 0.32:
            return f"!{self._condition(depth + 1)}"
        if turn < 0.45:
            return self._clock_call()
        if turn < 0.6:
            return self._pick(WORDS["conditions"])
        return self._call()

    def _rules(self) -> str:
        lines = [
            f"  if ({self._condition()})\n    return {self._answer()};\n" for _ in range(self._random.randint(2, 8))
        ]
        head = self._pick(("", "  host = host.toLowerCase();\n", "  var ip = dnsResolve(host);\n", "  alert(host);\n"))
        return f"function FindProxyForURL(url, host) {{\n{head}{''.join(lines)}  return {self._answer()};\n}}\n"

    def _results(self) -> str:
        """Results by the sum of the URL's characters, so that each URL gets another one."""
        texts = [json.dumps(self._result()).replace("\\\\", "\\") for _ in range(24)]
        return (
            f"const all = [{', '.join(texts)}];\n"
            "function FindProxyForURL(url, host) {\n"
            "  return all[Array.from(url).reduce((sum, c) => sum + c.charCodeAt(0), 0) % all.length];\n}\n"
        )

    def _language(self) -> str:
        chosen = self._random.sample(WORDS["expressions"], 8)
        parts = ",\n    ".join(f"(function () {{ {one} }})" for one in chosen)
        return (
            f"function FindProxyForURL(url, host) {{\n  var parts = [{parts}];\n"
            "  alert(parts.map(function (f) { try { return String(f(url, host)) }"
            " catch (e) { return '!' + (e && e.name) } }).join('|'));\n"
            f"  return {self._answer()};\n}}\n"
        )

    def _shape(self) -> str:
        """Take the next of all shapes: a run of 2,000 pairs sees about each."""
        if not self._shapes:
            self._shapes = self._random.sample(_SHAPES, len(_SHAPES))
        return self._shapes.pop()
