"""What is said of other libraries is what they do here."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from benchmarks import comparison

from tests.docs.pages import PAGES, page

_TABLE = page("docs/comparison.md").split("<!-- from benchmarks/comparison.py -->")[1].split("<!-- end -->")[0]
_ROWS = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in _TABLE.strip().splitlines()]


@pytest.mark.parametrize("library", comparison.LIBRARIES, ids=lambda library: library.name)
def test_the_table_is_what_is_measured(library, monkeypatch):
    """Each cell of a library's column is what came of the request."""
    if find_spec(library.name) is None:
        pytest.skip(f"{library.name} is not installed: pip install --group bench")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    column = [heading.split()[0] for heading in _ROWS[0]].index(library.name)
    told = {row[0]: row[column + 1] for row in _ROWS[2:]}
    assert {question: cells[0] for question, cells in comparison.measure([library]).items()} == told


def test_our_version():
    """The column says which pacaware was measured."""
    assert _ROWS[0][0] == comparison.heading(comparison.LIBRARIES[0])


def test_versions_are_the_same_everywhere():
    """The README and the page speak of the same versions."""
    for heading in _ROWS[0]:
        for name in PAGES[:2]:
            assert heading in page(name)
