"""Details below the transports: names and addresses, and the generated half."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpcore
import pytest

from pacaware._core.route import Route
from pacaware._httpx.errors import reason_of
from pacaware._httpx.network import Network
from pacaware._httpx.routing import Deadline, RouteURL, absolute_target, without_zone
from pacaware._models import ProxyServer
from pacaware.testing import Origin

ROOT = Path(__file__).resolve().parent.parent.parent
INFO = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


def test_the_deadline_holds_over_a_name_that_is_not_answered(monkeypatch):
    """A lookup that hangs costs a blocking client no more than its timeout."""
    leave = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: leave.wait(60) and [])
    began = time.monotonic()
    with pytest.raises(httpcore.ConnectTimeout, match="DNS"):
        Network.dial("proxy.test", 1, Deadline(0.2), None, None)
    leave.set()
    assert time.monotonic() - began < 30


def test_every_address_of_a_name_gets_its_share(monkeypatch, start):
    """A black hole behind the first address leaves time for the second."""
    hole = start("drops packets")
    with Origin() as origin:
        places = [("127.0.0.1", hole.port), ("127.0.0.1", origin.port)]
        found = [(*INFO, place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        tried = []

        class Backend(httpcore.SyncBackend):
            def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
                tried.append(timeout)
                if len(tried) == 1:
                    raise httpcore.ConnectTimeout
                return super().connect_tcp("127.0.0.1", origin.port, timeout)

        monkeypatch.setattr(Network, "backend", staticmethod(Backend))
        Network.dial("proxy.test", 1, Deadline(10), None, None).close()
    assert tried[0] == pytest.approx(5, abs=0.5)
    assert tried[1] == pytest.approx(10, abs=0.5)


def test_a_name_that_does_not_exist_is_a_connect_error(monkeypatch):
    """With the system's own words."""

    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(httpcore.ConnectError, match="Name or service not known") as caught:
        Network.dial("proxy.test", 1, Deadline(None), None, None)
    assert reason_of(caught.value) == "Name or service not known"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (httpcore.URL("http://a.test/x?y"), b"http://a.test/x?y"),
        (httpcore.URL(scheme="http", host="::1", port=81, target="/"), b"http://[::1]:81/"),
        (httpcore.URL(scheme="http", host="fe80::1%25eth0", port=None, target="/"), b"http://[fe80::1]/"),
        (httpcore.URL(scheme="http", host="a.test", port=None, target="*"), b"http://a.test"),
    ],
    ids=["a name", "IPv6", "a zone", "OPTIONS *"],
)
def test_absolute_targets(url: httpcore.URL, target: bytes):
    """RFC 9112, section 3.2.2: brackets, no zone, and no path for the asterisk."""
    assert absolute_target(url) == target


def test_a_zone_means_nothing_to_a_proxy():
    """It is cut off, however it is written."""
    assert without_zone("fe80::1%eth0") == without_zone("fe80::1%25eth0") == "fe80::1"
    assert without_zone("a.test") == "a.test"


def test_the_route_is_part_of_the_origin():
    """Connections are shared by requests for the same origin by the same route in the same way only."""
    url = httpcore.URL("https://a.test/x")
    one, two = (Route(ProxyServer("http", f"{name}.test", 1)) for name in ("p", "q"))
    origin = RouteURL.by(url, one, forward=False).origin
    assert origin == RouteURL.by(httpcore.URL("https://a.test:443/y"), one, forward=False).origin
    assert str(origin) == "https://a.test:443"
    for other in (
        RouteURL.by(url, two, forward=False).origin,
        RouteURL.by(url, one, forward=True).origin,
        RouteURL.by(httpcore.URL("https://b.test/x"), one, forward=False).origin,
        RouteURL.by(httpcore.URL("http://a.test:443/x"), one, forward=False).origin,
        url.origin,
    ):
        assert origin != other


def test_the_generated_modules_are_up_to_date():
    """What is in the tree is what the generator writes."""
    pytest.importorskip("ruff")
    command = [sys.executable, str(ROOT / "scripts" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_a_missing_library_is_named(monkeypatch, library: str):
    """The ImportError says what to install."""
    for name in [name for name in sys.modules if name.startswith((f"pacaware._{library}.", f"pacaware.{library}"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library.replace("httpx", "httpcore"), None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install 'pacaware\[{library}\]'"):
        importlib.import_module(f"pacaware.{library}")
