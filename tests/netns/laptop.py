"""The program on the laptop: one session that lives all day and is asked for pages."""

from __future__ import annotations

import json
import logging
import os
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
        network.NetworkWatch.__init__.__defaults__ = (
            network.look_at_network,
            lambda: None,
            network._RESOLV_FILES,
        )

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
