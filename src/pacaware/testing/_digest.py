"""Digest (RFC 7616), checked for real: nonces, counts, and the response."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pacaware._core.challenge import parse_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pacaware.testing._verify import ConnectionState

__all__ = ["DigestUsers"]

_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


class DigestUsers:
    """Digest for a mapping from user to password.

    ``algorithms`` are offered in this order, ``-sess`` forms too. ``qop=None`` offers none (RFC 2069). A nonce is stale
    after ``uses`` requests; with ``nextnonce`` the answer to each request names the next one. A count that was seen is
    refused. ``userhash`` asks for the hash of the user's name. ``failures`` lists the users of wrong responses.
    """

    scheme = "Digest"

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        realm: str = "pacaware.testing",
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        qop: str | None = "auth",
        uses: int | None = None,
        nextnonce: bool = False,
        userhash: bool = False,
    ) -> None:
        for algorithm in algorithms:
            if algorithm.removesuffix("-sess") not in _HASHES:
                raise ValueError(f"there is no Digest algorithm {algorithm!r}")
        self.failures: list[str] = []
        self._users = dict(users)
        self._realm = realm
        self._algorithms = tuple(algorithms)
        self._qop = qop
        self._uses = uses
        self._nextnonce = nextnonce
        self._userhash = userhash
        self._lock = threading.Lock()
        self._counts: defaultdict[str, set[str]] = defaultdict(set)
        self._nonces: set[str] = set()

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Let right responses to a fresh nonce pass."""
        if header is None:
            return self._challenges()
        given = parse_parameters(header.partition(" ")[2])
        user = self._right(given, method, target)
        with self._lock:
            if user is None:
                self.failures.append(given.get("username", "").encode("latin-1").decode("utf-8", "replace"))
            nonce, count = given.get("nonce", ""), given.get("nc", "")
            seen = self._counts[nonce]
            fresh = nonce in self._nonces and (self._qop is None or count not in seen)
            fresh = fresh and (self._uses is None or len(seen) < self._uses)
            seen.add(count if self._qop else str(len(seen)))
        if user is None:
            return self._challenges()
        if not fresh:
            return self._challenges(stale=True)
        state.user = user
        if self._nextnonce:
            state.answer_headers.append(("Proxy-Authentication-Info", f'nextnonce="{self._nonce()}"'))
        return None

    def _nonce(self) -> str:
        nonce = secrets.token_hex(16)
        with self._lock:
            self._nonces.add(nonce)
        return nonce

    def _challenges(self, *, stale: bool = False) -> list[str]:
        realm = self._realm.replace("\\", "\\\\").replace('"', '\\"')
        more = f', qop="{self._qop}"' if self._qop else ""
        more += ", stale=true" if stale else ""
        more += ", userhash=true" if self._userhash else ""
        return [
            f'Digest realm="{realm}", nonce="{self._nonce()}", opaque="a\\"b", algorithm={algorithm}{more}'
            for algorithm in self._algorithms
        ]

    def _right(self, given: Mapping[str, str], method: str, target: str) -> str | None:
        """Return the user whose password gives this response (RFC 7616, section 3.4.1)."""
        algorithm = given.get("algorithm", "MD5")
        if algorithm not in self._algorithms or given.get("uri") != target or given.get("opaque") != 'a"b':
            return None
        if given.get("qop") != self._qop or given.get("realm") != self._realm:
            return None
        if self._userhash != (given.get("userhash") == "true"):
            return None

        def digest(*parts: str) -> str:
            name = _HASHES[algorithm.removesuffix("-sess")]
            return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        for user, password in self._users.items():
            shown = digest(user, self._realm) if self._userhash else user.encode().decode("latin-1")
            if given.get("username") != shown:
                continue
            nonce, cnonce = given.get("nonce", ""), given.get("cnonce", "")
            secret = digest(user, self._realm, password)
            if algorithm.endswith("-sess"):
                secret = digest(secret, nonce, cnonce)
            middle = (given.get("nc", ""), cnonce, self._qop) if self._qop else ()
            expected = digest(secret, nonce, *middle, digest(method, target))
            if hmac.compare_digest(expected, given.get("response", "")):
                return user
        return None
