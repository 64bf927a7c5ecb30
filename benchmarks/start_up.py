"""What pacaware costs a program that does not use it: the start of the interpreter, and the import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Result, Single, of_pairs

__all__ = ["run"]

_STARTS = 250
_IMPORT = "import time; t=time.perf_counter(); import pacaware; print((time.perf_counter()-t)*1e6)"


def run() -> Iterator[Result]:
    """Yield the results, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = _wheel(folder)
        plain, ours = _venv(folder / "plain"), _venv(folder / "ours")
        _install(wheel, ours)
        yield from _interpreter(_python(plain), _python(ours))
        yield _import(_python(ours))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PACAWARE", "PYTHON"))}


def _wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def _venv(folder: Path) -> Path:
    venv.create(folder, with_pip=False)
    site_packages = next(folder.glob("lib/python*/site-packages"))
    (site_packages / "another.pth").write_text("import os; os.environ.get('ANOTHER')\n")
    return folder


def _install(wheel: Path, environment: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(next(environment.glob("lib/python*/site-packages")))


def _python(environment: Path) -> str:
    return str(environment / "bin" / "python")


def _interpreter(plain: str, ours: str) -> Iterator[Result]:
    pairs = []
    for number in range(_STARTS + 10):
        order = (plain, ours) if number % 2 else (ours, plain)
        times = {python: _start(python) for python in order}
        if number >= 10:
            pairs.append((times[ours], times[plain]))
    yield of_pairs("interpreter start, PACAWARE unset / the same venv without pacaware", pairs, target="(see below)")
    added = sorted(a - b for a, b in pairs)
    median = statistics.median(added)
    low, high = added[len(added) // 4], added[3 * len(added) // 4]
    yield Single("added to the start of the interpreter", "<= 150 us", median <= 150, median, low, high)


def _start(python: str) -> float:
    started = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True, env=_environment())
    return (time.perf_counter() - started) * 1e6


def _import(python: str) -> Result:
    samples = sorted(
        float(
            subprocess.run(
                [python, "-c", _IMPORT], check=True, capture_output=True, text=True, env=_environment()
            ).stdout
        )
        for _ in range(60)
    )
    median = statistics.median(samples)
    return Single("import pacaware", "<= 3 ms", median <= 3000, median, samples[15], samples[45])


def _import_once(python: str) -> float:
    command = [python, "-c", _IMPORT]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=_environment()).stdout)
