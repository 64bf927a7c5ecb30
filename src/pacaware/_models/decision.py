"""Decisions, and the steps that led to them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pacaware._models.proxies import DIRECT, Candidate, ProxyList
from pacaware._models.texts import on_one_line, redact_url

__all__ = ["Decision", "Step", "step_lines"]


class Step(NamedTuple):
    """One thing that was looked at on the way to a decision; ``ms`` is how long it took, 0 where nobody waited.

    ``status`` is ok, note, skipped (it was there and something else comes first), warning or failed. ``reason`` is that
    of the error, where there was one; records leave it out.
    """

    name: str
    status: str
    detail: str
    ms: float = 0.0
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {"name": self.name, "status": self.status, "detail": self.detail, "ms": self.ms}


_SHOWN_MS: Final = 0.05
_BECAUSE: Final = {
    "explicit": "the program gave this proxy",
    "implicit-bypass": "this machine and its own network need no proxy",
    "bypass": "the list of exceptions says so",
    "wpad-dhcp": "the PAC file that DHCP names says so",
    "wpad-dns": "the PAC file that DNS names says so",
    "pac": "the PAC file says so",
    "manual": "this proxy is set",
    "no-proxy": "no proxy is set that could be used",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The fail-over list for one URL, and why; responses carry theirs.

    It is ``response.pacaware`` with requests, ``response.extensions["pacaware"]`` with httpx. ``url`` is what was asked
    about, ``proxies`` the candidates in the order in which they are tried, ``pac_url`` the PAC file that was asked.
    ``source`` is explicit, implicit-bypass, bypass, wpad-dhcp, wpad-dns, pac, manual or no-proxy; ``config_origin`` is
    code, environment, windows, winhttp, macos, gnome, kde, wsl or none. ``cached`` says that the answer was known
    before. ``steps`` are what was looked at on the way: name, status, detail and ms (milliseconds).
    """

    url: str = field(repr=False)
    proxies: ProxyList
    source: str
    config_origin: str
    pac_url: str | None = field(default=None, repr=False)
    cached: bool = False
    steps: tuple[Step, ...] = field(default=(), repr=False)
    listed: tuple[Candidate, ...] = field(default=(), repr=False, compare=False)
    """The candidates as the settings or the script list them, before dead proxies are moved to the end."""
    answered: float = field(default=0.0, repr=False, compare=False)
    """When (Unix time) the settings or the script gave this answer; 0 where nobody was asked."""
    holds: str = field(default="", repr=False, compare=False)
    """What an answer that was known before rests on."""
    network: int = field(default=0, repr=False, compare=False)
    """How often the network had changed when this was decided."""

    def for_url(self, url: str) -> Decision:
        """The same answer, said of another URL that shares it, and known before."""
        return Decision(
            *(url, self.proxies, self.source, self.config_origin, self.pac_url, True, self.steps, self.listed),
            *(self.answered, self.holds, self.network),
        )

    def as_cached(self) -> Decision:
        """The same decision, marked as known before."""
        return self.for_url(self.url)

    @property
    def freshness(self) -> str:
        """Whether this was found out for this request, or known before: since when, and why it still holds."""
        if not self.cached or not self.answered:
            return "fresh"
        age = max(0.0, time.time() - self.answered)
        return f"known for {age:.0f} s" + (f", holds {self.holds}" if self.holds else "")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record without secrets: no userinfo, no query values.

        Keys: url, proxies (texts such as ``PROXY a:1``), source, config_origin, pac_url, cached, and steps, each with
        name, status, detail and ms (milliseconds). They stay as they are within a major version.
        """
        steps = (*self.steps, Step("memory", "ok", self.freshness)) if self.cached and self.answered else self.steps
        return {
            "url": redact_url(self.url),
            "proxies": [candidate.pac_text for candidate in self.proxies],
            "source": self.source,
            "config_origin": self.config_origin,
            "pac_url": None if self.pac_url is None else redact_url(self.pac_url),
            "cached": self.cached,
            "steps": [step.to_dict() for step in steps],
        }

    def explain(self) -> str:
        """The same record as lines of text for a person; no character in it moves a cursor or ends a line."""
        record = self.to_dict()
        because = _BECAUSE[self.source]
        if self.source == "manual" and self.proxies[0] is DIRECT:
            because = "proxies are set, and none for this scheme"
        lines = [
            record["url"],
            f"  goes by  {self.proxies}",
            f"  because  {because} ({self.source}; settings from: {self.config_origin})"
            + (", cached" if self.cached else ", fresh" if self.answered else ""),
        ]
        if record["pac_url"]:
            lines.append(f"  PAC      {record['pac_url']}")
        return "\n".join((*map(on_one_line, lines), *step_lines([Step(**step) for step in record["steps"]])))


def step_lines(steps: Iterable[Step]) -> Iterator[str]:
    """Yield a line for each step, with its time where it took any."""
    for step in steps:
        took = f" [{step.ms:.1f} ms]" if step.ms >= _SHOWN_MS else ""
        yield on_one_line(f"  {step.status:<7}  {step.name}: {step.detail}{took}")
