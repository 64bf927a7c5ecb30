"""The program on the laptop: one session that lives all day and is asked for pages."""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import socket
import struct
import sys
import tempfile
import time
from typing import Any

import requests

from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver
from pacaware._system import network
from pacaware.requests import mount


class Laptop:
    """A session with a desktop's settings."""

    def __init__(self) -> None:
        self.slept = 0.0

    def settings(self, config: dict[str, Any]) -> None:
        self.resolver = ProxyResolver(ProxyConfig(**config))
        awake = self.resolver._clock
        self.resolver._clock = lambda: awake() + self.slept
        self.session = requests.Session()
        mount(self.session, self.resolver)

    def without_netlink(self, _: Any) -> None:
        """Have the kernel refuse AF_NETLINK, as the sandboxes of containers and services do (RestrictAddressFamilies=).

        Where the system call's number is not known to this test, nothing opens the socket.
        """
        number = {"x86_64": 41, "aarch64": 198}.get(os.uname().machine)
        if number is None:
            network.NetworkWatch.__init__.__defaults__ = (
                *(network.look_at_network, lambda: None),
                network._RESOLV_FILES,
            )
            return
        refuse = 0x00050000 | errno.EAFNOSUPPORT
        # linux/filter.h: load the number, compare, load the first argument, compare, return.
        lines = [
            *((0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, socket.AF_NETLINK)),
            *((0x06, 0, 0, refuse), (0x06, 0, 0, 0x7FFF0000)),
        ]
        filter_ = b"".join(struct.pack("=HBBI", *line) for line in lines)
        buffer = ctypes.create_string_buffer(filter_, len(filter_))
        header = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(buffer)))
        libc, word = ctypes.CDLL(None, use_errno=True), ctypes.c_ulong
        if libc.prctl(38, word(1), word(0), word(0), word(0)) or libc.prctl(22, word(2), header, word(0), word(0)):
            raise OSError(ctypes.get_errno(), "no filter of system calls")
        if network.open_netlink() is not None:
            raise AssertionError("AF_NETLINK is still there")

    def get(self, url: str) -> dict[str, Any]:
        started = time.monotonic()
        try:
            response = self.session.get(url, timeout=3)
            found = {"status": response.status_code, "by": str(response.pacaware.proxies)}
        except requests.RequestException as exc:
            found = {"error": type(exc).__name__}
        return {**found, "seconds": time.monotonic() - started}

    def resolve(self, url: str) -> str:
        return str(self.resolver.resolve(url).proxies)

    def stats(self, _: Any) -> dict[str, int]:
        return self.resolver.stats()

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def can_write(self, folder: str) -> bool:
        try:
            with tempfile.TemporaryFile(dir=folder):
                return True
        except OSError:
            return False

    def threads(self, _: Any) -> int:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are enough


def main() -> None:
    logging.disable(logging.CRITICAL)
    laptop = Laptop()
    for line in sys.stdin:
        try:
            answer: Any = None
            for name, argument in json.loads(line).items():
                answer = getattr(laptop, name)(argument)
            print(json.dumps({"answer": answer}), flush=True)
        except Exception as exc:  # noqa: BLE001 - the test that asked raises it
            print(json.dumps({"error": repr(exc)}), flush=True)


if __name__ == "__main__":
    main()
