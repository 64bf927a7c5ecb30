"""Credentials that are on this machine already: in netrc, in the key ring, and the login itself."""

from __future__ import annotations

import functools
import getpass
import importlib
import logging
import netrc
import os
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from pacaware._auth.credentials import CredentialProvider
from pacaware._core.auth import Credentials
from pacaware._models import ProxyServer
from pacaware.errors import ConfigError

__all__ = ["AmbientCredentials", "KeyringCredentials", "NetrcCredentials"]

_log: Final = logging.getLogger("pacaware")
_KEYRING_SECONDS: Final = 2.0
_KEYRING_REST: Final = 60.0  # how long a key ring that is missing or did not answer is left alone


class NetrcCredentials(CredentialProvider):
    """The entry of netrc for exactly this proxy's host; ``default`` never counts, for it is meant for anybody.

    Without a ``file``: what NETRC names, else ``~/.netrc`` (``~/_netrc``), which may be missing. Raises ConfigError if
    a ``file`` given here cannot be read.
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self._file = None if file is None else os.fspath(file)

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the login and password of ``machine <host>``."""
        path = self._path()
        if path is None:
            return None
        try:
            entry = netrc.netrc(path).hosts.get(proxy.host)
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as exc:
            # The message of a parser may quote the line it did not understand.
            if self._file is not None:
                raise ConfigError(f"the netrc file {path} cannot be read: {type(exc).__name__}") from None
            _log.warning("%s cannot be read: %s", path, type(exc).__name__)
            return None
        if entry is None or not entry[0]:
            return None
        return Credentials(entry[0], entry[2] or "", f"{path}")

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether there is a file."""
        return self._path() is not None

    def _path(self) -> str | None:
        if self._file is not None:
            return self._file
        named = os.environ.get("NETRC")
        if named:
            return named if Path(named).is_file() else None
        try:
            home = Path.home()
        except RuntimeError:  # no home directory
            return None
        return next((str(path) for name in (".netrc", "_netrc") if (path := home / name).is_file()), None)


class KeyringCredentials(CredentialProvider):
    """The user and password under the service ``pacaware:host:port`` of the system's key ring.

    Needs ``pip install "pacaware[keyring]"``; without it, and where the key ring is locked or does not answer within
    two seconds, nothing is found. The Keychain of macOS finds an entry by its user only: there that must be the name of
    whoever is logged on.
    """

    def __init__(self) -> None:
        self._resting_until = 0.0

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return the pair stored for this very proxy."""
        if time.monotonic() < self._resting_until:
            return None
        try:
            keyring = importlib.import_module("keyring")
        except ImportError:
            self._resting_until = time.monotonic() + _KEYRING_REST  # looking for it takes time too
            return None
        found: list[Any] = []

        def ask() -> None:
            try:
                service = f"pacaware:{proxy.netloc}"
                entry = keyring.get_credential(service, None)
                found.append(keyring.get_credential(service, getpass.getuser()) if entry is None else entry)
            except Exception as exc:  # noqa: BLE001  # each backend has its own; none of them is worth a failed request
                _log.debug("the key ring cannot be asked: %s", type(exc).__name__)
                found.append(None)

        # It may wait for a person to unlock it, and there is no way to call it off.
        thread = threading.Thread(target=ask, name="pacaware-keyring", daemon=True)
        thread.start()
        thread.join(_KEYRING_SECONDS)
        if not found:
            self._resting_until = time.monotonic() + _KEYRING_REST
            _log.warning("the key ring does not answer; is it locked?")
            return None
        entry = found[0]
        if entry is None or not entry.username:
            return None
        return Credentials(entry.username, entry.password or "", f"the key ring (pacaware:{proxy.netloc})", named=True)

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether the package is installed."""
        return _installed("keyring")


class AmbientCredentials(CredentialProvider):
    """The login of this machine: the Kerberos ticket cache, on Windows whoever is logged on.

    Only schemes that never see a password can use it: Negotiate, and NTLM on Windows.
    """

    blocking: ClassVar[bool] = False

    def find(self, proxy: ProxyServer) -> Credentials | None:
        """Return what stands for the login."""
        return Credentials("", "", "the login of this machine", ambient=True)

    def may_find(self, proxy: ProxyServer) -> bool:
        """Say whether there is anything to use the login with, and a place where its tickets may be."""
        return sys.platform == "win32" or (_installed("krb5") and _may_have_tickets())


def _may_have_tickets() -> bool:
    """Say no only where the tickets would be in a file, and there is none (MIT Kerberos, "Credential cache types")."""
    cache = os.environ.get("KRB5CCNAME") or default_cache()
    if cache is None:
        return True
    kind, colon, path = cache.partition(":")
    if colon and kind != "FILE":
        return True
    return Path(path if colon else cache).exists()


@functools.cache
def default_cache(configuration: Path = Path("/etc/krb5.conf")) -> str | None:
    """Return where MIT Kerberos keeps tickets if nothing else is configured, or None where something may be."""
    try:
        configured = "default_ccache_name" in configuration.read_text(encoding="utf-8", errors="replace")
    except OSError:
        configured = False
    if configured or Path(f"{configuration}.d").is_dir() or sys.platform != "linux":
        return None
    return f"FILE:/tmp/krb5cc_{os.getuid()}"


@functools.cache
def _installed(module: str) -> bool:
    return find_spec(module) is not None
