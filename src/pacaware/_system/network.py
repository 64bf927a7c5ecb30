"""Noticing that this machine is on another network: on use, without a thread or a wake-up of ours.

A message of the kernel (Linux: NETLINK_ROUTE, as Chromium net/base/address_tracker_linux.cc) is only a reason to
compare, so that a container's interface that comes up changes nothing. Where the kernel cannot be asked, everything is
compared every ten seconds.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from pacaware._probes import PRIVATE, PUBLIC, source_address
from pacaware._system.files import file_state

__all__ = ["Network", "NetworkWatch", "look_at_network", "shared_watch"]

COMPARE_SECONDS: Final = 10.0
"""How often networks are compared where nothing says when."""

_PROC: Final = Path("/proc/net")
# Behind systemd-resolved the first names a stub that is the same everywhere.
_RESOLV_FILES: Final = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE of linux/rtnetlink.h.
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_VIA_GATEWAY: Final = 0x2  # RTF_GATEWAY of linux/route.h


class Network(NamedTuple):
    """What tells one network from another; IPv6 addresses by their /64, as privacy addresses change every day."""

    sources: tuple[str | None, ...]
    gateways: tuple[str, ...]
    dns_servers: tuple[str, ...]


def look_at_network(
    probe: Callable[[str], str | None] = source_address,
    proc: Path = _PROC,
    resolv_files: Iterable[Path] = _RESOLV_FILES,
) -> Network:
    """Return the network of now; what cannot be read here (another system, a closed container) is left empty."""
    sources = tuple(_prefix(probe(destination)) for destination in (*PUBLIC, *PRIVATE))
    servers = [server for file in resolv_files for server in _name_servers(_read(file))]
    gateways = {*_gateways(_read(proc / "route")), *_gateways6(_read(proc / "ipv6_route"))}
    return Network(sources, tuple(sorted(gateways)), tuple(dict.fromkeys(servers)))


def open_netlink() -> int | None:
    """Return a descriptor that can be read when an interface, address or route changes; None where there is none."""
    if not sys.platform.startswith("linux") or not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as opened:
            opened.bind((0, _GROUPS))
            return opened.detach()
    except OSError:
        return None


class NetworkWatch:
    """Counts changes of the network; a look costs two system calls as long as nothing happens. Thread-safe."""

    def __init__(
        self,
        look: Callable[[], Network] = look_at_network,
        open_trigger: Callable[[], int | None] = open_netlink,
        resolv_files: tuple[Path, ...] = _RESOLV_FILES,
    ) -> None:
        self._look = look
        self._open_trigger = open_trigger
        self._resolv_files = resolv_files
        self._changes = 0
        self._network: Network | None = None
        self._trigger: int | None = None
        self._trigger_identity: tuple[int, int] | None = None
        self._begin()
        _watches.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._compare_at = 0.0
        self._files: tuple[object, ...] = ()

    def changes(self, now: float) -> int:
        """Return how often the network has changed since the first call; ``now`` is the caller's clock, in seconds."""
        with self._lock:
            if self._is_due(now):
                if not self._is_open:  # before the comparison, so that no change falls between the two
                    self._is_open, self._trigger = True, self._open_trigger()
                    self._trigger_identity = None if self._trigger is None else _identity(self._trigger)
                self._compare(now)
            return self._changes

    def _is_due(self, now: float) -> bool:
        if not self._is_open or now >= self._compare_at:
            return True
        return self._drain() or tuple(map(file_state, self._resolv_files)) != self._files

    def _drain(self) -> bool:
        """Take everything there is to read; returns whether there was something, or the descriptor is lost."""
        trigger, happened = self._trigger, False
        if trigger is None:
            return False
        # Programs that turn into daemons close every descriptor, and the number may be somebody else's by now.
        if _identity(trigger) != self._trigger_identity:
            self._trigger, self._is_open = None, False
            return True
        while True:
            try:
                if not os.read(trigger, 1 << 16):
                    return happened
            except BlockingIOError:
                return happened
            except OSError as exc:
                if exc.errno != errno.ENOBUFS:  # that says that messages were lost, which is a message, too
                    self._close()
                    return True
            happened = True

    def _compare(self, now: float) -> None:
        self._files = tuple(map(file_state, self._resolv_files))
        network = self._look()
        if self._network is not None and network != self._network:
            self._changes += 1
        self._network = network
        self._compare_at = now + COMPARE_SECONDS if self._trigger is None else float("inf")

    def _close(self) -> None:
        trigger, self._trigger = self._trigger, None
        if trigger is not None and _identity(trigger) == self._trigger_identity:
            with contextlib.suppress(OSError):
                os.close(trigger)

    def __del__(self) -> None:
        self._close()

    def _after_fork(self) -> None:
        """Let go of the parent's descriptor; the next look opens one of its own and compares with what was known."""
        self._close()
        self._begin()


_watches: weakref.WeakSet[NetworkWatch] = weakref.WeakSet()
_shared: list[weakref.ref[NetworkWatch]] = []
_shared_lock = threading.Lock()


def shared_watch() -> NetworkWatch:
    """Return the one watch of this process; it ends with the last who holds it."""
    with _shared_lock:
        watch = _shared[0]() if _shared else None
        if watch is None:
            watch = NetworkWatch()
            _shared[:] = [weakref.ref(watch)]
        return watch


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""


def _prefix(address: str | None) -> str | None:
    """Return an address by which networks are compared: IPv4 whole, IPv6 by /64."""
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))


def _name_servers(resolv_conf: str) -> list[str]:
    lines = (line.split() for line in resolv_conf.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _gateways(route: str) -> set[str]:
    """Read the default gateways from /proc/net/route; addresses stand there in the byte order of the machine."""
    found = set()
    for line in route.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000" and int(words[3], 16) & _VIA_GATEWAY:
            found.add(socket.inet_ntoa(int(words[2], 16).to_bytes(4, sys.byteorder)))
    return found


def _gateways6(ipv6_route: str) -> set[str]:
    found = set()
    for line in ipv6_route.splitlines():
        words = line.split()
        if len(words) > 8 and words[0] == "0" * 32 and words[1] == "00" and int(words[8], 16) & _VIA_GATEWAY:
            found.add(str(_prefix(str(ipaddress.IPv6Address(bytes.fromhex(words[4]))))))
    return found


def _start_afresh() -> None:
    global _shared_lock  # a lock that another thread of the parent held cannot be made free again, only replaced
    _shared_lock = threading.Lock()
    for watch in list(_watches):
        watch._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
