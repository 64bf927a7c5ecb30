"""The binary values of Windows: layout, round trips, and values that are broken on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._system.windows_blob import ConnectionSettings, WinHttpSettings
from tests.data import rows

NUMBER = st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CONNECTION = st.builds(
    ConnectionSettings,
    counter=NUMBER,
    flags=NUMBER,
    proxy_server=TEXT,
    bypass=TEXT,
    pac_url=TEXT,
    detection_flags=NUMBER,
    last_detect_url=TEXT,
    last_detect_time=st.integers(0, 2**64 - 1),
    legacy_addresses=st.lists(st.binary(min_size=4, max_size=4), max_size=3).map(tuple),
    secondary_pac_url=TEXT,
    reload_delay=NUMBER,
    interfaces=st.lists(st.binary(min_size=128, max_size=128), max_size=2).map(tuple),
    rest=st.binary(max_size=8),
)
WINHTTP = st.builds(
    WinHttpSettings, version=NUMBER, reserved=NUMBER, flags=NUMBER, proxy_server=TEXT, bypass=TEXT, rest=st.binary()
)


@pytest.mark.parametrize("row", rows("windows_blob"), ids=lambda row: row["name"])
def test_every_field(row):
    """Each field of a value is found where the layout has it, and writing it again gives the same bytes."""
    data = bytes.fromhex(row["hex"])
    read, wanted = ConnectionSettings.decode(data), row["decoded"]
    assert {
        "version": read.version,
        "counter": read.counter,
        "flags": read.flags,
        "proxy_server": read.proxy_server,
        "proxy_bypass": read.bypass,
        "autoconfig_url": read.pac_url,
        "autodiscovery_flags": read.detection_flags,
        "last_detect_url": read.last_detect_url,
        "last_detect_filetime": read.last_detect_time,
        "legacy_ipv4": list(read.legacy_addresses),
        "secondary_url": read.secondary_pac_url,
        "reload_delay_mins": read.reload_delay,
        "trailing": read.rest.hex(),
        "size": len(data),
    } == {name: value for name, value in wanted.items() if name != "interfaces"}
    assert list(read.interfaces) == wanted.get("interfaces", [])
    assert read.encode() == data


def test_the_addresses_of_old_values():
    """A value of Windows XP lists the addresses that the machine had at the time of detection."""
    data = bytes.fromhex(
        "3c0000001e000000010000000000000000000000000000000100000000000000"
        "6079ba70e8cec40101000000c0a800bd0000000000000000"
    )
    read = ConnectionSettings.decode(data)
    assert read.legacy_addresses == (bytes([192, 168, 0, 189]),)
    assert (read.detection_flags, read.interfaces, read.encode()) == (1, (), data)


@pytest.mark.parametrize("row", rows("winhttp_blob"), ids=lambda row: row["label"])
def test_winhttp_values(row):
    """What WinHTTP wrote is read back, and written again as it was."""
    data = bytes.fromhex(row["hex"])
    read = WinHttpSettings.decode(data)
    assert (read.proxy_server, read.bypass, read.uses_proxy) == (row["proxy"], row["bypass"], row["access_type"] == 3)
    assert read.encode() == data


def test_what_netsh_writes():
    """Netsh sets the flags for direct and for a proxy together; the proxy is in use."""
    assert WinHttpSettings(flags=3, proxy_server="p:1").uses_proxy
    assert WinHttpSettings().encode().hex() == "1800000000000000010000000000000000000000"


def test_text_in_an_old_code_page():
    """Text that is not UTF-8 is still read, byte for byte."""
    data = ConnectionSettings(flags=3, proxy_server="caf?:80").encode().replace(b"?", b"\xe9")
    assert ConnectionSettings.decode(data).proxy_server == "café:80"


@settings(deadline=None)
@given(CONNECTION)
def test_connections_survive_writing_and_reading(value):
    """decode(encode(x)) is x."""
    assert ConnectionSettings.decode(value.encode()) == value


@settings(deadline=None)
@given(WINHTTP)
def test_winhttp_survives_writing_and_reading(value):
    """decode(encode(x)) is x."""
    assert WinHttpSettings.decode(value.encode()) == value


@pytest.mark.parametrize("row", rows("windows_blob"), ids=lambda row: row["name"])
def test_a_value_cut_short_anywhere(row):
    """A value that ends too early is refused with the field it ends in, wherever it was cut."""
    data = bytes.fromhex(row["hex"])
    for size in range(len(data)):
        with pytest.raises(ValueError, match="it ends within"):
            ConnectionSettings.decode(data[:size])


@pytest.mark.parametrize("row", rows("winhttp_blob"), ids=lambda row: row["label"])
def test_a_winhttp_value_cut_short_anywhere(row):
    """A value that ends too early is refused with the field it ends in, wherever it was cut."""
    data = bytes.fromhex(row["hex"])
    for size in range(len(data)):
        with pytest.raises(ValueError, match="it ends within"):
            WinHttpSettings.decode(data[:size])


def test_lengths_that_lie():
    """A length beyond the end is not believed, however large."""
    data = bytearray(ConnectionSettings(flags=3, proxy_server="p:1").encode())
    data[12:16] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="the proxy server: 4294967295 bytes are announced"):
        ConnectionSettings.decode(bytes(data))


def test_an_unknown_version():
    """A layout that is not known is not guessed at."""
    with pytest.raises(ValueError, match="0x47 is unknown"):
        ConnectionSettings.decode(b"\x47" + bytes(55))


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x46\0\0\0", b"\x3c\0\0\0"]))
def test_any_bytes_are_read_or_refused(data, start):
    """No value crashes the readers; what is read is what would be written."""
    for kind in (ConnectionSettings, WinHttpSettings):
        try:
            read = kind.decode(start + data)
        except ValueError:
            continue
        assert kind.decode(read.encode()) == read
