"""The proxy settings of GNOME and its kin, asked from ``gsettings``, whatever backend it has (dconf, keyfile).

Chromium's reading (SettingGetterImplGSettings in net/proxy_resolution/proxy_config_service_linux.cc): ``enabled`` and
``use-same-proxy`` are never looked at, a SOCKS proxy alone serves everything, ``auto`` without an address asks for
detection. A user and password set there are used, unlike in browsers, which ask for them.
"""

from __future__ import annotations

import ast
import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pacaware._models import ProxyConfig
from pacaware._system.files import file_state
from pacaware._system.reading import Draft, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ask_gsettings", "fingerprint", "parse_listing", "read_config", "settings_from"]

Values: TypeAlias = "dict[str, str | int | bool | list[object]]"
Ask: TypeAlias = "Callable[[Mapping[str, str]], tuple[str | None, str]]"

_SCHEMA: Final = "org.gnome.system.proxy"
_WHERE: Final = f"gsettings {_SCHEMA}"
_SECONDS: Final = 2.0
_LINE: Final = re.compile(rf"{re.escape(_SCHEMA)}(\.[a-z]+)? ([a-z-]+) (?:@\w+ |u?int\d+ )?(.*)")
_SCHEMES: Final = ("http", "https", "ftp", "socks")


def read_config(environ: Mapping[str, str], ask: Ask | None = None) -> Reading:
    """Ask gsettings, which may take some 10 ms; raises ConfigError for a proxy that cannot be made out."""
    listing, problem = (ask or ask_gsettings)(environ)
    if listing is None:
        return Reading(_WHERE, None, problem)
    values = parse_listing(listing)
    mode = values.get("mode")
    config = settings_from(values)
    if config is None:
        return Reading(_WHERE, None, f"mode is {mode!r}, but no proxy is named" if mode else "there is no mode")
    return Reading(_WHERE, config, f"mode is {mode!r}")


def ask_gsettings(environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Return what gsettings lists for the schema, or None and why not."""
    import shutil  # these two take milliseconds, which only a session of GNOME has to pay
    import subprocess

    program = shutil.which("gsettings", path=environ.get("PATH"))
    if program is None:
        return None, "the program gsettings is not installed"
    try:
        answer = subprocess.run(  # noqa: S603 - a program of the desktop with constant arguments, and no shell
            [program, "list-recursively", _SCHEMA],
            env={**environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"gsettings gave no answer within {_SECONDS:.0f} s"
    except OSError as exc:
        return None, f"gsettings cannot be run: {exc.strerror}"
    if answer.returncode != 0:
        said = " ".join(answer.stderr.decode("utf-8", "replace").split())
        return None, f"gsettings failed: {said or answer.returncode}"
    return answer.stdout.decode("utf-8", "replace"), ""


def fingerprint(environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return what changes when a backend has written; cheap enough for every look, unlike asking."""
    home = environ.get("HOME") or str(Path("~").expanduser())
    folder = Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config"))
    places = (folder / "dconf/user", folder / "glib-2.0/settings/keyfile", Path("/etc/dconf/db"))
    return tuple(map(file_state, places))


def parse_listing(text: str) -> Values:
    """Read lines such as ``org.gnome.system.proxy.http port 8080`` into ``{"http.port": 8080}``.

    Values are in GVariant's text form; what is not of it is left out.
    """
    values: Values = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        child, key, value = match[1] or "", match[2], match[3]
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            # Strings, numbers and lists are written as in Python, the two truths are not.
            read = {"true": True, "false": False}.get(value) if value in ("true", "false") else ast.literal_eval(value)
            if isinstance(read, str | int | bool | list):
                values[f"{child[1:]}.{key}" if child else key] = read
    return values


def settings_from(values: Values) -> ProxyConfig | None:
    """Return the settings that the keys of the schema make, or None if they name no proxy."""
    mode = values.get("mode")
    if mode == "none":
        return ProxyConfig(origin="gnome")
    if mode == "manual":
        return _manual(values)
    if mode != "auto":
        return None
    draft = Draft("gnome")
    text = str(values.get("autoconfig-url") or "")
    url = draft.pac_url(text, f"{_WHERE} autoconfig-url")
    return draft.config(ProxyConfig(auto_detect=not text, pac_url=url))


def _manual(values: Values) -> ProxyConfig | None:
    draft = Draft("gnome")
    for scheme in _SCHEMES:
        host, port = str(values.get(f"{scheme}.host") or ""), values.get(f"{scheme}.port")
        if not host.strip():
            continue
        number = port if isinstance(port, int) and 0 < port < 65536 else 0
        draft.proxy(scheme, host, f"{_WHERE}.{scheme} host", number)
    if draft.proxy_server is None:
        return None
    draft.credentials += _credentials(values, draft.proxy_server)
    hosts = values.get("ignore-hosts")
    ignored = ",".join(str(host) for host in hosts) if isinstance(hosts, list) else None
    return draft.config(ProxyConfig(bypass=draft.bypass(ignored, f"{_WHERE} ignore-hosts"), bypass_dialect="gnome"))


def _credentials(values: Values, proxy_server: str) -> list[tuple[str, str, str]]:
    """Return user and password for the HTTP proxy, the only one that the schema has them for."""
    user, password = values.get("http.authentication-user"), values.get("http.authentication-password")
    http = next((entry for entry in proxy_server.split(";") if entry.startswith("http=")), None)
    if values.get("http.use-authentication") is not True or not isinstance(user, str) or not user or http is None:
        return []
    return [(http.partition("://")[2], user, str(password or ""))]
