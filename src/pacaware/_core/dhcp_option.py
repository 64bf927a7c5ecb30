"""Option 252 of DHCP, the address of a PAC file, as those who asked the DHCP server have written it down.

The option (draft-ietf-wrec-wpad-01, section 4.4.1) is a string; servers add NUL bytes and line ends to it. Chromium
cuts it in the same way (net/proxy_resolution/win/dhcp_pac_file_adapter_fetcher_win.cc).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

__all__ = ["CODE", "Lease", "from_dhclient", "from_networkd", "from_networkmanager", "from_nmcli", "text_of"]

CODE: Final = 252
# The option has no name of its own; these are what NetworkManager and others call it.
_NAMES: Final = frozenset({"wpad", "wpad_url", "wpad_proxy_url", "252", "option_252", "unknown_252", "private_252"})
_DHCP4: Final = "org.freedesktop.NetworkManager.DHCP4Config"


class Lease(NamedTuple):
    """What one adapter was told: the URL in option 252, and the address that was leased ("" where it is not known)."""

    adapter: str
    url: str
    address: str = ""


def text_of(data: bytes) -> str:
    """Return the string of the option: up to the first NUL, without blanks and line ends around it."""
    return data.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _is_option(name: str, also: frozenset[str] = frozenset()) -> bool:
    plain = name.lower().replace("-", "_")
    return plain in _NAMES or plain in also


def _kept(adapter: str, value: bytes, address: str) -> tuple[Lease, ...]:
    url = text_of(value)
    return (Lease(adapter, url, address),) if url else ()


# -- systemd-networkd


def from_networkd(adapter: str, text: str) -> tuple[Lease, ...]:
    """Read a file of /run/systemd/netif/leases (systemd: sd-dhcp-lease.c); private options are in hexadecimal."""
    values = dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)
    try:
        value = bytes.fromhex(values.get(f"OPTION_{CODE}", ""))
    except ValueError:
        return ()
    return _kept(adapter, value, values.get("ADDRESS", ""))


# -- NetworkManager


def from_networkmanager(text: str, now: float) -> tuple[Lease, ...]:
    """Read the objects that NetworkManager shows on D-Bus, as ``busctl --json`` prints them; ``now`` is Unix time."""
    try:
        (objects,) = json.loads(text)["data"]
        options = [
            (path, {name: str(value["data"]) for name, value in interfaces[_DHCP4]["Options"]["data"].items()})
            for path, interfaces in objects.items()
            if _DHCP4 in interfaces
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()
    return tuple(lease for path, values in options for lease in _of_options(path.rpartition("/")[2], values, now))


def from_nmcli(text: str, now: float) -> tuple[Lease, ...]:
    """Read ``nmcli --terse --escape no --fields GENERAL.DEVICE,DHCP4 device show``; ``now`` is Unix time."""
    devices: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        field, _, value = line.partition(":")
        if field == "GENERAL.DEVICE":
            devices.append((value.strip(), {}))
        elif field.startswith("DHCP4.OPTION") and devices:
            name, _, setting = value.partition("=")
            devices[-1][1][name.strip()] = setting.strip()
    return tuple(lease for device, values in devices for lease in _of_options(device, values, now))


def _of_options(adapter: str, values: dict[str, str], now: float) -> Iterator[Lease]:
    expiry = values.get("expiry", "")
    if expiry.isascii() and expiry.isdigit() and float(expiry) < now:
        return
    for name, value in values.items():
        if _is_option(name):
            yield from _kept(adapter, value.encode("utf-8", "replace"), values.get("ip_address", ""))


# -- dhclient

_TOKEN: Final = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*+"|[{};]|[^\s{};"#]+', re.DOTALL)
_DECLARED: Final = re.compile(rf"option\s+([\w.-]+)\s+code\s+{CODE}\s*=", re.ASCII)
_ESCAPE: Final = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_CONTROL: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b"}
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2})*")


def from_dhclient(text: str, config: str, now: float) -> tuple[Lease, ...]:
    """Read the leases file of ISC dhclient (dhclient.leases(5)); ``now`` is Unix time.

    The last lease of an interface counts, unless it has expired. ``config`` is dhclient.conf, which may give the option
    a name of its own.
    """
    names = frozenset(match[1].lower().replace("-", "_") for match in _DECLARED.finditer(config))
    current: dict[str, list[list[str]]] = {}
    for statements in _leases(text):
        interface = next((_unquoted(words[1]) for words in statements if words[0] == "interface" and words[1:]), b"")
        current[interface.decode("utf-8", "replace")] = statements
    found: list[Lease] = []
    for adapter, statements in current.items():
        address, value, expired = "", b"", False
        for words in statements:
            match words:
                case ["fixed-address", leased]:
                    address = leased
                case ["option", name, written] if _is_option(name, names):
                    value = _unquoted(written)
                case ["expire", *when]:
                    expired = _has_passed(when, now)
        if not expired:
            found += _kept(adapter, value, address)
    return tuple(found)


def _leases(text: str) -> Iterator[list[list[str]]]:
    """Yield the statements of each ``lease { }``, as lists of words; what else the file holds is skipped."""
    depth, head = 0, ""
    statements: list[list[str]] = []
    words: list[str] = []
    for piece in _TOKEN.findall(text):
        if piece == "{":
            depth += 1
            if depth == 1:
                head, statements = " ".join(words), []
            words = []
        elif piece == "}":
            depth = max(0, depth - 1)
            if depth == 0 and head == "lease":
                yield statements
            head, words = (head if depth else ""), []
        elif piece == ";":
            if depth == 1 and words:
                statements.append(words)
            words = []
        elif piece[0] != "#":
            words.append(piece)


def _unquoted(text: str) -> bytes:
    """Read a string in quotes with its escapes, or bytes in hexadecimal with colons between."""
    if text.startswith('"'):
        return _ESCAPE.sub(_unescaped, text[1:-1].encode("utf-8", "replace"))
    return bytes(int(part, 16) for part in text.split(":")) if _HEX.fullmatch(text) else b""


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8) & 255]) if len(match[1]) == 3 else _CONTROL.get(match[1], match[1])


def _has_passed(when: list[str], now: float) -> bool:
    """Read ``never``, ``epoch 1700000000`` or ``2 2026/11/24 10:10:10``, which is UTC."""
    match when:
        case ["epoch", seconds] if seconds.isascii() and seconds.isdigit():
            return float(seconds) < now
        case [_, date, time]:
            try:
                moment = datetime.strptime(f"{date} {time}", "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
            except ValueError:
                return False
            return moment.timestamp() < now
    return False
