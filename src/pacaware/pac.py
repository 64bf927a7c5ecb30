"""Try a PAC file by hand: ``PacEvaluator`` answers as the resolver would, with the names and the clock you give it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from pacaware._core.pac_result import parse_pac_result
from pacaware._core.target import parse_target
from pacaware._pac.dns import FixedLookups, Lookups
from pacaware._pac.evaluator import PacScript
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pacaware._models import ProxyList

__all__ = ["PacEvaluator", "PacResult"]


@dataclass(frozen=True, slots=True)
class PacResult:
    """What a PAC file answered for one URL.

    ``raw`` is the string as the script returned it; ``proxies`` what it means, None if nothing in it can be used;
    ``notes`` says what was dropped; ``lookups`` holds the names that the script looked up and what it was told (several
    addresses joined by ";"), None where there was no answer. ``seconds`` is how long it took, lookups included.
    """

    raw: str
    proxies: ProxyList | None
    notes: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    lookups: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    seconds: float = field(default=0.0, compare=False)


class PacEvaluator:
    """A PAC file, run in a process of its own.

    With ``hosts`` (name to addresses) nothing is ever looked up: other names do not resolve; without ``my_ip``,
    ``myIpAddress()`` is then 127.0.0.1. ``now`` fixes the clock (a naive datetime is local time). The engine ``auto``
    is quickjs-ng where it is installed, which knows best where an error is. Raises ConfigError for what is not an
    address or a time; when used, PacScriptError, with line and column, PacTimeout or PacEngineError.
    """

    def __init__(
        self,
        text: str,
        hosts: Mapping[str, str | Sequence[str]] | None = None,
        my_ip: str | Sequence[str] | None = None,
        now: dt.datetime | None = None,
        engine: str = "auto",
    ) -> None:
        mine = None if my_ip is None else _addresses("my_ip", my_ip)
        self._own_lookups: Lookups | None = None
        lookups: Lookups | FixedLookups
        if hosts is not None:
            table = {name: _addresses(repr(name), found) for name, found in hosts.items()}
            lookups = FixedLookups(table, mine or ())
        else:
            own = None if mine is None else list(mine)
            lookups = self._own_lookups = Lookups(
                my_addresses=None if own is None else lambda ex: own if ex else own[:1]
            )
        try:
            moment = None if now is None else now.timestamp()
        except (OverflowError, ValueError, OSError) as exc:
            raise ConfigError(f"now={now}: a clock cannot show that time") from exc
        self._script = PacScript(text, lookups=lookups, engine=engine, now=moment, places=True)

    def find_proxy(self, url: str, host: str | None = None) -> PacResult:
        """Ask the script about a URL; ``host`` is taken from it unless given.

        The script sees what Chromium would show it: no user, password or fragment, and of https only the origin.
        Raises PacScriptError for a script that throws or answers no string, PacTimeout after 5 s of JavaScript,
        PacEngineError if its process fails, and ConfigError for what is no http or https URL.
        """
        target = parse_target(url)
        answer = self._script.find_proxy(target.pac_url, target.pac_host if host is None else host)
        parsed = parse_pac_result(answer.text)
        return PacResult(answer.text, parsed.proxies, parsed.notes, answer.alerts, answer.lookups, answer.seconds)

    def close(self) -> None:
        """End the process of the script."""
        self._script.close()
        if self._own_lookups is not None:
            self._own_lookups.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _addresses(of: str, found: str | Sequence[str]) -> tuple[str, ...]:
    """Return the addresses in the form that scripts see; raises ConfigError for what is not one."""
    texts = (found,) if isinstance(found, str) else tuple(found)
    try:
        return tuple(str(ipaddress.ip_address(text)) for text in texts)
    except ValueError:
        shown = ", ".join(repr(text) for text in texts)
        raise ConfigError(f"{of}: {shown} is not an IPv4 or IPv6 address") from None
