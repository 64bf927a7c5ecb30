"""Names resolved as other programs on this machine resolve them, within a time limit where the system allows one.

``getaddrinfo`` cannot be given a limit and does not tell how long its answer holds. It is used where only it knows the
answer: Windows, macOS, and a Linux whose nsswitch.conf names more than files and DNS. Elsewhere the hosts file and
DNS are asked directly, with the search domains of resolv.conf.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pacaware._pac.dns import Resolved

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["dns_settings", "listed_in_hosts", "resolve"]

GETADDRINFO_LIFE: Final = 60.0
DNS_SECONDS: Final = 5.0  # a server that is silent for so long is as good as one that knows no answer
_PLAIN_SOURCES: Final = {"files", "dns", "resolve", "myhostname"}
_NSSWITCH: Final = Path("/etc/nsswitch.conf")
_HOSTS: Final = Path("/etc/hosts")
_RESOLV: Final = Path("/etc/resolv.conf")


def resolve(name: str, six: bool, seconds: float) -> Resolved:
    """Resolve a canonical name to its IPv4 addresses, and IPv6 ones too if ``six``, within ``seconds`` if possible."""
    if needs_getaddrinfo():
        return by_getaddrinfo(name, six)
    listed = listed_in_hosts(name)
    if any(six or ":" not in address for address in listed):
        return Resolved(listed, GETADDRINFO_LIFE)
    if name in ("localhost", socket.gethostname().lower()) or name.endswith(".localhost"):
        return by_getaddrinfo(name, six)
    return by_dns(name, six, min(seconds, DNS_SECONDS))


def needs_getaddrinfo(platform: str = sys.platform, nsswitch: Path = _NSSWITCH) -> bool:
    """Whether only the system's own resolver knows all its sources of names."""
    if platform in ("win32", "darwin", "cygwin"):
        return True
    return bool(_sources.load(nsswitch) - _PLAIN_SOURCES)


def by_getaddrinfo(name: str, six: bool) -> Resolved:
    """Ask the system; it takes as long as it takes."""
    family = socket.AF_UNSPEC if six else socket.AF_INET
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Resolved((), 0.0)
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return Resolved(tuple(addresses), GETADDRINFO_LIFE)


def by_dns(name: str, six: bool, seconds: float) -> Resolved:
    """Ask the DNS servers of resolv.conf, with its search domains."""
    import dns.exception
    import dns.resolver

    resolver = dns_settings()
    addresses: list[str] = []
    life = float("inf")
    for kind in ("A", "AAAA") if six else ("A",):
        try:
            answer = resolver.resolve(name, kind, search=True, lifetime=seconds)
        except dns.exception.DNSException:
            continue
        addresses += [record.address for record in answer]
        life = min(life, float(answer.rrset.ttl))
    return Resolved(tuple(addresses), life)


def listed_in_hosts(name: str) -> tuple[str, ...]:
    """Return the addresses that the hosts file has for a name."""
    return tuple(_hosts_file.load(_HOSTS).get(name.removesuffix("."), ()))


def dns_settings(platform: str = sys.platform) -> Any:
    """Return dnspython's resolver with the servers and search domains of this machine, to be copied, not changed."""
    if platform == "win32":
        import dns.resolver

        try:
            return dns.resolver.Resolver()  # from the registry, where the adapters that are up have their own
        except OSError:  # adapters come and go while it is read, and a machine may have none at all
            return dns.resolver.Resolver(configure=False)
    return _resolver.load(_RESOLV)


class _Cached:
    """Something read from a file, and read again when the file changes."""

    def __init__(self, read: Callable[[Path], Any], default: Callable[[], Any]) -> None:
        self._read = read
        self._default = default
        self._lock = threading.Lock()
        self._stamp: tuple[Any, ...] | None = None
        self._value: Any = None

    def load(self, path: Path) -> Any:
        try:
            status = path.stat()
            stamp = (path, status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            return self._default()
        with self._lock:
            if self._stamp != stamp:
                try:
                    self._value = self._read(path)
                except (OSError, ValueError):
                    return self._default()
                self._stamp = stamp
            return self._value


def _read_sources(path: Path) -> set[str]:
    """Read the sources of the ``hosts:`` line of nsswitch.conf, without the actions in brackets."""
    sources: set[str] = set()
    for line in path.read_text("utf-8", "replace").splitlines():
        key, colon, rest = line.partition("#")[0].partition(":")
        if colon and key.strip() == "hosts":
            words = " ".join(part.rpartition("]")[2] for part in rest.split("["))
            sources = set(words.split())
    return sources


def _read_hosts(path: Path) -> dict[str, tuple[str, ...]]:
    hosts: dict[str, tuple[str, ...]] = {}
    for line in path.read_text("utf-8", "replace").splitlines():
        address, *names = line.partition("#")[0].split() or ("",)
        for name in names:
            hosts[name.lower()] = (*hosts.get(name.lower(), ()), address.partition("%")[0])
    return hosts


def _read_resolver(path: Path) -> Any:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.read_resolv_conf(str(path))
    return resolver


def _no_resolver() -> Any:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]  # what resolv.conf(5) says of a missing file
    return resolver


_sources = _Cached(_read_sources, set)
_hosts_file = _Cached(_read_hosts, dict)
_resolver = _Cached(_read_resolver, _no_resolver)
