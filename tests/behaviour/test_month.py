"""A server's month, hour by hour: its PAC server is down for hours, the file is edited, proxies are rotated."""

from __future__ import annotations

import threading

from pacaware._models import ProxyConfig
from tests.resolver.conftest import by, eventually

HOUR = 3600.0
HOURS = 30 * 24
HOSTS = 40


def test_a_month(world):
    """Every answer comes at once and from the last script that could be had; nothing grows; polls are 12 h apart."""
    world.script("return 'PROXY p0.test:1; PROXY b.test:1'")
    resolver = world.resolver(ProxyConfig(pac_url=world.pac.url, proxy_server="manual.test:1"))
    served, in_use, edited = 0, 0, 0
    threads = threading.active_count()
    by_version = {}
    for hour in range(HOURS):
        is_down = hour % 72 in range(20, 29)
        if hour % 50 == 49:
            edited += 1
        if not is_down:
            served = edited
        world.script(f"return 'PROXY p{served}.test:1; PROXY b.test:1'", status=503 if is_down else 200)
        asked = len(world.pac.requests)
        for number in range(3):
            decision = resolver.resolve(f"https://h{(hour * 3 + number) % HOSTS}.test/{hour}")
            used = int(by(decision).partition("PROXY p")[2].partition(".")[0])
            assert used in (in_use, served)  # never the manual proxy, never DIRECT, never an older script
            if number == 0 and hour % 100 == 10:
                walk = resolver.start(decision)
                walk.failed("rotated")
                resolver.connected(decision, walk)
        eventually(lambda: not resolver._situation.basis.source._lock.locked())
        if len(world.pac.requests) > asked and not is_down:
            in_use = served
        by_version[in_use] = by_version.get(in_use, 0) + 1
        world.clock.advance(HOUR)
    stats = resolver.stats()
    assert len(by_version) > 10
    assert stats["answers"] <= HOSTS
    assert stats["bad_proxies"] <= 1
    assert stats["invalidations_pac"] >= 10
    # Twelve hours apart, and while it is down once in each of these hours.
    assert HOURS / 12 <= stats["fetches"] <= HOURS / 12 + HOURS / 72 * 9 + 1
    assert threading.active_count() <= threads + 1  # the one connection that the PAC server is still serving
