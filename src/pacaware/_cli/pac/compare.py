"""``pacaware pac test``: a PAC file against a table of expected lists."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from pacaware._cli.pac.cases import read_cases
from pacaware._cli.pac.source import excerpt
from pacaware._cli.say import say
from pacaware._models import redact_url
from pacaware.errors import PacScriptError, PacTimeout
from pacaware.pac import PacEvaluator

if TYPE_CHECKING:
    from pacaware._cli.pac.cases import Case, World
    from pacaware._cli.pac.source import PacText
    from pacaware.pac import PacResult

__all__ = ["compare"]


class _Outcome(NamedTuple):
    case: Case
    result: PacResult | None
    error: PacScriptError | PacTimeout | None

    @property
    def ok(self) -> bool:
        return self.result is not None and self.result.proxies == self.case.expect


def compare(source: PacText, path: str, *, engine: str, as_json: bool) -> int:
    """Run all cases and print those that differ; return 1 if one does, else 0. Raises ConfigError for the table."""
    outcomes = _run(source.text, read_cases(path), engine)
    failed = sum(not outcome.ok for outcome in outcomes)
    if as_json:
        records = [_record(outcome) for outcome in outcomes]
        summary = {"file": source.name, "passed": len(outcomes) - failed, "failed": failed, "cases": records}
        print(json.dumps(summary, indent=2))
    else:
        _print(source, outcomes)
        say(f"{source.name}: {len(outcomes) - failed} of {len(outcomes)} cases passed, {failed} failed")
    return 1 if failed else 0


def _run(text: str, cases: list[Case], engine: str) -> list[_Outcome]:
    """Ask all cases of one world in one process, the worlds one after the other."""
    worlds: dict[World, list[int]] = {}
    for number, case in enumerate(cases):
        worlds.setdefault(case.world, []).append(number)
    outcomes: dict[int, _Outcome] = {}
    for world, numbers in worlds.items():
        with PacEvaluator(text, dict(world.hosts), world.my_ip, world.now, engine) as pac:
            for number in numbers:
                outcomes[number] = _ask(pac, cases[number])
    return [outcomes[number] for number in range(len(cases))]


def _ask(pac: PacEvaluator, case: Case) -> _Outcome:
    try:
        return _Outcome(case, pac.find_proxy(case.url, case.host), None)
    except (PacScriptError, PacTimeout) as exc:
        return _Outcome(case, None, exc)


def _record(outcome: _Outcome) -> dict[str, Any]:
    case, result, error = outcome
    proxies = None if result is None or result.proxies is None else [entry.pac_text for entry in result.proxies]
    return {
        "name": case.name,
        "url": redact_url(case.url),
        "ok": outcome.ok,
        "expected": [entry.pac_text for entry in case.expect],
        "proxies": proxies,
        "raw": None if result is None else result.raw,
        "dropped": [] if result is None else list(result.notes),
        "alerts": [] if result is None else list(result.alerts),
        "lookups": {} if result is None else dict(result.lookups),
        "error": None if error is None else " ".join(str(error).split()),
    }


def _print(source: PacText, outcomes: list[_Outcome]) -> None:
    told: set[str] = set()
    for number, outcome in enumerate(outcomes, 1):
        if outcome.ok:
            continue
        case, result, error = outcome
        say(f"FAILED case {number}: {f'{case.name}: ' if case.name else ''}{redact_url(case.url)}")
        if error is not None:
            message = " ".join(str(error).split())
            say(f"  {message}")
            if message not in told and isinstance(error, PacScriptError) and error.line is not None:
                for shown in excerpt(source.text, error.line, error.column):
                    say(shown)
            told.add(message)
        elif result is not None:
            _print_difference(case, result)
    if any(not outcome.ok for outcome in outcomes):
        print()


def _print_difference(case: Case, result: PacResult) -> None:
    """The two lists under each other, entry by entry: - expected and not there, + there and not expected."""
    expected = [entry.pac_text for entry in case.expect]
    found = [entry.pac_text for entry in result.proxies or ()]
    for tag, left, right, low, high in SequenceMatcher(None, expected, found, autojunk=False).get_opcodes():
        marks = ("  ", "") if tag == "equal" else ("- ", "+ ")
        for entry in expected[left:right]:
            say(f"  {marks[0]}{entry}")
        for entry in found[low:high] if tag != "equal" else ():
            say(f"  {marks[1]}{entry}")
    if result.proxies is None:
        say("  + (nothing that can be used)")
    say(f"  the script returned {result.raw!r}")
    for note in result.notes:
        say(f"  dropped: {note}")
    for alert in result.alerts:
        say(f"  alert: {' '.join(alert.split())}")
    for name, answer in result.lookups.items():
        say(f"  lookup: {name} -> {answer or 'no answer (give it in hosts or my_ip)'}")
