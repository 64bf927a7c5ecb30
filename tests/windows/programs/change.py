"""Runs on Windows: have another process change the settings while a resolver is in use, and watch its answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import registry

from pacaware import ProxyResolver
from pacaware._system.windows_watch import RegistryWatch, fingerprint

URL = "http://www.test/"
LONGEST = 20.0


def change(values: list[list[Any]]) -> None:
    command = [sys.executable, str(Path(registry.__file__))]
    subprocess.run(command, input=json.dumps(values), text=True, check=True, capture_output=True, timeout=60)


def until_new(resolver: ProxyResolver, old: str) -> float | None:
    """Return after how many seconds of use there was another answer."""
    started = time.monotonic()
    while str(resolver.resolve(URL).proxies) == old:
        if time.monotonic() - started > LONGEST:
            return None
        time.sleep(0.05)
    return time.monotonic() - started


def watch() -> dict[str, int | bool]:
    """Count the changes that a watch begun by another thread sees."""
    with ThreadPoolExecutor(1) as threads:
        watch = threads.submit(RegistryWatch).result()
    first = watch.count()
    registry.put([["HKCU", "connections", "SavedLegacySettings", {"hex": "00"}]])
    second = watch.count()
    return {"quiet": first, "changed": second > first, "quiet again": watch.count() - second}


def main() -> None:
    steps = json.load(sys.stdin)
    registry.only(steps[0])
    seen: list[dict[str, Any]] = []
    with ProxyResolver() as resolver:
        answer = str(resolver.resolve(URL).proxies)
        seen.append({"answer": answer, "seconds": 0.0})
        for values in steps[1:]:
            change(values)
            seconds = until_new(resolver, answer)
            answer = str(resolver.resolve(URL).proxies)
            seen.append({"answer": answer, "seconds": seconds})
    fingerprint()
    started = time.perf_counter()
    for _ in range(100):
        fingerprint()
    look = (time.perf_counter() - started) / 100
    print(json.dumps({"seen": seen, "look": look, "watch": watch()}))


main()
