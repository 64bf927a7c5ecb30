"""``pacaware doctor [URL]``: arguments in, lines or JSON out, and an exit status that says where the way ends.

Exit status: 0 the way is open (there may be warnings) · 1 the doctor itself failed · 2 wrong usage · 10 settings or
address · 11 network · 12 PAC file · 13 the proxy's name or port · 14 it is no working proxy · 15 logon · 16 the web
server · 17 its certificate.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from pacaware._cli.doctor.findings import Finding, exit_status
from pacaware._cli.doctor.report import make_report, write_report
from pacaware._cli.doctor.show import can_show, columns_of, result_lines, screen_for
from pacaware._cli.doctor.texts import language, say, word
from pacaware._cli.doctor.walk import Around, walk
from pacaware._models import on_one_line, redact_url
from pacaware._system.sources import survey

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pacaware._cli.doctor.report import Report

__all__ = ["doctor", "run"]

_SAMPLE = "日本語"


def run(options: argparse.Namespace) -> int:
    """Run the command with the arguments of the command line."""
    return doctor(options.url, as_json=options.json, lang=options.lang, report=options.report)


def doctor(
    url: str | None, *, as_json: bool, lang: str | None, report: str | None, around: Around | None = None
) -> int:
    """Walk, show what is found, and return the exit status."""
    # What the log would say is in the findings.
    logging.getLogger("pacaware").addHandler(logging.NullHandler())
    around = around or Around()
    chosen = language(lang, around.environ)
    if chosen == "ja" and not as_json and not can_show(sys.stdout, _SAMPLE):
        chosen = "en"
        if lang == "ja":
            print(word("cannot-show", chosen))
    findings: list[Finding] = []
    screen = None if as_json else screen_for(sys.stdout, chosen)
    try:
        for event in walk(url, around):
            if isinstance(event, Finding):
                findings.append(event)
            if screen is not None:
                screen.show(event)
    finally:
        if screen is not None:
            screen.close()
    status = exit_status(findings)
    if as_json:
        print(json.dumps(_record(url, findings, chosen, status), indent=2))
    else:
        print("", *result_lines(findings, chosen, columns_of(sys.stdout)), sep="\n")
    if report is not None:
        sources = survey(around.environ, around.platform(), every=True).sources
        made = make_report(findings, sources, url, chosen, around.now())
        write_report(made, report)
        # JSON stays alone on stdout.
        print(*_what_it_holds(made, report, chosen), sep="\n", file=sys.stderr if as_json else sys.stdout)
    return status


def _record(url: str | None, findings: Sequence[Finding], lang: str, status: int) -> dict[str, Any]:
    worst = next((kind for kind in ("fail", "warn") if any(one.status == kind for one in findings)), "ok")
    steps = []
    for finding in findings:
        said = say(finding, lang)
        steps.append(
            {
                "name": finding.step,
                "status": finding.status,
                "cause": finding.key,
                "found": said.found,
                "likely": said.likely,
                "next": said.following,
                "detail": finding.detail,
                "ms": round(finding.ms, 1),
            }
        )
    return {"url": None if url is None else redact_url(url), "status": worst, "exit": status, "steps": steps}


def _what_it_holds(made: Report, file: str, lang: str) -> list[str]:
    holds = [
        word("report-versions", lang),
        word("report-steps", lang, count=str(made.findings)),
        word("report-sources", lang, count=str(made.sources)),
        word("report-never", lang),
        word("report-names", lang, count=str(len(made.names))),
    ]
    names = [f"    {placeholder} = {name}" for placeholder, name in made.names]
    written = word("report-written", lang, file=file)
    return ["", *map(on_one_line, (written, *(f"  - {line}" for line in holds), *names))]
