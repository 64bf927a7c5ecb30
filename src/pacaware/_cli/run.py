"""``pacaware run CMD ...``: a command with PACAWARE=1 in its environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from pacaware._activate import startup_module
from pacaware._cli.say import say
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run"]

# What shells answer when a command is not found, and when it cannot be run.
_NOT_FOUND = 127
_NOT_RUNNABLE = 126


def run(words: Sequence[str]) -> int:
    """Become the command; return an exit status only where it could not be started, and on Windows.

    A value of PACAWARE that already switches pacaware on is left alone; one that means nothing is an error.
    """
    command = list(words[1:] if words[:1] == ["--"] else words)
    if not command:
        print("pacaware run: name a command, for example: pacaware run python script.py", file=sys.stderr)
        return 2
    environ = environment(dict(os.environ))
    sys.stdout.flush()
    try:
        if sys.platform == "win32":
            return _wait_for(command, environ)
        _become(command, environ)
    except (FileNotFoundError, NotADirectoryError):
        return _cannot(command[0], "no such command", _NOT_FOUND)
    except (OSError, ValueError) as exc:
        return _cannot(command[0], getattr(exc, "strerror", None) or str(exc), _NOT_RUNNABLE)


def environment(environ: dict[str, str]) -> dict[str, str]:
    """The environment in which pacaware is on; raises ConfigError for a value of PACAWARE that means nothing."""
    value = environ.get("PACAWARE", "")
    startup = startup_module()
    on = startup.is_on(value, environ)
    if on is None:
        raise ConfigError(startup.explain_unknown(value))
    return environ if on else {**environ, "PACAWARE": "1"}


def _become(command: list[str], environ: dict[str, str]) -> NoReturn:
    os.execvpe(command[0], command, environ)  # noqa: S606 - running the user's command is the job, without a shell


def _wait_for(command: list[str], environ: dict[str, str]) -> int:
    """Windows has no exec: a new process would return to the prompt before the command has ended."""
    import shutil
    import subprocess

    found = shutil.which(command[0])
    if found is None:
        raise FileNotFoundError(command[0])
    with subprocess.Popen([found, *command[1:]], env=environ) as process:  # noqa: S603 - as _become
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # Ctrl-C went to the command too, which decides what it means


def _cannot(word: str, reason: str, status: int) -> int:
    hint = f"; to run a Python script: pacaware run python {word}" if word.endswith(".py") else ""
    say(f"pacaware: cannot run {word}: {reason}{hint}", sys.stderr)
    return status
