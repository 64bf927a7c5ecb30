"""Automatic detection: the order of its ways, its limits in time, and what it refuses."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from pacaware._core.dhcp_option import Lease
from pacaware._pac import system_dns, wpad
from pacaware._pac.dhcp import DhcpAnswer
from pacaware._pac.wpad import Detected, Detector, address_by_dns, addresses_for_fetch
from pacaware.errors import PacFetchError, WpadError

URL = "http://pac.corp.test:8000/proxy.pac"
NOTHING = DhcpAnswer((), ("dhclient: no option 252",))


def dhcp(*urls: str) -> DhcpAnswer:
    return DhcpAnswer(tuple(Lease(f"eth{at}", url) for at, url in enumerate(urls)), ("dhclient: option 252",))


class Names:
    """A DNS of a few names; what is an exception is raised, what is a number takes that many seconds."""

    def __init__(self, **names) -> None:
        self.names = {name.replace("_", "."): answer for name, answer in names.items()}
        self.asked: list[str] = []
        self.gate = threading.Event()

    def all_asked(self, *names: str) -> bool:
        """Wait until these names, and no others, have been asked for."""
        until = time.monotonic() + 10
        while len(self.asked) < len(names) and time.monotonic() < until:
            time.sleep(0.001)
        return sorted(self.asked) == sorted(names)

    def __call__(self, name, seconds):
        self.asked.append(name)
        answer = self.names.get(name, ())
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            self.gate.wait(answer)
            return ()
        return answer


@pytest.fixture
def detect():
    """Run detection with fakes, by default a machine in a.corp.test; hanging fakes are let go in the end."""
    with contextlib.ExitStack() as stack:

        def run(answer=NOTHING, names=None, suffixes=("a.corp.test",), disabled=False):
            names = names or Names()
            stack.callback(names.gate.set)
            source = answer if callable(answer) else lambda seconds: answer
            return Detector(dhcp=source, suffixes=lambda: suffixes, ask=names, disabled=lambda: disabled).detect()

        yield run


@pytest.fixture
def short(monkeypatch):
    """Make the limits a tenth of what they are."""
    monkeypatch.setattr(wpad, "TOTAL_SECONDS", 0.4)
    monkeypatch.setattr(wpad, "NAME_SECONDS", 0.2)
    monkeypatch.setattr(wpad, "HEAD_START_SECONDS", 0.05)


def test_the_limits():
    """One second for a name, two in all."""
    assert (wpad.NAME_SECONDS, wpad.TOTAL_SECONDS) == (1.0, 2.0)


def test_dhcp_comes_first(detect):
    """With a URL from DHCP no name is asked for."""
    names = Names(wpad_a_corp_test=("192.0.2.1",))
    assert detect(dhcp(URL), names) == Detected(URL, "dhcp", ("DHCP: option 252 of eth0",))
    assert names.asked == []


def test_dhcp_on_several_adapters(detect):
    """The first usable URL counts."""
    assert detect(dhcp("file:///p.pac", "http://127.0.0.1/p.pac", URL, "http://other.test/")).url == URL


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/p.pac", "this machine itself"),
        ("http://169.254.1.1/p.pac", "link-local"),
        ("file://server/p.pac", "only http and https"),
        ("proxy.pac", "not a URL"),
    ],
)
def test_dhcp_with_a_url_that_is_refused(detect, url, why):
    """Detection ends there all the same: DNS is not asked, and the error says what was refused and why."""
    names = Names(wpad_a_corp_test=("192.0.2.1",))
    with pytest.raises(WpadError, match=r"the PAC URL that DHCP gives cannot be used .* has to be corrected") as caught:
        detect(dhcp(url), names)
    assert why in str(caught.value)
    assert names.asked == []


def test_the_query_of_a_refused_url_is_not_shown(detect):
    """It may hold a secret."""
    with pytest.raises(WpadError) as caught:
        detect(dhcp("http://me:c4n4ry@127.0.0.1/p.pac?token=c4n4ry"))
    assert "c4n4ry" not in str(caught.value)


def test_dns(detect):
    """The name nearest to this machine wins; the others are asked at the same time."""
    names = Names(wpad_a_corp_test=("192.0.2.1", "2001:db8::1"), wpad_corp_test=("192.0.2.2",))
    found = detect(NOTHING, names)
    assert found == Detected(
        "http://wpad.a.corp.test/wpad.dat",
        "dns",
        ("dhclient: no option 252", "DNS: wpad.a.corp.test is 192.0.2.1, 2001:db8::1"),
    )
    assert names.all_asked("wpad.a.corp.test", "wpad.corp.test")


@pytest.mark.parametrize(
    "first",
    [(), ("127.0.0.1",), ("169.254.1.1", "::1"), OSError("SERVFAIL"), TimeoutError("no answer"), RuntimeError()],
    ids=repr,
)
def test_dns_devolution(detect, first):
    """A name that is not there, not answered for or leads to this machine gives the turn to the next above it."""
    found = detect(NOTHING, Names(wpad_a_corp_test=first, wpad_corp_test=("192.0.2.2",)))
    assert found.url == "http://wpad.corp.test/wpad.dat"
    assert "wpad.a.corp.test" in found.notes[1]


def test_dns_search_domains(detect):
    """Every search domain is looked in, in order."""
    names = Names(wpad_b_test=("192.0.2.2",))
    assert detect(NOTHING, names, ("x.a.test", "a.test", "lan", "b.test")).url == "http://wpad.b.test/wpad.dat"
    assert names.all_asked("wpad.a.test", "wpad.b.test", "wpad.x.a.test")


def test_nothing_found(detect):
    """The error says where was looked, and what to do."""
    with pytest.raises(WpadError) as caught:
        detect(NOTHING, Names(wpad_corp_test=("::1",)))
    assert str(caught.value) == (
        "automatic detection found no PAC file (dhclient: no option 252; DNS: wpad.a.corp.test: no such name; "
        "DNS: wpad.corp.test: refused: ::1 is this machine itself); if there is one, give its address as the PAC URL, "
        "for example PACAWARE=http://..."
    )


def test_no_domain(detect):
    """A machine without a domain, or in a public suffix, has no name to ask for."""
    names = Names()
    with pytest.raises(WpadError, match="DNS: this machine has no domain to look in"):
        detect(NOTHING, names, ("", "co.jp", "local"))
    assert names.asked == []


def test_switched_off(detect):
    """Where an administrator forbids it nothing is looked for."""
    names = Names()
    with pytest.raises(WpadError, match="DisableWpad"):
        detect(dhcp(URL), names, disabled=True)
    assert names.asked == []


def test_a_silent_dns_server(detect, short):
    """All names wait at the same time."""
    suffixes = [f"d{number}.test" for number in range(12)]
    silent = Names(**{f"wpad_d{number}_test": 60.0 for number in range(12)})
    started = time.monotonic()
    with pytest.raises(WpadError, match=r"no answer for wpad\.d0\.test within 0\.2 s"):
        detect(NOTHING, silent, suffixes)
    assert time.monotonic() - started < 0.4 + 1


def test_slow_dhcp_beside_dns(detect, short):
    """DHCP that takes longer than usual is waited for up to the limit, and wins if it answers in time."""
    names = Names(wpad_a_corp_test=("192.0.2.1",))
    answered = threading.Event()

    def slow(seconds):
        answered.wait(seconds)
        return dhcp(URL)

    ask = names.__call__

    def asking(name, seconds):
        answered.set()
        return ask(name, seconds)

    detector = Detector(dhcp=slow, suffixes=lambda: ["a.corp.test"], ask=asking, disabled=lambda: False)
    assert detector.detect().url == URL
    assert "wpad.a.corp.test" in names.asked


def test_dhcp_that_hangs(detect, short):
    """It costs the limit once, and what DNS found counts."""
    gate = threading.Event()

    def hangs(seconds):
        gate.wait(30)
        return dhcp(URL)

    started = time.monotonic()
    found = detect(hangs, Names(wpad_a_corp_test=("192.0.2.1",)))
    gate.set()
    assert time.monotonic() - started < 0.4 + 1
    assert found.url == "http://wpad.a.corp.test/wpad.dat"
    assert found.notes[0] == "DHCP: no answer within 0.4 s"


def test_dhcp_that_breaks(detect):
    """Trouble with DHCP is no reason not to ask DNS."""

    def breaks(seconds):
        raise RuntimeError("can't start new thread")

    assert detect(breaks, Names(wpad_corp_test=("192.0.2.1",))).notes[0] == "DHCP: can't start new thread"


# -- DNS


class DnsServer:
    """A DNS server on loopback for a few names; a name with the answer None gets no reply, an rcode stands alone."""

    def __init__(self, names) -> None:
        self.names = names
        self.questions: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
            self.questions.append((name, kind))
            answer = self.names.get(name, dns.rcode.NXDOMAIN)
            if answer is None:
                continue
            reply = dns.message.make_response(query)
            if isinstance(answer, dns.rcode.Rcode):
                reply.set_rcode(answer)
            else:
                found = [address for address in answer if (":" in address) == (kind == "AAAA")]
                if found:
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
            self._socket.sendto(reply.to_wire(), peer)


@pytest.fixture
def dns_server(monkeypatch, tmp_path):
    """Make a DNS server on loopback the only one of this machine, with search domains."""
    with contextlib.ExitStack() as stack:

        def start(names, search=""):
            server = stack.enter_context(DnsServer(names))
            resolver = dns.resolver.Resolver(configure=False)
            resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
            resolver.search = [dns.name.from_text(domain) for domain in search.split()]
            monkeypatch.setattr(system_dns, "dns_settings", lambda: resolver)
            monkeypatch.setattr(system_dns, "_HOSTS", tmp_path / "hosts")
            return server

        yield start


def test_addresses_by_dns(dns_server):
    """IPv4 and IPv6, of the absolute name: search domains play no part."""
    server = dns_server({"wpad.corp.test.": ["192.0.2.1", "2001:db8::1"]}, search="other.test")
    assert address_by_dns("wpad.corp.test", 5) == ("192.0.2.1", "2001:db8::1")
    assert server.questions == [("wpad.corp.test.", "A"), ("wpad.corp.test.", "AAAA")]


def test_addresses_by_dns_ipv6_only(dns_server):
    """A name without an IPv4 address is found all the same."""
    dns_server({"wpad.corp.test.": ["2001:db8::1"]})
    assert address_by_dns("wpad.corp.test", 5) == ("2001:db8::1",)


def test_addresses_by_dns_of_no_name(dns_server):
    """No such name is no error."""
    server = dns_server({})
    assert address_by_dns("wpad.corp.test", 5) == ()
    assert server.questions == [("wpad.corp.test.", "A")]


def test_addresses_by_dns_of_a_silent_server(dns_server):
    """It is given up in time."""
    dns_server({"wpad.corp.test.": None})
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.3 s"):
        address_by_dns("wpad.corp.test", 0.3)
    assert time.monotonic() - started < 2


def test_addresses_by_dns_of_a_failing_server(dns_server):
    """A failure is told from "no such name"."""
    dns_server({"wpad.corp.test.": dns.rcode.SERVFAIL})
    with pytest.raises(OSError, match="SERVFAIL"):
        address_by_dns("wpad.corp.test", 5)


def test_own_suffixes(dns_server, monkeypatch):
    """The domain of this machine's name, then the search domains."""
    dns_server({}, search="corp.test other.test")
    monkeypatch.setattr(socket, "gethostname", lambda: "pc01.tokyo.corp.test")
    assert wpad.own_suffixes()[:3] == ("tokyo.corp.test", "corp.test", "other.test")
    monkeypatch.setattr(socket, "gethostname", lambda: "pc01")
    assert wpad.own_suffixes()[:2] == ("corp.test", "other.test")


# -- where the file is fetched from


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "[2001:db8::1]"])
def test_fetch_from_an_address(host):
    """An address is used as it is."""
    assert addresses_for_fetch(host) == (host.strip("[]"),)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "x.localhost.", "[::1]", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "a b"]
)
def test_fetch_from_this_machine(host):
    """Neither this machine nor a link-local address is asked, whatever named it."""
    with pytest.raises(PacFetchError, match="is not fetched from"):
        addresses_for_fetch(host)


def test_fetch_from_a_name(dns_server, tmp_path):
    """DNS decides, with the search domains; addresses that are refused are left out."""
    names = {
        "pac.corp.test.": ["127.0.0.1", "192.0.2.7"],
        "evil.test.": ["127.0.0.1", "::1"],
        "silent.test.": dns.rcode.SERVFAIL,
    }
    dns_server(names, search="corp.test")
    assert addresses_for_fetch("pac") == ("192.0.2.7",)
    assert addresses_for_fetch("pac.corp.test.") == ("192.0.2.7",)
    with pytest.raises(PacFetchError, match=r"evil\.test: 127\.0\.0\.1 is this machine itself; ::1 is this machine"):
        addresses_for_fetch("evil.test")
    with pytest.raises(PacFetchError, match="DNS knows no such name"):
        addresses_for_fetch("gone.test")
    with pytest.raises(PacFetchError, match=r"DNS for silent\.test: .*SERVFAIL"):
        addresses_for_fetch("silent.test")


def test_fetch_from_a_name_in_the_hosts_file(dns_server, tmp_path):
    """``127.0.0.1 wpad.corp.test`` there keeps detection from working, as its author wanted."""
    dns_server({"wpad.corp.test.": ["192.0.2.7"]})
    (tmp_path / "hosts").write_text("127.0.0.1 wpad.corp.test\n192.0.2.9 pac\n")
    with pytest.raises(PacFetchError, match="this machine itself"):
        addresses_for_fetch("wpad.corp.test")
    assert addresses_for_fetch("pac") == ("192.0.2.9",)
