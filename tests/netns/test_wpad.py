"""Automatic detection with real DHCP and DNS servers, and with servers that mean harm."""

from __future__ import annotations

import json
import sys
import time

import pytest

from tests.netns.network import CLIENT, GATEWAY, PAC

pytestmark = pytest.mark.real

URL = "http://h.test/path?secret=c4n4ry"
PROXY = f"PROXY {GATEWAY}:3128"
WPAD = "http://wpad.corp.test/wpad.dat"


def explain(network, **environ):
    """Ask the command line for a decision: the program as a person would run it."""
    command = (sys.executable, "-m", "pacaware", "explain", URL, "--json")
    return json.loads(network.run(*command, PACAWARE_AUTO_DETECT="1", **environ).stdout)


def failure(network, **environ):
    """Return what the command line says of detection that leads to no script."""
    done = network.run(
        sys.executable, "-m", "pacaware", "explain", URL, check=False, PACAWARE_AUTO_DETECT="1", **environ
    )
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("client", ["dhclient", "networkd"])
def test_dhcp(by_dhcp, client):
    """Option 252 is read from the lease of the client that got it, and DNS is not asked for a name."""
    network = by_dhcp(f"http://{GATEWAY}/proxy.pac", client)
    decision = explain(network)
    assert (decision["proxies"], decision["source"]) == ([PROXY], "wpad-dhcp")
    assert decision["pac_url"] == f"http://{GATEWAY}/proxy.pac"
    assert [request["target"] for request in network.requests()] == ["/proxy.pac"]
    assert not {name for name in network.names_asked() if "wpad" in name}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/hostname", "file: is not accepted"),
        ("http://127.0.0.1/proxy.pac", "this machine itself"),
        ("http://169.254.169.254/proxy.pac", "link-local"),
    ],
)
def test_dhcp_with_a_url_that_is_refused(by_dhcp, url, why):
    """It is said, nothing is fetched, and DNS has no turn, as DHCP has spoken."""
    network = by_dhcp(url)
    assert why in failure(network)
    assert network.requests() == []
    assert not {name for name in network.names_asked() if "wpad" in name}


def test_a_lease_that_is_left_over(by_dhcp):
    """On another network, without DHCP, the lease of the one before counts no more."""
    network = by_dhcp(f"http://{GATEWAY}/proxy.pac")
    network.run("ip", "address", "flush", "dev", "p0")
    network.connect(CLIENT)
    assert explain(network)["source"] == "wpad-dns"


def test_dns(by_dns):
    """The names from the search domain up to the registered domain are asked for, and never one above it."""
    decision = explain(by_dns)
    assert (decision["proxies"], decision["source"], decision["pac_url"]) == ([PROXY], "wpad-dns", WPAD)
    assert by_dns.names_asked() == {"wpad.tokyo.corp.test", "wpad.corp.test"}
    (request,) = by_dns.requests()
    assert (request["target"], request["headers"]["Host"]) == ("/wpad.dat", "wpad.corp.test")


def test_no_other_way_of_asking(by_dns):
    """Nothing is sent by LLMNR, mDNS or NetBIOS, even where DNS knows no name."""
    by_dns.resolv_conf(f"nameserver {GATEWAY}\nsearch other.test\n")
    assert "no such name" in failure(by_dns)
    assert by_dns.names_asked() == {"wpad.other.test"}
    assert by_dns.log("web/multicast.log") == ""


def test_the_script_sees_origins_only(by_dns):
    """Neither path nor query reaches a script that anybody may have put there."""
    by_dns.reply("function FindProxyForURL(url, host) { alert(url); return 'DIRECT'; }")
    decision = explain(by_dns)
    assert "c4n4ry" not in json.dumps(decision["steps"])
    assert [step["detail"] for step in decision["steps"] if step["name"] == "pac-alert"] == ["http://h.test/"]


# -- servers that mean harm


def test_redirect_to_a_file(by_dns):
    """No file is read for a server, whatever the settings allow for the PAC URL."""
    by_dns.reply(status=302, Location="file:///etc/hostname")
    assert "only http and https are" in failure(by_dns, PACAWARE_ALLOW_FILE="1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "me.corp.test"])
def test_redirect_to_this_machine(by_dns, host):
    """A server outside does not get this machine to ask itself: no connection is made to what listens there."""
    (by_dns.folder / "hosts").write_text("127.0.0.1 localhost me.corp.test\n")
    by_dns.reply(status=302, Location=f"http://{host}:8099/admin?delete=all")
    listener = by_dns.interact(
        "import socket\n"
        "s = socket.create_server(('::', 8099), family=socket.AF_INET6, dualstack_ipv6=True); print('on', flush=True)\n"
        "s.settimeout(60); s.accept(); print('somebody came', flush=True)\n"
    )
    assert listener.stdout.readline() == "on\n"
    assert "this machine itself" in failure(by_dns)
    listener.kill()
    assert listener.stdout.read() == ""


def test_an_endless_body(by_dns):
    """Reading stops at 1 MiB."""
    by_dns.reply(PAC, endless=True)
    started = time.monotonic()
    assert "larger than 1 MiB" in failure(by_dns)
    assert time.monotonic() - started < 15


def test_a_captive_portal(by_dns):
    """A page that wants a logon is no script, and is said to be a page."""
    by_dns.reply("<!DOCTYPE html><html><body>Welcome to the hotel</body></html>", Content_Type="text/html")
    assert "captive portal" in failure(by_dns)


def test_the_wrong_type(by_dns):
    """A script is a script whatever its server calls it; a note says that some programs insist."""
    by_dns.reply(PAC, Content_Type="text/html; charset=utf-8")
    decision = explain(by_dns)
    assert decision["proxies"] == [PROXY]
    assert any("text/html" in step["detail"] for step in decision["steps"] if step["status"] == "note")


def test_a_name_that_is_this_machine(network):
    """DNS that says wpad is 127.0.0.1 has no say."""
    network.serve_names("--address=/wpad.corp.test/127.0.0.1")
    network.connect()
    assert "127.0.0.1 is this machine itself" in failure(network)


GET = """
import sys, traceback, requests, pacaware.requests
with requests.Session() as session:
    pacaware.requests.mount(session)
    try:
        print(session.get("https://h.test/").status_code)
    except requests.exceptions.ProxyError as exc:
        traceback.print_exception(exc, file=sys.stdout)
"""


def test_no_credentials_for_a_detected_proxy(by_dns):
    """A proxy that detection named gets none, and the error has the line that would name it; then it gets them."""
    by_dns.reply("", port=3128, status=407, Proxy_Authenticate='Basic realm="trust me"')
    environ = {
        "PACAWARE_AUTO_DETECT": "1",
        "PACAWARE_PROXY_USERNAME": "alice",
        "PACAWARE_PROXY_PASSWORD": "c4n4ry",
    }
    said = by_dns.python(GET, **environ)
    assert by_dns.requests(3128)
    assert not [request for request in by_dns.requests(3128) if "Proxy-Authorization" in request["headers"]]
    assert f"PACAWARE_AUTH_PROXIES={GATEWAY}:3128" in said
    by_dns.python(GET, PACAWARE_AUTH_PROXIES=f"{GATEWAY}:3128", **environ)
    assert [request for request in by_dns.requests(3128) if "Proxy-Authorization" in request["headers"]]


# -- time

TIMES = """
import json, time
from pacaware import ProxyConfig, ProxyResolver
with ProxyResolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1")) as resolver:
    for number in range(10):
        started = time.monotonic()
        decision = resolver.resolve(f"http://h{number}.test/")
        print(json.dumps([str(decision.proxies), time.monotonic() - started]))
"""


def test_a_black_holed_dns_server(network):
    """It costs the first request at most two seconds and a half, and the others nothing."""
    network.serve_silence()
    network.connect()
    lines = [json.loads(line) for line in network.python(TIMES).splitlines()]
    assert [proxies for proxies, _ in lines] == ["PROXY m.test:1"] * 10
    first, *others = [seconds for _, seconds in lines]
    assert 0.9 < first < 2.5
    assert max(others) < 0.3


ASK = """
import sys
from pacaware import ProxyConfig, ProxyResolver
with ProxyResolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1")) as resolver:
    print("ready", flush=True)
    for line in sys.stdin:
        print(resolver.resolve("http://h.test/").source, flush=True)
"""


def test_another_network(by_dns):
    """A running program looks again when its machine gets to another network."""
    by_dns.resolv_conf(f"nameserver {GATEWAY}\nsearch other.test\n")
    program = by_dns.interact(ASK)
    assert program.stdout.readline() == "ready\n"

    def ask():
        print(file=program.stdin, flush=True)
        return program.stdout.readline().strip()

    assert ask() == "manual"
    by_dns.resolv_conf(f"nameserver {GATEWAY}\nsearch tokyo.corp.test\n")
    by_dns.run("ip", "address", "flush", "dev", "p0")
    by_dns.connect("192.0.2.77")
    by_dns.wait_for(lambda: ask() == "wpad-dns", "the new network was not noticed")
    program.stdin.close()
    assert program.wait(10) == 0
