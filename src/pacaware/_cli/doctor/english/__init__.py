"""The texts in English."""

from __future__ import annotations

from typing import Final

from pacaware._cli.doctor.english import beyond, here
from pacaware._cli.doctor.english.words import WORDS

__all__ = ["CAUSES", "WORDS"]

#: What was found, the likely cause, the next thing to do; the last two are empty where there is nothing to do.
CAUSES: Final = {**here.CAUSES, **beyond.CAUSES}
