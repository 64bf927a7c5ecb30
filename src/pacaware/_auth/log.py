"""What PACAWARE_LOG=1 shows of a logon: a line for each 407, and how it was answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pacaware._core.auth import AuthController

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacaware._core.challenge import Challenge

__all__ = ["LoggedController"]

_log: Final = logging.getLogger("pacaware")


class LoggedController(AuthController):
    """A controller that notes each 407 on the logger ``pacaware``, without tokens, user or password."""

    def respond(self, challenges: Sequence[Challenge], method: str, target: str) -> str | None:
        """Answer a 407 as every controller does."""
        authorization = super().respond(challenges, method, target)
        if _log.isEnabledFor(logging.INFO):
            _log.info("407 from %s: %s", self.proxy.pac_text, self.answer_to(challenges))
        return authorization
