"""The looks at a name and a port, and what their errors are called."""

from __future__ import annotations

import errno
import socket
import ssl
import threading

import pytest

from pacaware._cli.doctor.candidate import judge_name, judge_port
from pacaware._cli.doctor.net import Heard, Looked, Trouble, ask_once, knock, look_up, trouble
from pacaware._models import ProxyServer
from pacaware.testing import DeadProxy, Proxy
from tests.cli.doctor.looks import by_step, told

SERVER = ProxyServer("http", "proxy.test", 8080)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError("no"), "refused"),
        (TimeoutError("late"), "silent"),
        (ConnectionResetError("cut"), "closed"),
        (BrokenPipeError("cut"), "closed"),
        (OSError(errno.ENETUNREACH, "no route"), "unreachable"),
        (OSError(errno.EHOSTUNREACH, "no route"), "unreachable"),
        (OSError(errno.EMFILE, "too many"), "other"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "name"),
        (UnicodeError("label too long"), "name"),
        (ssl.SSLCertVerificationError("self-signed"), "certificate"),
        (ssl.SSLError("WRONG_VERSION_NUMBER"), "not-tls"),
        (ValueError("odd"), "other"),
    ],
)
def test_an_error_and_its_kind(error: Exception, kind: str):
    """Each kind is one that a person can do something else about."""
    assert trouble(error).kind == kind
    assert trouble(error).detail


@pytest.mark.parametrize(
    ("looked", "key", "status"),
    [
        (Looked(("10.0.0.1", "10.0.0.2")), "name-ok", "ok"),
        (Looked(("proxy.test",)), "name-address", "ok"),
        (Looked(trouble=Trouble("name", "unknown")), "name-unknown", "fail"),
        (Looked(trouble=Trouble("silent", "no answer")), "name-silent", "fail"),
    ],
)
def test_a_name(looked: Looked, key: str, status: str):
    """A name that does not exist is told from a server that does not answer."""
    finding = judge_name("proxy.test", looked)
    assert (finding.key, finding.status) == (key, status)
    if status == "fail":
        told(finding)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("refused", "port-refused"),
        ("silent", "port-silent"),
        ("unreachable", "port-unreachable"),
        ("other", "port-unreachable"),
    ],
)
def test_a_port(kind: str, key: str):
    """Refused, dropped and out of reach have different causes."""
    finding = judge_port(SERVER, Heard(trouble=Trouble(kind)))
    assert finding.key == key
    told(finding)


def test_a_name_that_takes_too_long(monkeypatch):
    """The system's look-up has no limit of its own, so the walk does not wait for it."""
    over = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    looked = look_up("proxy.test", 0.05)
    over.set()
    assert looked.trouble is not None
    assert looked.trouble.kind == "silent"


def test_a_proxy_by_name(doctor):
    """Its addresses are shown."""
    with Proxy() as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"http://localhost:{proxy.port}")
    assert by_step(findings, "name").key == "name-ok"
    assert "127.0.0.1" in dict(by_step(findings, "name").values)["addresses"]
    assert by_step(findings, "address").key == "address-ok"
    assert by_step(findings, "pac").key == "pac-unused"
    assert by_step(findings, "offers").key == "offers-none"


def test_a_question_to_nobody():
    """The trouble is returned, not raised."""
    with DeadProxy() as dead:
        heard = ask_once(dead.server, b"TRACE / HTTP/1.1\r\n\r\n", ssl.SSLContext, 1.0)
        assert heard.trouble is not None
        assert heard.trouble.kind == "refused"
        assert knock(dead.host, dead.port, 1.0).trouble == heard.trouble
