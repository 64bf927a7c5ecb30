"""Who may use a fake proxy: the interface of a check, and Basic."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BasicUsers", "ConnectionState", "Offer", "Verifier", "verify"]


@dataclass(slots=True)
class ConnectionState:
    """What verifiers remember of one connection.

    ``user`` is who logged on, if anybody. ``data`` is theirs to use. While ``in_handshake`` is set, a 407 holds the
    challenges of the verifier in charge only. ``answer_headers`` go with the next answer, then they are forgotten.
    """

    connection: int
    user: str | None = None
    in_handshake: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    answer_headers: list[tuple[str, str]] = field(default_factory=list)


class Verifier(Protocol):
    """Checks the logons of one scheme."""

    scheme: str

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Return None to let the request pass, else the values of Proxy-Authenticate.

        ``header`` is the value of Proxy-Authorization if it is of this scheme. Called from several threads.
        """
        ...


class BasicUsers:
    """Basic (RFC 7617) for a mapping from user to password; a colon in the password is fine, in a user it is not.

    ``charset`` is what user and password are decoded with; UTF-8 is announced in the challenge. ``failures`` lists the
    users of wrong pairs.
    """

    scheme = "Basic"

    def __init__(self, users: Mapping[str, str], *, realm: str = "pacaware.testing", charset: str = "UTF-8") -> None:
        if any(":" in user for user in users):
            raise ValueError("a user of Basic cannot contain a colon (RFC 7617, section 2)")
        self.failures: list[str] = []
        self._users = dict(users)
        self._charset = charset
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._challenge = f'Basic realm="{quoted}"' + (', charset="UTF-8"' if charset.upper() == "UTF-8" else "")

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Let known pairs pass."""
        user, password = self._decode(header)
        if user is None or self._users.get(user) != password:
            if header is not None:
                self.failures.append(user or "")
            return [self._challenge]
        state.user = user
        return None

    def _decode(self, header: str | None) -> tuple[str | None, str]:
        try:
            pair = base64.b64decode((header or "").partition(" ")[2].strip(), validate=True).decode(self._charset)
        except (binascii.Error, UnicodeDecodeError):
            return None, ""
        user, colon, password = pair.partition(":")
        return (user if colon else None), password


class Offer:
    """A challenge that nobody can meet, such as ``Offer("NTLM")``: proxies offer more than a client can do."""

    def __init__(self, challenge: str) -> None:
        self.scheme = challenge.partition(" ")[0]
        self._challenge = challenge

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Let nobody pass."""
        return [self._challenge]


def verify(
    verifiers: Sequence[Verifier], state: ConnectionState, method: str, target: str, header: str | None
) -> Sequence[str] | None:
    """Ask the verifier of the header's scheme; None lets the request pass, else every challenge in order."""
    scheme = scheme_of(header)
    challenges: list[str] = []
    for verifier in verifiers:
        mine = scheme is not None and verifier.scheme.lower() == scheme.lower()
        refused = verifier.check(state, method, target, header if mine else None)
        if refused is None or (mine and state.in_handshake):
            return refused
        challenges += refused
    return challenges


def scheme_of(header: str | None) -> str | None:
    """Return the name of the scheme that a value of (Proxy-)Authorization starts with."""
    return header.strip().partition(" ")[0] if header else None
