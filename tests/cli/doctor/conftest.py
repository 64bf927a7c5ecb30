"""A walk with the settings that a test names, on a machine that is nothing but loopback."""

from __future__ import annotations

import os

import pytest

from pacaware._cli.doctor.findings import Finding
from pacaware._cli.doctor.walk import Around, Limits, walk
from pacaware.testing import Certificates
from tests._system.machines import linux
from tests.cli.doctor.looks import QUICK, Walk, settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting or credential of the machine that runs the tests counts."""
    for name in list(os.environ):
        if name.upper().startswith(("PACAWARE", "AUTO_PROXY", "WSL_PAC", "SOCKS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", "/nonexistent/netrc")
    monkeypatch.setenv("KRB5_CONFIG", "/nonexistent/krb5.conf")


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Walk with environment variables as the settings; returns what is found."""

    def run(url: str | None = None, *, limits: Limits = QUICK, **given: object) -> list[Finding]:
        around = {name: given.pop(name) for name in list(given) if name in Around.__dataclass_fields__}
        environ = settings(**given)  # type: ignore[arg-type]  # the rest are variables
        for name, value in given.items():
            monkeypatch.setenv(name, str(value))
        around.setdefault("platform", linux)
        around.setdefault("addresses", lambda: ["192.0.2.7"])
        events = walk(url, Around(environ=environ, limits=limits, **around))
        return [event for event in events if isinstance(event, Finding)]

    return run


@pytest.fixture
def trusted_by_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system trusts the servers of the tests; Python's own list does not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(Certificates.shared().ca_path))
