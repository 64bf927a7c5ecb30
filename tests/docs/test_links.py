"""Links between the README and the pages lead somewhere, and the two READMEs say the same."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT, page

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
_WEB = re.compile(r"\]\((https?:[^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_links_to_files(name: str):
    """Each names a file of the source tree."""
    where = (ROOT / name).parent
    missing = [target for target in _LINK.findall(_CODE.sub("", page(name))) if not (where / target).exists()]
    assert not missing


def shape(name: str) -> dict[str, list[str]]:
    """What a README consists of: the levels of its headings, its tables, and what it links to."""
    text = _CODE.sub("", page(name))
    return {
        "headings": re.findall(r"^(#+) ", text, re.MULTILINE),
        "tables": [str(line.count("|")) for line in text.splitlines() if line.startswith("|")],
        "items": re.findall(r"^(?:-|\d+\.) ", text, re.MULTILINE),
        "links": sorted({*_LINK.findall(text), *_WEB.findall(text)} - {"README.md", "README.ja.md"}),
    }


def test_the_readmes_are_in_step():
    """Both have the same headings, tables, lists and links, and each links to the other."""
    assert shape("README.ja.md") == shape("README.md")
    assert "README.ja.md" in _LINK.findall(page("README.md"))
    assert "README.md" in _LINK.findall(page("README.ja.md"))
