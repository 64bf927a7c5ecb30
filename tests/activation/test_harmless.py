"""What is wrong with pacaware, its settings or the machine breaks no program that happens to run with PACAWARE=1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pacaware.testing import DeadProxy, NtlmUsers, Origin, PacServer, Proxy, pac_returning

# Asks by every library; what comes first may take something away.
ASK = """
import sys
import requests, httpx, httpx2
for library in (requests, httpx, httpx2):
    try:
        print(library.get(sys.argv[1], timeout=20).status_code)
    except Exception as exc:
        print(type(exc).__name__, exc)
"""
WITHOUT = "import sys; sys.modules[{!r}] = None"
ALL_RIGHT = "200\n200\n200\n"
# Runs a program with one thing refused to it: sockets of family 16 are AF_NETLINK (Linux: linux/socket.h).
NO_NETLINK = """
import ctypes, os, struct, sys
numbers = {"x86_64": 41, "aarch64": 198}
lines = [
    (0x20, 0, 0, 0), (0x15, 0, 3, numbers[os.uname().machine]),  # if the call is socket()
    (0x20, 0, 0, 16), (0x15, 0, 1, 16),                          # and its first argument 16
    (0x06, 0, 0, 0x00050000 | 1), (0x06, 0, 0, 0x7FFF0000),      # EPERM, else go on
]
code = b"".join(struct.pack("=HBBI", *line) for line in lines)
buffer = ctypes.create_string_buffer(code, len(code))
header = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(buffer)))
libc, zero = ctypes.CDLL(None, use_errno=True), ctypes.c_ulong(0)
assert libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == 0
assert libc.prctl(22, ctypes.c_ulong(2), header, zero, zero) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
NETLINK_IS_REFUSED = """
import socket
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
except PermissionError:
    print("refused")
"""
NOTHING_CAN_BE_WRITTEN = """
import errno, pathlib, tempfile
try:
    pathlib.Path("file").write_text("")
except OSError as exc:
    print("refused" if exc.errno == errno.EROFS else exc)
"""


@pytest.fixture
def direct():
    """An origin on loopback, which needs no proxy."""
    with Origin() as origin:
        yield origin


@pytest.mark.parametrize(
    ("prelude", "variables", "says"),
    [
        ("", {"PACAWARE": "ture"}, "PACAWARE='ture' means nothing: "),
        ("", {"PACAWARE": "ftp://me:geheim@w.corp/p"}, "PACAWARE='w.corp/p' means nothing: "),
        ("", {"PACAWARE_TRUST": "all"}, "not active: ConfigError: the variable PACAWARE_TRUST "),
        (WITHOUT.format("socksio"), {}, "not active: ImportError: socksio not installed: pip install socksio"),
        (WITHOUT.format("dns"), {}, "not active: ImportError: dnspython not installed: pip install dnspython"),
        (WITHOUT.format("pacaware"), {}, "not active: ModuleNotFoundError: "),
        (WITHOUT.format("pacaware._activate"), {}, "not active: ModuleNotFoundError: "),
    ],
    ids=["a typing error", "a URL", "the trust", "a package", "another package", "pacaware", "a part of it"],
)
def test_one_line_and_without_us(run, prelude: str, variables: dict[str, str], says: str, direct: Origin):
    """Exactly one line on stderr, however many libraries are used, and all of them work as without pacaware."""
    done = run("-c", f"{prelude}\n{ASK}", direct.url, **{"PACAWARE": "1", **variables})
    assert (done.returncode, done.stdout) == (0, ALL_RIGHT)
    [line] = done.stderr.splitlines()
    assert line.startswith(f"pacaware: {says}")
    assert "geheim" not in line


def test_a_package_of_the_same_name(run, direct: Origin, tmp_path: Path):
    """Somebody else's broken module called pacaware is one line too."""
    (tmp_path / "pacaware.py").write_text("raise RuntimeError('not the one')")
    done = run("-c", ASK, direct.url, PACAWARE="1", PYTHONPATH=str(tmp_path))
    assert (done.stdout, done.stderr) == (ALL_RIGHT, "pacaware: not active: RuntimeError: not the one\n")


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": None},
        {"HOME": "/nonexistent"},
        {"TMPDIR": "/nonexistent"},
        {"HOME": None, "PATH": None, "LANG": None, "LC_ALL": None, "USER": None, "LOGNAME": None},
        {"HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null", "XDG_RUNTIME_DIR": "/dev/null"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
    ],
    ids=lambda variables: " ".join(f"{name}={value or ''}" for name, value in variables.items()),
)
def test_bare_environments(run, variables: dict[str, str | None], origin, proxy, settings):
    """Without a home, a place for temporary files, a path or a language it works, and says nothing."""
    done = run("-c", ASK, origin.url_for("www.origin.test"), **{**settings, **variables})
    assert (done.stdout, done.stderr) == (ALL_RIGHT, "")
    assert proxy.requests[-1].status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="a filter of system calls is a thing of Linux")
def test_without_netlink(run, origin, proxy, settings):
    """Where the kernel's messages about the network may not be heard (seccomp), it works, and says nothing."""
    under = [sys.executable, "-c", NO_NETLINK]
    done = run("-c", NETLINK_IS_REFUSED + ASK, origin.url_for("www.origin.test"), under=under, **settings)
    assert (done.stdout, done.stderr) == (f"refused\n{ALL_RIGHT}", "")
    assert proxy.requests[-1].status == 200


@pytest.mark.real
def test_nothing_can_be_written(run, origin, proxy, settings):
    """On file systems that are read-only it works, and says nothing."""
    under = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind / / && mount -o remount,bind,ro / && cd "$PWD" && exec "$@"',
    ]
    under += ["sh"]
    if (
        sys.platform != "linux"
        or os.geteuid() != 0
        or subprocess.run([*under, "true"], check=False, capture_output=True, timeout=30).returncode
    ):
        if os.environ.get("PACAWARE_REAL") == "required":
            pytest.fail("mount namespaces are not to be had here (PACAWARE_REAL=required)", pytrace=False)
        pytest.skip("mount namespaces are not to be had here")
    done = run("-c", NOTHING_CAN_BE_WRITTEN + ASK, origin.url_for("www.origin.test"), under=under, **settings)
    assert (done.stdout, done.stderr) == (f"refused\n{ALL_RIGHT}", "")


@pytest.mark.skipif(sys.platform == "win32", reason="the shell of Unix closes them")
@pytest.mark.parametrize("variables", [{}, {"PACAWARE_LOG": "1"}, {"PACAWARE_PROXY_PASSWORD_FILE": "/nonexistent"}])
def test_without_stderr(run, variables: dict[str, str], origin, proxy, settings):
    """A program without stdin and stderr is served too, also where there would be something to say."""
    under = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh"]
    done = run("-c", ASK, origin.url_for("www.origin.test"), under=under, **{**settings, **variables})
    assert done.stdout == ALL_RIGHT
    assert proxy.requests[-1].status == 200


@pytest.mark.parametrize("python", ["/bin/false", "/nonexistent/python", "/bin/cat"])
def test_a_broken_engine(run, python: str, origin, proxy, settings):
    """A PAC file that cannot be run is an error of the host library that names the cause; nothing goes direct."""
    if python == "/bin/false" and shutil.which(python) is None:
        pytest.skip("there is no such program")
    url = origin.url_for("127.0.0.1.origin.test")
    done = run("-c", ASK, url, PACAWARE_WORKER_PYTHON=python, **settings)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ProxyError"] * 3
    assert all("PACAWARE_WORKER_PYTHON" in line and python in line for line in lines)
    assert (proxy.requests, origin.requests) == ((), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PACAWARE_PAC_URL", "ftp://w.corp/p"),
        ("PACAWARE_PAC_URL", "w.corp"),
        ("PACAWARE_PROXY", "http://me:geheim@p.corp:99999"),
        ("PACAWARE_AUTO_DETECT", "maybe"),
    ],
)
def test_settings_that_cannot_be_used(run, name: str, value: str, direct: Origin):
    """Settings are read when the first request needs them: its error names the variable, without its password."""
    done = run("-c", ASK, direct.url_for("www.origin.test"), **{"PACAWARE": "1", name: value})
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ProxyError"] * 3
    assert all(name in line and "geheim" not in line for line in lines)
    assert direct.requests == ()


def test_without_an_extra(run, origin):
    """At a proxy with NTLM but without the extra the 407 is the answer, and one line says what to install."""
    with (
        Proxy(NtlmUsers({"alice": "wonderland"})) as proxy,
        DeadProxy() as dead,
        PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac,
    ):
        credentials = {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD": "wonderland"}
        code = f"{WITHOUT.format('spnego')}\nimport requests; print(requests.get(sys.argv[1], timeout=20).status_code)"
        done = run("-c", code, origin.url_for("www.origin.test"), PACAWARE=pac.url, **credentials)
    assert done.stdout == "407\n"
    [line] = done.stderr.splitlines()
    assert 'pip install "pacaware[ntlm]"' in line
    assert "wonderland" not in line
