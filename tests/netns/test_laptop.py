"""A laptop's day: office, home, VPN, containers and sleep, on real interfaces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.netns import lab

pytestmark = pytest.mark.real
DAY = {"Cache-Control": "max-age=86400"}


@pytest.fixture(params=["laptop"])
def places(request) -> Iterator[tuple[lab.Machine, lab.Site, lab.Site]]:
    """A laptop, an office and a home; where there can be none, a skip, and a failure with PACAWARE_REAL=required."""
    try:
        lab.require()
    except lab.Missing as exc:
        if os.environ.get("PACAWARE_REAL") == "required":
            pytest.fail(f"{exc} (PACAWARE_REAL=required)", pytrace=False)
        pytest.skip(str(exc))
    with lab.world(read_only=request.param == "closed container") as found:
        yield found


@pytest.fixture
def laptop(places):
    return places[0]


@pytest.fixture
def office(places):
    return places[1]


@pytest.fixture
def home(places):
    return places[2]


def settle(laptop) -> None:
    """Let the second between two looks go by."""
    laptop.ask(sleep=1.5)


def in_the_office(laptop, office, **headers) -> None:
    """Begin the day there, with a PAC file, by a page from inside."""
    office.ask(headers=headers.get("headers", {}))
    office.plug_in(laptop, "office0")
    laptop.ask(settings={"pac_url": office.servers["pac"], "origin": "gnome"})
    found = laptop.ask(get=office.servers["inside"])
    assert (found["status"], found["by"]) == (200, f"{office.servers['a']}; {office.servers['b']}")


def go_home(laptop, home) -> None:
    laptop.ip("link del office0")
    home.plug_in(laptop, "home0")
    settle(laptop)


@pytest.mark.parametrize(("places", "netlink"), [("laptop", True), ("closed container", False)], indirect=["places"])
def test_from_the_office_home_and_back(laptop, office, home, netlink):
    """The PAC file did not say how long it is good: at home it is not obtained within 5 s, and everything is DIRECT.

    Back in the office the first page goes by the proxies again. No restart, no reset. So it is in a closed container,
    on a read-only file system and where the kernel refuses AF_NETLINK, ten seconds later.
    """
    assert laptop.ask(can_write="/tmp") is netlink
    if not netlink:
        laptop.ask(without_netlink=None)
    in_the_office(laptop, office)
    go_home(laptop, home)
    if not netlink:
        laptop.ask(sleep=10)
    found = laptop.ask(get=home.servers["outside"])
    assert (found.get("status"), found.get("by")) == (200, "DIRECT")
    assert found["seconds"] < 7
    assert laptop.ask(get=home.servers["outside"])["seconds"] < 1
    laptop.ip("link del home0")
    office.plug_in(laptop, "office0")
    settle(laptop)
    if not netlink:
        laptop.ask(sleep=10)
    found = laptop.ask(get=office.servers["inside"])
    assert (found.get("status"), found.get("by")) == (200, f"{office.servers['a']}; {office.servers['b']}")
    assert laptop.ask(stats=None)["invalidations_network"] >= 2


def test_a_pac_file_that_is_good_for_a_day(laptop, office, home):
    """At home it is used on; when none of its proxies can be reached it is asked for again, and is not obtained."""
    in_the_office(laptop, office, headers=DAY)
    go_home(laptop, home)
    assert laptop.ask(resolve="http://other.test/").startswith(office.servers["a"])
    assert laptop.ask(stats=None)["fetches"] == 1
    found = laptop.ask(get=home.servers["outside"])
    assert (found.get("status"), found.get("by")) == (200, "DIRECT")
    assert found["seconds"] < 15  # 3 s for each of two silent proxies, 5 s for the PAC server
    assert laptop.ask(stats=None)["fetches"] == 2
    assert laptop.ask(get=home.servers["outside"])["seconds"] < 1


def test_a_vpn_comes_up_and_goes_down(laptop, office, home):
    """At home without it everything is DIRECT; with it the office's PAC file is obtained; without it no more."""
    home.plug_in(laptop, "home0")
    laptop.ask(settings={"pac_url": office.servers["pac"], "origin": "gnome"})
    assert laptop.ask(get=home.servers["outside"])["by"] == "DIRECT"
    before = laptop.ask(stats=None)["invalidations_network"]
    office.plug_in(laptop, "vpn0", route="10.0.0.0/8")
    settle(laptop)
    found = laptop.ask(get=office.servers["inside"])
    assert (found.get("status"), found.get("by")) == (200, f"{office.servers['a']}; {office.servers['b']}")
    laptop.ip("link del vpn0")
    settle(laptop)
    assert laptop.ask(get=home.servers["outside"])["by"] == "DIRECT"
    assert laptop.ask(stats=None)["invalidations_network"] >= before + 2


def test_containers_change_nothing(laptop, office):
    """A bridge with its network, and cables that come and go, leave the way to the world as it is."""
    in_the_office(laptop, office)
    for command in (
        "link add docker0 type bridge",
        "addr add 172.17.0.1/16 dev docker0",
        "link set docker0 up",
        "link add veth1 type veth peer name veth2",
        "link set veth1 master docker0",
        "link set veth1 up",
        "link set veth2 up",
        "link del veth1",
    ):
        laptop.ip(command)
        settle(laptop)
        laptop.ask(resolve=office.servers["inside"])
    stats = laptop.ask(stats=None)
    assert (stats["invalidations_network"], stats["fetches"], stats["evaluations"]) == (0, 1, 1)


def test_an_address_that_comes_and_goes(laptop, office):
    """A second address changes nothing; another one on the way to the world is another network, at the next look."""
    in_the_office(laptop, office)
    changes = []
    for commands in (
        ["addr add 10.1.0.77/24 dev office0"],
        ["addr flush dev office0"],
        ["addr add 10.1.0.77/24 dev office0", "route add default via 10.1.0.254 dev office0"],
    ):
        for command in commands:
            laptop.ip(command)
        settle(laptop)
        laptop.ask(resolve="http://other.test/")
        changes.append(laptop.ask(stats=None)["invalidations_network"])
    assert changes == [0, 1, 2]


def test_wake_from_sleep(laptop, office):
    """After a night marks and fresh files are over: the clock counts sleep. The same network is no change."""
    in_the_office(laptop, office, headers={"Cache-Control": "max-age=3600"})
    laptop.ask(sleep=8 * 3600)
    found = laptop.ask(get=office.servers["inside"])
    assert (found["status"], found["by"]) == (200, f"{office.servers['a']}; {office.servers['b']}")
    until = time.monotonic() + lab.SECONDS
    while laptop.ask(stats=None)["fetches"] < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert laptop.ask(stats=None)["invalidations_network"] == 0


def test_nothing_runs_while_nothing_is_asked(laptop, office):
    """No thread waits for messages of the kernel."""
    in_the_office(laptop, office)
    assert laptop.ask(threads=None) == 1
