"""The words that files and URLs are made of, by what they stand for (``words.json``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

WORDS: Final[dict[str, tuple[str, ...]]] = {
    kind: tuple(words) for kind, words in json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")).items()
}
