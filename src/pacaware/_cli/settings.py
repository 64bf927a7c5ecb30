"""``pacaware settings``: every source of settings on this machine, what it says, which one wins and why."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from pacaware._models import on_one_line, redact_url
from pacaware._system.sources import survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacaware._models import ProxyConfig
    from pacaware._system.sources import Source, Survey

__all__ = ["settings"]


def settings(*, as_json: bool, every: bool) -> int:
    """Print what is set where; nothing is fetched. The status is 1 where the settings in force cannot be used."""
    found = survey(os.environ, every=every)
    print(json.dumps(found.to_dict(), indent=2) if as_json else "\n".join(map(on_one_line, _lines(found))))
    return 1 if found.winner is None else 0


def _lines(found: Survey) -> Iterator[str]:
    if found.winner is None:
        yield "The settings in force cannot be used; every request would be an error."
    else:
        yield f"In force: {found.winner.origin}"
        yield from _values(found.winner)
        if found.winner.origin == "none":
            yield from (f"  ! {note.detail}" for note in found.winner.notes)
    yield ""
    for source in found.sources:
        yield from _source(source)


def _source(source: Source) -> Iterator[str]:
    yield f"{source.status:<7} {source.origin}: {source.where}"
    yield f"        {source.why}"
    if source.config is not None and source.status != "wins":
        yield from (f"      {line}" for line in _values(source.config))
    yield from (f"      ! {hint}" for hint in source.hints)


def _values(config: ProxyConfig) -> Iterator[str]:
    """The lines of the settings dialog, in the order they are tried."""
    if config.auto_detect:
        yield "  auto-detect   on"
    if config.pac_url:
        yield f"  PAC URL       {redact_url(config.pac_url)}"
    if config.proxy_server:
        yield f"  proxy server  {config.proxy_server}"
    if config.bypass:
        only = ", reversed: only these use the proxy" if config.reverse_bypass else ""
        yield f"  bypass list   {config.bypass} ({config.bypass_dialect}{only})"
    if not (config.auto_detect or config.pac_url or config.proxy_server):
        yield "  no proxy"
