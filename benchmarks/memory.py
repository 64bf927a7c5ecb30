"""What the memories of a resolver cost: looks, many threads, and a million different URLs."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Result, Single, single
from benchmarks.servers import Lab
from pacaware import ProxyConfig, ProxyResolver

__all__ = ["run"]

URLS = 1_000_000
URLS_OF_AN_ORIGIN = 20
THREADS = 16
SECONDS = 2.0
_FULL = 2  # the third hundred thousand


def run(lab: Lab) -> Iterator[Result]:
    """Yield the results, one after the other."""
    with ProxyResolver(ProxyConfig(pac_url=lab.pac)) as resolver:
        url = "https://origin.test/"
        resolver.resolve(url)
        yield single("between looks: cached(), the same URL", lambda: resolver.cached(url), limit_us=2)
        yield single("a look at settings and network", lambda: _look(resolver), limit_us=100, repeat=200)
        yield _tail(resolver, url)
        yield _threads(resolver, url)
    with ProxyResolver(ProxyConfig(pac_url=lab.pac)) as resolver:
        yield from _million(resolver)


def _look(resolver: ProxyResolver) -> None:
    resolver._next_look = 0.0
    resolver._now()


def _tail(resolver: ProxyResolver, url: str) -> Result:
    """Time each of many calls by itself; the clock's own time is in it."""
    times = []
    for _ in range(200_000):
        started = time.perf_counter_ns()
        resolver.resolve(url)
        times.append((time.perf_counter_ns() - started) / 1000)
    times.sort()
    p99 = times[len(times) * 99 // 100]
    return Single("resolve(), the same URL again, 99th percentile", "<= 6 us", p99 <= 6, p99, times[0], times[-200])


def _throughput(resolver: ProxyResolver, url: str, threads: int) -> float:
    """Return calls per second of all threads together."""
    stop, counts = threading.Event(), []

    def work() -> None:
        count = 0
        while not stop.is_set():
            for _ in range(500):
                resolver.resolve(url)
            count += 500
        counts.append(count)

    running = [threading.Thread(target=work) for _ in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _threads(resolver: ProxyResolver, url: str) -> Result:
    ratios = sorted(_throughput(resolver, url, THREADS) / _throughput(resolver, url, 1) for _ in range(5))
    ratio = statistics.median(ratios)
    name = f"throughput of {THREADS} threads / of one (a ratio, not a time)"
    return Single(name, ">= 0.8", ratio >= 0.8, ratio, ratios[1], ratios[3])


def _million(resolver: ProxyResolver) -> Iterator[Result]:
    """Resolve a million different URLs; memory is compared once it is full and at the end."""
    resident, times = [], []
    for number in range(URLS):
        url = f"http://h{number // URLS_OF_AN_ORIGIN}.test/{number}?a={number}"
        started = time.perf_counter_ns()
        resolver.resolve(url)
        times.append((time.perf_counter_ns() - started) / 1000)
        if number % 100_000 == 99_999:
            resident.append((_resident(), sorted(times)[len(times) * 99 // 100]))
            times.clear()
    # By then every memory holds as much as it may.
    grown = (resident[-1][0] - resident[_FULL][0]) / 1e6
    yield Single(
        f"memory grown from URL 300,000 to {URLS:,} (MB, not a time)",
        "<= 5",
        grown <= 5,
        grown,
        0.0,
        resident[-1][0] / 1e6,
    )
    first, last = resident[0][1], resident[-1][1]
    ratio = last / first
    yield Single(
        "99th percentile of resolve(), last / first 100,000 of these URLs (a ratio)",
        "<= 1.5",
        ratio <= 1.5,
        ratio,
        first,
        last,
    )


def _resident() -> int:
    """Return the memory of this process in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
