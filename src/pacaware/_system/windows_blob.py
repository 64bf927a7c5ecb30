"""The two binary values in which Windows keeps its proxy settings, read and written without Windows.

``DefaultConnectionSettings`` (and ``SavedLegacySettings``) is undocumented; the layout was found from published values
and is little-endian throughout. ``WinHttpSettings`` is what ``netsh winhttp set proxy`` writes. Every length is checked
before it is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

__all__ = ["ConnectionSettings", "WinHttpSettings"]

_IE7: Final = 0x46
_IE6: Final = 0x3C
_INTERFACE: Final = 128  # sizeof(SOCKADDR_STORAGE)
_WINHTTP_VERSION: Final = 0x18

_DIRECT: Final = 1
_PROXY: Final = 2
_PAC_URL: Final = 4
_AUTO_DETECT: Final = 8


class _Reader:
    """Takes fields off a value; raises ValueError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def bytes(self, size: int, name: str) -> bytes:
        end = self.place + size
        if end > len(self.data):
            raise ValueError(f"it ends within {name}: {size} bytes are announced, {len(self.data) - self.place} left")
        part = self.data[self.place : end]
        self.place = end
        return part

    def number(self, name: str) -> int:
        return int.from_bytes(self.bytes(4, name), "little")

    def text(self, name: str) -> str:
        data = self.bytes(self.number(f"the length of {name}"), name)
        # The code page of such text is not known for certain; UTF-8 fails on nearly all others, so it is told apart.
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """One connection's settings (LAN, dial-up or VPN): INTERNET_PER_CONN_* of wininet.h.

    Texts stay where they are while their flag is off, as in the dialog. ``last_detect_time`` is a FILETIME,
    ``reload_delay`` counts minutes. ``rest`` holds bytes behind the known fields.
    """

    version: int = _IE7
    counter: int = 0
    flags: int = _DIRECT
    proxy_server: str = ""
    bypass: str = ""
    pac_url: str = ""
    detection_flags: int = 0
    last_detect_url: str = ""
    last_detect_time: int = 0
    legacy_addresses: tuple[bytes, ...] = ()
    secondary_pac_url: str = ""
    reload_delay: int = 0
    interfaces: tuple[bytes, ...] = ()
    rest: bytes = b""

    @property
    def uses_proxy(self) -> bool:
        """Whether the box "Use a proxy server for your LAN" is ticked."""
        return bool(self.flags & _PROXY)

    @property
    def uses_pac_url(self) -> bool:
        """Whether the box "Use automatic configuration script" is ticked."""
        return bool(self.flags & _PAC_URL)

    @property
    def auto_detect(self) -> bool:
        """Whether the box "Automatically detect settings" is ticked."""
        return bool(self.flags & _AUTO_DETECT)

    @classmethod
    def decode(cls, data: bytes) -> ConnectionSettings:
        """Read a value; raises ValueError that says where it is broken."""
        reader = _Reader(data)
        version = reader.number("the version")
        if version not in (_IE6, _IE7):
            raise ValueError(f"its version 0x{version:02x} is unknown")
        counter, flags = reader.number("the counter"), reader.number("the flags")
        proxy_server, bypass = reader.text("the proxy server"), reader.text("the bypass list")
        pac_url = reader.text("the PAC URL")
        detection_flags = reader.number("the detection flags")
        last_detect_url = reader.text("the last detected URL")
        last_detect_time = int.from_bytes(reader.bytes(8, "the time of detection"), "little")
        legacy = reader.bytes(4 * reader.number("the number of addresses"), "the addresses")
        secondary, delay = reader.text("the secondary PAC URL"), reader.number("the reload delay")
        interfaces = b""
        if version == _IE7:
            interfaces = reader.bytes(_INTERFACE * reader.number("the number of interfaces"), "the interfaces")
        return cls(
            version=version,
            counter=counter,
            flags=flags,
            proxy_server=proxy_server,
            bypass=bypass,
            pac_url=pac_url,
            detection_flags=detection_flags,
            last_detect_url=last_detect_url,
            last_detect_time=last_detect_time,
            legacy_addresses=_pieces(legacy, 4),
            secondary_pac_url=secondary,
            reload_delay=delay,
            interfaces=_pieces(interfaces, _INTERFACE),
            rest=data[reader.place :],
        )

    def encode(self) -> bytes:
        """Return the value for these settings; texts are written in UTF-8."""
        parts = [
            struct.pack("<III", self.version, self.counter, self.flags),
            *map(_counted, (self.proxy_server, self.bypass, self.pac_url)),
            struct.pack("<I", self.detection_flags),
            _counted(self.last_detect_url),
            struct.pack("<QI", self.last_detect_time, len(self.legacy_addresses)),
            *self.legacy_addresses,
            _counted(self.secondary_pac_url),
            struct.pack("<I", self.reload_delay),
        ]
        if self.version == _IE7:
            parts += [struct.pack("<I", len(self.interfaces)), *self.interfaces]
        return b"".join((*parts, self.rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class WinHttpSettings:
    """The machine's settings for WinHTTP, which services use (``netsh winhttp``)."""

    version: int = _WINHTTP_VERSION
    reserved: int = 0
    flags: int = _DIRECT
    proxy_server: str = ""
    bypass: str = ""
    rest: bytes = b""

    @property
    def uses_proxy(self) -> bool:
        """Whether a proxy is set and in use."""
        return bool(self.flags & _PROXY)

    @property
    def uses_script(self) -> bool:
        """Whether a PAC file or detection is set (``netsh winhttp set advproxy``); where it is kept is not known."""
        return bool(self.flags & (_PAC_URL | _AUTO_DETECT))

    @classmethod
    def decode(cls, data: bytes) -> WinHttpSettings:
        """Read a value; raises ValueError that says where it is broken."""
        reader = _Reader(data)
        version, reserved, flags = reader.number("the version"), reader.number("a field"), reader.number("the flags")
        proxy_server, bypass = reader.text("the proxy server"), reader.text("the bypass list")
        return cls(
            version=version,
            reserved=reserved,
            flags=flags,
            proxy_server=proxy_server,
            bypass=bypass,
            rest=data[reader.place :],
        )

    def encode(self) -> bytes:
        """Return the value for these settings."""
        head = struct.pack("<III", self.version, self.reserved, self.flags)
        return b"".join((head, _counted(self.proxy_server), _counted(self.bypass), self.rest))


def _counted(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[place : place + size] for place in range(0, len(data), size))
