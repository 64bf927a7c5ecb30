"""The PAC file and the choice of proxies, judged from what the resolver says of its own steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacaware._cli.doctor.findings import Finding, fail, ok, skip, warn
from pacaware._models import DIRECT, redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacaware._models import Decision, ProxyConfig, Step
    from pacaware.errors import PacError, WpadError

__all__ = ["judge_route", "judge_script", "trouble_key"]

# What an error says of its cause, and what the doctor calls it.
_CAUSES: Final = {
    "answer": "pac-nonsense",
    "certificate": "pac-certificate",
    "endless": "pac-endless",
    "engine": "pac-engine",
    "file": "pac-file",
    "late": "pac-late",
    "missing": "pac-missing",
    "not-detected": "wpad-absent",
    "not-pac": "pac-not-pac",
    "page": "pac-page",
    "refused": "pac-refused",
    "server-down": "pac-server-down",
    "server-name": "pac-server-name",
    "syntax": "pac-syntax",
    "throws": "pac-throws",
    "tls": "pac-tls",
}
_STEPS: Final = ("auto-detect", "pac-fetch", "pac-run")
_SLOW_STEPS: Final = ("pac-fetch", "pac-run")


def trouble_key(reason: str) -> str:
    """Return the key for the trouble with a PAC file, by the ``reason`` of its error or step."""
    return _CAUSES.get(reason, "pac-other")


def judge_script(
    config: ProxyConfig, pac_url: str | None, steps: Sequence[Step], error: PacError | WpadError | None, slow_ms: float
) -> tuple[Finding, ...]:
    """Judge what happened with automatic detection and the PAC file; ``error`` is why there is no decision.

    ``pac_url`` is the address of the PAC file, None if none was found.
    """
    if not (config.auto_detect or config.pac_url):
        return (skip("pac", "pac-unused"),)
    url = redact_url(pac_url.strip()) if pac_url else "wpad.dat"
    ms = sum(step.ms for step in steps if step.name in _SLOW_STEPS)
    last = None if error is None else fail("pac", trouble_key(error.reason), str(error), ms, url=url)
    findings = [
        warn("pac", trouble_key(step.reason), step.detail, step.ms, url=url)
        for step in steps
        if step.name in _STEPS and step.status == "failed" and step.detail != str(error)
    ]
    dropped = "; ".join(step.detail for step in steps if step.name == "pac-result")
    if dropped and (error is None or error.reason != "answer"):
        findings.append(warn("pac", "pac-nonsense", dropped, url=url))
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
        rule = next((step.detail for step in decision.steps if step.name == "bypass"), decision.source)
        return ok("route", "route-bypass", rule=rule)
    if all(candidate is DIRECT for candidate in decision.proxies):
        return ok("route", "route-direct", decision.source)
    return ok("route", "route-proxy", decision.source, proxies=str(decision.proxies))
