"""Option 252 as NetworkManager, systemd-networkd and dhclient write it down."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.dhcp_option import Lease, from_dhclient, from_networkd, from_networkmanager, from_nmcli, text_of

URL = "http://pac.corp.test:8000/proxy.pac"
NOW = 1_764_000_000.0  # 2025-11-24 16:00 UTC
URLS = st.from_regex(r"https?://[a-z0-9.-]{1,20}(:[0-9]{1,5})?/[!-~]{0,30}", fullmatch=True)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (URL.encode(), URL),
        (URL.encode() + b"\0", URL),
        (URL.encode() + b"\n", URL),
        (URL.encode() + b" \r\n\0\0", URL),
        (b" " + URL.encode() + b"\0garbage", URL),
        (b"", ""),
        (b"\0", ""),
        (b"\n", ""),
        ("http://p.test/é".encode(), "http://p.test/é"),
        (b"http://p.test/\xe9", "http://p.test/�"),
    ],
)
def test_the_string(data, text):
    """The first NUL ends it; blanks and line ends around it do not count."""
    assert text_of(data) == text


@given(st.binary(max_size=80))
def test_any_bytes(data):
    """Whatever a server sends becomes a text without NUL."""
    assert "\0" not in text_of(data)


# -- systemd-networkd


def networkd(value: bytes = URL.encode(), **more: str) -> str:
    values = {"ADDRESS": "192.0.2.100", "NETMASK": "255.255.255.0", "OPTION_252": value.hex(), **more}
    return "# This is private data. Do not parse.\n" + "".join(f"{name}={text}\n" for name, text in values.items())


def test_networkd():
    """The option is in hexadecimal; the address tells which network it was."""
    assert from_networkd("2", networkd()) == (Lease("2", URL, "192.0.2.100"),)
    assert from_networkd("2", networkd(URL.encode() + b"\n\0")) == (Lease("2", URL, "192.0.2.100"),)


@pytest.mark.parametrize("text", ["", "OPTION_252=", "OPTION_252=zz", "OPTION_252=6", "OPTION_25=6874", "=\n=", "\0"])
def test_networkd_without_the_option(text):
    """A lease without it, or broken, has nothing."""
    assert from_networkd("2", text) == ()


@given(URLS)
def test_networkd_keeps_every_url(url):
    """What was written is read."""
    assert from_networkd("3", networkd(url.encode())) == (Lease("3", url, "192.0.2.100"),)


# -- NetworkManager


def objects(**options: str) -> str:
    values = {name: {"type": "s", "data": text} for name, text in options.items()}
    config = {"org.freedesktop.NetworkManager.DHCP4Config": {"Options": {"type": "a{sv}", "data": values}}}
    other = {"org.freedesktop.NetworkManager.Device": {"Interface": {"type": "s", "data": "eth0"}}}
    tree = {
        "/org/freedesktop/NetworkManager/DHCP4Config/1": config,
        "/org/freedesktop/NetworkManager/Devices/2": other,
    }
    return json.dumps({"type": "a{oa{sa{sv}}}", "data": [tree]})


def nmcli(**options: str) -> str:
    lines = ["GENERAL.DEVICE:lo", "GENERAL.DEVICE:eth0"]
    lines += [f"DHCP4.OPTION[{at}]:{name} = {text}" for at, (name, text) in enumerate(options.items(), start=1)]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("options", "urls"),
    [
        ({"wpad": URL, "ip_address": "192.0.2.7", "expiry": str(int(NOW) + 60)}, [URL]),
        ({"wpad": URL + "\n"}, [URL]),
        ({"wpad_url": URL}, [URL]),
        ({"private_252": URL}, [URL]),
        ({"unknown_252": URL}, [URL]),
        ({"wpad": URL, "expiry": str(int(NOW) - 1)}, []),
        ({"requested_wpad": "1", "domain_name": "corp.test"}, []),
        ({"wpad": ""}, []),
        ({}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["busctl", "nmcli"])
def test_networkmanager(way, options, urls):
    """Over D-Bus and by nmcli the same options mean the same; a lease that is over has nothing."""
    leases = from_networkmanager(objects(**options), NOW) if way == "busctl" else from_nmcli(nmcli(**options), NOW)
    adapter = "1" if way == "busctl" else "eth0"
    assert leases == tuple(Lease(adapter, url, options.get("ip_address", "")) for url in urls)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", "null", '{"data": []}', '{"data": [[]]}', '{"data": [{"/x": []}]}', '{"data": 5}'),
        '{"data": [{"/x": {"org.freedesktop.NetworkManager.DHCP4Config": {}}}]}',
        '{"data": [{"/x": {"org.freedesktop.NetworkManager.DHCP4Config": {"Options": {"data": {"wpad": 1}}}}}]}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_networkmanager_with_nonsense(text):
    """Whatever the program prints is read or has nothing."""
    assert from_networkmanager(text, NOW) == ()
    assert from_nmcli(text, NOW) == ()


@given(st.text(max_size=200))
def test_nmcli_with_any_text(text):
    """No output of nmcli breaks it."""
    assert all(lease.url for lease in from_nmcli("GENERAL.DEVICE:x\n" + text, NOW))


# -- dhclient


def lease(*statements: str, interface: str = "eth0", address: str = "192.0.2.100", head: str = "lease") -> str:
    lines = [f'interface "{interface}"', f"fixed-address {address}", *statements]
    return f"{head} {{\n" + "".join(f"  {line};\n" for line in lines) + "}\n"


@pytest.mark.parametrize(
    "statement",
    [
        f'option wpad-url "{URL}"',
        f'option wpad "{URL}"',
        f'option unknown-252 "{URL}"',
        f'option wpad "{URL}\\n"',
        f'option wpad "{URL}\\000"',
        f'option wpad "{URL}\\012\\000"',
        "option unknown-252 " + ":".join(f"{byte:x}" for byte in URL.encode()),
        f'option my-pac "{URL}"',
    ],
)
def test_dhclient(statement):
    """The option under each name it may have, in quotes with escapes or as bytes."""
    config = "# ours\noption my-pac code 252 = text;\nrequest my-pac;\n"
    text = 'default-duid "\\000\\001;{\\"";\n' + lease(statement, "option routers 192.0.2.1")
    assert from_dhclient(text, config, NOW) == (Lease("eth0", URL, "192.0.2.100"),)


def test_dhclient_the_last_lease_counts():
    """Of each interface; a later lease without the option means the option is gone."""
    first, second = f'option wpad "{URL}"', 'option wpad "http://new.test/"'
    assert [found.url for found in from_dhclient(lease(first) + lease(second), "", NOW)] == ["http://new.test/"]
    assert from_dhclient(lease(first) + lease(), "", NOW) == ()
    both = from_dhclient(lease(first) + lease(second, interface="wlan0"), "", NOW)
    assert [found.adapter for found in both] == ["eth0", "wlan0"]


@pytest.mark.parametrize(
    ("expire", "holds"),
    [
        ("expire 1 2025/11/24 16:00:01", True),
        ("expire 1 2025/11/24 15:59:59", False),
        (f"expire epoch {int(NOW) + 1}; # Mon Nov 24", True),
        (f"expire epoch {int(NOW) - 1}; # Mon Nov 24", False),
        ("expire never", True),
        ("expire 1 tomorrow noon", True),
        ("expire", True),
    ],
)
def test_dhclient_expired(expire, holds):
    """Times are UTC or seconds; one that cannot be read does not end a lease."""
    assert bool(from_dhclient(lease(f'option wpad "{URL}"', expire + "\n "), "", NOW)) is holds


def test_dhclient_what_else_is_in_the_file():
    """Leases of DHCPv6, options in inner blocks, broken quotes and blocks without an end are no leases."""
    option = f'option wpad "{URL}"'
    assert from_dhclient(lease(option, head="lease6"), "", NOW) == ()
    assert from_dhclient(lease(f"inner {{ {option}; }}"), "", NOW) == ()
    assert from_dhclient(lease(option).removesuffix("}\n"), "", NOW) == ()
    assert from_dhclient(lease('option wpad "http://p.test'), "", NOW) == ()


@given(st.text(st.sampled_from('lease{};"\\ \n#option wpad:0af/'), max_size=120))
def test_dhclient_with_any_text(text):
    """A half-written file has nothing or something, and never breaks anything."""
    assert all(found.url for found in from_dhclient(text, text, NOW))


@given(URLS)
def test_dhclient_keeps_every_url(url):
    """What dhclient escapes is read back."""
    escaped = url.replace("\\", "\\\\").replace('"', '\\"')
    assert [found.url for found in from_dhclient(lease(f'option wpad "{escaped}"'), "", NOW)] == [url]
