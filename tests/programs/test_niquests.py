"""niquests, which puts a urllib3 of its own in the place of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs.cloud import Cloud
from tests.programs.conftest import Run

pytestmark = pytest.mark.real

# The versions that docs/activation.md names.
PINNED = ("niquests==3.21.2", "urllib3-future==2.25.904", "jh2==5.0.15", "qh3==2.1.0", "wassima==2.1.5")
BOTH = """
import sys, requests, niquests
print(requests.get(sys.argv[1], timeout=30).status_code, niquests.get(sys.argv[1], timeout=30).status_code)
"""
IN_CODE = """
import pacaware, requests
send = requests.adapters.HTTPAdapter.send
try:
    pacaware.activate()
except ImportError as exc:
    print(exc)
print(requests.adapters.HTTPAdapter.send is send)
"""


@pytest.fixture(scope="module")
def python(environment_beside, wheel: Path) -> Path:
    """An environment where requests runs on urllib3-future."""
    return environment_beside([str(wheel), *PINNED])


def test_it_is_refused(run: Run, python: Path):
    """One clear line says why and what to do; requests and niquests work as without pacaware."""
    with Cloud() as cloud:
        done = run("-c", BOTH, f"http://127.0.0.1:{cloud.port}/echo", python=python)
    assert done.stdout == "200 200\n"
    [line] = done.stderr.splitlines()
    assert line.startswith("pacaware: not active for requests: ImportError: urllib3 2.25.904 is urllib3-future, which ")
    assert "pip uninstall niquests urllib3-future" in line


def test_in_code(run: Run, python: Path):
    """activate() says the same as an exception, and has changed nothing."""
    done = run("-c", IN_CODE, python=python, PACAWARE=None)
    reason, restored = done.stdout.splitlines()
    assert (reason.split(",")[0], restored) == ("urllib3 2.25.904 is urllib3-future", "True")


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_the_others_are_reached(run: Run, python: Path, secure_cloud: Cloud, library: str):
    """Httpx and httpx2 do not run on urllib3: they go by the PAC file as ever."""
    code = f"import {library}; print({library}.get({secure_cloud.url + '/echo'!r}, timeout=30).status_code)"
    done = run("-c", code, python=python)
    assert (done.stdout, done.stderr) == ("200\n", "")
