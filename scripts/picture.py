"""Run the doctor on two faults, and put what it prints into the READMEs and, as a picture, into docs/doctor.svg.

    python scripts/picture.py            write what is stale
    python scripts/picture.py --check    write nothing; exit 1 with a diff if something is stale

The servers are those of ``pacaware.testing``, on this machine. Their ports, this machine's address and the time are
the only things that differ from one run to the next: they are replaced by fixed ones.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))  # a checkout, where nothing is installed

from pacaware._auth.guard import GUARD
from pacaware._cli.doctor.command import doctor
from pacaware._cli.doctor.show import width
from pacaware._cli.doctor.walk import Around
from pacaware._system.system import Platform
from pacaware.testing import DeadProxy, NtlmUsers, PacServer, Proxy, RefusingProxy, pac_returning

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = ROOT / "docs" / "doctor.svg"
READMES: Final = (ROOT / "README.md", ROOT / "README.ja.md")
BEGIN, END = "<!-- doctor: two real runs -->", "<!-- doctor: end of the runs -->"
URL: Final = "https://www.example.org/"
NOW: Final = datetime(2026, 11, 23, 14, 30, tzinfo=timezone(timedelta(hours=9)))
#: A working day in Japan and the end of a maintenance that was announced for the night, in another zone.
RETRY_AFTER: Final = "Mon, 23 Nov 2026 07:00:00 GMT"

NO_BREAK: Final = "\u00a0"
_COLOURS: Final = {"ok": "#3fb950", "warn": "#d29922", "FAIL": "#f85149", "$": "#8b949e"}
_TEXT, _GROUND, _BAR = "#e6edf3", "#0d1117", "#161b22"
_FONTS: Final = "ui-monospace, Menlo, Consolas, monospace"
_CELL, _LINE, _MARGIN, _TOP = 8.4, 19, 16, 52


class Run(NamedTuple):
    """What was typed, and what came."""

    command: str
    output: str

    @property
    def text(self) -> str:
        """As a terminal shows it."""
        return f"$ {self.command}\n{self.output}"


def wrong_password() -> Run:
    """A PAC file whose first proxy is dead; the second one wants NTLM and is given a wrong password."""
    with DeadProxy() as dead, Proxy(NtlmUsers({"alice": "wonder@land"})) as proxy, PacServer("") as pac:
        pac.set(pac_returning(dead.pac_text, proxy.pac_text))
        variables = {
            "PACAWARE_PAC_URL": pac.url,
            "PACAWARE_PROXY_USERNAME": "alice",
            "PACAWARE_PROXY_PASSWORD": "wonderland",
        }
        return _run("en", variables, {dead.port: 18080, proxy.port: 18081, pac.port: 18000})


def maintenance() -> Run:
    """A proxy that is in maintenance and says until when."""
    with RefusingProxy(503, {"Retry-After": RETRY_AFTER}) as proxy:
        return _run("ja", {"PACAWARE_PROXY": proxy.url}, {proxy.port: 18080})


def _run(lang: str, variables: Mapping[str, str], ports: Mapping[int, int]) -> Run:
    around = Around(
        environ=variables,
        platform=lambda: Platform("linux", ask_gsettings=lambda _: (None, ""), root=Path(os.devnull)),
        addresses=lambda: ["192.0.2.7"],
        now=lambda: NOW,
    )
    GUARD.forget()  # a password that was wrong a minute ago would not be sent again
    with _environment(variables), contextlib.redirect_stdout(io.StringIO()) as written:
        doctor(URL, as_json=False, lang=lang, report=None, around=around)
    GUARD.forget()
    output = written.getvalue()
    for port, shown in ports.items():
        output = output.replace(str(port), str(shown))
    return Run(f"pacaware doctor {URL}{'' if lang == 'en' else f' --lang {lang}'}", output)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let nothing but these variables count."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({"PATH": "", "HOME": os.devnull, "NETRC": os.devnull, **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def picture(run: Run) -> str:
    """Return a terminal with the run in it: plain text in any monospaced font, nothing from elsewhere."""
    lines = run.text.rstrip("\n").split("\n")
    wide = 2 * _MARGIN + _CELL * max(map(width, lines))
    high = _TOP + _LINE * len(lines) + _MARGIN - 4
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" width="{wide:.0f}" height="{high}">',
        "<title>pacaware doctor</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{_GROUND}"/>',
        f'<path d="M0 28V8a8 8 0 0 1 8-8h{wide - 16:.0f}a8 8 0 0 1 8 8v20z" fill="{_BAR}"/>',
        *(
            f'<circle cx="{18 + 18 * index}" cy="14" r="5" fill="{fill}"/>'
            for index, fill in enumerate((_COLOURS["FAIL"], _COLOURS["warn"], _COLOURS["ok"]))
        ),
        f'<g font-family="{_FONTS}" font-size="14" fill="{_TEXT}">',
    ]
    for index, line in enumerate(lines):
        if not line:
            continue
        mark = line.partition(" ")[0]
        colour = _COLOURS.get(mark)
        rest = line if colour is None else line[len(mark) :]
        head = "" if colour is None else f'<tspan fill="{colour}" font-weight="bold">{escape(mark)}</tspan>'
        # As wide as its characters are in a terminal, whatever font is there.
        place = f'x="{_MARGIN}" y="{_TOP + _LINE * index}" textLength="{_CELL * width(line):.1f}"'
        # Blanks beside each other are kept by no renderer as surely as these.
        drawn.append(f"<text {place}>{head}{escape(rest, quote=False).replace(' ', NO_BREAK)}</text>")
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def with_runs(page: str, runs: list[Run]) -> str:
    """Return a page with these runs between its two marks; raises ValueError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no {BEGIN} followed by {END}")
    shown = "\n".join(f"```text\n{run.text.rstrip()}\n```\n" for run in runs)
    return f"{before}{BEGIN}\n\n{shown}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write what is stale, or say what is; returns the exit status."""
    runs = [wrong_password(), maintenance()]
    wanted = {PICTURE: picture(runs[0])}
    wanted |= {readme: with_runs(readme.read_text("utf-8"), runs) for readme in READMES}
    stale = False
    for path, text in wanted.items():
        have = path.read_text("utf-8") if path.exists() else ""
        if have == text:
            continue
        stale = True
        if arguments == ["--check"]:
            name = str(path.relative_to(ROOT))
            sys.stdout.writelines(difflib.unified_diff(have.splitlines(True), text.splitlines(True), name, "wanted"))
        else:
            path.write_text(text, "utf-8")
    return int(stale and arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
