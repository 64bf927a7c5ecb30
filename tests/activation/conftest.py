"""The package as it is installed: a wheel, built once, in a virtual environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pacaware.testing import BasicUsers, Certificates, DeadProxy, Origin, PacServer, Proxy, pac_returning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What would switch pacaware on, or have a program trust others, on the machine that runs the tests.
FOREIGN = ("PACAWARE", "PIP_", "PYTHON", "SSL_CERT", "REQUESTS_CA", "CURL_CA")
PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline with the build backend that is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=120)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it, and this one's dependencies beside it; its python."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, timeout=120)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    # A path in a .pth file is searched last, and the .pth files in it are not run.
    (Path(site) / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run that python in a clean environment: ``run("-c", "...", PACAWARE="1")``; None takes a variable out."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    clean = {name: value for name, value in clean.items() if not name.lower().endswith("_proxy")}

    def run_python(
        *arguments: str, under: Sequence[str] = (), **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*under, environment, *arguments],
            env={name: value for name, value in {**clean, **variables}.items() if value is not None},
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run_python


@pytest.fixture
def origin():
    """An origin in clear text."""
    with Origin() as origin:
        yield origin


@pytest.fixture
def secure_origin():
    """An origin with TLS."""
    with Origin(tls=True) as origin:
        yield origin


@pytest.fixture
def proxy():
    """A proxy with Basic."""
    with Proxy(BasicUsers({"alice": "wonder:land"})) as proxy:
        yield proxy


@pytest.fixture
def settings(proxy: Proxy):
    """The variables of a user behind a PAC file whose first proxy is dead and whose second wants a logon."""
    with DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac:
        ca = str(Certificates.shared().ca_path)
        yield {
            "PACAWARE": "1",
            "PACAWARE_PAC_URL": pac.url,
            "PACAWARE_PROXY_USERNAME": "alice",
            "PACAWARE_PROXY_PASSWORD": "wonder:land",
            "REQUESTS_CA_BUNDLE": ca,
            "SSL_CERT_FILE": ca,
        }
