"""``pacaware pac check``: load a PAC file and say what its author should know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from pacaware._cli.pac.source import excerpt, place
from pacaware._cli.say import say
from pacaware._pac.dns import FixedLookups
from pacaware._pac.evaluator import PacScript
from pacaware._pac.lint import lint, near_entry
from pacaware.errors import PacScriptError, PacTimeout

if TYPE_CHECKING:
    from pacaware._cli.pac.source import PacText

__all__ = ["check"]


class _Remark(NamedTuple):
    level: str
    code: str
    line: int | None
    column: int | None
    message: str


def check(source: PacText, *, engine: str, as_json: bool, strict: bool) -> int:
    """Print the remarks; return 1 if one is an error (``strict``: or a warning), else 0."""
    remarks = [_Remark("note", "source", None, None, note) for note in source.notes]
    broken = _load(source.text, engine)
    if broken is not None:
        remarks.append(broken)
    if broken is None or broken.code == "entry":
        remarks += [
            _Remark(finding.level, finding.code, *place(source.text, finding.at), finding.message)
            for finding in lint(source.text)
        ]
    failing = ("error", "warning") if strict else ("error",)
    failed = any(remark.level in failing for remark in remarks)
    if as_json:
        print(json.dumps({"file": source.name, "ok": not failed, "findings": [r._asdict() for r in remarks]}, indent=2))
    else:
        _print(source, remarks)
    return 1 if failed else 0


def _load(text: str, engine: str) -> _Remark | None:
    """Load the script where no name resolves; return the error."""
    script = PacScript(text, lookups=FixedLookups({}, ()), engine=engine, places=True)
    try:
        script.load()
    except PacScriptError as exc:
        if "FindProxyForURL is undefined" in exc.message:
            near = near_entry(text)
            hint = f"; {near} is not called by every client, and case counts" if near else ""
            return _Remark("error", "entry", None, None, f"there is no function FindProxyForURL(url, host){hint}")
        code = "syntax" if "SyntaxError" in exc.message else "load"
        return _Remark("error", code, exc.line, exc.column, " ".join(exc.message.split()))
    except PacTimeout as exc:
        return _Remark("error", "load", None, None, str(exc))
    finally:
        script.close()
    return None


def _print(source: PacText, remarks: list[_Remark]) -> None:
    for remark in remarks:
        where = ":".join(str(part) for part in (source.name, remark.line, remark.column) if part is not None)
        say(f"{where}: {remark.level}: {remark.message} [{remark.code}]")
        if remark.line is not None:
            for shown in excerpt(source.text, remark.line, remark.column):
                say(shown)
    counts = [(level, sum(remark.level == level for remark in remarks)) for level in ("error", "warning", "note")]
    said = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts if count)
    say(f"{source.name}: {said or 'nothing to remark'}")
