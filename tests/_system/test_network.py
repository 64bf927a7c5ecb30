"""Another network is noticed on use: the kernel's messages are only a reason to compare."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from pacaware._system import network
from pacaware._system.clock import awake_or_asleep
from pacaware._system.files import file_state
from pacaware._system.network import Network, NetworkWatch, look_at_network, shared_watch

OFFICE = Network(("10.1.0.5",), ("10.1.0.1",), ("10.1.0.53",))
HOME = Network(("192.168.7.2",), ("192.168.7.1",), ("192.168.7.1",))
ROUTE = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 {gateway} 0003 0 0 100 00000000 0 0 0
eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
tun0 00000000 00000000 0001 0 0 50 00000000 0 0 0
"""
ROUTE6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fd000000000000050000000000000001 00000400 00000003 00000000 00000003     eth0\n"
    "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0\n"
)


class World:
    """The network of now, how often it was compared, and a pipe in the place of the kernel's messages."""

    def __init__(self, *, messages: bool = True) -> None:
        self.network = OFFICE
        self.looks = 0
        self.opened = 0
        self.writer = -1
        self._messages = messages

    def look(self) -> Network:
        self.looks += 1
        return self.network

    def open(self) -> int | None:
        self.opened += 1
        if not self._messages:
            return None
        reader, self.writer = os.pipe()
        os.set_blocking(reader, False)
        return reader

    def message(self) -> None:
        os.write(self.writer, b"something has changed")


@pytest.fixture
def world():
    found = World()
    yield found
    if found.writer >= 0:
        os.close(found.writer)


@pytest.fixture
def watch(world, tmp_path):
    return NetworkWatch(world.look, world.open, (tmp_path / "resolv.conf",))


def test_the_first_look_is_no_change(world, watch):
    """It finds out what there is."""
    assert watch.changes(0.0) == 0
    assert (world.looks, world.opened) == (1, 1)


def test_without_a_message_nothing_is_compared(world, watch):
    """However long it takes: the kernel would have said so."""
    watch.changes(0.0)
    world.network = HOME
    assert [watch.changes(now) for now in (1.0, 60.0, 86400.0)] == [0, 0, 0]
    assert world.looks == 1


def test_a_message_is_a_reason_to_compare(world, watch):
    """Another network is a change, once."""
    watch.changes(0.0)
    world.network = HOME
    world.message()
    assert [watch.changes(1.0), watch.changes(2.0)] == [1, 1]
    assert world.looks == 2


def test_a_message_alone_is_no_change(world, watch):
    """A container's interface comes up, and the way to the world stays as it is."""
    watch.changes(0.0)
    world.message()
    world.message()
    assert watch.changes(1.0) == 0
    assert world.looks == 2


def test_other_dns_servers_are_seen_without_a_message(world, watch, tmp_path):
    """The kernel knows nothing of resolv.conf; its state is looked at each time."""
    watch.changes(0.0)
    world.network = OFFICE._replace(dns_servers=("10.1.0.54",))
    assert watch.changes(1.0) == 0
    (tmp_path / "resolv.conf").write_text("nameserver 10.1.0.54\n")
    assert [watch.changes(2.0), watch.changes(3.0)] == [1, 1]


def test_where_the_kernel_says_nothing_networks_are_compared_every_ten_seconds(tmp_path):
    """Another system, or a container without AF_NETLINK."""
    world = World(messages=False)
    watch = NetworkWatch(world.look, world.open, (tmp_path / "resolv.conf",))
    watch.changes(0.0)
    world.network = HOME
    assert [watch.changes(now) for now in (1.0, 9.9, 10.0, 11.0)] == [0, 0, 1, 1]
    assert world.looks == 2


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES])
def test_no_netlink(monkeypatch, code):
    """Whatever forbids the socket, there is none and no error."""

    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(network.socket, "socket", refuse)
    assert network.open_netlink() is None


def test_messages_that_were_lost_are_a_message(world, watch, monkeypatch):
    """ENOBUFS: there were more than the kernel keeps."""
    watch.changes(0.0)
    answers = iter([OSError(errno.ENOBUFS, "lost"), BlockingIOError()])

    def read(descriptor, size):
        raise next(answers)

    monkeypatch.setattr(network.os, "read", read)
    world.network = HOME
    assert watch.changes(1.0) == 1


def test_a_descriptor_that_fails_for_good_is_given_up(world, watch, monkeypatch):
    """Then networks are compared every ten seconds."""
    watch.changes(0.0)

    def read(descriptor, size):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(network.os, "read", read)
    world.network = HOME
    assert watch.changes(1.0) == 1
    world.network = OFFICE
    assert [watch.changes(now) for now in (2.0, 11.0)] == [1, 2]


def test_a_program_that_closes_every_descriptor(world, watch, tmp_path):
    """The number may be somebody else's by now: it is neither read nor closed, and another one is opened."""
    watch.changes(0.0)
    number = watch._trigger
    other = tmp_path / "other"
    other.write_text("of somebody else")
    foreign = os.open(other, os.O_RDONLY)
    os.dup2(foreign, number)  # closes the number first
    os.close(foreign)
    try:
        world.network = HOME
        os.close(world.writer)
        assert watch.changes(1.0) == 1
        assert world.opened == 2
        del watch
        assert os.read(number, 100) == b"of somebody else"
    finally:
        os.close(number)


def test_the_descriptor_ends_with_the_watch(world, watch):
    """Nobody needs to close it."""
    watch.changes(0.0)
    reader = watch._trigger
    watch._close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


def test_there_is_one_watch_for_all():
    """It lives as long as somebody holds it."""
    first = shared_watch()
    assert shared_watch() is first


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="AF_NETLINK is Linux's")
def test_netlink_on_this_machine():
    """The real socket opens, has nothing to say, and is not inherited by other programs."""
    descriptor = network.open_netlink()
    assert descriptor is not None
    try:
        assert not os.get_inheritable(descriptor)
        with pytest.raises(BlockingIOError):
            os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def gateway(address: str) -> str:
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"


def test_what_is_looked_at(tmp_path):
    """Source addresses, default gateways and DNS servers, IPv6 by /64."""
    (tmp_path / "route").write_text(ROUTE.format(gateway=gateway("192.0.2.1")))
    (tmp_path / "ipv6_route").write_text(ROUTE6)
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("# comment\nnameserver 10.0.0.53\nsearch corp.test\nnameserver\n nameserver fd00::53\n")
    sources = {"8.8.8.8": "10.0.0.5", "2001:4860:4860::8888": "2001:db8:1:2:aaaa::5"}
    found = look_at_network(sources.get, tmp_path, [resolv, resolv, tmp_path / "missing"])
    assert found.sources == ("10.0.0.5", "2001:db8:1:2::/64", None, None, None, None)
    assert found.gateways == ("192.0.2.1", "fd00:0:0:5::/64")
    assert found.dns_servers == ("10.0.0.53", "fd00::53")


def test_a_new_privacy_address_is_the_same_network(tmp_path):
    """Hosts change the lower half of their IPv6 address every day (RFC 8981)."""
    one, two = (
        look_at_network({"2001:4860:4860::8888": f"2001:db8:1:2::{n}"}.get, tmp_path, []) for n in ("1", "abcd")
    )
    assert one == two
    assert one != look_at_network({"2001:4860:4860::8888": "2001:db8:1:3::1"}.get, tmp_path, [])


def test_a_machine_that_shows_nothing(tmp_path):
    """Without /proc and resolv.conf the source addresses alone count."""
    assert look_at_network(lambda _: None, tmp_path, []) == Network((None,) * 6, (), ())


def test_this_machine():
    """The real look ends, twice with the same result."""
    assert look_at_network() == look_at_network()


def test_file_state(tmp_path):
    """Another one whenever a file is written, replaced or removed."""
    file = tmp_path / "settings"
    states = [file_state(file)]
    file.write_text("a")
    states.append(file_state(file))
    file.write_text("ab")
    states.append(file_state(file))
    (tmp_path / "new").write_text("cd")
    (tmp_path / "new").replace(file)
    states.append(file_state(file))
    assert states[0] is None
    assert len(set(states)) == 4


def test_the_clock_never_goes_back():
    """It counts at least what the usual clock counts."""
    times = [awake_or_asleep() for _ in range(1000)]
    assert times == sorted(times)
