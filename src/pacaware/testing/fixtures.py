"""The servers of pacaware.testing as pytest fixtures.

Put ``pytest_plugins = ["pacaware.testing.fixtures"]`` into the topmost conftest.py. Each test gets servers of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pacaware.testing import (
    BasicUsers,
    BlackHole,
    Certificates,
    DeadProxy,
    Origin,
    PacServer,
    Proxy,
    SocksProxy,
    pac_returning,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "auth_proxy",
    "black_hole",
    "certificates",
    "dead_proxy",
    "h2_origin",
    "origin",
    "pac_server",
    "proxy",
    "socks4_proxy",
    "socks5_auth_proxy",
    "socks5_proxy",
    "tls_origin",
    "tls_proxy",
]


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """The certificate authority behind every server with TLS."""
    return Certificates.shared()


@pytest.fixture
def origin() -> Iterator[Origin]:
    """An http origin."""
    with Origin() as server:
        yield server


@pytest.fixture
def tls_origin() -> Iterator[Origin]:
    """An https origin, HTTP/1.1 only."""
    with Origin(tls=True) as server:
        yield server


@pytest.fixture
def h2_origin() -> Iterator[Origin]:
    """An https origin that prefers HTTP/2."""
    with Origin(tls=True, h2=True) as server:
        yield server


@pytest.fixture
def pac_server() -> Iterator[PacServer]:
    """A PAC file that answers DIRECT until ``set()`` gives it another text."""
    with PacServer(pac_returning("DIRECT")) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy without logon."""
    with Proxy() as server:
        yield server


@pytest.fixture
def auth_proxy() -> Iterator[Proxy]:
    """A proxy with Basic: user ``alice``, password ``s3cret``."""
    with Proxy(BasicUsers({"alice": "s3cret"})) as server:
        yield server


@pytest.fixture
def tls_proxy() -> Iterator[Proxy]:
    """A proxy that is reached by TLS."""
    with Proxy(tls=True) as server:
        yield server


@pytest.fixture
def socks4_proxy() -> Iterator[SocksProxy]:
    """A SOCKS4 and 4a proxy."""
    with SocksProxy(4) as server:
        yield server


@pytest.fixture
def socks5_proxy() -> Iterator[SocksProxy]:
    """A SOCKS5 proxy without logon."""
    with SocksProxy(5) as server:
        yield server


@pytest.fixture
def socks5_auth_proxy() -> Iterator[SocksProxy]:
    """A SOCKS5 proxy with logon: user ``alice``, password ``s3cret``."""
    with SocksProxy(5, users={"alice": "s3cret"}) as server:
        yield server


@pytest.fixture
def dead_proxy() -> Iterator[DeadProxy]:
    """An address that refuses every connection."""
    with DeadProxy() as endpoint:
        yield endpoint


@pytest.fixture
def black_hole() -> Iterator[BlackHole]:
    """An address that takes connections and never answers."""
    with BlackHole() as endpoint:
        yield endpoint
