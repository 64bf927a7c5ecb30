"""One of each real server for the whole run; where one cannot run its tests are skipped, or fail if it is required."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from tests.real import servers


@contextlib.contextmanager
def available() -> Iterator[None]:
    """Turn "cannot run here" into a skip, and into a failure with PACAWARE_REAL=required."""
    try:
        yield
    except servers.Missing as exc:
        if os.environ.get("PACAWARE_REAL") == "required":
            pytest.fail(f"{exc} (PACAWARE_REAL=required)", pytrace=False)
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def squid() -> Iterator[servers.RealProxy]:
    """Squid without a logon."""
    with available(), servers.squid() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_basic() -> Iterator[servers.RealProxy]:
    """Squid with Basic for alice and bob."""
    with available(), servers.squid(basic=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_tls() -> Iterator[servers.RealProxy]:
    """Squid behind TLS, without a logon."""
    with available(), servers.squid(tls=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_basic() -> Iterator[servers.RealProxy]:
    """Squid behind TLS, with Basic for alice and bob."""
    with available(), servers.squid(tls=True, basic=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def tinyproxy() -> Iterator[servers.RealProxy]:
    """Tinyproxy with Basic for alice."""
    with available(), servers.tinyproxy() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def dante() -> Iterator[servers.RealProxy]:
    """Dante without a logon; the scheme is socks5."""
    with available(), servers.dante() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def dante4(dante: servers.RealProxy) -> servers.RealProxy:
    """The same server by SOCKS4, which takes addresses only there (no 4a)."""
    return dante.by_socks4()


@pytest.fixture(scope="session")
def dante_auth() -> Iterator[servers.RealProxy]:
    """Dante by SOCKS5 with a user and password."""
    with available(), servers.system_user() as (user, password), servers.dante(users={user: password}) as proxy:
        yield proxy
