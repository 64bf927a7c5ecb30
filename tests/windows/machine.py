"""A Windows of its own under Wine, with pacaware installed as a wheel in a virtual environment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.windows.prepare import PACKAGES, PROJECT, PYTHON

PROGRAMS = Path(__file__).parent / "programs"
JAPANESE = "ja_JP.UTF-8"


class Result(NamedTuple):
    """What a program left; a bad status is the caller's to judge."""

    status: int
    stdout: str
    stderr: str


class Machine:
    """A Wine prefix below ``folder``; everything that runs in it ends with ``close()``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._venv = folder / "venv"
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "WINEPREFIX": str(folder / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
            "LC_ALL": "C.UTF-8",
        }

    def start(self) -> None:
        """Make the prefix and what is installed in it; ``close()`` is needed even if this fails."""
        # Without a terminal and a display. The server that Wine leaves running would hold a pipe open for ever.
        self._wine("wineboot", "--init")
        self._wine("wine", "winecfg", "-v", "win10")
        self._start_server()
        self._wine("wine", str(PYTHON / "python.exe"), "-m", "venv", "--without-pip", str(self._venv))
        self._install()

    def _wine(self, *command: str) -> None:
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run(command, env=self._environ, check=True, timeout=180, stderr=subprocess.DEVNULL, **quiet)

    def _start_server(self) -> None:
        """Keep the Windows up between programs: to start one takes seconds."""
        self._wine("wineserver", "--wait")
        self._wine("wineserver", "--persistent")

    def _install(self) -> None:
        wheels = self._folder / "dist"
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
        subprocess.run(build, cwd=PROJECT, check=True, capture_output=True, timeout=120)
        [wheel] = wheels.glob("*.whl")
        packages = self._venv / "Lib" / "site-packages"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(packages)]
        subprocess.run([*pip, str(wheel)], check=True, capture_output=True, timeout=120)
        (packages / "zz_dependencies.pth").write_text(windows_path(PACKAGES) + "\n")

    @property
    def python(self) -> str:
        """The path of the Python with pacaware, as Windows knows it."""
        return windows_path(self._venv / "Scripts" / "python.exe")

    def run(
        self, *arguments: str, stdin: str = "", timeout: float = 120, encoding: str = "utf-8", **variables: str
    ) -> Result:
        """Run the Windows Python; its output goes to a pipe, since a file makes it crash under Wine."""
        command = ["wine", str(self._venv / "Scripts" / "python.exe"), *arguments]
        with subprocess.Popen(
            command,
            env={**self._environ, "PYTHONIOENCODING": "utf-8", **variables},
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(stdin.encode(), timeout)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        texts = (data.decode(encoding).replace("\r\n", "\n") for data in (out, err))
        return Result(process.returncode, *texts)

    def ask(self, program: str, question: Any, **variables: str) -> Any:
        """Run one of the programs beside this file: JSON in, JSON out."""
        done = self.run(windows_path(PROGRAMS / f"{program}.py"), stdin=json.dumps(question), **variables)
        assert (done.status, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def use_japanese(self) -> dict[str, str] | None:
        """Return the variables that make programs Japanese ones (code page 932); None where the locale is missing."""
        folder = self._folder / "locale"
        if not folder.is_dir():
            if shutil.which("localedef") is None:
                return None
            folder.mkdir()
            make = ["localedef", "-i", "ja_JP", "-f", "UTF-8", str(folder / JAPANESE)]
            subprocess.run(make, check=False, capture_output=True, timeout=60)
        if not (folder / JAPANESE).is_dir():
            return None
        return {"LOCPATH": str(folder), "LC_ALL": JAPANESE, "PYTHONIOENCODING": ""}

    def processes(self, part: str) -> list[int]:
        """Return the processes of this machine with that text in their command."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
                    if part in command and self._venv.name in command and self._folder.name in command:
                        found.append(int(entry.name))
        return found

    def close(self) -> None:
        """End every process of this prefix, and of no other."""
        ended = {"check": False, "timeout": 60, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["wineserver", "--kill"], env=self._environ, **ended)


def windows_path(path: Path) -> str:
    """Return what Windows calls a file of this machine."""
    return "Z:" + str(path).replace("/", "\\")
