"""What every test may use: the servers of pacaware.testing as fixtures."""

import os
import sys

import pytest

from pacaware._auth import stored
from pacaware._auth.guard import GUARD
from pacaware._system.environ import names_set

pytest_plugins = ["pacaware.testing.fixtures"]

# What is set for proxies, the desktop and the terminal of whoever runs the tests is no part of them; nor is it of the
# programs that they start. No test needs the network.
_DESKTOP = {"DESKTOP_SESSION", "GNOME_DESKTOP_SESSION_ID", "KDEHOME", "KDE_FULL_SESSION", "KDE_SESSION_VERSION"}
_FOREIGN = {*_DESKTOP, "XDG_CURRENT_DESKTOP", "COLUMNS", "LINES", *names_set(os.environ)}
for _name in list(os.environ):
    if _name in _FOREIGN or (_name.startswith("PACAWARE_") and _name != "PACAWARE_REAL"):
        del os.environ[_name]


@pytest.fixture(autouse=True)
def no_logons_are_remembered():
    """Forget what other tests' proxies rejected: the lock-out guard is one for the process."""
    GUARD.forget()


@pytest.fixture(autouse=True)
def no_logons_of_this_machine(monkeypatch, tmp_path):
    """Keep the netrc file, the tickets and the key ring of whoever runs the tests out of them."""
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/no-tickets")
    # As if the package were not installed, which child processes cannot be told: there it finds an empty ring.
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    stored._installed.cache_clear()
