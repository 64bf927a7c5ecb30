"""Which language, and a finding in its words."""

from __future__ import annotations

import locale
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from pacaware._cli.doctor import english, japanese

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacaware._cli.doctor.findings import Finding

__all__ = ["LANGUAGES", "Said", "language", "say", "word"]

LANGUAGES: Final = {
    "en": (english.CAUSES, english.WORDS),
    "ja": (japanese.CAUSES, japanese.WORDS),
}
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


class Said(NamedTuple):
    """What was found, its likely cause, and the next thing to do; the last two may be empty."""

    found: str
    likely: str
    following: str


def say(finding: Finding, lang: str) -> Said:
    """Return the texts of a finding, filled in."""
    values = dict(finding.values)
    found, likely, following = (text.format_map(values) for text in LANGUAGES[lang][0][finding.key])
    return Said(found, likely, following)


def word(name: str, lang: str, **values: str) -> str:
    """Return a word or sentence of the frame around the findings."""
    return LANGUAGES[lang][1][name].format_map(values)


def language(asked: str | None, environ: Mapping[str, str] | None = None) -> str:
    """Return ``en`` or ``ja``: as asked, else by the locale (POSIX: LC_ALL, LC_MESSAGES, LANG; else the system's)."""
    if asked is not None:
        return asked
    environ = os.environ if environ is None else environ
    named = next((environ[name] for name in _VARIABLES if environ.get(name)), None)
    if named is None:
        named = locale.getlocale()[0] or ""
    return "ja" if named.lower().startswith(("ja", "japanese")) else "en"
