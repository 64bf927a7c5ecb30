"""Switching requests, httpx and httpx2 over to pacaware for a whole process, and back.

``activate()`` does in code what PACAWARE=1 does from outside. Both put a finder among Python's import finders (see
_startup.py) that calls ``patch()`` once a library has been imported; how a library is switched over is known by the
``activation`` module of its room, whose ``install`` hands back the function that undoes it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Self

from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from pacaware._models import ProxyConfig
    from pacaware._resolver import ProxyResolver

__all__ = ["activate", "check", "deactivate", "patch", "startup_module"]

_ROOMS: Final = {
    "requests": "pacaware._requests.activation",
    "pip._vendor.requests": "pacaware._requests.activation",
    "httpx": "pacaware._httpx.activation",
    "httpx2": "pacaware._httpx2.activation",
}
# What pacaware cannot do without, by the names to import; the engines of PAC files are looked for in their own process.
_NEEDED: Final = ("anyio", "dns", "h11", "publicsuffixlist", "socksio", "truststore", "urllib3")


class _Activation:
    """One time of being active: what was switched over, with which options, and how to undo it."""

    def __init__(self, options: dict[str, Any], close: Callable[[], None] | None = None) -> None:
        self._options = options
        self._close = close
        self._undo: dict[str, tuple[ModuleType, Callable[[], None]]] = {}
        self._log: _LogToStderr | None = None
        self._quiet: Callable[[], None] | None = None

    def begin(self) -> Self:
        """Start what goes with being active; call it when no other activation is."""
        if _environ("PACAWARE_LOG").lower() in ("1", "on", "yes", "true"):
            self._log = _LogToStderr()
        return self

    def install(self, module: ModuleType, install: Callable[..., Callable[[], None]]) -> None:
        """Switch one library over; again after it was reloaded, since its classes may be new ones."""
        name = module.__name__
        if name.startswith("pip.") and self._quiet is None:
            self._quiet = _keep_out_of_stdout(shows_itself=self._log is not None)
        before = self._undo.pop(name, None)
        if before is not None:
            before[1]()
        self._undo[name] = (module, install(module, **self._options))

    def undo(self) -> None:
        """Put everything back, the last change first."""
        while self._undo:
            self._undo.popitem()[1][1]()
        if self._quiet is not None:
            self._quiet()
        if self._log is not None:
            self._log.remove()
        if self._close is not None:
            self._close()


_lock = threading.RLock()
_current: _Activation | None = None
_switched_off = False


def activate(
    *,
    resolver: ProxyResolver | None = None,
    config: ProxyConfig | None = None,
    pac_url: str | None = None,
    proxy_auth: Any = None,
    trust: str | None = None,
) -> None:
    """Send all of this process's requests, httpx and httpx2 traffic by way of pacaware, from now on.

    Libraries that are imported later are included, sessions of requests made earlier too (clients of httpx have to be
    made afterwards). At most one of ``resolver``, ``config`` and ``pac_url`` says how proxies are chosen; with none the
    environment decides, then the system's settings. ``proxy_auth`` is what the adapters and transports take.
    ``trust="system"`` verifies servers against the operating system's certificates where the program left ``verify``
    alone. Calling it again replaces the options.

    Raises ConfigError if an option cannot be used (nothing has changed then), and what a library that is already
    imported gives as the reason why it cannot be (nothing is active then): ImportError for niquests' urllib3.
    """
    _replace(_Activation(*_options(resolver, config, pac_url, proxy_auth, trust)), off=False)
    startup = startup_module()
    startup.install_hook()
    try:
        for name in startup.TARGETS:
            if sys.modules.get(name) is not None:
                # import_module waits where another thread is still busy importing it.
                patch(name, import_module(name))
    except BaseException:
        deactivate()
        raise


def deactivate() -> None:
    """Undo activate() or PACAWARE=1: every library is again as it was.

    The import finder stays in its place, where it does nothing any more: taking it out while another thread imports
    something could make that import skip a finder.
    """
    _replace(None, off=True)


def _replace(activation: _Activation | None, *, off: bool) -> None:
    global _current, _switched_off
    with _lock:
        before, _current, _switched_off = _current, None, off
        if before is not None:
            before.undo()
        _current = activation and activation.begin()


def check() -> None:
    """Say what keeps every library from being switched over, before the first one is.

    Raises ImportError where packages are missing that pacaware was installed without (``pip install --no-deps``), and
    ConfigError for what the environment says of activation.
    """
    if _current is not None or _switched_off:
        return
    missing = ["dnspython" if name == "dns" else name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(f"{', '.join(missing)} not installed: pip install {' '.join(missing)}")
    _options(None, None, None, None, None)


def patch(name: str, module: ModuleType) -> None:
    """Switch over one library that has just been imported; the import finder calls this.

    ``httpx2.alias_httpx()`` makes ``import httpx`` give httpx2, so the module's own name says what it is.
    """
    global _current
    room = _ROOMS.get(module.__name__) or _ROOMS[name]
    # Imported before the lock is taken: an import may wait for a thread that waits for this lock.
    install = import_module(room).install
    with _lock:
        if _switched_off:
            return
        if _current is None:
            _current = _Activation(*_options(None, None, None, None, None)).begin()
        _current.install(module, install)


def startup_module() -> Any:
    """The module that holds the import finder: top-level where pacaware is installed, ours in a source tree."""
    try:
        return import_module("_pacaware_startup")
    except ModuleNotFoundError:
        return import_module("pacaware._startup")


def _options(
    resolver: ProxyResolver | None,
    config: ProxyConfig | None,
    pac_url: str | None,
    proxy_auth: Any,
    trust: str | None,
) -> tuple[dict[str, Any], Callable[[], None] | None]:
    """What ``install`` gets, and what closes a resolver made here; options that nobody gave are left out."""
    if sum(option is not None for option in (resolver, config, pac_url)) > 1:
        raise ConfigError("activate() takes at most one of resolver, config and pac_url")
    from pacaware._system.trust import TRUST_WORDS, trusts_system

    if trust is None:
        trust = "system" if trusts_system({} if sys.flags.ignore_environment else os.environ) else None
    elif trust != "system":
        raise ConfigError(f"activate(trust=...) can be {TRUST_WORDS}, not {trust!r}")
    close = None
    if config is not None or pac_url is not None:
        from pacaware._models import ProxyConfig
        from pacaware._resolver import ProxyResolver

        resolver = ProxyResolver(config or ProxyConfig(pac_url=pac_url))
        close = resolver.close
    given = {"resolver": resolver, "proxy_auth": proxy_auth, "trust": trust}
    return {key: value for key, value in given.items() if value is not None}, close


def _environ(name: str) -> str:
    return "" if sys.flags.ignore_environment else os.environ.get(name, "").strip()


def _keep_out_of_stdout(*, shows_itself: bool) -> Callable[[], None]:
    """Keep what is of no interest to users of pip from it: it writes records of level INFO to stdout, beside its JSON.

    ``shows_itself`` is whether the records go to stderr already. Returns the undo.
    """
    logger = logging.getLogger("pacaware")
    before = logger.level, logger.propagate
    if shows_itself:
        logger.propagate = False
    elif logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)

    def undo() -> None:
        logger.setLevel(before[0])
        logger.propagate = before[1]

    return undo


class _LogToStderr(logging.Handler):
    """PACAWARE_LOG=1: each record of the logger ``pacaware`` as one line on stderr, on any console."""

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("pacaware")
        self._level_before = self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = " ".join(record.getMessage().split())
            encoding = getattr(sys.stderr, "encoding", None) or "ascii"
            sys.stderr.write(f"pacaware: {line}\n".encode(encoding, "backslashreplace").decode(encoding))
        except Exception:  # noqa: BLE001 - as every handler does: a log line must not break the request
            self.handleError(record)

    def remove(self) -> None:
        """Leave the logger as it was found."""
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level_before)
