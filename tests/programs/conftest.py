"""Programs that nobody edits: each in its own process, in an environment where the built wheel is installed.

They are behind squid with NTLM; a PAC file names a dead proxy before it. What they ask for has a name that only squid
knows, so an answer is the proof that the way was right.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pacaware.testing import Certificates, DeadProxy, PacServer, pac_returning
from tests.activation.conftest import PROJECT, wheel
from tests.programs.cloud import Cloud
from tests.real.conftest import available, ntlm_users, squid_ntlm
from tests.real.servers import Missing, RealProxy

__all__ = ["PROJECT", "ntlm_users", "squid_ntlm", "wheel"]

HERE = Path(__file__).parent
PINNED = HERE / "programs.txt"
EXTRAS = "requests,httpx,httpx2,ntlm"
# What would lead a program elsewhere, or have it trust others, on the machine that runs the tests.
FOREIGN = ("PACAWARE", "PIP_", "PYTHON", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "HF_", "OPENAI", "ANTHROPIC", "TWINE")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def make_environment(folder: Path) -> Path:
    """Make a virtual environment without pip; returns its python."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, *what: str) -> None:
    """Install from the package index of this machine; raises Missing where there is none."""
    # Not compiled: most of what is installed is never imported.
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-compile"]
    done = subprocess.run([*command, *what], check=False, capture_output=True, text=True, timeout=600)
    if done.returncode:
        reason = done.stderr.strip()[-500:] or "no reason given"
        raise Missing(f"pip cannot install {shlex.join(what)}: {reason}")


def site_packages(python: Path) -> Path:
    """Return the folder that a virtual environment installs to."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of the environment with all the programs in it."""
    python = make_environment(tmp_path_factory.mktemp("programs"))
    with available():
        install(python, f"{wheel}[{EXTRAS}]", "-r", str(PINNED))
    return python


@pytest.fixture(scope="session")
def environment_beside(programs: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a further environment with ``what``; the other dependencies are those of the programs.

    What the tests themselves have can be found there too. Each argument is what one call of pip gets; the default is
    the wheel.
    """
    others = [str(site_packages(programs)), sysconfig.get_path("purelib")]

    def make(*what: Sequence[str]) -> Path:
        python = make_environment(tmp_path_factory.mktemp("beside"))
        # Paths in a .pth file are searched last, and the .pth files in them are not run.
        (site_packages(python) / "zz_dependencies.pth").write_text("\n".join([*others, ""]))
        with available():
            for arguments in what or [[str(wheel)]]:
                install(python, "--no-deps", "--ignore-installed", *arguments)
        return python

    return make


@pytest.fixture(scope="session")
def pac_url(squid_ntlm: RealProxy) -> Iterator[str]:
    """A PAC file that names a dead proxy, then squid."""
    with DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, squid_ntlm.pac_text)) as pac:
        yield pac.url


@pytest.fixture
def settings(pac_url: str, squid_ntlm: RealProxy) -> dict[str, str]:
    """The variables of a user behind that proxy, who trusts the authority of the test."""
    ca = str(Certificates.shared().ca_path)
    return {
        "PACAWARE": "1",
        "PACAWARE_PAC_URL": pac_url,
        "PACAWARE_PROXY_USERNAME": squid_ntlm.user,
        "PACAWARE_PROXY_PASSWORD": squid_ntlm.password,
        "REQUESTS_CA_BUNDLE": ca,
        "SSL_CERT_FILE": ca,
    }


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    """The variables of a user without any settings, whose home is empty."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def run(programs: Path, clean: dict[str, str], settings: dict[str, str], tmp_path: Path) -> Run:
    """Run a python behind the proxy: ``run("-c", "...", python=..., VARIABLE="...")``; None takes a variable out."""

    def run_python(
        *arguments: object, python: Path = programs, timeout: float = 120, **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        changed = {**clean, **settings, **variables}
        done = subprocess.run(
            [python, *map(str, arguments)],
            env={name: value for name, value in changed.items() if value is not None},
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        print(done.stdout, done.stderr)  # for the report of a failure, which shortens what is compared
        return done

    return run_python


@pytest.fixture(params=["http", "https"])
def cloud(request: pytest.FixtureRequest, squid_ntlm: RealProxy) -> Iterator[Cloud]:
    """The services, in clear text and with TLS."""
    with Cloud(tls=request.param == "https") as cloud:
        yield cloud


@pytest.fixture
def secure_cloud(squid_ntlm: RealProxy) -> Iterator[Cloud]:
    """The services with TLS alone."""
    with Cloud(tls=True) as cloud:
        yield cloud


@pytest.fixture
def through_squid(squid_ntlm: RealProxy) -> Callable[[Cloud], list[str]]:
    """Return what squid noted of a service: one ``METHOD/status user`` for each request that was let through."""

    def look(cloud: Cloud) -> list[str]:
        lines = [line.split() for line in squid_ntlm.access_log().splitlines() if cloud.netloc in line]
        return [f"{method} {user}" for _, _, _, status, _, method, _, user, *_ in lines if not status.endswith("/407")]

    return look
