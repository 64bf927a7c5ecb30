"""Which JavaScript engine and which interpreter the process of a PAC file gets; neither is imported or run here."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware.errors import ConfigError, PacEngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Engine", "Launcher", "find_engines", "find_interpreter", "find_launcher", "relaunch"]

_ORDER: Final = {"quickjs": ("quickjs",), "pacparser": ("pacparser",)}
_PYTHON: Final = re.compile(r"(?:python|pypy)[0-9.]*[a-z]{0,2}(?:\.exe)?", re.IGNORECASE)
_VARIABLE: Final = "PACAWARE_WORKER_PYTHON"
_START: Final = Path(__file__).with_name("start.py")


class Engine(NamedTuple):
    """An engine that is installed, and the folder its extension module lies in."""

    name: str
    folder: str


class Launcher(NamedTuple):
    """The command that becomes a worker, to which its arguments are added, and how much longer it may take."""

    python: str
    command: tuple[str, ...]
    patience: float = 1.0


class _Relaunch:
    """The argument that makes a second copy of this program a worker, once it has called freeze_support().

    A copy that is a worker never gets past that call, so none starts further ones.
    """

    flag: str | None = None


relaunch: Final = _Relaunch()


def filter_expected(platform: str = sys.platform, machine: str | None = None) -> bool:
    """Whether a worker on this machine should be able to give up its system calls."""
    return platform == "linux" and (machine or os.uname().machine) in ("x86_64", "aarch64")


def find_engines(choice: str, *, places: bool = False) -> list[Engine]:
    """Return the installed engines that ``choice`` (auto, quickjs, pacparser) allows, best first.

    The choice auto is pacparser where system calls are filtered, else quickjs-ng, which can be interrupted and has a
    cap on its memory; with ``places`` it is quickjs-ng everywhere, which knows best where an error is. Raises
    PacEngineError, saying what to install, if there is none.
    """
    if choice != "auto" and choice not in _ORDER:
        raise ConfigError(f"engine={choice!r}: the engine is 'auto', 'quickjs' or 'pacparser'")
    pacparser_first = filter_expected() and not places
    names = _ORDER.get(choice) or (("pacparser", "quickjs") if pacparser_first else ("quickjs", "pacparser"))
    found = [Engine(name, folder) for name in names if (folder := _folder(name)) is not None]
    if not found:
        wanted = "quickjs-ng (or pacparser)" if choice == "auto" else {"quickjs": "quickjs-ng"}.get(choice, choice)
        extra = "pacparser" if choice == "pacparser" else "quickjs"
        raise PacEngineError(
            f"a PAC file needs a JavaScript engine and {wanted} is not installed here: "
            f"python -m pip install 'pacaware[{extra}]'"
        )
    return found


def _folder(name: str) -> str | None:
    try:
        spec = importlib.util.find_spec("_quickjs" if name == "quickjs" else "pacparser")
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if name == "quickjs":
        return None if spec.origin is None else str(Path(spec.origin).parent)
    # The package itself does nothing but import its extension, slowly.
    for folder in spec.submodule_search_locations or ():
        if any(Path(folder).glob("_pacparser.*")):
            return folder
    return None


def find_launcher(worker_python: str | None = None, environ: Mapping[str, str] | None = None) -> Launcher:
    """Return how to start a worker: with a Python, or as a second copy of a frozen program that is ready for it.

    Raises PacEngineError if there is no way.
    """
    named = worker_python or (os.environ if environ is None else environ).get(_VARIABLE)
    if relaunch.flag and not named:
        # A one-file program unpacks itself first.
        return Launcher(sys.executable, (sys.executable, relaunch.flag), 10.0)
    python = find_interpreter(worker_python, environ)
    return Launcher(python, (python, "-I", "-S", str(_START)))


def find_interpreter(worker_python: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return the Python that runs the worker: the one named, ours if it is a Python, else the one of our installation.

    A frozen program must never be started again as if it were a Python. Raises PacEngineError if there is none.
    """
    named = worker_python or (os.environ if environ is None else environ).get(_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise PacEngineError(f"the Python named by worker_python= or {_VARIABLE} does not exist: {named}")
        return named
    if sys.executable and not getattr(sys, "frozen", False) and _PYTHON.fullmatch(Path(sys.executable).name):
        return sys.executable
    prefix = Path(sys.exec_prefix)
    installed = prefix / "python.exe" if os.name == "nt" else prefix / "bin" / "python"
    if installed.is_file():
        return str(installed)
    raise PacEngineError(
        "a PAC file runs in a Python process of its own and this program is not a Python: "
        f"name one with worker_python= or the variable {_VARIABLE}; "
        "a frozen program can call pacaware.freeze_support() first thing instead"
    )
