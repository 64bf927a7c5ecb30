"""The proxy settings of KDE 3 to 6, in files named kioslaverc.

Chromium's reading (SettingGetterImplKDE in net/proxy_resolution/proxy_config_service_linux.cc), with things that KDE
does and Chromium does not: ``$XDG_CONFIG_HOME``, ``/etc/xdg`` where ``$XDG_CONFIG_DIRS`` is not set, variables in
values whose key carries ``[$e]``, keys that an administrator has locked with ``[$i]``, and keys deleted with ``[$d]``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._models import ProxyConfig
from pacaware._system.desktop import kde_version
from pacaware._system.files import file_state
from pacaware._system.reading import Draft, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Entry", "config_files", "fingerprint", "merged", "parse_kioslaverc", "read_config", "settings_from"]

_FILE: Final = "kioslaverc"
# Chromium reads lines into 512 bytes and skips those that do not fit; a whole list of exceptions may be longer.
_LONGEST_FILE: Final = 1_048_576
_GROUP: Final = re.compile(r"\[Proxy Settings\]((?:\[\$[a-z]+\])?)\s*")
_KEY: Final = re.compile(r"\s*([^=\[]*[^=\[\s])\s*((?:\[[^\]]*\])*)\s*(?:=(.*))?")
_LOCKED: Final = re.compile(r"\[\$[a-z]*i[a-z]*\]")
_EXPANDED: Final = re.compile(r"\[\$[a-z]*e[a-z]*\]")
_DELETED: Final = re.compile(r"\[\$[a-z]*d[a-z]*\]")
_VARIABLE: Final = re.compile(r"\$(?:\$|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ESCAPE: Final = re.compile(r"\\(?:([stnr\\])|x([0-9a-fA-F]{2}))")
_ESCAPED: Final = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
_PROXIES: Final = (("http", "httpProxy"), ("https", "httpsProxy"), ("ftp", "ftpProxy"), ("socks", "socksProxy"))
_FIRST: Final = re.compile(r"[, ]")
_HOST_AND_PORT: Final = re.compile(r"(\S+)\s+(\S+)")


class Entry(NamedTuple):
    """A key of the group ``[Proxy Settings]``, "" for the group itself; the value None takes away what was there.

    What is ``locked`` is not changed by what is read later, which is the user's own.
    """

    key: str
    value: str | None
    locked: bool = False


class _Value(NamedTuple):
    text: str
    file: Path


def read_config(environ: Mapping[str, str], home: Path | None = None) -> Reading:
    """Read kioslaverc where this session's KDE keeps it; ``home`` is used where ``$HOME`` is not set.

    Raises ConfigError for a proxy that cannot be made out.
    """
    files = config_files(environ, home)
    where = ", ".join(map(str, reversed(files))) or "kioslaverc: no home directory"
    values = merged(files, environ)
    if not values:
        return Reading(where, None, "there is no such file with proxy settings")
    config = settings_from(values, environ)
    used = ", ".join(dict.fromkeys(str(value.file) for value in values.values()))
    if config is None:
        return Reading(used, None, "its settings name no proxy")
    return Reading(used, config, f"ProxyType={values['ProxyType'].text}")


def merged(files: Iterable[Path], environ: Mapping[str, str]) -> dict[str, _Value]:
    """Return the values of several files by key, the last file winning where nothing is locked."""
    values: dict[str, _Value] = {}
    locked: set[str] = set()
    for file in files:
        if "" in locked:
            break
        for key, value, locks in parse_kioslaverc(_read(file) or "", environ):
            if key and key not in locked:
                values.pop(key, None)
                if value is not None:
                    values[key] = _Value(value, file)
            if locks:
                locked.add(key)
    return values


def config_files(environ: Mapping[str, str], home: Path | None = None) -> list[Path]:
    """Return the places of kioslaverc, the one that wins last."""
    if kde_home := environ.get("KDEHOME"):
        return [Path(kde_home, "share/config", _FILE)]
    own = Path(environ["HOME"]) if environ.get("HOME") else home
    if own is None:
        return []
    version = kde_version(environ)
    if version >= 5:
        config_home = environ.get("XDG_CONFIG_HOME") or own / ".config"
        shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
        return [Path(folder, _FILE) for folder in (*reversed([item for item in shared if item]), config_home)]
    kde3, kde4 = own / ".kde/share/config", own / ".kde4/share/config"
    if version == 4 and (changed := _changed(kde4)) is not None and changed >= (_changed(kde3) or 0):
        return [kde4 / _FILE]
    return [kde3 / _FILE]


def fingerprint(environ: Mapping[str, str], home: Path | None = None) -> tuple[object, ...]:
    """Return what changes when one of the files is written; cheap enough for every look."""
    return tuple(map(file_state, config_files(environ, home)))


def parse_kioslaverc(text: str, environ: Mapping[str, str]) -> Iterator[Entry]:
    """Yield the entries of the groups ``[Proxy Settings]``; later ones replace earlier ones.

    Of the marks in brackets behind a key, ``$e`` puts variables into its value, ``$i`` locks it and ``$d`` deletes it;
    others are dropped. ``[$i]`` behind the group locks all of it, before all groups the whole file.
    """
    inside = started = False
    for line in re.split(r"\r?\n", text):
        if line.startswith("["):
            group = _GROUP.fullmatch(line)
            inside = group is not None
            marks = group[1] if group else "" if started else line.rstrip()
            if _LOCKED.fullmatch(marks):
                yield Entry("", None, locked=True)
            started = True
        elif inside and (match := _KEY.fullmatch(line)):
            key, marks, raw = match.groups()
            if raw is not None:
                yield Entry(key, _value(raw, marks, environ), _LOCKED.search(marks) is not None)
            elif _DELETED.search(marks):
                yield Entry(key, None, _LOCKED.search(marks) is not None)


def _value(raw: str, marks: str, environ: Mapping[str, str]) -> str:
    value = _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]] if escape[1] else chr(int(escape[2], 16)), raw.strip())
    if not _EXPANDED.search(marks):
        return value
    return _VARIABLE.sub(lambda name: "$" if name[0] == "$$" else environ.get(name[1] or name[2], ""), value)


def settings_from(values: Mapping[str, _Value], environ: Mapping[str, str]) -> ProxyConfig | None:
    """Return the settings that the keys of kioslaverc make, or None if they name no proxy."""
    mode = _number(values["ProxyType"].text) if "ProxyType" in values else 0
    if mode not in (1, 2, 3, 4):
        return ProxyConfig(origin="kde") if "ProxyType" in values else None
    if mode == 3:
        return ProxyConfig(auto_detect=True, origin="kde")
    draft = Draft("kde")
    if mode == 2:
        script = values.get("Proxy Config Script")
        url = draft.pac_url(script.text, f"Proxy Config Script in {script.file}") if script else None
        # As in Chromium, a mode that wants a script and names none asks for detection.
        return draft.config(ProxyConfig(pac_url=url, auto_detect=script is None or not script.text))
    return _manual(values, environ if mode == 4 else None, draft)


def _manual(values: Mapping[str, _Value], indirect: Mapping[str, str] | None, draft: Draft) -> ProxyConfig | None:
    """Read the manual settings; with ``indirect`` the values are names of variables."""

    def value(key: str) -> tuple[str, str]:
        found = values.get(key)
        if found is None or not found.text:
            return "", ""
        place = f"{key} in {found.file}"
        if indirect is None:
            return found.text, place
        name = _FIRST.split(found.text)[0]
        # Like Chromium's base/environment.cc, which takes HTTP_PROXY for http_proxy and the other way round.
        other = name.upper() if name[:1].islower() else name.lower()
        if "REQUEST_METHOD" in indirect:  # where a web server starts programs, HTTP_PROXY is a header of the client
            other = name
        return indirect.get(name, indirect.get(other, "")), f"{name} (named by {place})"

    for scheme, key in _PROXIES:
        text, place = value(key)
        if text.strip() and not text.startswith("//:"):
            draft.proxy(scheme, _HOST_AND_PORT.sub(r"\1:\2", text), place)
    if draft.proxy_server is None:
        return None
    reverse = values["ReversedException"].text.lower() if "ReversedException" in values else ""
    return draft.config(
        ProxyConfig(
            bypass=draft.bypass(*value("NoProxyFor")),
            bypass_dialect="kde",
            reverse_bypass=reverse == "true" or _number(reverse) != 0,
        )
    )


def _number(text: str) -> int:
    match = re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip(), re.ASCII)
    return int(match[0]) if match else 0


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return stream.read(_LONGEST_FILE).decode("utf-8", "replace")
    except OSError:
        return None


def _changed(folder: Path) -> float | None:
    try:
        return folder.stat().st_mtime
    except OSError:
        return None
