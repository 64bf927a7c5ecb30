"""Try a PAC file by hand: ``PacEvaluator`` answers as the resolver would, with the names and the clock you give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pacaware._core.pac_result import parse_pac_result
from pacaware._core.target import parse_target
from pacaware._pac.dns import FixedLookups, Lookups
from pacaware._pac.evaluator import PacScript

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pacaware._models import ProxyList

__all__ = ["PacEvaluator", "PacResult"]


@dataclass(frozen=True, slots=True)
class PacResult:
    """What a PAC file answered for one URL.

    ``raw`` is the string as the script returned it; ``proxies`` what it means, None if nothing in it can be used;
    ``notes`` says what was dropped; ``lookups`` names what the script looked up.
    """

    raw: str
    proxies: ProxyList | None
    notes: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()


class PacEvaluator:
    """A PAC file, run in a process of its own.

    With ``hosts`` (name to addresses) nothing is ever looked up: other names do not resolve; without ``my_ip``,
    ``myIpAddress()`` is then 127.0.0.1. ``now`` fixes the clock (a naive datetime is local time). Raises
    PacScriptError, with line and column, PacTimeout or PacEngineError when used.
    """

    def __init__(
        self,
        text: str,
        hosts: Mapping[str, Sequence[str]] | None = None,
        my_ip: str | Sequence[str] | None = None,
        now: dt.datetime | None = None,
        engine: str = "auto",
    ) -> None:
        mine = [my_ip] if isinstance(my_ip, str) else my_ip
        self._own_lookups: Lookups | None = None
        lookups: Lookups | FixedLookups
        if hosts is not None:
            lookups = FixedLookups({name: tuple(found) for name, found in hosts.items()}, tuple(mine or ()))
        else:
            own = None if mine is None else list(mine)
            lookups = self._own_lookups = Lookups(
                my_addresses=None if own is None else lambda ex: own if ex else own[:1]
            )
        moment = None if now is None else now.timestamp()
        self._script = PacScript(text, lookups=lookups, engine=engine, now=moment)

    def find_proxy(self, url: str, host: str | None = None) -> PacResult:
        """Ask the script about a URL; ``host`` is taken from it unless given.

        The script sees what Chromium would show it: no user, password or fragment, and of https only the origin.
        """
        target = parse_target(url)
        answer = self._script.find_proxy(target.pac_url, target.pac_host if host is None else host)
        parsed = parse_pac_result(answer.text)
        return PacResult(answer.text, parsed.proxies, parsed.notes, answer.alerts, answer.lookups)

    def close(self) -> None:
        """End the process of the script."""
        self._script.close()
        if self._own_lookups is not None:
            self._own_lookups.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
