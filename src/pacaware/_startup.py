"""What PACAWARE=1 does when Python starts: wait for requests, httpx or httpx2 to be imported, then switch them over.

Installed as the top-level module _pacaware_startup, called by pacaware.pth (Python up to 3.17) and pacaware.start
(PEP 829), perhaps by both. It imports os and sys only, since every start of Python may run it, and pacaware itself when
one of the libraries is imported. It never breaks the program: what goes wrong is one line on stderr.
"""

from __future__ import annotations

import os
import sys

__all__ = ["TARGETS", "explain_unknown", "install_hook", "is_on", "main"]

# pip carries its own copy of requests.
TARGETS = ("requests", "httpx", "httpx2", "pip._vendor.requests")

# As the settings in the environment are read (pacaware._system.environ, which imports too much for here).
_ON = ("1", "on", "yes", "true")
_OFF = ("", "0", "off", "no", "false")

_said: set[str] = set()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def is_on(value: str, environ: os._Environ[str] | dict[str, str] = os.environ) -> bool | None:
    """Say what a value of PACAWARE means: on, off, or None for one that means nothing."""
    text = value.strip().lower()
    if text in _OFF:
        return False
    if text in _ON or text == "system" or text.startswith(("http://", "https://")):
        return True
    # Local PAC files need a second word: the variable alone must not make Python read any file.
    if environ.get("PACAWARE_ALLOW_FILE", "").strip().lower() in _ON and _is_path(text):
        return True
    return None


def _is_path(text: str) -> bool:
    if ":" in text:
        return text.startswith("file:") or text[1:3] in (":/", ":\\")
    return text.startswith(("/", "\\", ".", "~")) or text.endswith((".pac", ".dat", ".js"))


def explain_unknown(value: str) -> str:
    """Say that a value of PACAWARE means nothing, without a user and password that may stand in it."""
    shown = ascii(value.rpartition("@")[2][:60])
    return f"PACAWARE={shown} means nothing: use 1, system, the http(s) URL of a PAC file, or 0."


def main() -> None:
    """Install the import hook if PACAWARE asks for it and this process may trust its environment; idempotent."""
    try:
        value = os.environ.get("PACAWARE", "")
        # Under -E and -I the user said that variables must not matter; a setuid program's come from somebody else.
        if not value or sys.flags.ignore_environment or _has_changed_user():
            return
        on = is_on(value)
        if on is None:
            _say(f"{explain_unknown(value)} Not active.")
        elif on:
            install_hook()
            for name in TARGETS:
                module = sys.modules.get(name)
                if module is not None:
                    _patch(name, module)
    except Exception as exc:  # noqa: BLE001 - the program that happens to start here must run, whatever is wrong
        _say(f"not active: {type(exc).__name__}: {exc}")


def install_hook() -> None:
    """Put the finder first among the finders, once."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _has_changed_user() -> bool:
    return hasattr(os, "getuid") and (os.getuid() != os.geteuid() or os.getgid() != os.getegid())


class _Finder:
    """Finds the target libraries through the other finders; it keeps no state, so threads need no lock."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if name not in TARGETS:
            return None
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            if finder is _Finder or find_spec is None:
                continue
            spec = find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader:
    """Stands in for a module's loader until the module has run.

    One wrapper a module: the loader itself may serve others too (a zipimporter serves a whole archive).
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        # Back in place before the module's own code, inspect, pickle or importlib.resources can see it.
        if module.__loader__ is self:
            module.__loader__ = self._loader
        spec: Any = module.__spec__
        name = spec.name
        spec.loader = self._loader
        self._loader.exec_module(module)
        _patch(name, sys.modules.get(name, module))


def _patch(name: str, module: ModuleType) -> None:
    # What is wrong with pacaware itself is said once, however many libraries are imported.
    where = ""
    try:
        from pacaware._activate import check, patch

        check()
        where = f" for {name}"
        patch(name, module)
    except Exception as exc:  # noqa: BLE001 - the import that happens to be under way must succeed
        _say(f"not active{where}: {type(exc).__name__}: {exc}")


def _say(text: str) -> None:
    line = " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")
    # In a virtual environment site runs each .pth file twice.
    if line in _said:
        return
    _said.add(line)
    try:
        sys.stderr.write(f"pacaware: {line}\n")
    except (AttributeError, OSError, ValueError):
        return  # stderr is absent or closed: there is nobody to tell
