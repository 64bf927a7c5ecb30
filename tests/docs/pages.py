"""The README and the pages, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "blocks", "page"]

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    str(path.relative_to(ROOT)) for path in (ROOT / "README.md", ROOT / "README.ja.md", *sorted(ROOT.glob("docs/*.md")))
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page where the text begins."""

    page: str
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text("utf-8")


def blocks(language: str | None = None, name: str | None = None) -> list[Block]:
    """The blocks of one language, or all; of one page, or all."""
    found = []
    for where in PAGES if name is None else (name,):
        text = page(where)
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            found.append(Block(where, match[1], match[2], line))
    return [block for block in found if language in (None, block.language)]
