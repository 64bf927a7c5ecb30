"""The first install behind the proxy, as README.md and docs/install.md tell it: no route but the proxy, NTLM there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from tests.docs.pages import ROOT, page
from tests.netns import lab
from tests.real.conftest import available
from tests.real.cut_off import INSTALLED
from tests.real.servers import Missing, program

pytestmark = pytest.mark.real

# A cable with nobody at its other end: neither a DNS server nor anything else can be reached.
_NETWORK = """
set -e
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip link set eth1 up
ip route add default via 192.0.2.1
mount --bind "$EMPTY" /etc/resolv.conf
exec "$@"
"""
#: What is needed on some systems or Pythons only.
NOT_EVERYWHERE = {"pacparser", "quickjs-ng", "sspilib", "typing-extensions"}


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory) -> Path:
    """What ``make wheelhouse`` collects."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    with available():
        make = program("make", "make")
        options = [f"BIN={Path(sys.executable).parent}", f"WHEELHOUSE={folder}", "--old-file=.venv/.ready"]
        command = [make, "--no-print-directory", *options, "wheelhouse"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            raise Missing(f"make wheelhouse ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    assert "--no-index --find-links" in done.stdout
    return folder


@pytest.fixture(scope="module")
def story(wheelhouse, tmp_path_factory) -> dict:
    """What became of each command on a machine with a loopback interface and nothing else."""
    with available():
        try:
            lab.require()
        except lab.Missing as exc:
            raise Missing(str(exc)) from None
    folder = tmp_path_factory.mktemp("cut-off")
    packages = Path(pacaware.__file__).parent.parent
    empty = folder / "resolv.conf"
    empty.touch()
    story = [sys.executable, "-m", "tests.real.cut_off", str(wheelhouse), str(folder)]
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", _NETWORK, "sh", *story],
        env={**os.environ, "EMPTY": str(empty), "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_there_is_no_way_out(story):
    """Without anything set pip knows no way; with the proxy in a variable it fails at the logon."""
    status, said = story["ended"]["nothing set"]
    assert status != 0
    assert "sample" in said
    status, said = story["ended"]["https_proxy"]
    assert status != 0
    assert "407" in said


def test_the_wheelhouse_is_enough(story):
    """The folder that was carried over holds all that the first install needs."""
    status, said = story["ended"]["first install"]
    assert status == 0, said
    assert {"pacaware", "requests", "pyspnego"} <= set(story["installed"])


def test_then_pip_finds_its_way(story):
    """With PACAWARE=1 pip installs from an index behind the proxy, and logs on by NTLM."""
    status, said = story["ended"]["PACAWARE=1"]
    assert status == 0, said
    assert "Successfully installed sample-1.0" in said
    assert story["ended"]["sample"] == [0, "42\n"]
    assert ["CONNECT", 200, "NTLM"] in story["proxy"]


def test_the_doctor_agrees(story):
    """The doctor finds the way open."""
    status, said = story["ended"]["doctor"]
    assert status == 0, said


def test_the_list_for_the_browser(story):
    """The page lists what was installed, so that somebody with a browser alone can collect it."""
    table = page("docs/install.md").split("| always |")[1].split("\n\n")[0]
    listed = set(re.findall(r"`([a-z0-9-]+)`", table))
    installed = {re.sub(r"[-_.]+", "-", name).lower() for name in story["installed"]}
    assert installed <= listed
    assert listed - installed <= NOT_EVERYWHERE


def test_the_line_that_is_told():
    """The README and the page name what was tried here."""
    for name in ("README.md", "README.ja.md", "docs/install.md"):
        assert f"python -m pip install --no-index --find-links wheelhouse '{INSTALLED}'" in page(name)
