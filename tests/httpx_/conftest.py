"""Each test runs with every flavour of httpx and httpx2, over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pacaware.testing import Origin
from tests.drivers import HTTPX_DRIVERS, Driver
from tests.scenarios import SERVERS


@pytest.fixture(params=HTTPX_DRIVERS, ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Driver:
    """A library in one flavour."""
    return request.param


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "auto_proxy", "wsl_pac_url"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def start() -> Iterator[Callable[[str], Any]]:
    """Start a server of the scenarios by its name."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(SERVERS[name]())


@pytest.fixture(scope="session")
def origins() -> Iterator[dict[str, Origin]]:
    """An origin for each scheme; https speaks HTTP/2 too."""
    with Origin() as http, Origin(tls=True, h2=True) as https:
        yield {"http": http, "https": https}
