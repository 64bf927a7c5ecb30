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

__all__ = ["build_wheel", "environment", "install", "make_venv", "python_of", "run", "site_packages"]

_STARTS = 250
_IMPORT = "import time; t=time.perf_counter(); import pacaware; print((time.perf_counter()-t)*1e6)"


def run() -> Iterator[Result]:
    """Yield the results, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        plain, ours = make_venv(folder / "plain", other=True), make_venv(folder / "ours", other=True)
        bare, alone = make_venv(folder / "bare"), make_venv(folder / "alone")
        for environment in (ours, alone):
            install(wheel, environment)
        pairs = _starts((ours, {}), (plain, {}))
        yield of_pairs(
            "interpreter start, PACAWARE unset / the same venv without pacaware", pairs, target="(see below)"
        )
        yield _added("added to the start of the interpreter", pairs, limit_us=150)
        pairs = _starts((alone, {}), (bare, {}))
        yield _added("the same where pacaware.pth is the only .pth file", pairs)
        pairs = _starts((ours, {"PACAWARE": "1"}), (ours, {}))
        yield _added("added by PACAWARE=1 where no HTTP library is imported", pairs, limit_us=1000)
        yield _import(ours)


def environment() -> dict[str, str]:
    """The variables of a process that is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PACAWARE", "PYTHON"))}


def build_wheel(folder: Path) -> Path:
    """Build the wheel and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def make_venv(folder: Path, *, other: bool = False) -> Path:
    """Make a virtual environment, with one .pth file of somebody else's if ``other``; returns its folder."""
    venv.create(folder, with_pip=False)
    if other:
        (site_packages(folder) / "another.pth").write_text("import os; os.environ.get('ANOTHER')\n")
    return folder


def site_packages(environment: Path) -> Path:
    """Return where a virtual environment has its packages."""
    return next(environment.glob("lib/python*/site-packages"))


def install(wheel: Path, environment: Path) -> None:
    """Put the wheel into a virtual environment."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages(environment))


def python_of(environment: Path) -> str:
    """Return the python of a virtual environment."""
    return str(environment / "bin" / "python")


_Way = tuple[Path, dict[str, str]]


def _starts(ours: _Way, theirs: _Way) -> list[tuple[float, float]]:
    """Start both in turn, so often; returns the times of each pair."""
    pairs = []
    for number in range(_STARTS + 10):
        both = (ours, theirs) if number % 2 else (theirs, ours)
        times = [_start(*way) for way in both]
        if number >= 10:
            pairs.append((times[0], times[1]) if number % 2 else (times[1], times[0]))
    return pairs


def _start(folder: Path, variables: dict[str, str]) -> float:
    command, variables = [python_of(folder), "-c", "pass"], environment() | variables
    started = time.perf_counter()
    subprocess.run(command, check=True, env=variables)
    return (time.perf_counter() - started) * 1e6


def _added(name: str, pairs: list[tuple[float, float]], limit_us: float | None = None) -> Single:
    added = sorted(a - b for a, b in pairs)
    median = statistics.median(added)
    met = None if limit_us is None else median <= limit_us
    target = "" if limit_us is None else f"<= {limit_us:g} us"
    return Single(name, target, met, median, added[len(added) // 4], added[3 * len(added) // 4])


def _import(folder: Path) -> Result:
    command = [python_of(folder), "-c", _IMPORT]
    samples = sorted(
        float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout)
        for _ in range(60)
    )
    median = statistics.median(samples)
    return Single("import pacaware", "<= 3 ms", median <= 3000, median, samples[15], samples[45])
