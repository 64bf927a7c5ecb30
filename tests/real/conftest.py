"""One of each real server for the whole run; where one cannot run its tests are skipped, or fail if it is required."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pacaware.testing import Certificates, NegotiateUsers, NtlmUsers, Verifier
from tests.real import logons, servers

NTLM_USERS = {"alice": servers.USERS["alice"], "CORP\\jürgen": "pässwörd ☃"}


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


@contextlib.contextmanager
def logon_by(scheme: str, verifier: Verifier, *, tls: bool = False) -> Iterator[servers.RealProxy]:
    """Squid with a scheme of tokens, which a verifier of ours checks."""
    with available(), logons.token_helper(scheme, verifier) as lines:
        squid = servers.squid(tls=tls, logon=lines, users=dict(NTLM_USERS))
        with squid as proxy:
            yield proxy


@pytest.fixture(scope="session")
def squid_digest() -> Iterator[servers.RealProxy]:
    """Squid with Digest for alice and bob."""
    with available(), servers.squid(logon=logons.digest, users=dict(servers.USERS)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_digest() -> Iterator[servers.RealProxy]:
    """The same behind TLS."""
    with available(), servers.squid(tls=True, logon=logons.digest, users=dict(servers.USERS)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def ntlm_users() -> NtlmUsers:
    """Who may log on at squid_ntlm."""
    return NtlmUsers(NTLM_USERS)


@pytest.fixture(scope="session")
def squid_ntlm(ntlm_users: NtlmUsers) -> Iterator[servers.RealProxy]:
    """Squid with NTLM for alice and the user of a domain."""
    with (
        available(),
        logons.token_helper("ntlm", ntlm_users) as lines,
        servers.squid(logon=lines, users=dict(NTLM_USERS)) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_ntlm() -> Iterator[servers.RealProxy]:
    """Squid behind TLS with NTLM, which must be bound to the connection."""
    users = NtlmUsers(NTLM_USERS, certificate=Certificates.shared().server_der)
    with (
        available(),
        logons.token_helper("ntlm", users) as lines,
        servers.squid(tls=True, logon=lines, users=dict(NTLM_USERS)) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="session")
def squid_negotiate_ntlm() -> Iterator[servers.RealProxy]:
    """Squid with Negotiate and NTLM inside."""
    with logon_by("negotiate", NegotiateUsers(NTLM_USERS)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_negotiate_ntlm() -> Iterator[servers.RealProxy]:
    """The same behind TLS; a logon must be bound to the connection."""
    users = NegotiateUsers(NTLM_USERS, certificate=Certificates.shared().server_der)
    with logon_by("negotiate", users, tls=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_gss_ntlm() -> Iterator[servers.RealProxy]:
    """Squid with NTLM that gss-ntlmssp checks."""
    with (
        available(),
        logons.gss_ntlm(NTLM_USERS) as lines,
        servers.squid(logon=lines, users=dict(NTLM_USERS)) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_gss_ntlm() -> Iterator[servers.RealProxy]:
    """The same behind TLS; a logon must be bound to the connection."""
    # As RFC 5929 has it for a certificate that is signed with SHA-256.
    binding = b"tls-server-end-point:" + hashlib.sha256(Certificates.shared().server_der).digest()
    with (
        available(),
        logons.gss_ntlm(NTLM_USERS, binding) as lines,
        servers.squid(tls=True, logon=lines, users=dict(NTLM_USERS)) as proxy,
    ):
        yield proxy


@contextlib.contextmanager
def all_logons(*, tls: bool) -> Iterator[servers.RealProxy]:
    """Squid with Basic, Digest and NTLM at once, the weakest first."""
    certificate = Certificates.shared().server_der if tls else None
    with available(), logons.token_helper("ntlm", NtlmUsers(NTLM_USERS, certificate=certificate)) as ntlm:

        def lines(folder: Path) -> list[str]:
            return [*servers.basic_lines(folder), *logons.digest(folder), *ntlm(folder)]

        with servers.squid(tls=tls, logon=lines, users={"alice": servers.USERS["alice"]}) as proxy:
            yield proxy


@pytest.fixture(scope="session")
def squid_all() -> Iterator[servers.RealProxy]:
    """Squid that offers all at once."""
    with all_logons(tls=False) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def squid_tls_all() -> Iterator[servers.RealProxy]:
    """The same behind TLS; NTLM must be bound to the connection."""
    with all_logons(tls=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def key_server() -> Iterator[logons.KeyServer]:
    """A Kerberos key server."""
    with available(), logons.key_server() as server:
        yield server


@pytest.fixture
def tickets(key_server: logons.KeyServer, monkeypatch: pytest.MonkeyPatch) -> logons.KeyServer:
    """The key server; the ticket cache is the test's own, and empty."""
    for name, value in key_server.environ.items():
        monkeypatch.setenv(name, value)
    return key_server


@pytest.fixture(scope="session")
def squid_kerberos(key_server: logons.KeyServer) -> Iterator[servers.RealProxy]:
    """Squid with Kerberos; it is reached as localhost, the name that its key table has."""
    with available(), servers.squid(logon=logons.kerberos(key_server.keytab), env=key_server.environ) as proxy:
        yield replace(proxy, host="localhost")


@pytest.fixture(scope="session")
def squid_tls_kerberos(key_server: logons.KeyServer) -> Iterator[servers.RealProxy]:
    """The same behind TLS."""
    logon = logons.kerberos(key_server.keytab)
    with available(), servers.squid(tls=True, logon=logon, env=key_server.environ) as proxy:
        yield replace(proxy, host="localhost")
