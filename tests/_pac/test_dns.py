"""Lookups for PAC files: all at once, remembered for a while, bounded in time and threads."""

from __future__ import annotations

import json
import math
import threading
import time
import zlib
from pathlib import Path

import pytest

from pacaware._pac import system_dns
from pacaware._pac.dns import Lookups, Resolved, describe_key
from pacaware._pac.my_address import my_addresses
from pacaware._pac.system_dns import dns_settings
from pacaware.errors import PacTimeout

MY_ADDRESS_ROWS = json.loads((Path(__file__).parents[1] / "data" / "my_ip_address.json").read_text())


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Names:
    """A resolver that knows some names and notes what it was asked."""

    def __init__(self, life=0.0, **names):
        self.names = {name.replace("_", "."): found for name, found in names.items()}
        self.life = life
        self.asked = []

    def __call__(self, name, six, seconds):
        self.asked.append((name, six))
        return Resolved(tuple(self.names.get(name, ())), self.life)


def texts(answers):
    return {key: answer.text for key, answer in answers.items()}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("4 a.test", "10.0.0.1"),
        ("a a.test", "fd00::1;10.0.0.1;10.0.0.2"),
        ("4 A.TEST", "10.0.0.1"),
        ("4 six.test", ""),
        ("a six.test", "fd00::2"),
        ("4 none.test", ""),
        ("a none.test", ""),
        ("4 10.1.2.3", "10.1.2.3"),
        ("4 0x7f.1", "127.0.0.1"),
        ("4 ::1", ""),
        ("a ::1", "::1"),
        ("4 b\u00fccher.test", "10.0.0.3"),
        ("4 \u2603.test", ""),  # a snowman
        ("4 a b", ""),
        ("4 a..b", ""),
        ("4 \ud800", ""),
        ("m", "10.0.0.9"),
        ("M", "10.0.0.9;fd00::9"),
    ],
)
def test_what_the_script_is_told(key, expected):
    """Of dnsResolve the script gets the first IPv4 address, the Ex function all; failures are empty."""
    names = Names(a_test=["fd00::1", "10.0.0.1", "10.0.0.2"], six_test=["fd00::2"])
    names.names["xn--bcher-kva.test"] = ["10.0.0.3"]
    mine = ["10.0.0.9", "fd00::9"]
    lookups = Lookups(names, my_addresses=lambda ex: mine if ex else mine[:1])
    assert texts(lookups.answer([key], time.monotonic() + 5)) == {key: expected}
    lookups.close()


@pytest.mark.parametrize(("life", "kept"), [(0, 5), (1, 5), (60, 60), (9999, 300)])
def test_how_long_answers_live(life, kept):
    """An answer lives 5 s or its TTL, whichever is longer, at most 300 s."""
    clock, names = Clock(), Names(life, a_test=["10.0.0.1"])
    lookups = Lookups(names, clock=clock)
    assert lookups.answer(["4 a.test"], time.monotonic() + 5)["4 a.test"].expires == clock.now + kept
    clock.now += kept - 0.1
    lookups.answer(["4 a.test"], time.monotonic() + 5)
    assert len(names.asked) == 1
    clock.now += 0.2
    assert lookups.known(["4 a.test"]) == {}
    lookups.answer(["4 a.test"], time.monotonic() + 5)
    assert len(names.asked) == 2


def test_failures_are_remembered_for_five_seconds():
    """A name that does not exist, or whose lookup fails, is not asked for again at once."""

    def fail(name, six, seconds):
        raise OSError("no network")

    clock = Clock()
    for resolver in (Names(600), fail):
        lookups = Lookups(resolver, clock=clock)
        answer = lookups.answer(["4 none.test"], time.monotonic() + 5)["4 none.test"]
        assert answer[:2] == ("", clock.now + 5)


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_what_is_near_its_end_is_renewed_beside_the_requests():
    """Not before three quarters of its life are over, once; what is known is told until its time is over."""
    clock, names, gate = Clock(), Names(60, a_test=["10.0.0.1"]), threading.Event()
    lookups = Lookups(lambda *question: (names(*question), gate.wait(10))[0], clock=clock)
    gate.set()
    keys = ["4 a.test", "4 10.1.1.1", "4 never.asked.test"]
    lookups.answer(keys[:2], time.monotonic() + 5)
    clock.now += 44
    lookups.renew(keys)
    assert len(names.asked) == 1
    clock.now += 2
    names.names["a.test"] = ["10.0.0.2"]
    gate.clear()
    lookups.renew(keys)
    until(lambda: len(names.asked) == 2)
    lookups.renew(keys)
    assert texts(lookups.answer(keys[:1], time.monotonic())) == {"4 a.test": "10.0.0.1"}
    gate.set()
    until(lambda: not lookups._pending)
    lookups.renew(keys)
    clock.now += 13
    assert texts(lookups.answer(keys[:1], time.monotonic())) == {"4 a.test": "10.0.0.1"}
    clock.now += 1
    assert texts(lookups.answer(keys[:1], time.monotonic())) == {"4 a.test": "10.0.0.2"}
    clock.now += 45
    assert texts(lookups.known(keys[:1])) == {"4 a.test": "10.0.0.2"}
    assert len(names.asked) == 2
    clock.now += 1
    assert lookups.known(keys[:1]) == {}
    lookups.close()


def test_the_same_answer_again_holds_from_then_on():
    """A renewal that changes nothing needs no second one before long."""
    clock, names = Clock(), Names(60, a_test=["10.0.0.1"])
    lookups = Lookups(names, clock=clock)
    lookups.answer(["4 a.test"], time.monotonic() + 5)
    clock.now += 50
    lookups.renew(["4 a.test"])
    until(lambda: not lookups._pending)
    lookups.renew(["4 a.test"])
    clock.now += 59
    assert texts(lookups.known(["4 a.test"])) == {"4 a.test": "10.0.0.1"}
    assert len(names.asked) == 2
    lookups.close()


def test_a_renewal_that_fails_spoils_nothing():
    """The answer holds until its time is over, and is asked for again a little later; then the lookup has failed."""
    clock, names, asked = Clock(), Names(60, a_test=["10.0.0.1"]), []

    def resolve(name, six, seconds):
        asked.append(name)
        if len(asked) > 1:
            raise OSError("the DNS server is down")
        return names(name, six, seconds)

    lookups = Lookups(resolve, clock=clock)
    lookups.answer(["4 a.test"], time.monotonic() + 5)
    for count, seconds in enumerate((50, 5), start=2):
        clock.now += seconds
        lookups.renew(["4 a.test"])
        until(lambda count=count: len(asked) == count and not lookups._pending)
        assert texts(lookups.known(["4 a.test"])) == {"4 a.test": "10.0.0.1"}
    clock.now += 5
    assert texts(lookups.answer(["4 a.test"], time.monotonic() + 5)) == {"4 a.test": ""}
    lookups.close()


def test_addresses_hold_for_ever():
    """What needs no lookup needs no thread and does not expire."""
    before = threading.active_count()
    assert Lookups(Names()).answer(["4 10.0.0.1"], time.monotonic())["4 10.0.0.1"].expires == math.inf
    assert threading.active_count() == before


def test_clear_forgets():
    """After clear() every name is looked up again."""
    names = Names(300, a_test=["10.0.0.1"])
    lookups = Lookups(names)
    lookups.answer(["4 a.test"], time.monotonic() + 5)
    lookups.clear()
    names.names["a.test"] = ["10.0.0.2"]
    assert texts(lookups.answer(["4 a.test"], time.monotonic() + 5)) == {"4 a.test": "10.0.0.2"}


def test_memory_is_bounded():
    """Of many names only the last thousand are remembered."""
    lookups = Lookups(Names(300), threads=2)
    for start in range(0, 1200, 100):
        lookups.answer([f"4 n{number}.test" for number in range(start, start + 100)], time.monotonic() + 5)
    assert len(lookups.known([f"4 n{number}.test" for number in range(1200)])) == 1000


def test_all_at_once():
    """The names of one run are looked up at the same time."""
    barrier = threading.Barrier(5)

    def resolve(name, six, seconds):
        barrier.wait(5)
        return Resolved(("10.0.0.1",), 0)

    answers = Lookups(resolve).answer([f"4 n{number}.test" for number in range(5)], time.monotonic() + 5)
    assert set(texts(answers).values()) == {"10.0.0.1"}


def test_same_name_is_looked_up_once():
    """Two evaluations that want the same name share one lookup."""
    gate, names = threading.Event(), Names(300, a_test=["10.0.0.1"])

    def resolve(name, six, seconds):
        gate.wait(5)
        return names(name, six, seconds)

    lookups = Lookups(resolve)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(texts(lookups.answer(["4 a.test"], time.monotonic() + 5))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert found == [{"4 a.test": "10.0.0.1"}] * 4
    assert len(names.asked) == 1


def test_too_slow_is_named():
    """Names that are not answered by the deadline are named in the error, and their threads are bounded."""
    gate = threading.Event()

    def resolve(name, six, seconds):
        if name.startswith("slow"):
            gate.wait(10)
        return Resolved((), 0)

    lookups = Lookups(resolve, threads=3)
    before = threading.active_count()
    try:
        with pytest.raises(PacTimeout, match=r"slow0\.test, slow1\.test"):
            lookups.answer(["4 fast.test", *(f"4 slow{number}.test" for number in range(9))], time.monotonic() + 0.2)
        assert threading.active_count() - before <= 3
    finally:
        gate.set()
    assert describe_key("m") == "myIpAddress()"


def test_lookups_of_a_run_are_reported(make_script):
    """The answer names what was looked up and how long that holds."""
    script = make_script(
        "function FindProxyForURL(u, h)"
        "{ return isResolvable(h) && myIpAddress() == '10.0.0.9' ? 'PROXY a:1' : 'DIRECT' }",
        lookups=Lookups(Names(30, x_test=["10.0.0.1"]), my_addresses=lambda ex: ["10.0.0.9"]),
    )
    for _ in range(2):  # the second time the answers go along with the question
        answer = script.find_proxy("http://x.test/", "x.test")
        assert answer.text == "PROXY a:1"
        assert list(answer.lookups) == ["x.test", "myIpAddress()"]
        assert 25 < answer.dns_valid_for <= 30
    assert script.find_proxy("http://y.test/", "y.test").text == "DIRECT"


def test_dependent_names_take_rounds(make_script):
    """A name built from an earlier answer is looked up in a further round; twenty-one are too many."""
    text = """function FindProxyForURL(u, h) {
        for (var i = 0; i < +h; i++) u = dnsResolve('n' + i + '-' + ('' + u).split('.').join('-'));
        return '' + u;
    }"""

    def resolve(name, six, seconds):
        return Resolved((f"10.0.0.{zlib.crc32(name.encode()) % 251}",), 0)

    script = make_script(text, lookups=Lookups(resolve))
    assert script.find_proxy("x", "20").text.startswith("10.0.0.")
    with pytest.raises(PacTimeout, match="20 rounds"):
        make_script(text, lookups=Lookups(resolve)).find_proxy("x", "21")


def test_lookups_while_loading(make_script, engine):
    """Lookups at the top level are answered too, and the text is loaded anew when they no longer hold."""
    mine = ["10.0.0.1"]
    text = "var mine = myIpAddress(); function FindProxyForURL(u, h) { return 'PROXY ' + mine + ':1' }"
    lookups = Lookups(Names(), my_addresses=lambda ex: mine)
    script = make_script(text, lookups=lookups, engine=engine)
    assert script.find_proxy("http://x/", "x").text == "PROXY 10.0.0.1:1"
    assert script.find_proxy("http://x/", "x").lookups.keys() == {"myIpAddress()"}
    mine[0] = "10.0.0.2"
    assert script.find_proxy("http://x/", "x").text == "PROXY 10.0.0.1:1"
    lookups.clear()
    script._loaded.answers = {key: answer._replace(expires=0) for key, answer in script._loaded.answers.items()}
    assert script.find_proxy("http://x/", "x").text == "PROXY 10.0.0.2:1"


def test_lookup_budget_is_the_calls(make_script):
    """A name that is not resolved in the time of the call ends it, and the script goes on afterwards."""
    gate = threading.Event()

    def resolve(name, six, seconds):
        gate.wait(10)
        return Resolved(("10.0.0.1",), 0)

    script = make_script(
        "function FindProxyForURL(u, h) { return 'PROXY ' + dnsResolve(h) + ':1' }", lookups=Lookups(resolve)
    )
    script.load()
    with pytest.raises(PacTimeout, match=r"x\.test"):
        script.find_proxy("http://x.test/", "x.test", timeout=0.2)
    gate.set()
    assert script.find_proxy("http://x.test/", "x.test").text == "PROXY 10.0.0.1:1"


@pytest.mark.parametrize("row", MY_ADDRESS_ROWS, ids=lambda row: row["source"].rpartition(":")[2])
def test_my_address_as_chromium(row):
    """The order of probes, and what counts, is Chromium's."""
    routes = dict(row["routes"])
    assert my_addresses(row["ex"], routes.get, lambda: list(row["hostname_dns"])) == row["expected"]


def test_my_address_stops_at_the_first_ipv4():
    """A plain myIpAddress() needs no second probe after an IPv4 address; the Ex function takes the whole stage."""
    asked = []

    def probe(destination):
        asked.append(destination)
        return "fd00::1" if ":" in destination else "10.0.0.1"

    assert my_addresses(False, probe, list) == ["10.0.0.1"]
    assert asked == ["8.8.8.8"]
    assert my_addresses(True, probe, list) == ["10.0.0.1", "fd00::1"]


def test_my_address_of_this_machine_is_an_address():
    """The real probes send nothing and give addresses that are not loopback."""
    import ipaddress

    assert not any(ipaddress.ip_address(found).is_loopback for found in my_addresses(True, own_name=list))


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("hosts: files dns", False),
        ("hosts:\tfiles resolve [!UNAVAIL=return] myhostname dns # mdns", False),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", True),
        ("hosts: files sss dns", True),
        ("passwd: files sss", False),
        ("", False),
    ],
)
def test_nsswitch_decides_who_resolves(tmp_path, hosts, expected):
    """Only a system with sources of names beyond files and DNS is asked through getaddrinfo."""
    path = tmp_path / "nsswitch.conf"
    path.write_text(hosts + "\n")
    assert system_dns.needs_getaddrinfo("linux", path) is expected
    assert system_dns.needs_getaddrinfo("darwin", path)
    assert system_dns.needs_getaddrinfo("win32", path)
    assert not system_dns.needs_getaddrinfo("linux", tmp_path / "none")


def test_hosts_file_comes_first(tmp_path, monkeypatch):
    """The hosts file answers before DNS is asked, and is read again when it changes."""
    hosts, nsswitch = tmp_path / "hosts", tmp_path / "nsswitch.conf"
    nsswitch.write_text("hosts: files dns\n")
    hosts.write_text("10.0.0.1 intra Intra.corp # comment\nfd00::1 intra.corp six.corp\n")
    monkeypatch.setattr(system_dns, "_HOSTS", hosts)
    monkeypatch.setattr(system_dns, "needs_getaddrinfo", lambda: False)
    asked = []
    monkeypatch.setattr(system_dns, "by_dns", lambda name, six, seconds: asked.append(name) or Resolved((), 0))
    assert system_dns.resolve("intra.corp.", True, 1).addresses == ("10.0.0.1", "fd00::1")
    assert asked == []
    assert system_dns.resolve("six.corp", False, 1).addresses == ()
    assert system_dns.resolve("other.corp", False, 1).addresses == ()
    assert asked == ["six.corp", "other.corp"]
    hosts.write_text("10.0.0.22 other.corp\n")
    assert system_dns.resolve("other.corp", False, 1).addresses == ("10.0.0.22",)


def test_other_sources_of_names_are_the_system_s(monkeypatch):
    """Where nsswitch.conf names more than files and DNS, only the system is asked; else the system is not."""
    asked = []
    monkeypatch.setattr(
        system_dns, "by_getaddrinfo", lambda *what: asked.append("system") or Resolved(("10.0.0.1",), 60)
    )
    monkeypatch.setattr(system_dns, "by_dns", lambda *what: asked.append("dns") or Resolved(("10.0.0.2",), 60))
    for needed in (True, False):
        monkeypatch.setattr(system_dns, "needs_getaddrinfo", lambda needed=needed: needed)
        system_dns.resolve("name.corp.test", True, 1)
    assert asked == ["system", "dns"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("b\u00fccher.corp.test", "xn--bcher-kva.corp.test"),
        ("xn--bcher-kva.corp.test", "xn--bcher-kva.corp.test"),
        ("B\u00dcCHER.Corp.Test", "xn--bcher-kva.corp.test"),
        ("\u65e5\u672c.test", "xn--wgv71a.test"),
        ("under_score.corp.test", "under_score.corp.test"),
    ],
)
def test_names_are_asked_for_in_ascii(make_script, engine, name, asked):
    """A name in any script reaches DNS as punycode, and its answer the script under the name it used."""
    names = Names(60)
    names.names[asked] = ("fd00::1", "10.0.0.1")
    script = make_script(
        "function FindProxyForURL(u, h) { return 'PROXY ' + dnsResolve("
        + json.dumps(name) + ") + ':1; PROXY [' + dnsResolveEx(" + json.dumps(name) + ").split(';')[0] + ']:1' }",
        lookups=Lookups(names), engine=engine,
    )  # fmt: skip
    assert script.find_proxy("http://x/", "x").text == "PROXY 10.0.0.1:1; PROXY [fd00::1]:1"
    assert sorted(names.asked) == [(asked, False), (asked, True)]


def test_localhost_needs_no_dns():
    """The name localhost resolves by the system, whatever the DNS servers say."""
    assert "127.0.0.1" in system_dns.resolve("localhost", False, 1).addresses
    assert system_dns.by_getaddrinfo("name.invalid..", False).addresses == ()


class FakeDNS:
    """A DNS server on loopback that knows some A and AAAA records."""

    def __init__(self, records):
        import socket

        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        import dns.message
        import dns.rcode
        import dns.rrset

        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = str(question.name).rstrip("."), question.rdtype.name
            response = dns.message.make_response(query)
            found = self.records.get((name, kind))
            if found:
                response.answer.append(dns.rrset.from_text(question.name, 42, "IN", kind, *found))
            elif not any(known == name for known, _ in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(response.to_wire(), peer)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc_info):
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.socket.getsockname())
        self.thread.join(5)
        self.socket.close()


def test_dns_with_search_domains(tmp_path, monkeypatch):
    """DNS is asked with the search domains, and the TTL of the records is kept."""
    import dns.resolver

    with FakeDNS({("intra.corp.test", "A"): ["10.0.0.7"], ("intra.corp.test", "AAAA"): ["fd00::7"]}) as server:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.socket.getsockname()[1]
        resolver.search = [dns.name.from_text("corp.test")]
        monkeypatch.setattr(system_dns._resolver, "load", lambda path: resolver)
        assert system_dns.by_dns("intra", False, 3) == (("10.0.0.7",), 42.0)
        assert system_dns.by_dns("intra.corp.test", True, 3) == (("10.0.0.7", "fd00::7"), 42.0)
        assert system_dns.by_dns("none.corp.test", True, 3).addresses == ()


def test_dns_by_the_files_of_the_machine(tmp_path, monkeypatch, make_script, engine):
    """From the files to the script: hosts file, then DNS with search domains, IPv6, punycode, what does not exist."""
    import dns.resolver

    for name, text in {
        "nsswitch.conf": "hosts: files dns\n",
        "hosts": "10.0.0.5 listed.corp.test\n",
        "resolv.conf": "nameserver 127.0.0.1\nsearch lab.test corp.test\n",
    }.items():
        (tmp_path / name).write_text(text)
    records = {
        ("intra.corp.test", "A"): ["10.0.0.7"],
        ("intra.corp.test", "AAAA"): ["fd00::7"],
        ("xn--bcher-kva.corp.test", "A"): ["10.0.0.8"],
        ("six.corp.test", "AAAA"): ["fd00::9"],
        ("listed.corp.test", "A"): ["10.0.0.66"],
    }
    with FakeDNS(records) as server:

        def read(path):
            resolver = dns.resolver.Resolver(configure=False)
            resolver.read_resolv_conf(str(path))
            resolver.port = server.socket.getsockname()[1]
            return resolver

        monkeypatch.setattr(system_dns, "_HOSTS", tmp_path / "hosts")
        monkeypatch.setattr(system_dns, "_RESOLV", tmp_path / "resolv.conf")
        monkeypatch.setattr(system_dns, "_resolver", system_dns._Cached(read, system_dns._no_resolver))
        monkeypatch.setattr(system_dns, "needs_getaddrinfo", lambda: False)
        script = make_script(
            "function FindProxyForURL(u, h) { return [dnsResolve(h), dnsResolveEx(h), isResolvable(h),"
            " isInNet(h, '10.0.0.0', '255.255.255.0')].join() }",
            lookups=Lookups(), engine=engine,
        )  # fmt: skip
        found = {
            host: script.find_proxy(f"http://{host}/", host, timeout=20).text
            for host in ("intra", "intra.corp.test", "xn--bcher-kva", "six", "listed.corp.test", "none.corp.test")
        }
    assert found == {
        "intra": "10.0.0.7,10.0.0.7;fd00::7,true,true",
        "intra.corp.test": "10.0.0.7,10.0.0.7;fd00::7,true,true",
        "xn--bcher-kva": "10.0.0.8,10.0.0.8,true,true",
        "six": ",fd00::9,false,false",
        "listed.corp.test": "10.0.0.5,10.0.0.5,true,true",
        "none.corp.test": ",,false,false",
    }


def test_resolv_conf_is_read(tmp_path):
    """Servers and search domains come from resolv.conf; without one the server is this machine."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 10.0.0.53\nsearch corp.test\n")
    resolver = system_dns._Cached(system_dns._read_resolver, system_dns._no_resolver)
    assert resolver.load(path).nameservers == ["10.0.0.53"]
    assert str(resolver.load(path).search[0]) == "corp.test."
    assert resolver.load(tmp_path / "none").nameservers == ["127.0.0.1"]


def test_slow_names_of_one_run_cost_one_lookup(make_script, engine):
    """Three independent names of a second each take about a second, and nothing the next time; a chain takes rounds."""
    asked = []

    def resolve(name, six, seconds):
        asked.append(name)
        time.sleep(1.0)  # what a slow DNS server does
        return Resolved(("10.0.0.1",), 60)

    text = """function FindProxyForURL(u, h) {
        var found = [dnsResolve('a.' + h), isInNet('b.' + h, '10.0.0.0', '255.0.0.0'), isResolvable('c.' + h)];
        return 'PROXY ' + found.join('-') + ':1';
    }"""
    script = make_script(text, lookups=Lookups(resolve), engine=engine)
    script.load()
    times = []
    for _ in range(2):
        started = time.monotonic()
        assert script.find_proxy("http://x.test/", "x.test").text == "PROXY 10.0.0.1-true-true:1"
        times.append(time.monotonic() - started)
    assert 1.0 <= times[0] < 2.5  # three one after the other would be three seconds
    assert times[1] < 0.9
    assert sorted(asked) == ["a.x.test", "b.x.test", "c.x.test"]


def test_ever_new_names_end_in_time(make_script):
    """A script that asks new names every run ends with an error that names some, long before patience does."""
    text = "var n = 0; function FindProxyForURL(u, h) { return dnsResolve('n' + Math.random() + '.test') + '' }"
    script = make_script(text, lookups=Lookups(Names(60)))
    started = time.monotonic()
    with pytest.raises(PacTimeout, match=r"new names after 20 rounds of lookups: n0\.\d+\.test"):
        script.find_proxy("http://x/", "x")
    assert time.monotonic() - started < 5


def test_a_registry_without_dns_settings(monkeypatch):
    """On Windows, settings that cannot be read are none, and no error of every request."""

    def read_registry(self):
        raise FileNotFoundError(2, "File not found")

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", read_registry)
    monkeypatch.setattr("dns.resolver.Resolver.read_registry", read_registry)
    assert dns_settings("win32").nameservers == []
