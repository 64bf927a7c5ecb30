"""``make oracle``: ask Chromium and us the same, and tell what differs.

    python -m tests.oracle [--seed N] [--pairs N] [--record] [--docs]

Without ``--seed`` each run takes another one and says which. ``--record`` writes the run to the file that ``make test``
replays; ``--docs`` writes the table of known differences into the docs and asks nobody.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from tests.oracle import chromium, compare
from tests.oracle.grammar import HOSTS, ZONES, Case, Grammar

RECORD = Path(__file__).parents[1] / "data" / "chromium_answers.json"
MAX_SHOWN = 40


def _ask(cases: list[Case]) -> tuple[str, list[list[Any]]]:
    answers: dict[int, list[Any]] = {}
    version = ""
    for zone in ZONES:
        numbers = [number for number, case in enumerate(cases) if case.zone == zone]
        if not numbers:
            continue
        started = time.monotonic()
        reply = chromium.ask([compare.for_chromium(cases[number]) for number in numbers], zone, HOSTS)
        print(f"{reply['version']}: {len(numbers)} PAC files in {zone}, {time.monotonic() - started:.0f} s", flush=True)
        version = reply["version"]
        answers |= dict(zip(numbers, reply["answers"], strict=True))
    return version, [answers[number] for number in range(len(cases))]


def _check_known(rows: list[dict[str, Any]], answers: list[list[Any]]) -> list[str]:
    """Every example of a deliberate difference must get the two answers that the table says."""
    wrong = []
    examples = [(row, example) for row in rows for example in row["examples"]]
    for (row, example), (theirs,) in zip(examples, answers, strict=True):
        if theirs != example["theirs"]:
            wrong.append(f"the table says of {row['chromium']!r}: {example['theirs']}, but it is {theirs}: {example}")
        for engine in compare.ENGINES:
            with compare.in_zone(example.get("zone", "UTC")):
                (ours,) = compare.our_answers(compare.example_case(example), engine)
            if ours != example["ours"]:
                wrong.append(f"the table says of {row['pacaware']!r} ({engine}): {example['ours']}, but it is {ours}")
    return wrong


def _write(path: Path, seed: int, version: str, cases: list[Case], answers: list[list[Any]]) -> None:
    head = {"seed": seed, "version": version, "pairs": sum(len(case.urls) for case in cases)}
    lines = [
        json.dumps(
            {
                "zone": case.zone,
                "clock": case.clock,
                "text": case.text,
                "asked": list(zip(case.urls, found, strict=True)),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for case, found in zip(cases, answers, strict=True)
    ]
    text = json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text.encode("utf-8", "surrogatepass").decode(), "utf-8")


def main() -> int:
    """Run the comparison; the status is 1 if anything differs that the table does not explain."""
    parser = argparse.ArgumentParser(prog="make oracle", description="Compare with a live Chromium.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--record", action="store_true", help=f"write the run to {RECORD.name}")
    parser.add_argument("--docs", action="store_true", help="write the table of known differences into the docs")
    options = parser.parse_args()
    if options.docs:
        compare.DOCS.write_text(compare.replace_table(compare.DOCS.read_text("utf-8")), "utf-8")
        return 0
    absent = chromium.missing()
    if absent:
        print(absent, file=sys.stderr)
        return 2
    cases = Grammar(options.seed).cases(options.pairs)
    pairs = sum(len(case.urls) for case in cases)
    print(f"seed {options.seed}: {pairs} pairs of {len(cases)} PAC files and their URLs", flush=True)
    rows = compare.known()
    examples = [compare.example_case(example) for row in rows for example in row["examples"]]
    version, answers = _ask([*cases, *examples])
    wrong = _check_known(rows, answers[len(cases) :])
    found = [one for engine in compare.ENGINES for one in compare.differences(cases, answers[: len(cases)], engine)]
    for line in [*wrong, *map(str, found)][:MAX_SHOWN]:
        print(line)
    print(f"{version}, seed {options.seed}: {pairs} pairs, {len(compare.ENGINES)} engines, {len(found)} unexplained,")
    print(f"{len(examples)} examples of {len(rows)} known differences, {len(wrong)} not as the table says")
    if options.record:
        _write(RECORD, options.seed, version, cases, answers[: len(cases)])
    return 1 if wrong or found else 0


if __name__ == "__main__":
    sys.exit(main())
