"""One question to one PAC URL: obtain the script, run it, read its answer, and say what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pacaware._core.answer_cache import Answer
from pacaware._core.pac_result import parse_pac_result
from pacaware._core.selection import Trouble
from pacaware._core.target import Target
from pacaware._models import Step, redact_url
from pacaware._pac.dns import RENEW_AFTER
from pacaware._pac.source import LoadedScript, PacSource
from pacaware.errors import PacError, PacFetchError, PacScriptError, WpadError

__all__ = ["Failed", "obtain", "run"]

_OBTAIN_SECONDS: Final = 40.0
_SHOWN: Final = 200
_HOLDS: Final = "until the PAC file, the settings or the network change"
_SHORTEST_SECRET: Final = 4
_MOST_VALUES: Final = 200
_FLEETING: Final = (("the time", "uses_clock"), ("a random number", "uses_random"))
_NOT_SHOWN: Final = "entries are left out: the script's answer must not contain a user or password"


@dataclass(frozen=True, slots=True)
class Failed:
    """The script gave no answer; the settings decide what follows."""

    trouble: Trouble
    error: PacError | WpadError


def obtain(source: PacSource, steps: list[Step], *, can_do_without: bool) -> LoadedScript | Failed:
    """Return the script of ``source``; what happened is appended to ``steps``.

    Who can do without it does not wait for a server that has failed before: it is asked again in the background.
    """
    started, since = time.perf_counter(), time.time()
    try:
        loaded = source.script(_OBTAIN_SECONDS, can_do_without=can_do_without)
    except WpadError as exc:
        steps.append(_step("auto-detect", "failed", str(exc), started, exc.reason))
        return Failed(Trouble.NOT_OBTAINED, exc)
    except (PacFetchError, PacScriptError) as exc:
        steps.append(_step("pac-fetch", "failed", str(exc), started, exc.reason))
        return Failed(Trouble.NOT_OBTAINED, exc)
    except PacError as exc:
        steps.append(_step("pac-fetch", "failed", str(exc), started, exc.reason))
        return Failed(Trouble.FATAL, exc)
    steps += loaded.told(since)
    return loaded


def run(
    loaded: LoadedScript,
    target: Target,
    steps: list[Step],
    timeout: float,
    clock: Callable[[], float],
) -> Answer | Failed:
    """Ask the script for ``target``; what happened is appended to ``steps``.

    What the script says may repeat what it was told: query values of the target, and passwords that somebody wrote
    into the script, are taken out wherever it is shown. One that was detected sees nothing but origins.
    """
    started = time.perf_counter()
    seen = target.origin_only_pac_url if loaded.is_detected else target.pac_url
    try:
        raw = loaded.script.find_proxy(seen, target.pac_host, timeout=timeout)
    except PacScriptError as exc:
        message = f"{loaded.script.name} failed: {_shown(exc.message, target)}"
        error = PacScriptError(message, exc.line, exc.column, exc.reason)
        steps.append(_step("pac-run", "failed", str(error), started, exc.reason))
        return Failed(Trouble.UNUSABLE_ANSWER, error)
    except PacError as exc:
        steps.append(_step("pac-run", "failed", str(exc), started, exc.reason))
        return Failed(Trouble.FATAL, exc)
    said = _shown(raw.text, target)[:_SHOWN]
    steps.append(_step("pac-run", "ok", f"FindProxyForURL returned {said!r}", started))
    steps += [Step("pac-alert", "note", _shown(alert, target)) for alert in raw.alerts]
    if raw.lookups:
        names = "1 name" if len(raw.lookups) == 1 else f"{len(raw.lookups)} names"
        steps.append(Step("pac-lookup", "ok", f"{names} looked up", raw.lookup_seconds * 1000))
    steps += [
        Step("pac-lookup", "note", _shown(f"{name} -> {answer or 'no answer'}", target))
        for name, answer in raw.lookups.items()
    ]
    if raw.calls:
        called = ", ".join(f"{helper} {_times(count)}" for helper, count in raw.calls)
        steps.append(Step("pac-helper", "note", f"called: {called}"))
    if raw.uses_clock or raw.uses_random:
        used = " and ".join(name for name, is_used in _FLEETING if getattr(raw, is_used))
        steps.append(Step("pac-helper", "note", f"the script asked for {used}: its answer is not kept"))
    parsed = parse_pac_result(raw.text)
    # A password with a semicolon makes two entries: where there is an @, no piece of the answer is shown.
    notes = (_NOT_SHOWN,) if parsed.notes and "@" in raw.text else parsed.notes
    steps += [Step("pac-result", "warning", _shown(note, target)) for note in notes]
    if parsed.proxies is None:
        said_nothing = f"nothing in the script's answer {said!r} can be used ({loaded.script.name})"
        return Failed(Trouble.UNUSABLE_ANSWER, PacScriptError(said_nothing, reason="answer"))
    now = clock()
    until = float("inf") if raw.dns_valid_for is None else now + raw.dns_valid_for
    renew_at = float("inf") if raw.dns_valid_for is None else now + raw.dns_valid_for * RENEW_AFTER
    if raw.uses_clock or raw.uses_random:
        until = 0.0  # the same question may have another answer the next moment
    whole_origin = loaded.ignores_path or target.scheme in ("https", "wss")
    holds = _HOLDS if raw.dns_valid_for is None else f"{_HOLDS}, at most {raw.dns_valid_for:.0f} s (names looked up)"
    return Answer(
        *(tuple(parsed.proxies), loaded.source, loaded.url, tuple(steps), until, whole_origin, time.time(), holds),
        *(raw.keys, renew_at),
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _shown(text: str, target: Target) -> str:
    """Return what a script said without the secrets it may hold."""
    _, mark, query = target.pac_url.partition("?")
    if mark:
        values = {parameter.partition("=")[2] if "=" in parameter else parameter for parameter in query.split("&")}
        if len(values) > _MOST_VALUES:
            return "..."
        text = text.replace(target.pac_url, redact_url(target.pac_url)).replace(query, redact_url(f"?{query}")[1:])
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, "...")
    # A password may hold blanks and semicolons: whatever stands before the last @ may be a part of it.
    return f"...{text[at:]}" if (at := text.rfind("@")) >= 0 else text


def _step(name: str, status: str, detail: str, started: float, reason: str = "") -> Step:
    return Step(name, status, detail, (time.perf_counter() - started) * 1000, reason)
