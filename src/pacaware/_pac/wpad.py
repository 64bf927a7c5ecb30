"""Automatic detection (WPAD): the URL of a PAC file from DHCP, else from DNS.

Document 004 and draft-ietf-wrec-wpad-01: DHCP option 252 first, and if it is there detection ends with it; then
``http://wpad.<suffix>/wpad.dat`` for the suffixes of this machine's name. Names are asked of DNS servers only: LLMNR,
mDNS and NetBIOS are answered by anybody on the same cable (KB3161949).
"""

from __future__ import annotations

import copy
import socket
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Protocol

from pacaware._core.devolution import address_refusal, url_refusal, wpad_names
from pacaware._models import redact_url
from pacaware._pac.dhcp import DhcpAnswer, DhcpClient
from pacaware._pac.parallel import in_thread
from pacaware.errors import PacFetchError, WpadError

__all__ = ["Detected", "Detector", "SupportsDetection", "address_by_dns", "addresses_for_fetch"]

TOTAL_SECONDS: Final = 2.0
NAME_SECONDS: Final = 1.0  # Chromium net/proxy_resolution/pac_file_decider.cc, the "quick check"
# What the system has stored is read in milliseconds; only where DHCP takes longer is DNS asked beside it.
HEAD_START_SECONDS: Final = 0.3
FETCH_DNS_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Detected:
    """A PAC URL and what named it, ``"dhcp"`` or ``"dns"``; ``notes`` say where else was looked."""

    url: str
    via: str
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The ``source`` of decisions that come from it."""
        return f"wpad-{self.via}"


class SupportsDetection(Protocol):
    """What looks for a PAC file."""

    def detect(self) -> Detected:
        """Return what was found; raises WpadError that says where was looked, and what to do."""

    def addresses(self, host: str) -> Sequence[str]:
        """Return where the server of a detected PAC file is; raises PacFetchError if it must not be asked."""


class Detector:
    """Looks for a PAC file in at most 2 seconds: DHCP and, a little later, DNS at the same time; DHCP wins.

    ``dhcp(seconds)`` reads option 252, ``suffixes()`` returns the domains of this machine, ``ask(name, seconds)`` the
    addresses of a name by DNS (none: no such name; an exception: no answer), ``disabled()`` whether an administrator
    switched detection off. It remembers nothing.
    """

    def __init__(
        self,
        *,
        dhcp: Callable[[float], DhcpAnswer] | None = None,
        suffixes: Callable[[], Sequence[str]] | None = None,
        ask: Callable[[str, float], Sequence[str]] | None = None,
        disabled: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dhcp = dhcp or DhcpClient().ask
        self._suffixes = suffixes or own_suffixes
        self._ask = ask or address_by_dns
        self._disabled = disabled or _is_disabled
        self._clock = clock

    def detect(self) -> Detected:
        """Return the URL that DHCP or DNS gives; raises WpadError if neither does, or if it must not be used."""
        if self._disabled():
            raise WpadError("automatic detection is switched off on this machine (DisableWpad)")
        deadline = self._clock() + TOTAL_SECONDS
        asked = in_thread(partial(self._dhcp, TOTAL_SECONDS), "wpad-dhcp")
        answer = _answer_of(asked, HEAD_START_SECONDS)
        if answer is not None and answer.leases:
            return _from_dhcp(answer)
        by_dns, notes = self._by_dns(deadline)
        if answer is None:
            answer = _answer_of(asked, max(0.0, deadline - self._clock()))
        if answer is None:
            answer = DhcpAnswer((), (f"DHCP: no answer within {TOTAL_SECONDS:g} s",))
        if answer.leases:
            return _from_dhcp(answer)
        notes = (*answer.looked, *notes)
        if by_dns is None:
            where = "; ".join(notes)
            raise WpadError(
                f"automatic detection found no PAC file ({where}); "
                "if there is one, give its address as the PAC URL, for example PACAWARE=http://..."
            )
        return Detected(f"http://{by_dns}/wpad.dat", "dns", notes)

    def addresses(self, host: str) -> Sequence[str]:
        """Return where the server of a detected PAC file is; raises PacFetchError if it must not be asked."""
        return addresses_for_fetch(host)

    def _by_dns(self, deadline: float) -> tuple[str | None, tuple[str, ...]]:
        """Ask for all names at once; the best one that has a usable address wins."""
        names = wpad_names(self._suffixes(), _public_suffixes().is_public)
        if not names:
            return None, ("DNS: this machine has no domain to look in",)
        limit = min(deadline, self._clock() + NAME_SECONDS)
        futures = [(name, in_thread(partial(self._ask, name, NAME_SECONDS), "wpad-dns")) for name in names]
        notes = []
        for name, future in futures:
            try:
                addresses = future.result(max(0.0, limit - self._clock()))
            except TimeoutError:
                notes.append(f"DNS: no answer for {name} within {NAME_SECONDS:g} s")
            except Exception as exc:  # noqa: BLE001 - whatever DNS comes up with, the next name is tried
                notes.append(f"DNS: {name}: {exc or type(exc).__name__}")
            else:
                refusals = [address_refusal(address) for address in addresses]
                if None in refusals:
                    return name, (*notes, f"DNS: {name} is {', '.join(addresses)}")
                why = f"refused: {'; '.join(filter(None, refusals))}" if refusals else "no such name"
                notes.append(f"DNS: {name}: {why}")
        return None, tuple(notes)


def _answer_of(asked: Future[DhcpAnswer], seconds: float) -> DhcpAnswer | None:
    try:
        return asked.result(seconds)
    except TimeoutError:
        return None
    except Exception as exc:  # noqa: BLE001 - trouble with DHCP is no reason not to ask DNS
        return DhcpAnswer((), (f"DHCP: {exc or type(exc).__name__}",))


def _from_dhcp(answer: DhcpAnswer) -> Detected:
    """Take the first URL that may be used; where there is a URL and it may not, detection ends all the same."""
    refused = []
    for lease in answer.leases:
        why = url_refusal(lease.url)
        if why is None:
            return Detected(lease.url, "dhcp", (f"DHCP: option 252 of {lease.adapter}",))
        refused.append(f"{redact_url(lease.url)[:300]!r} of {lease.adapter} is refused: {why}")
    raise WpadError(
        f"the PAC URL that DHCP gives cannot be used ({'; '.join(refused)}); "
        "the network's DHCP server has to be corrected (option 252)"
    )


def _is_disabled() -> bool:
    if sys.platform != "win32":
        return False
    from pacaware._pac.dhcp_windows import wpad_is_disabled

    return wpad_is_disabled()


# -- DNS


@cache
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # it reads a list of 10,000 names

    return PublicSuffixList()


def own_suffixes() -> tuple[str, ...]:
    """Return the domain of this machine's own name, then the search domains of its DNS settings."""
    resolver = _resolver()
    name = socket.gethostname().partition(".")[2]
    domains = [name, *(domain.to_text(omit_final_dot=True) for domain in (*resolver.search, resolver.domain))]
    return tuple(domain for domain in domains if domain and domain != ".")


def address_by_dns(name: str, seconds: float, *, search: bool = False) -> tuple[str, ...]:
    """Return the addresses of a name, IPv4 first, from the DNS servers of this machine's settings and nowhere else.

    None: the servers know no such name. Raises TimeoutError without an answer in ``seconds``, OSError for a failure.
    """
    import dns.exception
    import dns.resolver

    resolver = copy.copy(_resolver())
    resolver.timeout = seconds / 2  # a dead server leaves time to ask the next one
    end = time.monotonic() + seconds
    addresses: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            answer = resolver.resolve(
                name if search else f"{name}.",
                kind,
                search=search,
                raise_on_no_answer=False,
                lifetime=max(0.05, end - time.monotonic()),
            )
        except dns.resolver.NXDOMAIN:
            break
        except dns.exception.Timeout:
            if addresses:
                break
            raise TimeoutError(f"the DNS servers did not answer within {seconds:g} s") from None
        except dns.exception.DNSException as exc:
            if addresses:
                break
            raise OSError(str(exc) or type(exc).__name__) from exc
        addresses += [record.address for record in answer]
    return tuple(addresses)


def addresses_for_fetch(host: str) -> tuple[str, ...]:
    """Return where the server of a detected PAC file is, after a redirect too; raises PacFetchError if nowhere usable.

    The hosts file counts, where many a machine has ``127.0.0.1 wpad`` to keep detection from working.
    """
    from pacaware._pac import system_dns

    name = host.strip("[]").removesuffix(".")
    why = url_refusal(f"http://[{name}]/" if ":" in name else f"http://{name}/")
    if why is not None:
        raise PacFetchError(f"the PAC file that was detected is not fetched from {host}: {why}")
    if address_refusal(name) is None:
        return (name,)
    try:
        # A name with a dot is whole: DNS is not asked for it in the search domains, too.
        addresses = system_dns.listed_in_hosts(name) or address_by_dns(name, FETCH_DNS_SECONDS, search="." not in name)
    except OSError as exc:
        raise PacFetchError(
            f"the PAC file that was detected was not obtained: DNS for {host}: {exc}", "server-name"
        ) from exc
    refusals = [address_refusal(address) for address in addresses]
    usable = tuple(address for address, why in zip(addresses, refusals, strict=True) if why is None)
    if not usable:
        why = "; ".join(filter(None, refusals)) or "DNS knows no such name"
        reason = "other" if refusals else "server-name"
        raise PacFetchError(f"the PAC file that was detected is not fetched from {host}: {why}", reason)
    return usable


def _resolver() -> Any:
    from pacaware._pac import system_dns

    return system_dns.dns_settings()
