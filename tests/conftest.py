"""What every test may use: the servers of pacaware.testing as fixtures."""

import os
import sys

import pytest

from pacaware._auth import stored
from pacaware._auth.guard import GUARD

pytest_plugins = ["pacaware.testing.fixtures"]

# What whoever runs the tests has set for pacaware and for the terminal is no part of them.
for _name in list(os.environ):
    if _name in ("COLUMNS", "LINES", "PACAWARE") or (_name.startswith("PACAWARE_") and _name != "PACAWARE_REAL"):
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
