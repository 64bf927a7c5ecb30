"""pip, which brings a requests and a urllib3 of its own, gets packages from behind the proxy."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pacaware.testing import Certificates
from tests.programs.cloud import Cloud, sdist_of, wheel_of
from tests.programs.conftest import Run

pytestmark = pytest.mark.real

# Those that came with releases of Python 3.11, 3.12 and 3.13, and the newest; urllib3 1.26 is in those before 26.
PIPS = ("23.2.1", "24.0", "24.2", "25.0.1", "26.3")
NEWEST = PIPS[-1]
# Builds an empty wheel; what pip asks of a build backend (PEP 517).
BACKEND = """
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "loopsource-1.0-py3-none-any.whl"
    info = "loopsource-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("loopsource.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: loopsource\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture(scope="module")
def python_with(environment_beside: Callable[..., Path], wheel: Path) -> Callable[[str], Path]:
    """Make an environment with a version of pip, once each."""
    return functools.cache(lambda version: environment_beside([str(wheel), f"pip=={version}"]))


@pytest.fixture
def index(cloud: Cloud) -> Iterator[Cloud]:
    """A package index with one package that needs another, and one that has to be built."""
    top = wheel_of("looptop", "1.0", "import loopbase", needs="loopbase")
    cloud.files |= [wheel_of("loopbase", "1.0", "value = 7"), top]
    cloud.files |= [sdist_of("loopsource", "1.0", "loopbackend"), wheel_of("loopbackend", "1.0", BACKEND)]
    return cloud


@pytest.fixture
def pip(run: Run, index: Cloud, python_with: Callable[[str], Path]) -> Callable[..., str]:
    """Run a pip of some version, which has to succeed; returns its stdout."""

    def run_pip(version: str, *arguments: object, trusted: bool = True, **variables: str) -> str:
        options = ["--no-cache-dir", "--disable-pip-version-check", "--retries", "0", "--timeout", "30"]
        options += ["--index-url", f"{index.url}/simple"]
        options += ["--cert", str(Certificates.shared().ca_path)] if trusted else []
        # Without TLS pip wants to be told.
        options += ["--trusted-host", "origin.test"] if index.scheme == "http" else []
        done = run("-m", "pip", *arguments, *options, python=python_with(version), REQUESTS_CA_BUNDLE=None, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (" goes by PROXY " in done.stderr) is ("PACAWARE_LOG" in variables)
        return done.stdout

    return run_pip


def paths(index: Cloud) -> list[str]:
    """Return what was asked for, in order of time, each once."""
    return list(dict.fromkeys(seen.path for seen in index.seen))


@pytest.mark.parametrize("version", PIPS)
def test_install(version: str, pip, run: Run, index: Cloud, python_with, through_squid):
    """``pip install`` gets a package and the one that it needs; afterwards they can be imported."""
    pip(version, "install", "--force-reinstall", "looptop")
    assert [path for path in paths(index) if path.startswith("/files/")] == [
        "/files/looptop-1.0-py3-none-any.whl",
        "/files/loopbase-1.0-py3-none-any.whl",
    ]
    assert {who.split()[1] for who in through_squid(index)} == {"alice"}
    done = run("-c", "import looptop; print(looptop.loopbase.value)", python=python_with(version))
    assert (done.stdout, done.stderr) == ("7\n", "")


@pytest.mark.parametrize("version", PIPS)
def test_download(version: str, pip, index: Cloud, tmp_path: Path):
    """``pip download`` puts both into a folder."""
    pip(version, "download", "--dest", tmp_path / "wheels", "looptop")
    got = {path.name: path.read_bytes() for path in (tmp_path / "wheels").iterdir()}
    assert got == {name: data for name, data in index.files.items() if name.startswith(("looptop", "loopbase"))}


def test_a_build_of_its_own(pip, index: Cloud, tmp_path: Path):
    """A package that has to be built: the pip that pip starts for the build backend is reached as well."""
    pip(NEWEST, "download", "--dest", tmp_path / "wheels", "loopsource")
    assert "/files/loopbackend-1.0-py3-none-any.whl" in paths(index)


@pytest.mark.parametrize(("version", "variables"), [(NEWEST, {}), (PIPS[0], {"PACAWARE_TRUST": "system"})])
def test_trust_of_the_system(version: str, variables: dict[str, str], pip, tmp_path: Path):
    """Newer pips take the system's certificates by themselves, and still do; older ones do with PACAWARE_TRUST."""
    pip(version, "download", "--dest", tmp_path / "wheels", "loopbase", trusted=False, **variables)
    assert (tmp_path / "wheels" / "loopbase-1.0-py3-none-any.whl").exists()


@pytest.mark.parametrize("variables", [{}, {"PACAWARE_LOG": "1"}], ids=["quiet", "with the log"])
def test_stdout_is_pips(variables: dict[str, str], pip):
    """What pip writes on stdout can be read by a program: nothing of ours is in it, with the log on stderr either."""
    report = json.loads(pip(NEWEST, "install", "--quiet", "--dry-run", "--report", "-", "loopsource", **variables))
    assert [item["metadata"]["name"] for item in report["install"]] == ["loopsource"]
    said = pip(NEWEST, "download", "--no-deps", "looptop", **variables)
    assert "goes by" not in said
    assert "407" not in said
