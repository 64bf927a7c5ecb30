"""DHCP option 252 from each kind of machine, by fakes of its files, programs and functions."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import threading
import time

import pytest
from tests._core.test_dhcp_option import URL, lease, networkd, nmcli, objects

from pacaware._core.dhcp_option import Lease
from pacaware._pac import dhcp
from pacaware._pac.dhcp import DhcpClient, Machine
from pacaware._pac.dhcp_windows import ParamsArray, dhcp_adapters, request_option, wpad_is_disabled

MINE = "192.0.2.100"


class Programs:
    """Programs that print what they are told to; one that is not named here does not exist."""

    def __init__(self, **outputs: str) -> None:
        self.outputs = outputs
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, command, seconds):
        self.commands.append(tuple(command))
        return self.outputs.get(command[0])


@pytest.fixture
def machine(tmp_path):
    """A Linux without anything, whose address is MINE."""
    return Machine(
        platform="linux",
        root=tmp_path,
        run=Programs(),
        has_address=lambda address: address == MINE,
        adapter_names=lambda: ("en0", "en1"),
        unix_time=lambda: 1_764_000_000.0,
    )


def write(machine, path, text):
    file = machine.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def ask(machine, seconds=5.0, **changes):
    return DhcpClient(dataclasses.replace(machine, **changes)).ask(seconds)


def test_a_linux_without_any(machine):
    """Nothing is found, no program is run, and where it was looked for is said."""
    answer = ask(machine)
    assert answer.leases == ()
    assert answer.looked == tuple(
        f"{place}: no option 252" for place in ("NetworkManager", "systemd-networkd", "dhclient")
    )
    assert machine.run.commands == []


def test_networkd(machine):
    """All leases are read, by the number of the interface."""
    write(machine, "run/systemd/netif/leases/2", "ADDRESS=192.0.2.100\n")
    write(machine, "run/systemd/netif/leases/3", networkd())
    assert ask(machine).leases == (Lease("3", URL, MINE),)


@pytest.mark.parametrize(
    "path",
    [
        "var/lib/dhcp/dhclient.leases",
        "var/lib/dhcp/dhclient.eth0.leases",
        "var/lib/dhclient/dhclient--eth0.lease",
        "var/lib/NetworkManager/dhclient-1b-eth0.lease",
    ],
)
def test_dhclient(machine, path):
    """Wherever a distribution keeps the leases; dhclient.conf says what it calls the option."""
    write(machine, "etc/dhcp/dhclient.conf", "option pac code 252 = text;")
    write(machine, path, lease(f'option pac "{URL}"'))
    assert ask(machine).leases == (Lease("eth0", URL, MINE),)


def test_dhclient_newest_file_first(machine):
    """Of several files the one written last knows best."""
    for name, age in (("dhclient.a.leases", 100), ("dhclient.b.leases", 10)):
        file = write(machine, f"var/lib/dhcp/{name}", lease(f'option wpad "http://{name}/"'))
        os.utime(file, (1_700_000_000 - age,) * 2)
    assert [found.url for found in ask(machine).leases] == ["http://dhclient.b.leases/", "http://dhclient.a.leases/"]


def test_a_lease_of_another_network(machine):
    """A lease for an address that this machine no longer has is left over, and that is said."""
    write(machine, "run/systemd/netif/leases/2", networkd(ADDRESS="198.51.100.9"))
    answer = ask(machine)
    assert answer.leases == ()
    assert "systemd-networkd: option 252 in a lease of another network only" in answer.looked


def test_a_file_that_is_not_readable(machine):
    """A directory or a broken link in the place of a file has nothing."""
    (machine.root / "var/lib/dhcp/dhclient.x.leases").mkdir(parents=True)
    (machine.root / "var/lib/dhcp/dhclient.y.leases").symlink_to("nowhere")
    assert ask(machine).leases == ()


def test_networkmanager_by_bus(machine):
    """Its D-Bus objects are asked for by busctl, if NetworkManager runs at all."""
    programs = Programs(busctl=objects(wpad=URL, ip_address=MINE), nmcli=nmcli(wpad="http://other.test/"))
    assert ask(machine, run=programs).leases == ()
    write(machine, "run/NetworkManager/state", "")
    assert ask(machine, run=programs).leases == (Lease("1", URL, MINE),)
    assert [command[0] for command in programs.commands] == ["busctl"]


def test_networkmanager_by_nmcli(machine):
    """Without busctl, or where it fails, nmcli says the same."""
    write(machine, "run/NetworkManager/state", "")
    programs = Programs(nmcli=nmcli(wpad=URL, ip_address=MINE))
    assert ask(machine, run=programs).leases == (Lease("eth0", URL, MINE),)
    assert [command[0] for command in programs.commands] == ["busctl", "nmcli"]


def test_networkmanager_comes_first(machine):
    """Several places: the leases of all, NetworkManager's first."""
    write(machine, "run/NetworkManager/state", "")
    write(machine, "run/systemd/netif/leases/2", networkd(b"http://second.test/"))
    write(machine, "var/lib/dhcp/dhclient.leases", lease('option wpad "http://third.test/"'))
    found = ask(machine, run=Programs(busctl=objects(wpad=URL))).leases
    assert [one.url for one in found] == [URL, "http://second.test/", "http://third.test/"]


def test_macos(machine):
    """The program ipconfig is asked for each adapter."""
    programs = Programs(ipconfig=URL + "\n")
    answer = ask(machine, platform="darwin", run=programs)
    assert answer.leases == (Lease("en0", URL), Lease("en1", URL))
    assert programs.commands == [("ipconfig", "getoption", name, "252") for name in ("en0", "en1")]
    assert ask(machine, platform="darwin").looked == ("ipconfig, en0: no option 252", "ipconfig, en1: no option 252")


def test_windows(machine):
    """Each adapter's answer is cut at the NUL; one that fails does not stop the others."""

    def fails():
        raise OSError(2, "DhcpRequestParams failed with error 2")

    options = {"{A}": fails, "{B}": lambda: URL.encode() + b"\0", "{C}": lambda: b""}
    answer = ask(machine, platform="win32", windows_options=lambda: options)
    assert answer.leases == (Lease("{B}", URL),)
    assert [line.partition(": ")[2] for line in answer.looked] == [
        "[Errno 2] DhcpRequestParams failed with error 2",
        "option 252",
        "no option 252",
    ]


def test_slow_adapters_are_not_waited_for(machine):
    """All are asked at once; what does not answer in time has nothing."""
    gate = threading.Event()

    def hangs():
        gate.wait(10)
        return b"http://late.test/"

    options = {"{A}": hangs, "{B}": hangs, "{C}": lambda: URL.encode()}
    started = time.monotonic()
    answer = ask(machine, 0.2, platform="win32", windows_options=lambda: options)
    gate.set()
    assert time.monotonic() - started < 5
    assert answer.leases == (Lease("{C}", URL),)
    assert "no answer within 0.2 s" in answer.looked[0]


def test_adapters_that_cannot_be_listed(machine):
    """No permission for the registry means nothing found."""

    def refused():
        raise PermissionError("access denied")

    assert ask(machine, platform="win32", windows_options=refused) == ((), ("DHCP: access denied",))


# -- the real functions, as far as they run here


def test_programs_are_run_without_the_environment(monkeypatch):
    """A program of the system gets no PATH of the caller's, and only its output counts."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("SECRET", "c4n4ry")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/x")
    printed = dhcp.run_program(["env"], 10)
    assert printed is not None
    assert {line.partition("=")[0] for line in printed.split()} == {"PATH", "LC_ALL", "DBUS_SYSTEM_BUS_ADDRESS"}


@pytest.mark.parametrize("command", [["no-such-program-here"], ["false"], ["sleep", "20"]], ids=str)
def test_programs_that_give_nothing(command):
    """One that is missing, fails or hangs has printed nothing."""
    assert dhcp.run_program(command, 0.3) is None


def test_own_addresses():
    """An address of this machine can be bound, one of the documentation's network cannot."""
    assert dhcp.has_address("127.0.0.1")
    assert not dhcp.has_address("192.0.2.1")
    assert not dhcp.has_address("no address")
    assert not any(name.startswith("lo") for name in dhcp.adapter_names())


def test_windows_functions_elsewhere():
    """Where there is no Windows there are none of its adapters, and detection is not switched off."""
    if os.name != "nt":
        assert (dhcp.windows_options(), dhcp_adapters(), wpad_is_disabled()) == ({}, (), False)


class Dhcpcsvc:
    """DhcpRequestParams as Windows documents it: it wants a buffer of ``needs`` bytes."""

    def __init__(self, value: bytes, needs: int = 0, error: int = 0) -> None:
        self.value, self.needs, self.error = value, needs, error
        self.sizes: list[int] = []

    def __call__(self, flags, reserved, adapter, class_id, send, wanted, buffer, size, request_id):
        assert (flags, reserved, adapter, class_id, request_id) == (2, None, "{A}", None, None)
        assert (send.count, wanted.count, wanted.params.contents.option_id) == (0, 1, 252)
        assert isinstance(wanted, ParamsArray)
        self.sizes.append(size.contents.value)
        if self.error:
            return self.error
        if size.contents.value < self.needs:
            size.contents.value = self.needs
            return 124
        if self.value:
            ctypes.memmove(ctypes.addressof(buffer) + 8, self.value, len(self.value))
            wanted.params.contents.data = ctypes.addressof(buffer) + 8
            wanted.params.contents.size = len(self.value)
        return 0


def test_dhcp_request_params():
    """The value is where the structure points to; a larger buffer is given when asked for."""
    assert request_option("{A}", 252, Dhcpcsvc(b"http://p.test/\0")) == b"http://p.test/\0"
    larger = Dhcpcsvc(b"x" * 5000, needs=6000)
    assert request_option("{A}", 252, larger) == b"x" * 5000
    assert larger.sizes == [4096, 6000]
    assert request_option("{A}", 252, Dhcpcsvc(b"")) == b""


@pytest.mark.parametrize("service", [Dhcpcsvc(b"", error=2), Dhcpcsvc(b"", error=124)], ids=["error", "always more"])
def test_dhcp_request_params_fails(service):
    """An error of Windows is an OSError; a buffer that is never large enough is given up after four tries."""
    with pytest.raises(OSError, match=rf"DhcpRequestParams failed with error {service.error}"):
        request_option("{A}", 252, service)
    assert len(service.sizes) == (4 if service.error == 124 else 1)
