"""Hosts and ports as URLs write them: one canonical text for each (WHATWG URL, section 3.5; RFC 3986, 3.2)."""

from __future__ import annotations

import re

__all__ = ["canonical_host", "host_for_url", "is_address", "split_host_port", "split_userinfo"]

# Code points that may not stand in a host (WHATWG URL, "forbidden host code point"), and what browsers refuse on top.
_FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\"`{}\x7f]")
_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.ASCII)
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)", re.ASCII)
_PORT = re.compile(r"0*[0-9]{1,5}", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)


def canonical_host(text: str) -> str:
    """Return the canonical form of a host: lower case, punycode, dotted IPv4, compressed IPv6 without brackets.

    Raises ValueError for what no URL could have as its host.
    """
    if "@" in text:  # no error may show what stands before it
        raise ValueError(f"{text.rpartition('@')[2]!r} has a user or password before it")
    if text.startswith("["):
        if not text.endswith("]"):
            raise ValueError(f"the bracket of {text!r} is not closed")
        return _canonical_ipv6(text[1:-1])
    host = text.lower()
    if not host.isascii():
        host = _punycode(host)
    if not host or _FORBIDDEN.search(host):
        raise ValueError(f"{text!r} is not a host name")
    last = host.removesuffix(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _canonical_ipv4(host)
    if not _PLAIN.fullmatch(host) and (host.startswith(".") or ".." in host):
        raise ValueError(f"{text!r} has an empty label")
    return host


def _punycode(host: str) -> str:
    import idna  # comes with anyio; only needed for names outside ASCII

    try:
        return idna.encode(host, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError) as exc:
        raise ValueError(f"{host!r} is not a valid international host name") from exc


def _canonical_ipv6(text: str) -> str:
    import ipaddress

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as exc:
        raise ValueError(f"[{text}] is not an IPv6 address") from exc
    if address.scope_id is not None:
        raise ValueError(f"[{text}] has a zone, which means nothing outside this machine")
    # str() of a newer Python writes mapped addresses as ::ffff:1.2.3.4; browsers write hexadecimal everywhere.
    if address.ipv4_mapped is not None:
        number = int(address.ipv4_mapped)
        return f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}"
    return str(address)


def _canonical_ipv4(host: str) -> str:
    """Read an IPv4 address of one to four decimal, octal or hexadecimal parts (WHATWG URL, "IPv4 parser")."""
    parts = host.removesuffix(".").split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"{host!r} ends in a number but is not an IPv4 address")
    numbers = [_ipv4_part(part, host) for part in parts]
    value = 0
    for number in numbers[:-1]:
        if number > 255:
            raise ValueError(f"{host!r} is not an IPv4 address")
        value = value << 8 | number
    rest = 8 * (5 - len(numbers))
    if numbers[-1] >= 1 << rest:
        raise ValueError(f"{host!r} is not an IPv4 address")
    value = value << rest | numbers[-1]
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _ipv4_part(part: str, host: str) -> int:
    if len(part) > 16:
        raise ValueError(f"{host!r} is not an IPv4 address")
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    if part[0] == "0" and len(part) > 1:
        if part.strip("01234567"):
            raise ValueError(f"{host!r} is not an IPv4 address")
        return int(part, 8)
    return int(part)


def split_host_port(text: str) -> tuple[str, int | None]:
    """Split ``host[:port]`` into the canonical host and the port (None if it is not given).

    Raises ValueError for a bad host, an empty port, or one outside 1 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or "@" in text:
        return canonical_host(text), None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is not a port (1 to 65535)" if port else "no port stands after its last colon")
    return canonical_host(host), int(port)


def is_address(host: str) -> bool:
    """Say whether a host, without brackets, is an IPv4 or IPv6 address; a zone does not matter."""
    import ipaddress

    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def host_for_url(host: str) -> str:
    """Return the host as it stands in a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def split_userinfo(uri: str) -> tuple[str, tuple[str, str] | None]:
    """Take ``user:password@`` out of a proxy URI; both parts are percent-decoded.

    The last ``@`` ends the userinfo, so that an unescaped one in a password does no harm.
    """
    scheme, mark, rest = uri.partition("://")
    if not _SCHEME.fullmatch(scheme):
        scheme, mark, rest = "", "", uri
    userinfo, at, server = rest.rpartition("@")
    if not at:
        return uri, None
    from urllib.parse import unquote

    user, _, password = userinfo.partition(":")
    return f"{scheme}{mark}{server}", (unquote(user), unquote(password))
