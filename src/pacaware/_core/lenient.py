"""What people type into the settings of a system, read as they meant it where only one meaning is possible.

Blanks and other characters from copy and paste, full-width letters and digits of a Japanese keyboard, ``http//``, a
port given twice: each repair is reported as a note, and what could mean two things is a ConfigError that shows the text
(without user and password) and the place that it came from. Settings that a program gives are often typed by somebody,
too: ``as_meant`` reads them in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Final, NamedTuple

from pacaware._core.target import parse_target
from pacaware._hosts import host_for_url, split_host_port
from pacaware._models import ProxyConfig, ProxyServer, Step, redact_url
from pacaware.errors import ConfigError

__all__ = [
    "Tidy",
    "TidyUrl",
    "as_meant",
    "plain_text",
    "tidy_bypass",
    "tidy_pac_url",
    "tidy_proxies",
    "tidy_proxy",
    "tidy_variable",
]

# Zero-width characters, soft hyphens, marks of direction, byte order marks: nobody sees them in what they paste.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
# The stops that IDNA reads as dots, which NFKC leaves as they are (RFC 3490, section 3.1).
_DOTS: Final = str.maketrans({"\u3002": ".", "\uff61": ".", "\u3001": ","})
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u300c\u300d<>"
_SCHEME: Final = re.compile(r"(https?|socks(?:4a?|5h?)?)\s*(?:[:;.]?\s*[/\\]{1,3}|[:;]\s*[/\\]{1,3})\s*", re.IGNORECASE)
_PORTS: Final = re.compile(r"(.*?[^:\s])\s*:\s*([0-9]{1,5})\s*:\s*([0-9]{1,5})")
_BLANK_PORT: Final = re.compile(r"(\S+?)(?:\s*:\s*|\s+)([0-9]{1,5})")
# Blanks around these belong to an entry; and the semicolon of "http;//" ends none.
_AROUND: Final = re.compile(r"\s*([=,])\s*|(?<=\S)\s*(:)\s*(?=[0-9])")
_SEMICOLON_SCHEME: Final = re.compile(r"\b(https?|socks[45]?[ah]?)\s*;\s*[/\\]{2}", re.IGNORECASE)
_ODD: Final = re.compile(r"\s:|:\s|;\s*[/\\]")
_ENDS_IN_PORT: Final = re.compile(r":[0-9]+/?\Z|=\Z")
_PAC_NAME: Final = re.compile(r"\.(?:pac|dat|js)\Z", re.IGNORECASE)
_FILE: Final = re.compile(r"file:|[A-Za-z]:[/\\]|\\\\|/", re.IGNORECASE)
_KEYS: Final = ("", "http", "https", "ftp", "socks")
_DECIDES: Final = frozenset({"", "http", "https"})


class Tidy(NamedTuple):
    """A proxy setting in WinINet's form, the users and passwords taken out of it, and what was repaired."""

    text: str
    credentials: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


class TidyUrl(NamedTuple):
    """The address of a PAC file, or None where the text is none, and what there is to say."""

    url: str | None
    notes: tuple[str, ...]


def misspelt_scheme(text: str) -> str:
    """Return what the text begins with if that was meant to be a scheme and is none, such as ``http//``; else ''."""
    match = _SCHEME.match(text)
    return "" if match is None or match[0].lower() == f"{match[1].lower()}://" else match[0]


def plain_text(text: str) -> str:
    """Return the text with full-width characters in their plain form, and without what cannot be seen."""
    return _CONTROL.sub(" ", unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_DOTS)).strip()


def _unquoted(text: str) -> str:
    return plain_text(text).strip(_QUOTES + " ")


def tidy_proxies(text: str, place: str) -> Tidy:
    """Read a manual setting of Windows, one proxy or ``http=a:1;https=b:2``.

    Raises ConfigError if a proxy for http, https or everything cannot be made out; a broken one for other schemes is
    left out with a note.
    """
    clean, credentials = _without_users(text, place)
    plain = _unquoted(clean)
    repaired = plain != clean or _ODD.search(plain) is not None
    notes: list[str] = []
    entries: list[str] = []
    seen: set[str] = set()
    for entry, joined in _entries(plain):
        key, equals, value = entry.partition("=")
        key, value = (key.lower() or equals, value) if equals else ("", entry)
        if not value:
            continue
        try:
            written, changed, more = _candidates(key, value, place)
        except ConfigError as exc:
            if key in _DECIDES and key not in seen:
                raise
            notes.append(f"{exc}; it is left out")
            continue
        seen.add(key)
        entries.append((f"{key}=" if key else "") + written)
        repaired = repaired or changed or joined
        notes += more
    if not entries:
        raise ConfigError(f"{place}: {clean!r} names no proxy")
    tidy = ";".join(entries)
    if repaired:
        notes.insert(0, f"{place}: {clean!r} is read as {tidy}")
    return Tidy(tidy, credentials, tuple(notes))


def tidy_proxy(host: str, place: str, *, port: int = 0, scheme: str = "http") -> tuple[ProxyServer, Tidy]:
    """Read one proxy from a field for its host and one for its port (0: not given).

    A scheme before ``://`` is not heeded, as in Chromium: the field decides what a desktop's proxy is. Only ``socks4``
    holds in the field of a SOCKS5 proxy. Raises ConfigError.
    """
    clean, users = _without_users(host, place)
    text = _unquoted(clean)
    bare, names = _split_schemes(text)
    notes: list[str] = []
    if scheme == "socks5" and names[-1:] == ["socks4"]:
        scheme = "socks4"
    elif names and names[-1] not in (scheme, "http", "socks"):
        notes.append(f"{place}: {names[-1]}:// before the proxy is not heeded, as in browsers; it is {scheme}://")
    found = _proxy(bare, scheme, place, port=port, shown=clean)
    if found.repaired or text != clean or len(names) > 1 or (names and "://" not in text):
        notes.insert(0, f"{place}: {clean!r} is read as {found.server}")
    credentials = tuple((found.server.netloc, user, password) for _, user, password in users)
    return found.server, Tidy(str(found.server), credentials, (*notes, *found.notes))


def tidy_variable(text: str, place: str, default_scheme: str) -> Tidy:
    """Read one proxy whose scheme counts, as in ``http_proxy``; raises ConfigError."""
    clean, users = _without_users(text, place)
    plain = _unquoted(clean)
    # A URL with a slash behind it is what many programs write into such variables: no note for that.
    url = plain.rstrip("/") if "://" in plain else plain
    server, _, repaired, notes = _proxy(url, default_scheme, place)
    if repaired or plain != clean:
        notes.insert(0, f"{place}: {clean!r} is read as {server}")
    credentials = tuple((server.netloc, user, password) for _, user, password in users)
    return Tidy(str(server), credentials, tuple(notes))


def tidy_pac_url(text: str, place: str) -> TidyUrl:
    """Read the address of a PAC file; what is no URL and no path is None with a note, as browsers ignore it.

    Paths and ``file:`` are kept: whether they may be read is for the one who fetches.
    """
    if text.strip().lower().startswith("data:"):
        return TidyUrl(text.strip(), ())
    url = _unquoted(text)
    if not url:
        return TidyUrl(None, ())
    notes = () if url == text.strip() else (f"{place}: {redact_url(text)!r} is read as {redact_url(url)!r}",)
    if _FILE.match(url):
        return TidyUrl("file://" + url if url.startswith("/") and not url.startswith("//") else url, notes)
    rest, names = _split_schemes(url)
    repaired = f"{names[-1]}://{rest}" if names else url
    if repaired != url:
        notes = (f"{place}: {redact_url(text)!r} is read as {redact_url(repaired)!r}",)
    if not _is_web_url(repaired):
        return TidyUrl(None, (f"{place}: {redact_url(text)!r} is not the URL of a PAC file, so it is ignored",))
    return TidyUrl(repaired, notes)


def _is_web_url(text: str) -> bool:
    try:
        return parse_target(text).scheme in ("http", "https")
    except ConfigError:
        return False


def tidy_bypass(text: str, place: str) -> tuple[str, tuple[str, ...]]:
    """Return a list of exceptions in plain characters; its entries are judged where the list is compiled."""
    plain = plain_text(text)
    if plain == _CONTROL.sub(" ", text).strip():
        return text, ()
    return plain, (f"{place}: full-width or invisible characters in {text!r} are read as plain ones: {plain!r}",)


def as_meant(config: ProxyConfig) -> ProxyConfig:
    """Read the texts of settings that a program gives; raises ConfigError for proxies that could mean two things.

    The address of a PAC file is repaired where that makes a web address of it, else left to the one who fetches.
    """
    notes: list[str] = []
    proxies, credentials = config.proxy_server, config.proxy_credentials
    if proxies and proxies.strip():
        proxies, _, found = tidy_proxies(proxies, "proxy_server")
        credentials = tuple((_as_server(server), user, password) for server, user, password in credentials)
        notes += found
    pac_url = tidy_pac_url(config.pac_url or "", "pac_url")
    notes += pac_url.notes if pac_url.url else ()
    bypass, found = tidy_bypass(config.bypass or "", "bypass")
    return replace(
        config,
        proxy_server=proxies,
        proxy_credentials=credentials,
        pac_url=pac_url.url if pac_url.url and pac_url.notes else config.pac_url,
        bypass=bypass if found else config.bypass,
        notes=(*config.notes, *(Step("settings", "warning", note) for note in (*notes, *found))),
    )


def _as_server(text: str) -> str:
    """Return host and port of a proxy as they are used, of a text from which the user has been taken."""
    try:
        split_host_port(text)
    except ValueError:
        try:
            return tidy_variable(text, "proxy_server", "http").text.partition("://")[2]
        except ConfigError:
            pass  # its proxy is left out
    return text


def _without_users(text: str, place: str) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """Take users and passwords out before anything is repaired: a password is kept as it was typed."""
    if "@" not in text:
        text = text.replace("\uff20", "@")
    head = misspelt_scheme(text)
    config = ProxyConfig(proxy_server=f"http://{text[len(head) :]}" if head else text)
    clean = config.proxy_server or ""
    if head:  # shown as it was typed, but no part of a user's name
        clean = head + clean.removeprefix("http://")
    if "@" in unicodedata.normalize("NFKC", clean):
        raise ConfigError(f"{place}: the user and password in it cannot be told from the proxy; escape them as in URLs")
    return clean, config.proxy_credentials


def _entries(text: str) -> list[tuple[str, bool]]:
    """Split a list for several schemes; the flag says that a blank was taken for the colon before a port."""
    entries: list[tuple[str, bool]] = []
    for entry in re.split(r"[;\s]+", _AROUND.sub(r"\1\2", _SEMICOLON_SCHEME.sub(r"\1://", text))):
        if _is_port(entry) and entries and not _ENDS_IN_PORT.search(entries[-1][0]):
            entries[-1] = (f"{entries[-1][0]}:{entry}", True)
        elif entry:
            entries.append((entry, False))
    return entries


def _split_schemes(text: str) -> tuple[str, list[str]]:
    """Take ``http://`` and its misspellings off, as often as they stand there."""
    names: list[str] = []
    while match := _SCHEME.match(text):
        names.append(match[1].lower())
        text = text[match.end() :]
    return text, names


def _candidates(key: str, value: str, place: str) -> tuple[str, bool, list[str]]:
    """Read the proxies for one key, parted by commas; returns them as text, whether one was repaired, and notes."""
    if key not in _KEYS:
        raise ConfigError(f"{place}: {key!r} is not one of {', '.join(filter(None, _KEYS))}")
    texts: list[str] = []
    notes: list[str] = []
    repaired = False
    for text in _pieces(value):
        if text.lower() == "direct://":
            texts.append("direct://")
            continue
        found = _proxy(text, "socks4" if key == "socks" else "http", place)
        plain = found.server.scheme == "http" and not found.scheme_written
        texts.append(found.server.netloc if plain else str(found.server))
        repaired = repaired or found.repaired or text not in value
        notes += found.notes
    if not texts:
        raise ConfigError(f"{place}: {value!r} names no proxy")
    return ",".join(texts), repaired, notes


def _pieces(value: str) -> list[str]:
    """Split a list at its commas; a comma that was typed for the colon before a port ends nothing."""
    pieces: list[str] = []
    for piece in filter(None, value.split(",")):
        if _is_port(piece) and pieces and not _ENDS_IN_PORT.search(pieces[-1]):
            pieces[-1] += f":{piece}"
        else:
            pieces.append(piece)
    return pieces


def _is_port(text: str) -> bool:
    return text.isdigit() and len(text) <= 5


class _Found(NamedTuple):
    server: ProxyServer
    scheme_written: bool
    repaired: bool
    notes: list[str]


def _proxy(text: str, default_scheme: str, place: str, port: int = 0, shown: str = "") -> _Found:
    """Read one proxy from plain text without a user; what is said of it shows it as it was typed."""
    shown = shown or text
    rest, names = _split_schemes(text)
    start = f"{names[-1]}://" if names else ""
    tail = rest.replace("\\", "/")
    server = tail.rstrip("/ ")
    if "/" in server or "=" in server:
        raise ConfigError(f"{place}: {redact_url(shown)!r} is not a proxy: {_why_not(server)}")
    if _is_port(server):  # to URLs it would be the IPv4 address 0.0.31.144
        raise ConfigError(f"{place}: {shown!r} is a port without a host")
    if _is_ipv6(server):
        if not port:
            raise ConfigError(f"{place}: {shown!r}: write an IPv6 address in brackets, such as [2001:db8::1]:8080")
        server = f"[{server}]"
    elif doubled := _PORTS.fullmatch(server):
        if doubled[2] != doubled[3]:
            raise ConfigError(f"{place}: {shown!r} has two ports, {doubled[2]} and {doubled[3]}; which one is meant?")
        server = f"{doubled[1]}:{doubled[2]}"
    elif blank := _BLANK_PORT.fullmatch(server):
        server = f"{blank[1].rstrip(':')}:{blank[2]}"
    else:
        server = server.removesuffix(":").rstrip()
    try:
        host, given = split_host_port(server)
    except ValueError as exc:
        raise ConfigError(f"{place}: {redact_url(shown)!r} is not a proxy: {exc}") from None
    if port and given and port != given:
        raise ConfigError(f"{place}: {shown!r} names port {given}, the field for the port {port}; which one is meant?")
    effective = given or port
    try:
        proxy = ProxyServer.parse(start + host_for_url(host) + (f":{effective}" if effective else ""), default_scheme)
    except ConfigError as exc:
        raise ConfigError(f"{place}: {exc}") from None
    notes = [] if server.isascii() else [f"{place}: the name in {server!r} is looked up as {host}"]
    if not effective:
        notes.append(f"{place}: {shown!r} has no port, so {proxy.port} is used")
    repaired = start + server != text.lower()[: len(start)] + text[len(start) :] and f"[{text}]" != server
    return _Found(proxy, bool(names), repaired, notes)


def _why_not(server: str) -> str:
    if _PAC_NAME.search(server):
        return "that looks like the address of a PAC file"
    if "://" in server:
        return "the scheme must be http, https, socks4 or socks5"
    return "it is a host and a port, without a path"


def _is_ipv6(text: str) -> bool:
    if text.startswith("[") or text.count(":") < 2:
        return False
    try:
        split_host_port(f"[{text}]")
    except ValueError:
        return False
    return True
