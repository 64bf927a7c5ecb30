"""The texts in Japanese; every character is in cp932, for older Windows consoles."""

from __future__ import annotations

from typing import Final

from pacaware._cli.doctor.japanese import beyond, here
from pacaware._cli.doctor.japanese.words import WORDS

__all__ = ["CAUSES", "WORDS"]

#: What was found, the likely cause, the next thing to do; the last two are empty where there is nothing to do.
CAUSES: Final = {**here.CAUSES, **beyond.CAUSES}
