"""Real proxy servers for tests: each on a free port of 127.0.0.1, with a directory of its own, until it is stopped."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pacaware.testing import Certificates, ProxyEndpoint

REALM = "pacaware real"
READY_WITHIN = 15.0
# What every Basic server knows; the second pair is there for its colon, blank and letter outside ASCII.
USERS = {"alice": "s3cret", "bob": "pa:ss wörd"}
# Nobody listens there.
LAST_REQUEST = "http://127.0.0.1:9/last-request-"


class Missing(Exception):
    """The server cannot run on this machine; the message says what to install or who to be."""


@dataclass(kw_only=True)
class RealProxy(ProxyEndpoint):
    """A running server.

    ``users`` are the pairs it accepts (empty: no logon). ``origin_host`` is a name that it resolves to 127.0.0.1.
    """

    scheme: str
    port: int
    folder: Path
    origin_host: str
    users: dict[str, str] = field(default_factory=dict, repr=False)
    host: str = "127.0.0.1"

    @property
    def user(self) -> str:
        """The first user."""
        return next(iter(self.users))

    @property
    def password(self) -> str:
        """The first user's password."""
        return self.users[self.user]

    def by_socks4(self) -> RealProxy:
        """Dante by SOCKS4: it does not speak 4a, so there is no name that it could resolve."""
        return replace(self, scheme="socks4", origin_host="127.0.0.1")

    def logs(self) -> str:
        """What the server wrote, for the message of a failed test."""
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in self.folder.glob("*.log"))

    def access_log(self) -> str:
        """What squid noted of each request that was answered until now.

        It notes a request only after the answer is out: one of ours comes last, and its line is waited for.
        """
        last = f"{LAST_REQUEST}{secrets.token_hex(8)}"
        if not answers(self.port, f"GET {last} HTTP/1.0\r\n\r\n".encode(), b"HTTP/1.1 ", tls=self.scheme == "https"):
            raise RuntimeError(f"squid does not answer:\n{self.logs()}")
        deadline = time.monotonic() + READY_WITHIN
        while last not in (noted := (self.folder / "access.log").read_text(errors="replace")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"squid notes no requests:\n{self.logs()}")
            time.sleep(0.01)
        return "".join(line for line in noted.splitlines(keepends=True) if LAST_REQUEST not in line)


def program(name: str, package: str) -> str:
    """Return the path of a program; Missing says which package of Debian has it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """A directory that the server may read and write after it has dropped root's rights."""
    folder = Path(tempfile.mkdtemp(prefix=f"pacaware-{prefix}-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_to(folder: Path, owner: str) -> None:
    """Make ``owner`` own the folder and what is in it; without root's rights the server is us, and nothing is to do."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, owner, owner)


@contextlib.contextmanager
def running(
    command: list[str],
    folder: Path,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    env: dict[str, str] | None = None,
) -> Iterator[None]:
    """Run a server in the foreground from when ``ready`` holds to the end of the block; ``stop`` goes to its pid."""
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in folder.glob("*.log"))
                raise RuntimeError(f"{command[0]} did not come up (exit status {process.poll()}):\n{logs}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def answers(port: int, question: bytes, expected: bytes, *, tls: bool = False) -> bool:
    """Whether the server on ``port`` begins its answer as expected: an open port alone is not a server that works."""
    try:
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 2))
            if tls:
                context = Certificates.shared().client_context()
                sock = stack.enter_context(context.wrap_socket(sock, server_hostname="127.0.0.1"))
            sock.sendall(question)
            data = b""
            while len(data) < len(expected) and (piece := sock.recv(4096)):
                data += piece
            return data.startswith(expected)
    except OSError:
        return False


@contextlib.contextmanager
def squid(
    *,
    basic: bool = False,
    tls: bool = False,
    logon: Callable[[Path], list[str]] | None = None,
    users: dict[str, str] | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[RealProxy]:
    """Squid without a logon, or with Basic for USERS; ``tls`` makes it an https_port.

    ``logon`` returns the lines that set another logon up, in squid's folder, for ``users``.
    """
    if basic:
        logon, users = basic_lines, dict(USERS)
    binary = program("squid", "squid-openssl")
    port = free_port()
    with server_folder("squid") as folder:
        lines = [
            f"https_port 127.0.0.1:{port} tls-cert={folder}/server.pem" if tls else f"http_port 127.0.0.1:{port}",
            *(_required(logon(folder)) if logon else ()),
            "acl loopback dst 127.0.0.0/8 ::1",
            "http_access allow loopback",
            "http_access deny all",
            "cache deny all",
            "cache_mem 8 MB",
            "memory_pools off",
            "shutdown_lifetime 0 seconds",
            f"pid_filename {folder}/squid.pid",
            # Squid's own format, with the port of the other side: that tells connections apart.
            "logformat pacaware %ts.%03tu %6tr %>a:%>p %Ss/%03>Hs %<st %rm %ru %[un",
            f"access_log stdio:{folder}/access.log pacaware",
            f"cache_log {folder}/cache.log",
            f"coredump_dir {folder}",
            "pinger_enable off",
            "visible_hostname proxy.test",
            "logfile_rotate 0",
            "forwarded_for delete",
            "max_filedescriptors 1024",
            f"hosts_file {folder}/hosts",
            # Nobody answers there, so that no name leaves the machine.
            "dns_nameservers 127.0.0.1",
        ]
        if os.getuid() == 0:
            lines.append("cache_effective_user proxy")
        (folder / "hosts").write_text("127.0.0.1 localhost origin.test a.test b.test proxy.test\n")
        if tls:
            (folder / "server.pem").write_bytes(Certificates.shared().server_pem)
        (folder / "squid.conf").write_text("\n".join(lines) + "\n")
        give_to(folder, "proxy")
        # The service name is what its shared memory is called by: another instance's must be another one.
        service = f"pacaware{port}"
        command = [binary, "-N", "-n", service, "-f", str(folder / "squid.conf")]
        # A target that the rules forbid is answered without contacting anybody; a logon is asked for before that.
        question = b"GET http://192.0.2.1/ HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"
        expected = b"HTTP/1.1 407 " if logon else b"HTTP/1.1 403 "
        ready = functools.partial(answers, port, question, expected, tls=tls)
        # Asked politely squid takes two seconds, and there is nothing that it would have to save.
        with _without_shared_memory(service), running(command, folder, ready, signal.SIGKILL, env):
            yield RealProxy(
                scheme="https" if tls else "http",
                port=port,
                folder=folder,
                origin_host="origin.test",
                users=users or {},
            )


def _required(lines: list[str]) -> list[str]:
    return [*lines, "acl known proxy_auth REQUIRED", "http_access deny !known"]


@contextlib.contextmanager
def _without_shared_memory(service: str) -> Iterator[None]:
    """Remove the shared memory that a killed squid leaves."""
    try:
        yield
    finally:
        for path in Path("/dev/shm").glob(f"{service}-*"):
            path.unlink(missing_ok=True)


def basic_lines(folder: Path) -> list[str]:
    """Return what makes squid ask for Basic, for USERS."""
    checker = Path("/usr/lib/squid/basic_ncsa_auth")
    if not checker.exists():
        raise Missing(f"{checker} is not installed: apt-get install squid-openssl")
    hashed = {user: _openssl_hash(password, "-apr1") for user, password in USERS.items()}
    (folder / "passwords").write_text("".join(f"{user}:{value}\n" for user, value in hashed.items()))
    return [
        f"auth_param basic program {checker} {folder}/passwords",
        f"auth_param basic realm {REALM}",
        "auth_param basic children 2 startup=1 idle=1",
        "auth_param basic utf8 on",
    ]


def _openssl_hash(password: str, kind: str) -> str:
    """Hash as crypt(3) does; the password goes by stdin, out of the list of processes."""
    command = [program("openssl", "openssl"), "passwd", kind, "-stdin"]
    done = subprocess.run(command, input=password.encode(), capture_output=True, check=True, timeout=10)
    return done.stdout.decode().strip()


@contextlib.contextmanager
def tinyproxy() -> Iterator[RealProxy]:
    """Tinyproxy with Basic: alice's pair of USERS. Wrong pairs get 401 there, not 407."""
    binary = program("tinyproxy", "tinyproxy-bin")
    port = free_port()
    pair = {"alice": USERS["alice"]}
    with server_folder("tinyproxy") as folder:
        (folder / "tinyproxy.conf").write_text(
            f"Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 100\nBasicAuth alice {pair['alice']}\n"
        )
        command = [binary, "-d", "-c", str(folder / "tinyproxy.conf")]
        question = b"GET http://127.0.0.1:1/ HTTP/1.0\r\n\r\n"
        with running(command, folder, lambda: answers(port, question, b"HTTP/1.0 407 ")):
            yield RealProxy(scheme="http", port=port, folder=folder, origin_host="localhost", users=pair)


@contextlib.contextmanager
def dante(*, users: dict[str, str] | None = None) -> Iterator[RealProxy]:
    """Dante for SOCKS4 and SOCKS5 without a logon, or for SOCKS5 with users of the system."""
    binary = program("danted", "dante-server")
    port = free_port()
    method = "none" if users is None else "username"
    lines = [
        "logoutput: stderr",
        f"internal: 127.0.0.1 port = {port}",
        # Only loopback addresses can be reached from a loopback address.
        "external: 127.0.0.1",
        "clientmethod: none",
        f"socksmethod: {method}",
        *(["user.privileged: root", "user.unprivileged: nobody"] if os.getuid() == 0 else []),
        "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }",
        "socks pass { from: 127.0.0.0/8 to: 127.0.0.0/8 command: connect }",
    ]
    with server_folder("dante") as folder:
        (folder / "danted.conf").write_text("\n".join(lines) + "\n")
        command = [binary, "-f", str(folder / "danted.conf"), "-N", "1"]
        wanted = 0 if users is None else 2
        ready = bytes((5, wanted))
        with running(command, folder, lambda: answers(port, bytes((5, 1, wanted)), ready)):
            yield RealProxy(scheme="socks5", port=port, folder=folder, origin_host="localhost", users=users or {})


@contextlib.contextmanager
def system_user() -> Iterator[tuple[str, str]]:
    """A throw-away user of this system without home or shell, and its password: dante knows no other users."""
    if sys.platform != "linux" or os.getuid() != 0:
        raise Missing("a SOCKS logon at dante needs a throw-away system user, which only root may create")
    useradd, userdel = program("useradd", "passwd"), program("userdel", "passwd")
    name, password = f"pacaware{secrets.token_hex(4)}", secrets.token_hex(8)
    hashed = _openssl_hash(password, "-6")
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--password", hashed, name]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    try:
        yield name, password
    finally:
        subprocess.run([userdel, name], check=True, timeout=30, capture_output=True)
