"""What the tests of the doctor share: a quick walk's limits, its settings, and looks at what it found."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from pacaware._cli.doctor.certificate import Roots, public_roots
from pacaware._cli.doctor.english import CAUSES
from pacaware._cli.doctor.findings import Finding
from pacaware._cli.doctor.texts import say
from pacaware._cli.doctor.walk import Limits
from pacaware.testing import Certificates

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=timezone(timedelta(hours=9)))
QUICK = Limits(name=2.0, connect=0.5, answer=1.0, logon=5.0, slow=60.0)

Walk = Callable[..., list[Finding]]


def settings(**variables: str) -> dict[str, str]:
    """Return an environment without a desktop, in which these variables alone select a proxy."""
    return {"HOME": "/nonexistent", **variables}


def both_roots() -> Roots:
    """Python's list trusts the servers of the tests too."""
    der = ssl.PEM_cert_to_DER_cert(Certificates.shared().ca_pem.decode("ascii"))
    return Roots(str(Certificates.shared().ca_path), public_roots().ders | {der})


def by_step(findings: list[Finding], step: str) -> Finding:
    """Return the last finding of a step."""
    return [finding for finding in findings if finding.step == step][-1]


def keys(findings: list[Finding], *statuses: str) -> list[str]:
    """Return the keys of the findings with one of these statuses."""
    return [finding.key for finding in findings if finding.status in (statuses or ("warn", "fail"))]


def told(finding: Finding) -> None:
    """Check that both languages have words for a finding: what it is, why, and what to do; with its values in them."""
    english, japanese = say(finding, "en"), say(finding, "ja")
    for texts in (english, japanese):
        assert all(texts), finding.key
        assert "{" not in "".join(texts)
    assert english != japanese
    for name, value in finding.values:
        if f"{{{name}}}" in "".join(CAUSES[finding.key]):
            assert value in "".join(english)
            assert value in "".join(japanese)
