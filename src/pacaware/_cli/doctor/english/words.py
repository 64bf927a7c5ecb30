"""The frame around the findings, in English."""

from __future__ import annotations

from typing import Final

__all__ = ["HELP_DESK", "WORDS"]

HELP_DESK: Final = "Ask the help desk, and send them the report: pacaware doctor --report report.txt"

WORDS: Final = {
    "ok": "ok",
    "warn": "warn",
    "fail": "FAIL",
    "skip": "-",
    "settings": "settings",
    "address": "address",
    "network": "network",
    "pac": "PAC file",
    "route": "choice",
    "name": "proxy's name",
    "port": "proxy's port",
    "speaks": "proxy's answer",
    "clock": "clock",
    "offers": "logon asked for",
    "credentials": "credentials",
    "accepted": "logon",
    "origin": "web server",
    "certificate": "certificate",
    "likely": "Likely cause:",
    "next": "What to do:",
    "said": "Detail:",
    "looking": "Looking at: {step}",
    "all-ok": "Everything on the way works.",
    "all-warn": "The way is open; look at the lines marked {mark}.",
    "ends": "The way ends at: {step}",
    "first": "Something before that may be the reason; look at the lines marked {mark} first.",
    "elsewhere": "If other programs or another browser on this machine work, compare their settings with these "
    "(pacaware settings --all).",
    "help-desk": HELP_DESK,
    "report-written": "The report is in {file}; only you can read it. Read it before you send it. It holds:",
    "report-versions": "the versions of pacaware, Python and the system, and the time",
    "report-steps": "{count} findings, as above",
    "report-sources": "the {count} places of proxy settings and what they say",
    "report-names": "{count} names and addresses replaced; which is which stays here:",
    "report-never": "no password, no user, no name of a host, domain or company, no query of a URL",
    "cannot-show": "(This console cannot show Japanese, so this is in English.)",
}
