"""Networks made of namespaces and virtual cables, with a laptop between them. Needs root, unshare, nsenter and ip."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pacaware

SECONDS = 30.0


class Missing(Exception):
    """What keeps namespaces from being made here."""


def require() -> None:
    """Raise Missing with the reason if there can be no namespaces."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise Missing("network namespaces need Linux and root")
    for name in ("unshare", "nsenter", "ip"):
        if shutil.which(name) is None:
            raise Missing(f"the program {name} is not installed")
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, timeout=SECONDS, check=False)
    if tried.returncode:
        raise Missing(f"no namespace can be made here: {tried.stderr.strip()}")


class Machine:
    """A namespace with one program in it, which is asked by lines of JSON."""

    def __init__(self, module: str, *, read_only: bool = False) -> None:
        program = [sys.executable, "-m", module]
        if read_only:
            # What is mounted below the root stays as it is, but for the place of temporary files.
            closed = "mount -o remount,bind,ro /; mountpoint -q /tmp && mount -o remount,bind,ro /tmp"
            program = ["--mount", "sh", "-c", f'{closed}; exec "$@"', "sh", *program]
        packages = Path(pacaware.__file__).parent.parent
        self._process = subprocess.Popen(
            ["unshare", "--net", *program],
            env={**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{Path(__file__).parents[2]}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._process.stdout, selectors.EVENT_READ)
        self.ask()  # the namespace is there as soon as the program answers
        self.ip("link set lo up")

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **question: Any) -> Any:
        """Send a question to the program and return its answer."""
        self._process.stdin.write(json.dumps(question) + "\n")
        if not self._ready.select(SECONDS):
            raise TimeoutError(f"no answer to {question} in {SECONDS:g} s")
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["answer"]

    def ip(self, command: str) -> None:
        """Run ``ip`` in the namespace."""
        words = ["nsenter", "--target", str(self.pid), "--net", "ip", *command.split()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"ip {command}: {done.stderr}"

    def close(self) -> None:
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(SECONDS)
        self._ready.close()
        self._process.stdout.close()


class Site(Machine):
    """A place to be: servers at one address, and a gateway for who comes."""

    def __init__(self, address: str, network: str) -> None:
        super().__init__("tests.netns.servers")
        self.address = address
        self.network = network
        self.ip(f"addr add {address}/32 dev lo")
        self.servers: dict[str, Any] = self.ask(start=address)

    def plug_in(self, laptop: Machine, name: str, *, route: str = "default") -> None:
        """Lay a cable to the laptop, whose interface gets a name, an address and a route by this site."""
        laptop.ip(f"link add {name} type veth peer name {name}-peer netns {self.pid}")
        self.ip(f"addr add {self.network}.254/24 dev {name}-peer")
        self.ip(f"link set {name}-peer up")
        laptop.ip(f"addr add {self.network}.20/24 dev {name}")
        laptop.ip(f"link set {name} up")
        laptop.ip(f"route add {route} via {self.network}.254 dev {name}")


@contextlib.contextmanager
def world(*, read_only: bool = False) -> Iterator[tuple[Machine, Site, Site]]:
    """Yield a laptop without any cable, an office and a home; the laptop's file system may be read-only."""
    require()
    with contextlib.ExitStack() as stack:

        def open_(machine: Any) -> Any:
            stack.callback(machine.close)
            return machine

        laptop = open_(Machine("tests.netns.laptop", read_only=read_only))
        office = open_(Site("10.1.0.1", "10.1.0"))
        home = open_(Site("192.168.7.1", "192.168.7"))
        yield laptop, office, home
