"""pacaware.testing.fixtures, as a project that tests with pacaware uses it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware.testing
from pacaware.testing import fixtures

TEST = """
import urllib.request


def test_through_the_proxy(proxy, origin, pac_server, auth_proxy, dead_proxy, black_hole, socks4_proxy, socks5_proxy):
    handler = urllib.request.ProxyHandler({"http": proxy.url})
    with urllib.request.build_opener(handler).open(origin.url_for("origin.test"), timeout=5) as response:
        assert response.status == 200
    assert [seen.status for seen in proxy.requests] == [200]


def test_each_test_has_its_own(proxy):
    assert proxy.requests == ()
"""


def test_in_another_project(tmp_path):
    """One line in a conftest.py makes the servers available, fresh for each test."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pacaware.testing.fixtures"]\n')
    (tmp_path / "test_it.py").write_text(TEST)
    # An exception for every host in NO_PROXY would keep urllib from the proxy.
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environ["PYTHONPATH"] = str(Path(pacaware.testing.__file__).parents[2])
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("name", fixtures.__all__)
def test_documented(name, request):
    """Each name is a fixture that works here, and says what it is."""
    assert getattr(fixtures, name).__doc__
    assert request.getfixturevalue(name) is not None


def test_complete():
    """__all__ has every fixture, sorted."""
    found = [name for name, value in vars(fixtures).items() if "fixture" in type(value).__name__.lower()]
    assert fixtures.__all__ == sorted(found)
