"""Option 252 of DHCP, from whoever has asked the DHCP server already: no packet is sent by this process.

Linux: NetworkManager (by D-Bus through busctl, or nmcli), systemd-networkd and dhclient by the leases they store.
Windows: its DHCP client service. macOS: ``ipconfig``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from pacaware._core.dhcp_option import (
    CODE,
    Lease,
    from_dhclient,
    from_networkd,
    from_networkmanager,
    from_nmcli,
    text_of,
)
from pacaware._pac.parallel import in_thread

__all__ = ["DHCP_SECONDS", "DhcpAnswer", "DhcpClient", "Machine"]

DHCP_SECONDS: Final = 2.0  # Chromium net/proxy_resolution/win: the limit for an adapter
_MOST_BYTES: Final = 1 << 20
# Not the caller's PATH: what stands there is nobody's promise to be the system's program.
_PROGRAMS: Final = "/usr/bin:/bin:/usr/sbin:/sbin"
_LEASE_FILES: Final = (
    *("var/lib/dhcp/dhclient*.leases", "var/lib/dhclient/dhclient*.lease*", "var/lib/dhcp3/dhclient*.leases"),
    *("var/lib/NetworkManager/dhclient-*.lease", "run/dhclient*.lease*"),
)
_DHCLIENT_CONFIGS: Final = ("etc/dhcp/dhclient.conf", "etc/dhclient.conf")
_OBJECTS: Final = (
    *("busctl", "--system", "--json=short", "--timeout=2", "call", "org.freedesktop.NetworkManager"),
    *("/org/freedesktop", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
)
_SHOW: Final = ("nmcli", "--terse", "--escape", "no", "--fields", "GENERAL.DEVICE,DHCP4", "device", "show")


def run_program(command: Sequence[str], seconds: float) -> str | None:
    """Return what a program of the system prints; None if there is no such program, it fails, or takes too long."""
    program = shutil.which(command[0], path=_PROGRAMS)
    if program is None:
        return None
    bus = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    environ = {"PATH": _PROGRAMS, "LC_ALL": "C", **({"DBUS_SYSTEM_BUS_ADDRESS": bus} if bus else {})}
    try:
        done = subprocess.run(  # noqa: S603 - one of three fixed commands, found on a fixed path
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env=environ,
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:_MOST_BYTES].decode("utf-8", "replace")


def has_address(address: str) -> bool:
    """Say whether an IPv4 address is one of this machine's: a lease for another is of another network."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(1.0)
            probe.bind((address, 0))
    except (OSError, UnicodeError):
        return False
    return True


def adapter_names() -> tuple[str, ...]:
    """Return the names of the network adapters, loopback left out."""
    return tuple(name for _, name in socket.if_nameindex() if not name.startswith("lo"))


def windows_options() -> dict[str, Callable[[], bytes]]:
    """Return for each adapter of Windows what asks its DHCP client service."""
    if sys.platform != "win32":
        return {}
    from pacaware._pac.dhcp_windows import dhcp_adapters, request_option

    return {adapter: partial(request_option, adapter, CODE) for adapter in dhcp_adapters()}


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of the operating system, and where its files are."""

    platform: str = sys.platform
    root: Path = Path("/")
    run: Callable[[Sequence[str], float], str | None] = run_program
    has_address: Callable[[str], bool] = has_address
    adapter_names: Callable[[], tuple[str, ...]] = adapter_names
    windows_options: Callable[[], dict[str, Callable[[], bytes]]] = windows_options
    unix_time: Callable[[], float] = field(default=time.time)


class DhcpAnswer(NamedTuple):
    """The leases that have the option, best first, and for people where it was looked for."""

    leases: tuple[Lease, ...]
    looked: tuple[str, ...]


class DhcpClient:
    """Finds option 252 of all adapters, all places at once."""

    def __init__(self, machine: Machine | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._machine = machine or Machine()
        self._clock = clock

    def ask(self, seconds: float = DHCP_SECONDS) -> DhcpAnswer:
        """Return what is found within ``seconds``; a place that is slower, or fails, has nothing."""
        deadline = self._clock() + seconds
        try:
            places = self._places(seconds)
        except OSError as exc:
            return DhcpAnswer((), (f"DHCP: {exc}",))
        futures: list[tuple[str, Future[tuple[Lease, ...]]]] = [
            (place, in_thread(ask, "dhcp")) for place, ask in places.items()
        ]
        leases: list[Lease] = []
        looked = []
        for place, future in futures:
            try:
                found = future.result(max(0.0, deadline - self._clock()))
            except TimeoutError:
                looked.append(f"{place}: no answer within {seconds:g} s")
            except Exception as exc:  # noqa: BLE001 - a place that breaks is one that has nothing
                looked.append(f"{place}: {exc or type(exc).__name__}")
            else:
                mine = [lease for lease in found if not lease.address or self._machine.has_address(lease.address)]
                leases += mine
                looked.append(f"{place}: {_outcome(len(found), len(mine))}")
        return DhcpAnswer(tuple(leases), tuple(looked))

    def _places(self, seconds: float) -> dict[str, Callable[[], tuple[Lease, ...]]]:
        machine = self._machine
        if machine.platform == "win32":
            asks = machine.windows_options()
            return {f"the DHCP client of Windows, {name}": partial(_of_bytes, name, ask) for name, ask in asks.items()}
        if machine.platform == "darwin":
            return {f"ipconfig, {name}": partial(self._ipconfig, name, seconds) for name in machine.adapter_names()}
        return {
            "NetworkManager": partial(self._networkmanager, seconds),
            "systemd-networkd": self._networkd,
            "dhclient": self._dhclient,
        }

    def _ipconfig(self, adapter: str, seconds: float) -> tuple[Lease, ...]:
        text = self._machine.run(("ipconfig", "getoption", adapter, str(CODE)), seconds)
        return _of_bytes(adapter, lambda: (text or "").encode())

    def _networkmanager(self, seconds: float) -> tuple[Lease, ...]:
        machine = self._machine
        if not (machine.root / "run/NetworkManager").is_dir():
            return ()
        objects = machine.run(_OBJECTS, seconds)
        if objects is not None:
            return from_networkmanager(objects, machine.unix_time())
        return from_nmcli(machine.run(_SHOW, seconds) or "", machine.unix_time())

    def _networkd(self) -> tuple[Lease, ...]:
        files = sorted((self._machine.root / "run/systemd/netif/leases").glob("*"))
        return tuple(lease for file in files for lease in from_networkd(file.name, _text(file)))

    def _dhclient(self) -> tuple[Lease, ...]:
        root = self._machine.root
        config = "\n".join(_text(root / path) for path in _DHCLIENT_CONFIGS)
        # The file written last knows best.
        files = sorted({file for pattern in _LEASE_FILES for file in root.glob(pattern)}, key=_written, reverse=True)
        now = self._machine.unix_time()
        return tuple(lease for file in files for lease in from_dhclient(_text(file), config, now))


def _of_bytes(adapter: str, ask: Callable[[], bytes]) -> tuple[Lease, ...]:
    url = text_of(ask())
    return (Lease(adapter, url),) if url else ()


def _outcome(found: int, mine: int) -> str:
    if not found:
        return f"no option {CODE}"
    return f"option {CODE}" if mine else f"option {CODE} in a lease of another network only"


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _text(file: Path) -> str:
    """Read a text file; one that is not there or not readable is empty."""
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
