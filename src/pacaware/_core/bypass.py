"""Lists of destinations that need no proxy, as each system writes them.

Grammar: WinINet's (jpdsi LAN settings article, section 2; KB4551930) for ``windows``; Chromium's for the others
(net/proxy_resolution/proxy_bypass_rules.cc, net/base/scheme_host_port_matcher_rule.cc). The implicit rules are
Chromium's everywhere. Chromium's suffix mode serves NO_PROXY and KDE: there ``corp.example`` is ``*corp.example``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Self

from pacaware._core.bypass_index import Index, Rule, address_number, implicit_name
from pacaware._core.target import Target, parse_target
from pacaware._hosts import canonical_host, host_for_url
from pacaware.errors import ConfigError

__all__ = ["IMPLICIT", "REVERSED", "BypassRules"]

#: What the text of an implicit rule begins with.
IMPLICIT: Final = "implicit: "
#: The text for a target that no rule of a reversed list names.
REVERSED: Final = "reversed list: no rule names it"


class _Dialect(NamedTuple):
    separators: re.Pattern[str]
    joined_by: str
    suffixes: bool = False
    wininet: bool = False
    short_ranges: bool = False


_COMMAS: Final = re.compile(r"[;,]")
_BLANKS: Final = re.compile(r"[;, \t\r\n]")
_DIALECTS: Final = {
    "windows": _Dialect(_BLANKS, ";", wininet=True),
    "chromium": _Dialect(_COMMAS, ";"),
    "no_proxy": _Dialect(_BLANKS, ",", suffixes=True),
    "kde": _Dialect(_BLANKS, ",", suffixes=True),
    "gnome": _Dialect(_BLANKS, ","),
    # The list of every new Mac holds 169.254/16, which is no range to Chromium.
    "macos": _Dialect(_BLANKS, ",", short_ranges=True),
}


@dataclass(frozen=True, slots=True)
class BypassRules:
    """An immutable list of destinations that are reached without a proxy; make one with ``parse``.

    ``rules`` are the canonical texts in order, later ones winning; ``dropped`` holds (entry, reason) for what could
    not be read: a broken entry never changes what the others mean.
    """

    rules: tuple[str, ...] = ()
    dialect: str = field(default="windows", compare=False)
    reverse: bool = False
    loopback_name: bool = True
    dropped: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    _index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dialect = _dialect(self.dialect)
        object.__setattr__(self, "_index", Index([_rule(text, dialect) for text in self.rules]))

    @classmethod
    def parse(
        cls, text: str, dialect: str = "windows", *, reverse: bool = False, loopback_name: bool | None = None
    ) -> Self:
        """Read a list; raises ConfigError for an unknown dialect only, unreadable entries go to ``dropped``.

        ``reverse`` makes the list name what *does* use the proxy (KDE). ``loopback_name`` says whether the host name
        ``loopback`` is this machine; None: as on Windows for the dialect windows, not elsewhere.
        """
        grammar = _dialect(dialect)
        rules: list[str] = []
        dropped: list[tuple[str, str]] = []
        for part in grammar.separators.split(text):
            entry = part.strip(" \t\r\n")
            if not entry:
                continue
            try:
                rules.append(_rule(entry, grammar).text)
            except ValueError as exc:
                dropped.append((entry, str(exc)))
        loopback = grammar.wininet if loopback_name is None else loopback_name
        return cls(tuple(rules), dialect, reverse, loopback, tuple(dropped))

    def matches(self, url: str) -> bool:
        """Whether a URL is reached without a proxy, implicit rules included; False for what is no absolute URL."""
        try:
            target = parse_target(url)
        except ConfigError:
            return False
        return self.match(target) is not None

    def match(self, target: Target) -> str | None:
        """Return the text of the rule that makes the target direct, or None if it uses the proxy.

        The text of an implicit rule begins with IMPLICIT. Implicit rules are asked last and are never reversed.
        """
        found = self._index.last_match(target)
        if found < self._index.no_loopback and self._implicit(target):
            return "<-loopback>" if self.reverse else None
        if found >= 0:
            return None if self.reverse else self.rules[found]
        if name := self._implicit(target):
            return IMPLICIT + name
        return REVERSED if self.reverse else None

    def implicit_match(self, target: Target) -> str | None:
        """Like ``match`` with the implicit rules alone, for answers of PAC files: the list itself is not for them.

        A ``<-loopback>`` anywhere in the list removes the implicit rules here, too.
        """
        if self._index.no_loopback >= 0:
            return None
        name = self._implicit(target)
        return IMPLICIT + name if name else None

    def _implicit(self, target: Target) -> str | None:
        return implicit_name(target.host, loopback_name=self.loopback_name)

    def __str__(self) -> str:
        return _dialect(self.dialect).joined_by.join(self.rules)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.rules, self.dialect, self.reverse, self.loopback_name, self.dropped)


def _dialect(name: str) -> _Dialect:
    dialect = _DIALECTS.get(name)
    if dialect is None:
        raise ConfigError(f"{name!r} is no dialect of bypass lists; there are {', '.join(_DIALECTS)}")
    return dialect


_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_PORT: Final = re.compile(r"[0-9]{1,8}", re.ASCII)
_PATTERN: Final = re.compile(r"[!$&'()*+.0-9=?_a-z~-]+|\[[0-9a-f:.*?]+\]")
_ESCAPED: Final = re.compile(r"\\([^*?\\])")
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){1,4}", re.ASCII)


def _rule(entry: str, dialect: _Dialect) -> Rule:
    """Read ``[scheme://](pattern|address|network)[:port]``, ``<local>`` or ``<-loopback>``; raises ValueError."""
    word = entry.lower()
    if word == "<local>":
        return Rule("local", word)
    if word == "<-loopback>":
        return Rule("no-loopback", word)
    scheme, mark, rest = word.partition("://")
    if not mark:
        scheme, rest = "", word
    elif not _SCHEME.fullmatch(scheme):
        raise ValueError(f"{scheme!r} is not a scheme")
    shown = scheme + mark
    if "/" in rest:
        if dialect.wininet:
            raise ValueError('Windows knows no paths and no address ranges here; write "10.*" for 10.0.0.0/8')
        return Rule("network", shown + rest, network=_network(rest, dialect), scheme=scheme or None)
    host, port = _host_and_port(rest)
    suffix = "" if port is None else f":{port}"
    if address := _address(host):
        return Rule("host", shown + host_for_url(address) + suffix, address, scheme=scheme or None, port=port)
    pattern = _pattern(host, dialect)
    kind: Literal["pattern", "host"] = "pattern" if "*" in pattern or "?" in pattern else "host"
    return Rule(kind, shown + pattern + suffix, pattern, scheme=scheme or None, port=port)


def _host_and_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and _address(text)):
        return text, None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is not a port (1 to 65535)")
    return host, int(port)


def _address(text: str) -> str | None:
    """Return the canonical form of an IP address, IPv6 with or without brackets; None for anything else."""
    if text.count(".") == 3 and _IPV4.fullmatch(text):
        return text
    if ":" not in text or "*" in text:
        return None
    try:
        return canonical_host(text if text.startswith("[") else f"[{text}]")
    except ValueError:
        return None


def _network(text: str, dialect: _Dialect) -> tuple[int, int]:
    """Read ``address/bits`` (no brackets, no port; host bits are ignored) as (number, length) of 128 bits."""
    prefix, _, bits = text.partition("/")
    if prefix.startswith("["):
        raise ValueError("the address of a range takes no brackets")
    if dialect.short_ranges and _IPV4.fullmatch(prefix):
        prefix += ".0" * (3 - prefix.count("."))
    address = _address(prefix)
    if address is None:
        raise ValueError("it is neither a host nor an address range such as 10.0.0.0/8")
    number = address_number(address)
    width = 128 if ":" in address else 32
    if number is None or not _PORT.fullmatch(bits) or int(bits) > width:
        raise ValueError(f"{bits!r} is not the length of a prefix (0 to {width}); a range takes no port")
    return number, int(bits) + 128 - width


def _pattern(text: str, dialect: _Dialect) -> str:
    if not text:  # in a list of suffixes it would be every host
        raise ValueError("it names no host")
    pattern = text if text.isascii() else _ascii(text)
    if not dialect.wininet:
        pattern = _ESCAPED.sub(r"\1", pattern)
        if pattern.startswith(".") or (dialect.suffixes and not pattern.startswith(("*", "["))):
            pattern = "*" + pattern
    elif pattern.startswith("."):
        raise ValueError(f'a name that begins with a dot matches nothing; write "*{pattern}"')
    elif "?" in pattern:
        raise ValueError('"?" is no wildcard in a Windows list')
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("it is no host name: no host contains such characters")
    return pattern


def _ascii(text: str) -> str:
    """Write international names as URLs have them, in punycode; raises ValueError."""
    if "*" not in text and "?" not in text:
        return ("." if text.startswith(".") else "") + canonical_host(text.removeprefix("."))
    return ".".join(label if label.isascii() else _ascii_label(label) for label in text.split("."))


def _ascii_label(label: str) -> str:
    if "*" in label or "?" in label:
        raise ValueError("a wildcard cannot stand for a part of an international label")
    name = canonical_host(label)
    if "." in name:
        raise ValueError(f"{label!r} is not a host name")
    return name
