"""The words in which a failed logon is explained: who offered what, and whose credentials they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacaware._core.challenge import Challenge
    from pacaware._core.scheme import Credentials

__all__ = ["BROKEN", "CLOSES", "CUT_OFF", "NEEDS_A_PAIR", "names", "source", "title"]

NEEDS_A_PAIR: Final = "it needs a user and a password, and only the login of this machine is at hand"
CLOSES: Final = (
    "it closes the connection in the middle of the logon, which this scheme cannot survive: ask those who run the proxy"
)
CUT_OFF: Final = "it closed the connection each time that it saw them"
BROKEN: Final = "its logon does not work, which is not for you to mend: tell those who run it"
_MAX_USER: Final = 60
_MAX_NAMES: Final = 8


def title(scheme: str) -> str:
    """Return a scheme's name for messages; the proxy chose it, so it may be of any length."""
    return "NTLM" if scheme == "ntlm" else scheme[:40].capitalize()


def names(challenges: Iterable[Challenge]) -> str:
    """Return the schemes of challenges, the first few of them."""
    found = [*dict.fromkeys(title(one.scheme) for one in challenges)]
    return ", ".join(found[:_MAX_NAMES]) + (", and more" if len(found) > _MAX_NAMES else "")


def source(credentials: Credentials) -> str:
    """Return where credentials came from, and whose they are; never the password."""
    if credentials.ambient:
        return credentials.origin
    user = credentials.user
    return f"{credentials.origin} for the user {user if len(user) <= _MAX_USER else f'{user[:_MAX_USER]}…'!r}"
