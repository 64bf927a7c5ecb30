"""Every source of settings that this machine has: what it says, and which one wins and why."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pacaware._core.broad import broad_rules
from pacaware._core.bypass import BypassRules
from pacaware._core.compiled import compile_settings
from pacaware._core.lenient import tidy_bypass
from pacaware._models import ProxyConfig, redact_url
from pacaware._system import environ as _environ
from pacaware._system import policies
from pacaware._system.reading import Reading
from pacaware._system.system import UNUSED, Platform, platform
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from publicsuffixlist import PublicSuffixList

__all__ = ["Source", "Survey", "survey"]


class Source(NamedTuple):
    """One place of settings. ``status`` is wins, unused, empty, broken or shown; ``hints`` are troubles in it."""

    origin: str
    where: str
    status: str
    why: str
    config: ProxyConfig | None = None
    hints: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready record without secrets."""
        why = "; ".join((self.why, *self.hints))
        return {**_record(self.origin, self.config), "where": self.where, "status": self.status, "why": why}


class Survey(NamedTuple):
    """All sources in the order they are asked, and the settings in force (None where they cannot be used)."""

    winner: ProxyConfig | None
    sources: tuple[Source, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready record without secrets."""
        winner = None if self.winner is None else _record(self.winner.origin, self.winner)
        return {"winner": winner, "sources": [source.to_dict() for source in self.sources]}


def survey(environ: Mapping[str, str], on: Platform | None = None, *, every: bool = False) -> Survey:
    """Look into every source; with ``every`` into the policies of browsers too, which are never used."""
    machine = on or platform()
    counting = machine.counting(environ)
    readers: dict[str, Callable[[], Reading]] = {"environment": lambda: _environment(environ)}
    readers |= machine.readers(environ)
    winner: Source | None = None
    sources = []
    for origin, read in readers.items():
        source = _read(origin, read)
        if origin == "environment":
            source = _with_no_proxy(source, _environ.no_proxy(environ))
        if source.config is not None or source.status == "broken":
            if origin not in ("environment", counting):
                source = _unused(source, UNUSED[origin])
            elif winner is not None:
                source = _unused(source, f"{winner.origin} comes first")
            else:
                source = source._replace(status="broken" if source.config is None else "wins")
                winner = source
        sources.append(source)
    config = machine.nothing(environ) if winner is None else winner.config
    if every:
        policy = (
            _judged(f"{browser}-policy", reading)._replace(status="shown") for browser, reading in _policies(machine)
        )
        sources += policy
    return Survey(config, tuple(sources))


def _environment(environ: Mapping[str, str]) -> Reading:
    config = _environ.read_config(environ)
    names = ", ".join(_environ.names_set(environ))
    if config is not None:
        return Reading(names, config, "the environment comes before the desktop")
    if _environ.no_proxy(environ) is not None:
        return Reading(names, None, "NO_PROXY selects no proxy; its exceptions hold for what the system says")
    return Reading(names or "environment", None, "no variable selects a proxy")


def _read(origin: str, read: Callable[[], Reading]) -> Source:
    try:
        return _judged(origin, read())
    except ConfigError as exc:
        return Source(origin, origin, "broken", str(exc))


def _judged(origin: str, reading: Reading) -> Source:
    config = reading.config
    if config is None:
        return Source(origin, reading.where, "empty", reading.why)
    try:
        warnings = [f"{step.name}: {step.detail}" for step in compile_settings(config).warnings]
    except ConfigError as exc:
        return Source(origin, reading.where, "broken", str(exc))
    if not config.reverse_bypass:  # a reversed list names what does use the proxy
        warnings += _broad(BypassRules.parse(config.bypass or "", config.bypass_dialect), "bypass list")
    # WSL_PAC_URL is a variable, and what it says comes from Windows.
    return Source(
        origin if config.origin == "code" else config.origin,
        reading.where,
        "wins",
        reading.why,
        config,
        tuple(warnings),
    )


def _with_no_proxy(source: Source, text: str | None) -> Source:
    """Judge NO_PROXY, which holds for what the system says too; beside the proxy variables it is their bypass list."""
    plain, notes = tidy_bypass(text or "", "NO_PROXY")
    if source.config is not None and source.config.bypass == (plain or None):
        return source
    rules = BypassRules.parse(plain, "no_proxy")
    dropped = (f"NO_PROXY: {entry!r} is left out: {reason}" for entry, reason in rules.dropped)
    return source._replace(hints=(*source.hints, *notes, *dropped, *_broad(rules, "NO_PROXY")))


def _broad(rules: BypassRules, place: str) -> list[str]:
    return [f"{place}: {rule!r} is broad: {reason}" for rule, reason in broad_rules(rules, _public_suffix)]


def _unused(source: Source, reason: str) -> Source:
    return source._replace(status="unused", why=f"{reason}; {source.why}")


def _policies(machine: Platform) -> Iterator[tuple[str, Reading]]:
    if machine.machine is not None:
        return policies.read_registry(machine.machine)
    return policies.read_plists(machine.root) if machine.name == "darwin" else policies.read_files(machine.root)


def _record(origin: str, config: ProxyConfig | None) -> dict[str, Any]:
    shown = config or ProxyConfig()
    return {
        "origin": origin,
        "auto_detect": shown.auto_detect,
        "pac_url": None if shown.pac_url is None else redact_url(shown.pac_url),
        "proxy_server": shown.proxy_server,
        "bypass": shown.bypass,
        "bypass_dialect": shown.bypass_dialect,
        "reverse_bypass": shown.reverse_bypass,
    }


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # 80 ms, and only for lists with wildcards

    return PublicSuffixList(accept_unknown=False)


def _public_suffix(name: str) -> bool:
    return _suffixes().is_public(name)
