"""The PAC file and the choice of proxies, judged from what the resolver says of its own steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pacaware._cli.doctor.findings import Finding, fail, ok, skip, warn
from pacaware._models import DIRECT, redact_url
from pacaware.errors import PacEngineError, PacError, PacScriptError, PacTimeout, WpadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacaware._models import Decision, ProxyConfig, Step

__all__ = ["judge_route", "judge_script", "trouble_key"]

# What fetch and evaluation say, in their own words, and the cause that a person knows. The first match counts.
_CAUSES: Final = (
    ("an HTML page came instead", "pac-page"),
    ("status 404", "pac-missing"),
    ("status [0-9]+|redirects", "pac-refused"),
    ("is not a PAC file|is empty|larger than", "pac-not-pac"),
    ("did not arrive within|still being fetched", "pac-late"),
    ("certificate of its server", "pac-certificate"),
    ("is a local file|was not read", "pac-file"),
    ("resolve|name or service|nodename|getaddrinfo|no address associated", "pac-server-name"),
    ("no connection to|did not send it", "pac-server-down"),
    ("did not return a string|nothing in the script's answer|returned a string of", "pac-nonsense"),
    ("SyntaxError", "pac-syntax"),
)
_SLOW_STEPS: Final = ("pac-fetch", "pac-run")


def trouble_key(error: str, kind: type[Exception] | None = None) -> str:
    """Return the key for the trouble with a PAC file."""
    if kind is not None and issubclass(kind, WpadError):
        return "wpad-absent"
    if kind is not None and issubclass(kind, PacEngineError):
        return "pac-engine"
    if kind is not None and issubclass(kind, PacTimeout):
        return "pac-endless"
    for pattern, key in _CAUSES:
        if re.search(pattern, error, re.IGNORECASE):
            return key
    return "pac-throws" if kind is not None and issubclass(kind, PacScriptError) else "pac-other"


def judge_script(
    config: ProxyConfig, pac_url: str | None, steps: Sequence[Step], error: PacError | WpadError | None, slow_ms: float
) -> tuple[Finding, ...]:
    """Judge what happened with automatic detection and the PAC file; ``error`` is why there is no decision.

    ``pac_url`` is the address of the PAC file, None if none was found.
    """
    if not (config.auto_detect or config.pac_url):
        return (skip("pac", "pac-unused"),)
    findings: list[Finding] = []
    url = redact_url(pac_url.strip()) if pac_url else "wpad.dat"
    ms = sum(step.ms for step in steps if step.name in _SLOW_STEPS)
    last = None if error is None else fail("pac", trouble_key(str(error), type(error)), str(error), ms, url=url)
    for step in steps:
        if step.name == "auto-detect" and step.status in ("failed", "skipped") and not isinstance(error, WpadError):
            findings.append(warn("pac", "wpad-absent", step.detail))
        elif step.name in ("pac-fetch", "pac-load", "pac-run") and step.status == "failed":
            kind = PacScriptError if step.name != "pac-fetch" else None
            findings.append(warn("pac", trouble_key(step.detail, kind), step.detail, step.ms, url=url))
        elif step.name == "pac-result":
            findings.append(warn("pac", "pac-nonsense", step.detail, url=url))
        elif step.name == "fallback" and not findings:
            findings.append(warn("pac", trouble_key(step.detail), step.detail, url=url))
    if last is not None:
        return (*findings, last)
    ran = next((step for step in steps if step.name == "pac-run" and step.status == "ok"), None)
    if ran is not None and ms >= slow_ms:
        findings.append(warn("pac", "pac-slow", ran.detail, ms, url=url, seconds=f"{ms / 1000:.1f}"))
    elif ran is not None:
        findings.insert(0, ok("pac", "pac-ok", ran.detail, ms, url=url))
    return tuple(findings) or (ok("pac", "pac-not-asked"),)


def judge_route(decision: Decision) -> Finding:
    """Say which proxies were chosen."""
    if decision.source in ("bypass", "implicit-bypass"):
        rule = next((step.detail for step in decision.steps if step.name in ("bypass", "settings")), decision.source)
        return ok("route", "route-bypass", rule=rule)
    if all(candidate is DIRECT for candidate in decision.proxies):
        return ok("route", "route-direct", decision.source)
    return ok("route", "route-proxy", decision.source, proxies=str(decision.proxies))
