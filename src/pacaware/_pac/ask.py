"""One question to one PAC URL: obtain the script, run it, read its answer, and say what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pacaware._core.answer_cache import Answer
from pacaware._core.pac_result import parse_pac_result
from pacaware._core.selection import Trouble
from pacaware._core.target import Target
from pacaware._models import Step
from pacaware._pac.source import LoadedScript, PacSource
from pacaware.errors import PacError, PacFetchError, PacScriptError

__all__ = ["Failed", "ask"]

_OBTAIN_SECONDS = 40.0
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Failed:
    """The script gave no answer; the settings decide what follows."""

    trouble: Trouble
    error: PacError


def ask(
    source: PacSource,
    target: Target,
    steps: list[Step],
    timeout: float,
    clock: Callable[[], float],
    loaded_now: Callable[[LoadedScript], None],
) -> Answer | Failed:
    """Ask the script of ``source`` for ``target``; what happened is appended to ``steps``.

    ``loaded_now`` is told which script is in use before it runs.
    """
    started = time.perf_counter()
    try:
        loaded = source.script(_OBTAIN_SECONDS)
    except (PacFetchError, PacScriptError) as exc:
        steps.append(_step("pac-fetch", "failed", str(exc), started))
        return Failed(Trouble.NOT_OBTAINED, exc)
    except PacError as exc:
        return Failed(Trouble.FATAL, exc)
    loaded_now(loaded)
    steps += loaded.steps
    started = time.perf_counter()
    try:
        raw = loaded.script.find_proxy(target.pac_url, target.pac_host, timeout=timeout)
    except PacScriptError as exc:
        steps.append(_step("pac-run", "failed", str(exc), started))
        return Failed(Trouble.UNUSABLE_ANSWER, exc)
    except PacError as exc:
        return Failed(Trouble.FATAL, exc)
    if source.script(_OBTAIN_SECONDS).version != loaded.version:  # a newer text came while the older one ran
        return ask(source, target, steps, timeout, clock, loaded_now)
    steps.append(_step("pac-run", "ok", f"FindProxyForURL returned {raw.text[:_SHOWN]!r}", started))
    steps += [Step("pac-alert", "note", alert) for alert in raw.alerts]
    steps += [Step("pac-lookup", "note", str(lookup)) for lookup in raw.lookups]
    parsed = parse_pac_result(raw.text)
    steps += [Step("pac-result", "warning", note) for note in parsed.notes]
    if parsed.proxies is None:
        error = PacScriptError(f"nothing in the script's answer {raw.text[:_SHOWN]!r} can be used")
        return Failed(Trouble.UNUSABLE_ANSWER, error)
    until = float("inf") if raw.dns_valid_for is None else clock() + raw.dns_valid_for
    if raw.uses_clock or raw.uses_random:
        until = 0.0  # the same question may have another answer the next moment
    whole_origin = loaded.ignores_path or target.scheme in ("https", "wss")
    return Answer(tuple(parsed.proxies), "pac", source.url, tuple(steps), until, whole_origin)


def _step(name: str, status: str, detail: str, started: float) -> Step:
    return Step(name, status, detail, (time.perf_counter() - started) * 1000)
