"""What real servers need to check a logon: squid's helpers, and a Kerberos key server of the test's own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import os
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacaware.testing import ConnectionState, Verifier
from tests.real.servers import REALM, USERS, Missing, free_port, program, running, server_folder

HELPERS = Path("/usr/lib/squid")
KERBEROS_REALM = "TEST.LOCAL"


def _helper(name: str) -> Path:
    path = HELPERS / name
    if not path.exists():
        raise Missing(f"{path} is not installed: apt-get install squid-openssl")
    return path


def digest(folder: Path) -> list[str]:
    """Digest as squid does it (MD5), with nonces that soon are stale; an answer by plain http names the next one."""
    hashes = {user: hashlib.md5(f"{user}:{REALM}:{word}".encode()).hexdigest() for user, word in USERS.items()}
    (folder / "digest").write_text("".join(f"{user}:{REALM}:{value}\n" for user, value in hashes.items()))
    return [
        f"auth_param digest program {_helper('digest_file_auth')} -c {folder}/digest",
        f"auth_param digest realm {REALM}",
        "auth_param digest children 2 startup=1 idle=1",
        "auth_param digest nonce_max_count 2",
    ]


@contextlib.contextmanager
def token_helper(scheme: str, verifier: Verifier) -> Iterator[Callable[[Path], list[str]]]:
    """Let a verifier of the test's process answer squid, by a relay: squid's helpers run as a user of their own."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 3600  # nobody may log on for long; squid takes half a minute to replace a helper that has gone

        def handle(self) -> None:
            state = ConnectionState(1)
            for raw in self.rfile:
                command, _, token = raw.decode("ascii").strip().partition(" ")
                if command == "YR":
                    state = ConnectionState(1)
                header = f"{verifier.scheme} {token.partition(' ')[0]}"
                self.wfile.write(self.reply(state, verifier.check(state, "", "", header)).encode() + b"\n")

        def reply(self, state: ConnectionState, challenges: object) -> str:
            nothing = "= " if scheme == "negotiate" else ""
            if challenges is None:
                return f"AF {nothing}{state.user}"
            [challenge] = challenges  # type: ignore[misc]  # these verifiers have one
            token = challenge.partition(" ")[2]
            return f"TT {token}" if token else f"NA {nothing}refused"

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()

        try:
            yield _relay_to(server.server_address[1], scheme)
        finally:
            server.shutdown()
            thread.join(10)


def _relay_to(port: int, scheme: str) -> Callable[[Path], list[str]]:
    """Return what makes squid ask a helper that listens on a port: a program of squid's would run as another user."""

    def lines(folder: Path) -> list[str]:
        relay = folder / f"{scheme}-relay"
        relay.write_text(f"#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/{port} || exit 1\ncat <&3 & cat >&3\n")
        relay.chmod(0o755)
        return [
            f"auth_param {scheme} program {relay}",
            f"auth_param {scheme} children 8 startup=2 idle=1",
            f"auth_param {scheme} keep_alive on",
        ]

    return lines


@contextlib.contextmanager
def gss_ntlm(users: dict[str, str], binding: bytes = b"") -> Iterator[Callable[[Path], list[str]]]:
    """Let gss-ntlmssp check NTLM; with ``binding`` a logon must be bound to it."""
    if importlib.util.find_spec("gssapi") is None:
        raise Missing('GSSAPI for Python is not installed: pip install "pyspnego[kerberos]"')
    if not any(Path("/usr/lib").glob("*/gssntlmssp/gssntlmssp.so")):
        raise Missing("the NTLM of GSSAPI is not installed: apt-get install gss-ntlmssp")
    with server_folder("gss") as folder:
        names = [(*name.rpartition("\\")[::2], password) for name, password in users.items()]
        (folder / "users").write_text("".join(f"{domain}:{user}:{word}\n" for domain, user, word in names))
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("gss_ntlm.py")), binding.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NTLM_USER_FILE": f"{folder}/users", "LM_COMPAT_LEVEL": "5"},
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                yield _relay_to(int(process.stdout.readline()), "ntlm")
            finally:
                process.stdin.close()
                process.wait(10)


def kerberos(keytab: Path) -> Callable[[Path], list[str]]:
    """Return what makes squid check Kerberos tickets with a key table."""

    def lines(folder: Path) -> list[str]:
        return [
            f"auth_param negotiate program {_helper('negotiate_kerberos_auth')} -s GSS_C_NO_NAME -k {keytab} -t none",
            "auth_param negotiate children 2 startup=1 idle=1",
            "auth_param negotiate keep_alive on",
        ]

    return lines


class TicketUsers:
    """Whoever shows a ticket for a name of the key table, over the TLS connection that it was made for.

    MIT's library checks both (RFC 4121, section 4.1.1). A logon without a binding it lets pass, and says so. Without a
    ``certificate`` none is asked for.
    """

    scheme = "Negotiate"

    def __init__(self, keytab: Path, certificate: bytes | None) -> None:
        import gssapi

        self.refused: list[str] = []
        self._gssapi: Any = gssapi
        self._store = {"keytab": f"FILE:{keytab}"}
        self._binding: Any = None
        if certificate is not None:
            # As RFC 5929 has it for a certificate that is signed with SHA-256.
            binding = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
            self._binding = gssapi.raw.ChannelBindings(application_data=binding)

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Let a connection pass that showed a good ticket; one token is all that it may take."""
        if header is None:
            return None if state.user else [self.scheme]
        credentials = self._gssapi.Credentials(usage="accept", store=self._store)
        context = self._gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=self._binding)
        try:
            context.step(base64.b64decode(header.partition(" ")[2], validate=True))
            # Where there is a token that explains the error, the error comes only with what follows.
            bound = context.complete and (
                self._binding is None or self._gssapi.RequirementFlag.channel_bound in context.actual_flags
            )
        except self._gssapi.exceptions.GSSError as exc:
            self.refused.append(type(exc).__name__)
            return [self.scheme]
        if not bound:
            self.refused.append("not bound")
            return [self.scheme]
        state.user = str(context.initiator_name)
        return None


@dataclass(frozen=True)
class KeyServer:
    """A running MIT Kerberos key server for TEST.LOCAL, and the environment that leads to it."""

    folder: Path
    environ: dict[str, str]
    keytab: Path

    def kinit(self, user: str, password: str, *options: str) -> None:
        """Get a ticket into the cache that KRB5CCNAME names."""
        self.run([program("kinit", "krb5-user"), *options, user], f"{password}\n")

    def admin(self, *commands: str) -> None:
        """Change the key server's accounts."""
        self.run([program("kadmin.local", "krb5-admin-server"), "-r", KERBEROS_REALM], "\n".join(commands) + "\n")

    def run(self, command: list[str], text: str = "") -> None:
        """Run one of its programs to the end."""
        environ = {**os.environ, **self.environ}
        subprocess.run(command, input=text.encode(), env=environ, check=True, capture_output=True, timeout=30)

    def asked(self) -> str:
        """What the key server noted of each question."""
        return (self.folder / "kdc.log").read_text(errors="replace")


def set_clock(cache: Path, seconds: int) -> None:
    """Make Kerberos believe that this machine's clock is wrong by so much, by what a ticket cache says of it.

    The cache notes how far the key server's clock was from ours when the first ticket came (MIT Kerberos, "Credential
    cache file format", header field 1), and the library adds that to every time that it sends.
    """
    data = cache.read_bytes()
    version, length = struct.unpack_from(">HH", data)
    assert version == 0x0504
    cache.write_bytes(struct.pack(">HHHHii", version, 12, 1, 8, seconds, 0) + data[4 + length :])


@contextlib.contextmanager
def key_server() -> Iterator[KeyServer]:
    """A key server with alice and the proxy HTTP/localhost; nothing outside its folder is touched."""
    for module in ("krb5", "gssapi"):
        if importlib.util.find_spec(module) is None:
            raise Missing('Kerberos for Python is not installed: pip install "pyspnego[kerberos]"')
    server, create = program("krb5kdc", "krb5-kdc"), program("kdb5_util", "krb5-kdc")
    program("kadmin.local", "krb5-admin-server")
    program("kinit", "krb5-user")
    port = free_port()
    with server_folder("kdc") as folder:
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {KERBEROS_REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {KERBEROS_REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            f"[domain_realm]\n localhost = {KERBEROS_REALM}\n .test.local = {KERBEROS_REALM}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n {KERBEROS_REALM} = {{\n"
            f"  database_name = {folder}/principal\n  key_stash_file = {folder}/stash\n"
            f"  acl_file = {folder}/kadm5.acl\n  max_life = 10h\n  default_principal_flags = +preauth\n"
            "  supported_enctypes = aes256-cts:normal aes128-cts:normal\n }\n"
            f"[logging]\n kdc = FILE:{folder}/kdc.log\n"
        )
        (folder / "kadm5.acl").write_text("")
        keytab = folder / "http.keytab"
        environ = {"KRB5_CONFIG": f"{folder}/krb5.conf", "KRB5_KDC_PROFILE": f"{folder}/kdc.conf"}
        found = KeyServer(folder, environ, keytab)
        found.run([create, "create", "-s", "-r", KERBEROS_REALM, "-P", "master"])
        found.admin(
            *(f"addprinc -pw {password} {user}" for user, password in USERS.items() if user == "alice"),
            "addprinc -randkey HTTP/localhost",
            f"ktadd -k {keytab} HTTP/localhost",
        )
        keytab.chmod(0o644)

        def ready() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
                return True
            return False

        with running([server, "-n", "-r", KERBEROS_REALM], folder, ready, env=environ):
            yield found
