"""What the documentation says was tried is what is tried."""

from __future__ import annotations

import re

import pytest

from tests.programs import test_niquests, test_pip
from tests.programs.conftest import PINNED, PROJECT

DOCUMENTED = (PROJECT / "docs" / "activation.md").read_text(encoding="utf-8")
PINS = dict(re.findall(r"^([A-Za-z0-9_-]+)==(\S+)$", PINNED.read_text(), re.MULTILINE))
NEEDED_BY_OTHERS = {"urllib3"}


@pytest.mark.parametrize("name", sorted(PINS.keys() - NEEDED_BY_OTHERS))
def test_every_program_is_in_the_table(name: str):
    """The table of programs tried has each with the version that the tests install."""
    assert re.search(rf"^\| {name} \| {re.escape(PINS[name])}\b", DOCUMENTED, re.MULTILINE)


def test_the_others():
    """So it has the versions of pip, of urllib3, and of niquests."""
    assert f"| pip | {', '.join(test_pip.PIPS)} |" in DOCUMENTED
    assert f"on urllib3 {PINS['urllib3']} |" in DOCUMENTED
    assert f"| niquests | {test_niquests.PINNED[0].partition('==')[2]} |" in DOCUMENTED
