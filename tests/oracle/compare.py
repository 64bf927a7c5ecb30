"""Our own answers, through the real process of a PAC file, laid beside Chromium's."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pacaware.errors import ConfigError, PacError, PacScriptError
from pacaware.pac import PacEvaluator
from tests.oracle.chromium import MY_ADDRESSES
from tests.oracle.grammar import HOSTS, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES: Final = ("pacparser", "quickjs")
DIFFERENCES: Final = Path(__file__).parents[1] / "data" / "chromium_differences.json"
DOCS: Final = Path(__file__).parents[2] / "docs" / "differences.md"

# Lets the clock of a whole file stand still. Ours is given the moment instead: our helpers do not look at Date.
_CLOCK: Final = (
    "(function () { var D = Date, T = %d; function Date_() { return new.target === undefined ? String(new D(T)) :"
    " Reflect.construct(D, arguments.length ? arguments : [T], new.target === Date_ ? D : new.target) }"
    " Date_.prototype = D.prototype; Date_.UTC = D.UTC; Date_.parse = D.parse; Date_.now = function () { return T };"
    " Date = Date_ })(); "
)

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One pair that got two answers."""

    case: Case
    url: str
    engine: str
    chromium: Answer | None
    ours: Answer

    def __str__(self) -> str:
        return (
            f"{self.engine}: {self.url!r} at {self.case.clock} in {self.case.zone}\n"
            f"  chromium {json.dumps(self.chromium, ensure_ascii=False)}\n"
            f"  ours     {json.dumps(self.ours, ensure_ascii=False)}\n  in {self.case.text!r}"
        )


def for_chromium(case: Case) -> dict[str, Any]:
    """Return the case as Chromium is asked, which has no other way to be given a clock."""
    return {"text": case.text if case.clock is None else _CLOCK % case.clock + case.text, "urls": list(case.urls)}


def our_answers(case: Case, engine: str) -> list[Answer]:
    """Answer all URLs of a case; the time zone must be that of the case (``in_zone``)."""
    now = None if case.clock is None else datetime.fromtimestamp(case.clock / 1000, UTC)
    with PacEvaluator(case.text, HOSTS, MY_ADDRESSES, now, engine) as evaluator:
        return [_our_answer(evaluator, url) for url in case.urls]


def _our_answer(evaluator: PacEvaluator, url: str) -> Answer:
    try:
        result = evaluator.find_proxy(url)
    except ConfigError:
        return {"invalid": True, "alerts": []}
    except PacScriptError as error:
        return {"failed": "load" if "does not load" in str(error) else "run", "alerts": []}
    except PacError as error:
        return {"failed": type(error).__name__, "alerts": []}
    # Nothing usable is DIRECT for Chromium; what we then do is the resolver's to say, and in the table of differences.
    chosen = "DIRECT" if result.proxies is None else ";".join(item.pac_text for item in result.proxies)
    return {"list": chosen, "alerts": list(result.alerts)}


def agree(chromium: Answer | None, ours: Answer) -> bool:
    """Whether the two say the same; what a script said before it failed is not known of ours."""
    if chromium is None:
        return False
    if "failed" in chromium:
        return chromium["failed"] == ours.get("failed")
    return chromium == ours


@contextmanager
def in_zone(zone: str) -> Iterator[None]:
    """Have new processes live in a time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before


def differences(cases: list[Case], answers: list[list[Answer | None]], engine: str) -> list[Difference]:
    """Answer every case and return what Chromium answered otherwise."""
    found = []
    both = sorted(zip(cases, answers, strict=True), key=lambda pair: pair[0].zone)
    for zone, group in groupby(both, key=lambda pair: pair[0].zone):
        members = list(group)
        with in_zone(zone), ThreadPoolExecutor(4) as pool:
            ours = pool.map(lambda member: our_answers(member[0], engine), members)
            for (case, theirs), mine in zip(members, ours, strict=True):
                for url, chromium, own in zip(case.urls, theirs, mine, strict=True):
                    if not agree(chromium, own):
                        found.append(Difference(case, url, engine, chromium, own))
    return found


# ---------------------------------------------------------------- what differs on purpose


def known() -> list[dict[str, Any]]:
    """Return the table of deliberate differences; every row has examples with both answers."""
    rows: list[dict[str, Any]] = json.loads(DIFFERENCES.read_text("utf-8"))
    return rows


def example_case(example: dict[str, Any]) -> Case:
    """Return an example of the table as a case."""
    text = example.get("text") or "function FindProxyForURL(url, host) { " + example["body"] + " }"
    return Case(text, (example.get("url", "http://a.test/"),), example.get("zone", "UTC"), example.get("clock"))


def table() -> str:
    """Return the table as it stands in the docs."""
    lines = ["| Chromium | pacaware | why |", "|---|---|---|"]
    lines += [f"| {row['chromium']} | {row['pacaware']} | {row['why']} |" for row in known()]
    return "\n".join(lines) + "\n"


def replace_table(page: str) -> str:
    """Return the page of the docs with the table as it is now."""
    head, start, rest = page.partition("<!-- from tests/data/chromium_differences.json -->\n")
    _, end, tail = rest.partition("<!-- end -->\n")
    if not start or not end:
        raise ValueError("docs/differences.md has lost the marks between which the table of differences stands")
    return head + start + "\n" + table() + "\n" + end + tail
