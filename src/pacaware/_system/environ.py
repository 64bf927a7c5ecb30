"""Proxy settings in environment variables.

First the variables of this project, together one source: ``PACAWARE=<url>``, ``PACAWARE_PAC_URL``, ``PACAWARE_PROXY``
with ``PACAWARE_BYPASS``, ``PACAWARE_AUTO_DETECT``, ``PACAWARE_ALLOW_FILE``. Then what others set: ``auto_proxy``,
``WSL_PAC_URL``, ``http_proxy`` and its kin, ``SOCKS_SERVER`` (Chromium net/proxy_resolution/
proxy_config_service_linux.cc). Three differences from Chromium are meant: ``https://`` before a proxy means TLS to it,
``all_proxy`` only fills what the others leave out (both as requests and httpx read them), and a value that could mean
two things is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from pacaware._core.lenient import (
    TidyUrl,
    misspelt_scheme,
    tidy_bypass,
    tidy_pac_url,
    tidy_proxies,
    tidy_variable,
)
from pacaware._core.target import parse_target
from pacaware._hosts import split_userinfo
from pacaware._models import ProxyConfig, Step, redact_url
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["explain", "fingerprint", "names_set", "no_proxy", "read_config"]

_Credentials: TypeAlias = tuple[tuple[str, str, str], ...]
_Notes: TypeAlias = tuple[str, ...]

_OWN_NAMES: Final = (
    "PACAWARE",
    "PACAWARE_ALLOW_FILE",
    "PACAWARE_AUTO_DETECT",
    "PACAWARE_BYPASS",
    "PACAWARE_PAC_URL",
    "PACAWARE_PROXY",
)
_CASELESS_NAMES: Final = ("all_proxy", "auto_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy")
_OTHER_NAMES: Final = (
    "REQUEST_METHOD",
    "SOCKS_SERVER",
    "SOCKS_VERSION",
    "WSL_PAC_URL",
    "socks_server",
    "socks_version",
)
_NAMES: Final = (*_OWN_NAMES, *_CASELESS_NAMES, *map(str.upper, _CASELESS_NAMES), *_OTHER_NAMES)
# Which variables come before which: those of the lowest number that is set decide together.
_RANKS: Final = {
    **dict.fromkeys(("PACAWARE", "PACAWARE_AUTO_DETECT", "PACAWARE_PAC_URL", "PACAWARE_PROXY"), 0),
    **dict.fromkeys(("auto_proxy", "AUTO_PROXY"), 1),
    "WSL_PAC_URL": 2,
    **{spelt: 3 for kind in ("http", "https", "ftp", "all") for spelt in (f"{kind}_proxy", f"{kind}_proxy".upper())},
    **dict.fromkeys(("SOCKS_SERVER", "socks_server"), 4),
}
_LEFT_TO_SYSTEM: Final = frozenset({1, 3, 4})
_ON: Final = frozenset({"1", "on", "yes", "true"})
_OFF: Final = frozenset({"", "0", "off", "no", "false"})
_SYSTEM: Final = "system"
_WEB: Final = re.compile(r"https?:", re.IGNORECASE)
_PATH: Final = re.compile(r"file:|[/\\.~]|[A-Za-z]:[/\\]|[^:]*\.(?:pac|dat|js)$", re.IGNORECASE)
_LIST: Final = re.compile(r"[A-Za-z]+=")


def read_config(environ: Mapping[str, str]) -> ProxyConfig | None:
    """Return the settings of the environment, or None if it selects nothing; ``NO_PROXY`` alone selects nothing.

    Raises ConfigError that names the variable whose value cannot be used.
    """
    return _own(environ) or _others(environ)


def no_proxy(environ: Mapping[str, str]) -> str | None:
    """Return the list in ``no_proxy`` or ``NO_PROXY``, or None if neither is set."""
    return _either_case(environ, "no_proxy")


def fingerprint(environ: Mapping[str, str]) -> tuple[str | None, ...]:
    """Return the values of every variable that is read here; two that are equal mean that nothing has changed."""
    return tuple(map(environ.get, _NAMES))


def names_set(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables read here that are set."""
    return tuple(name for name in _NAMES if name in environ)


def explain(environ: Mapping[str, str]) -> tuple[Step, ...]:
    """Say which variables select the proxy, and why others that are set do not."""
    left_out = {name: why for name in names_set(environ) if (why := _left_out(environ, name)) is not None}
    selecting = [name for name in names_set(environ) if name not in left_out and name in _RANKS]
    first = min(map(_RANKS.__getitem__, selecting), default=0)
    used = [name for name in selecting if _RANKS[name] == first]
    left_out |= {name: f"{used[0]} comes first" for name in selecting if name not in used}
    others = [Step("settings", "skipped", f"environment: {name}: {why}") for name, why in left_out.items() if why]
    if used:
        return (Step("settings", "ok", f"environment: {', '.join(used)}"), *others)
    if no_proxy(environ) is not None:
        others.append(Step("settings", "skipped", "environment: NO_PROXY selects no proxy; its exceptions hold"))
    return tuple(others) or (Step("settings", "skipped", "environment: no variable selects a proxy"),)


def _left_out(environ: Mapping[str, str], name: str) -> str | None:
    """Return why a variable that is set selects nothing ("": it is not meant to), or None if it does."""
    value, lower = environ[name].strip(), name.lower()
    if not value and lower != "auto_proxy":
        return ""
    if name == "PACAWARE" and not _names_pac(environ):
        return ""
    if name == "PACAWARE_AUTO_DETECT" and value.lower() not in _ON:
        return ""
    if name == "PACAWARE_PAC_URL" and _names_pac(environ):
        return "PACAWARE comes first"
    if _switch(environ) == _SYSTEM and _RANKS.get(name) in _LEFT_TO_SYSTEM:
        return "PACAWARE=system leaves it out"
    if name == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return "where a web server starts programs, its clients can set it"
    if name != lower and lower in _CASELESS_NAMES and lower in environ:
        # To Windows the two are one.
        return "" if environ[lower] == environ[name] else f"{lower} comes first"
    if name == "socks_server" and "SOCKS_SERVER" in environ:
        return "" if environ[name] == environ["SOCKS_SERVER"] else "SOCKS_SERVER comes first"
    return None


def _names_pac(environ: Mapping[str, str]) -> bool:
    """Whether PACAWARE is not a switch, but the URL of a PAC file."""
    return _switch(environ) not in (_ON | _OFF | {_SYSTEM})


def _own(environ: Mapping[str, str]) -> ProxyConfig | None:
    allow_file = _flag(environ, "PACAWARE_ALLOW_FILE")
    auto_detect = _flag(environ, "PACAWARE_AUTO_DETECT")
    pac = TidyUrl(None, ())
    if _names_pac(environ):
        pac = _pac_url(environ["PACAWARE"], "PACAWARE", allow_file=allow_file)
    elif text := environ.get("PACAWARE_PAC_URL", "").strip():
        pac = _pac_url(text, "PACAWARE_PAC_URL", allow_file=allow_file)
    proxy, credentials, notes = _own_proxy(environ.get("PACAWARE_PROXY", "").strip())
    if not (auto_detect or pac.url or proxy):
        return None
    bypass, found = tidy_bypass(environ.get("PACAWARE_BYPASS", ""), "PACAWARE_BYPASS")
    return ProxyConfig(
        auto_detect=auto_detect,
        pac_url=pac.url,
        proxy_server=proxy,
        bypass=bypass or None,
        bypass_dialect="no_proxy",
        allow_file=allow_file,
        origin="environment",
        proxy_credentials=credentials,
        notes=_steps((*pac.notes, *notes, *found)),
    )


def _others(environ: Mapping[str, str]) -> ProxyConfig | None:
    system = _switch(environ) == _SYSTEM
    auto_proxy = None if system else _either_case(environ, "auto_proxy")
    if auto_proxy is not None:
        return _script_of_the_desktop(auto_proxy.strip(), "auto_proxy", "environment")
    if text := environ.get("WSL_PAC_URL", "").strip():
        return _script_of_the_desktop(text, "WSL_PAC_URL", "wsl")
    return None if system else _proxy_variables(environ)


def _script_of_the_desktop(text: str, variable: str, origin: str) -> ProxyConfig:
    """Like a desktop's, these settings were not made for one program: trouble with the script is no error."""
    url, notes = tidy_pac_url(text, variable)
    return ProxyConfig(auto_detect=not text, pac_url=url, pac_mandatory=False, origin=origin, notes=_steps(notes))


def _proxy_variables(environ: Mapping[str, str]) -> ProxyConfig | None:
    entries: list[str] = []
    credentials: list[tuple[str, str, str]] = []
    notes: list[str] = []

    def add(prefix: str, variable: str, value: str | None, default_scheme: str = "http") -> None:
        if value and value.strip():
            server, found, repairs = _proxy(variable, value.strip(), default_scheme)
            entries.append(prefix + server)
            credentials.extend(found)
            notes.extend(repairs)

    add("http=", "http_proxy", _http_proxy(environ))
    add("https=", "https_proxy", _either_case(environ, "https_proxy"))
    add("ftp=", "ftp_proxy", _either_case(environ, "ftp_proxy"))
    add("", "all_proxy", _either_case(environ, "all_proxy"))
    if not entries:
        version = (_upper_first(environ, "SOCKS_VERSION") or "").strip()
        add("", "SOCKS_SERVER", _upper_first(environ, "SOCKS_SERVER"), "socks4" if version == "4" else "socks5")
    if not entries:
        return None
    bypass, found = tidy_bypass(no_proxy(environ) or "", "NO_PROXY")
    return ProxyConfig(
        proxy_server=";".join(entries),
        bypass=bypass or None,
        bypass_dialect="no_proxy",
        origin="environment",
        proxy_credentials=tuple(credentials),
        notes=_steps((*notes, *found)),
    )


def _steps(notes: Iterable[str]) -> tuple[Step, ...]:
    return tuple(Step("settings", "warning", note) for note in notes)


def _http_proxy(environ: Mapping[str, str]) -> str | None:
    """Read http_proxy; where a web server starts programs, HTTP_PROXY is a header of the client (CVE-2016-5385)."""
    if "REQUEST_METHOD" not in environ:
        return _either_case(environ, "http_proxy")
    # Windows answers for either spelling, so look at the names themselves.
    return next((value for name, value in environ.items() if name == "http_proxy"), None)


def _either_case(environ: Mapping[str, str], name: str) -> str | None:
    """Return the lower-case variable, even if it is empty, before the upper-case one."""
    value = environ.get(name)
    return environ.get(name.upper()) if value is None else value


def _upper_first(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name)
    return environ.get(name.lower()) if value is None else value


def _switch(environ: Mapping[str, str]) -> str:
    return environ.get("PACAWARE", "").strip().lower()


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in _ON | _OFF:
        raise ConfigError(f"{name}={environ[name]!r}: it is either 1 or 0")
    return text in _ON


def _pac_url(text: str, variable: str, *, allow_file: bool) -> TidyUrl:
    url = text.strip()
    notes: _Notes = ()
    # PACAWARE is a switch, too: what is no address as it stands is none (see _startup.py).
    if variable != "PACAWARE":
        tidy = tidy_pac_url(url, variable)
        if tidy.url and _WEB.match(tidy.url):
            url, notes = tidy.url, tidy.notes
    if url[:5].lower() == "data:":
        return TidyUrl(url, notes)
    if _WEB.match(url):
        try:
            parse_target(url)
        except ConfigError as exc:
            raise ConfigError(f"{variable}: {exc}") from None
        return TidyUrl(url, notes)
    if not _PATH.match(url):
        also = " (nor 1, 0 or system)" if variable == "PACAWARE" else ""
        raise ConfigError(
            f"{variable}={redact_url(url)!r}: it is not the URL of a PAC file, such as http://host/proxy.pac{also}"
        )
    if allow_file:
        return TidyUrl(url, ())
    raise ConfigError(
        f"{variable}={redact_url(url)!r}: PAC files are not read from disk; PACAWARE_ALLOW_FILE=1 would allow it"
    )


def _own_proxy(text: str) -> tuple[str | None, _Credentials, _Notes]:
    """Read PACAWARE_PROXY: one proxy, or a list as Windows has them."""
    if not text:
        return None, (), ()
    if not _LIST.match(text) and "=" not in text.rpartition("@")[2]:
        return _proxy("PACAWARE_PROXY", text, "http")
    tidy = tidy_proxies(text, "PACAWARE_PROXY")
    return tidy.text, tidy.credentials, tidy.notes


def _proxy(variable: str, text: str, default_scheme: str) -> tuple[str, _Credentials, _Notes]:
    """Read one proxy with or without a user, as it was meant; the last ``@`` ends the user's password."""
    if misspelt_scheme(text):  # it would be taken for a part of the user's name
        return tidy_variable(text, variable, default_scheme)
    clean, pair = split_userinfo(text)
    server, found, notes = tidy_variable(clean, variable, default_scheme)
    return server, found if pair is None else ((server.partition("://")[2], *pair),), notes
