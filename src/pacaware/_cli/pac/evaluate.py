"""``pacaware pac eval``: what a PAC file answers, and what that depended on."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pacaware._cli.say import say
from pacaware._models import redact_url
from pacaware.errors import PacScriptError, PacTimeout
from pacaware.pac import PacEvaluator

if TYPE_CHECKING:
    import argparse

    from pacaware._cli.pac.source import PacText

__all__ = ["evaluate"]


def evaluate(source: PacText, options: argparse.Namespace) -> int:
    """Ask about each URL and print the answers; return 1 if one gave no list that can be used, else 0."""
    hosts: dict[str, list[str]] | None = None
    for name, addresses in options.hosts or ():
        hosts = hosts or {}
        hosts.setdefault(name, []).extend(addresses)
    with PacEvaluator(source.text, hosts, options.my_ip, options.now, options.engine) as pac:
        records = [_ask(pac, url) for url in options.urls]
    if options.json:
        print(json.dumps(records, indent=2))
    for record in records:
        if not options.json:
            _print(record)
        if record["error"] is not None:
            sys.stdout.flush()
            error = record["error"]
            at = "".join(f"{name} {error[name]}, " for name in ("line", "column") if error[name] is not None)
            where = f" ({at[:-2]})" if at else ""
            say(f"pacaware: {source.name}: {record['url']}: {error['message']}{where}", file=sys.stderr)
    return 0 if all(record["proxies"] for record in records) else 1


def _ask(pac: PacEvaluator, url: str) -> dict[str, Any]:
    record: dict[str, Any] = {"url": redact_url(url), "raw": None, "proxies": None, "dropped": [], "alerts": []}
    try:
        result = pac.find_proxy(url)
    except (PacScriptError, PacTimeout) as exc:
        message = " ".join(getattr(exc, "message", str(exc)).split())
        error = {"message": message, "line": getattr(exc, "line", None), "column": getattr(exc, "column", None)}
        return {**record, "lookups": {}, "ms": None, "error": error}
    return {
        **record,
        "raw": result.raw,
        "proxies": None if result.proxies is None else [candidate.pac_text for candidate in result.proxies],
        "dropped": list(result.notes),
        "alerts": list(result.alerts),
        "lookups": dict(result.lookups),
        "ms": round(result.seconds * 1000, 3),
        "error": None,
    }


def _print(record: dict[str, Any]) -> None:
    say(record["url"])
    if record["error"] is not None:
        say("  error    see below")
        return
    proxies = "nothing that can be used" if record["proxies"] is None else "; ".join(record["proxies"])
    say(f"  answer   {record['raw']!r}")
    say(f"  proxies  {proxies}")
    for note in record["dropped"]:
        say(f"  dropped  {note}")
    for alert in record["alerts"]:
        say(f"  alert    {' '.join(alert.split())}")
    for name, answer in record["lookups"].items():
        say(f"  lookup   {name} -> {answer or 'no answer'}")
    say(f"  time     {record['ms']:.1f} ms")
