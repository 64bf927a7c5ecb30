"""Which settings are in force, where they are, and what else there is on this machine that a person may have meant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pacaware._cli.doctor.address import judge_pac_address, judge_proxy_address, judge_text, typed_addresses
from pacaware._cli.doctor.findings import Finding, fail, ok, warn
from pacaware._models import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pacaware._models import ProxyConfig
    from pacaware._system.sources import Source, Survey

__all__ = ["judge_addresses", "judge_settings", "said"]


def said(config: ProxyConfig) -> str:
    """Return what settings say, in one line, without secrets."""
    parts = []
    if config.auto_detect:
        parts.append("auto-detect")
    if config.pac_url:
        parts.append(f"PAC {redact_url(config.pac_url.strip())}")
    if config.proxy_server:
        parts.append(config.proxy_server)
    return ", ".join(parts) or "DIRECT"


def judge_settings(found: Survey, stored: Iterable[tuple[str, str]]) -> tuple[Finding, ...]:
    """Judge the sources; ``stored`` are addresses that are there and switched off."""
    return tuple(_judged(found, tuple(stored)))


def _judged(found: Survey, stored: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    broken = next((source for source in found.sources if source.status == "broken"), None)
    winner = next((source for source in found.sources if source.status == "wins"), None)
    if found.winner is None:
        yield fail("settings", "settings-broken", broken.why if broken else "", where=broken.where if broken else "?")
    elif not _names_a_way(found.winner):
        where = winner.where if winner else ", ".join(one.origin for one in found.sources if one.status != "shown")
        why = "; ".join((*([winner.why] if winner else []), *(note.detail for note in found.winner.notes)))
        yield warn("settings", "settings-none", why, where=where)
    elif winner is not None:
        yield ok("settings", "settings-found", winner.why, where=winner.where, what=said(found.winner))
    if found.winner is None or not _names_a_way(found.winner):
        # Where another setting is in force, what is switched off is none of its business.
        yield from (warn("settings", "settings-off", where=where, what=what) for where, what in stored)
    if winner is not None:
        bypass = (hint for hint in winner.hints if hint.startswith("bypass list"))
        yield from (warn("settings", "settings-hint", hint, where=winner.where) for hint in bypass)
    yield from (_policy(source) for source in found.sources if source.status == "shown" and _differs(source, found))


def _readable(finding: Finding, repairs: str) -> Finding:
    detail = f"{finding.detail}; {repairs}" if repairs and finding.status == "fail" else finding.detail
    return replace(finding, status="warn", detail=detail)


def _names_a_way(config: ProxyConfig) -> bool:
    return bool(config.auto_detect or config.pac_url or config.proxy_server)


def _policy(source: Source) -> Finding:
    assert source.config is not None  # _differs() looks at it
    browser = source.origin.removesuffix("-policy")
    return warn("settings", "settings-policy", said(source.config), browser=browser, where=source.where)


def _differs(source: Source, found: Survey) -> bool:
    theirs = source.config
    if theirs is None or "ProxyMode system" in source.why:
        return False
    return found.winner is None or said(theirs) != said(found.winner)


def judge_addresses(environ: Mapping[str, str], found: Survey) -> tuple[Finding, ...]:
    """Judge the addresses as somebody typed them: those of the environment where it decides, else the system's."""
    source = next((source for source in found.sources if source.status in ("wins", "broken")), None)
    if source is None:
        return ()
    findings: list[Finding] = []
    if source.origin == "environment":
        proxies, pac_urls = typed_addresses(environ)
        judged = [judge_proxy_address(text, name) for name, text in proxies]
        judged += [judge_pac_address(text, name) for name, text in pac_urls]
        findings += [finding for finding in judged if finding is not None]
    else:
        # Their readers repair what can have one meaning only, and say so.
        hints = (hint for hint in source.hints if not hint.startswith("bypass list"))
        findings += [warn("address", "address-repaired", hint, where=source.where) for hint in hints]
    if source.status == "wins":
        # It was read as it was meant; other programs may not do so.
        repairs = "; ".join(hint for hint in source.hints if "is read as" in hint)
        findings = [_readable(finding, repairs) for finding in findings]
    elif not any(finding.status == "fail" for finding in findings):
        text = source.why.partition("'")[2].rpartition("'")[0]  # what the message quotes
        findings.append(
            judge_text(text, source.where) or fail("address", "address-wrong", source.why, where=source.where)
        )
    if not findings and source.config is not None and _names_a_way(source.config):
        findings.append(ok("address", "address-ok", what=said(source.config)))
    return tuple(findings)
