"""What a script (or the manual settings) answered, kept for as long as what the answer rests on holds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from pacaware._core.target import Target
from pacaware._models import Candidate, Step

__all__ = ["FROM_SCRIPTS", "Answer", "AnswerCache", "answer_key"]

FROM_SCRIPTS: Final = frozenset({"pac", "wpad-dhcp", "wpad-dns"})
"""The sources of decisions that a script made."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The candidates as listed, why, and until when (monotonic seconds) the answer may be used again.

    ``whole_origin`` says that every URL of the origin has this answer. ``answered`` is when it was given (Unix time),
    ``holds`` tells a person why it may be used again. From ``renew_at`` on, the lookups ``names`` that it rests on are
    worth doing again.
    """

    listed: tuple[Candidate, ...]
    source: str
    pac_url: str | None
    steps: tuple[Step, ...]
    valid_until: float
    whole_origin: bool
    answered: float = 0.0
    holds: str = ""
    names: tuple[str, ...] = ()
    renew_at: float = float("inf")


def answer_key(target: Target, policy_key: str, *, ignores_path: bool) -> str:
    """Return what answers are remembered by.

    ``exact``: the origin, or all that the script saw of the URL if it may have looked at it. ``host``: WinINet's key
    (KB271361), which gives a whole host the first answer.
    """
    if policy_key == "host":
        return target.host
    if ignores_path or target.scheme in ("https", "wss"):
        return target.origin
    return target.pac_url


class AnswerCache:
    """A bounded memory of answers; the one not used for the longest time goes first."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def get(self, key: str, now: float) -> Answer | None:
        """Return the answer if it is still valid."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        if answer.valid_until <= now:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer

    def put(self, key: str, answer: Answer, now: float) -> None:
        """Keep an answer that is valid beyond now."""
        if answer.valid_until <= now:
            return
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()

    def __len__(self) -> int:
        return len(self._answers)
