"""The report for the help desk: what was found, in a file that only its owner can read, without names."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pacaware import __version__
from pacaware._cli.doctor.redact import Placeholders, names_in_list
from pacaware._cli.doctor.show import finding_lines
from pacaware._models import on_one_line
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from pacaware._cli.doctor.findings import Finding
    from pacaware._system.sources import Source

__all__ = ["Report", "make_report", "write_report"]

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
# What somebody typed may be a name with one wrong character, which no pattern finds.
_AS_TYPED: Final = frozenset({"address", "settings"})
#: Authorities that everybody has; whoever else signs a certificate may be the company.
_PUBLIC_SIGNERS: Final = "certificate-ok"


@dataclass(frozen=True, slots=True)
class Report:
    """The text, and which placeholder stands for what: that is for the console alone."""

    text: str
    names: tuple[tuple[str, str], ...]
    findings: int
    sources: int


def make_report(
    findings: Sequence[Finding], sources: Sequence[Source], url: str | None, lang: str, now: datetime
) -> Report:
    """Return the report on a run."""
    hidden = Placeholders(_known_hosts(findings, sources, url), _known_users(findings))
    lines = [
        f"pacaware doctor, {now:%Y-%m-%d %H:%M %z}",
        f"pacaware {__version__}; Python {platform.python_version()}; {platform.system()} {platform.release()}",
        "",
    ]
    for finding in findings:
        lines += finding_lines(_redacted(finding, hidden), lang)
    lines.append("")
    for source in sources:
        lines += _source_lines(source, hidden)
    return Report("\n".join(map(on_one_line, lines)) + "\n", tuple(hidden.table.items()), len(findings), len(sources))


def _redacted(finding: Finding, hidden: Placeholders) -> Finding:
    special = {"user": hidden.user}
    if finding.key != _PUBLIC_SIGNERS:
        special["signer"] = hidden.organisation
    values = tuple((name, special.get(name, hidden)(value)) for name, value in finding.values)
    detail = _QUOTED.sub("'...'", finding.detail) if finding.step in _AS_TYPED else finding.detail
    if finding.step == "address":
        detail = ""
    return replace(finding, values=values, detail=hidden(detail))


def _source_lines(source: Source, hidden: Placeholders) -> Iterator[str]:
    record: dict[str, Any] = source.to_dict()
    why = hidden(_QUOTED.sub("'...'", source.why))
    yield f"{source.status:<7} {source.origin}: {hidden(source.where)}: {why}"
    for name in ("auto_detect", "pac_url", "proxy_server", "bypass"):
        if record[name]:
            yield f"        {name}: {hidden(str(record[name]))}"


def _known_hosts(findings: Iterable[Finding], sources: Iterable[Source], url: str | None) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from filter(None, {socket.gethostname(), socket.gethostname().partition(".")[0]})
    for source in sources:
        if source.config is None:
            continue
        yield from names_in_list(source.config.proxy_server)
        yield from names_in_list(source.config.bypass)
        yield from _host_of(source.config.pac_url)
    yield from _host_of(url)
    for finding in findings:
        for name, value in finding.values:
            if name in ("host", "proxy", "proxies", "what", "where"):
                yield from (_host_of(value) if "://" in value else names_in_list(_candidates(name, value)))
            elif name == "url":
                yield from _host_of(value)


def _candidates(name: str, value: str) -> str:
    """Return what can be a list of hosts in a value; places of settings are none."""
    if name == "proxies":
        return re.sub(r"\b(?:PROXY|HTTPS?|SOCKS[45]?|DIRECT)\b", " ", value)
    return value if name in ("host", "proxy") else ""


def _host_of(url: str | None) -> Iterator[str]:
    with contextlib.suppress(ValueError):
        host = urlsplit(url or "").hostname
        if host and re.search("[a-z]", host) and ":" not in host:
            yield host


def _known_users(findings: Iterable[Finding]) -> Iterator[str]:
    with contextlib.suppress(OSError, KeyError, ImportError):  # no such user, no USERNAME
        yield getpass.getuser()
    with contextlib.suppress(RuntimeError):  # no home directory
        yield Path.home().name
    for finding in findings:
        yield from (value for name, value in finding.values if name == "user" and value != "?")


def write_report(report: Report, file: str) -> None:
    """Write it with mode 0600, whole or not at all; a link in its place is replaced, not followed.

    Raises ConfigError that names the file.
    """
    path = Path(file)
    try:
        handle, scratch = tempfile.mkstemp(prefix=".pacaware-", dir=path.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(report.text)
            Path(scratch).replace(path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise ConfigError(f"the report {file} was not written: {exc.strerror or exc}") from exc
