"""Digest (RFC 7616, and RFC 2069 where a proxy sends no qop)."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials, SchemeUnavailable
from pacaware._core.challenge import Challenge, parse_parameters
from pacaware._models import ProxyServer

__all__ = ["DigestAuth"]

_Hash: TypeAlias = Callable[[str], str]

_ALGORITHMS: Final[Mapping[str, str]] = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
_SESSION: Final = "-sess"
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_NONCES: Final = 64


class DigestAuth(AuthScheme):
    """Log on with Digest only, as ``user`` with ``password``: MD5, SHA-256, SHA-512-256 and their -sess forms.

    Only ``qop=auth`` (or none) is answered. Where several Digest challenges are offered, the proxy's order counts
    (RFC 7616, section 3.7).
    """

    name: ClassVar[str] = "digest"
    strength: ClassVar[int] = 2
    blocking: ClassVar[bool] = False

    def __init__(self, user: str | None = None, password: str = "") -> None:
        if user is not None:
            self.credentials = Credentials(user, password, origin="proxy_auth=")
        self._counter = _NonceCounter()

    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable for a user that no header can carry."""
        return _DigestExchange(credentials, self._counter)

    def __reduce__(self) -> tuple[Any, ...]:
        return DigestAuth, ()  # the secret stays in this process


class _NonceCounter:
    """Counts the uses of each nonce over all connections: a proxy refuses a count that it has seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def next(self, nonce: str) -> int:
        with self._lock:
            count = self._counts[nonce] = self._counts.pop(nonce, 0) + 1
            if len(self._counts) > _MAX_NONCES:
                self._counts.popitem(last=False)
            return count


class _DigestExchange(AuthExchange):
    def __init__(self, credentials: Credentials, counter: _NonceCounter) -> None:
        if _UNWRITABLE.search(credentials.user):
            raise SchemeUnavailable("the user contains a control character")
        try:
            _bytes(credentials.user + credentials.password)
        except UnicodeEncodeError:
            raise SchemeUnavailable("the user or password contains half a surrogate pair") from None
        self._credentials = credentials
        self._counter = counter
        self._last_nonce: str | None = None

    def step(self, challenge: Challenge, method: str, target: str) -> str:
        answer = _Answer(challenge.params, self._credentials)
        self._last_nonce = answer.nonce
        return answer.header(method, target, self._counter.next(answer.nonce), os.urandom(16).hex())

    def rejects(self, challenge: Challenge) -> bool:
        """A stale nonce is no rejection; a proxy that says so of a nonce it has just made is not believed."""
        stale = challenge.params.get("stale", "").lower() == "true"
        return not stale or challenge.params.get("nonce") == self._last_nonce

    def preemptive(self, challenge: Challenge, method: str, target: str) -> str | None:
        return self.step(challenge, method, target)

    def renewed(self, challenge: Challenge, info: str) -> Challenge:
        """Take the next nonce, if the proxy names one (RFC 7616, section 3.5)."""
        nonce = parse_parameters(info).get("nextnonce")
        if not nonce or _UNWRITABLE.search(nonce):
            return challenge
        return Challenge(challenge.scheme, params={**challenge.params, "nonce": nonce})


class _Answer:
    """What a challenge asks for, understood and possible here; raises SchemeUnavailable if it is not."""

    def __init__(self, params: Mapping[str, str], credentials: Credentials) -> None:
        self._params = params
        self._credentials = credentials
        name = params.get("algorithm", "MD5")
        self._session = name.lower().endswith(_SESSION)
        self._hash = _hash(name.lower().removesuffix(_SESSION), name)
        realm, nonce = params.get("realm"), params.get("nonce")
        if realm is None or nonce is None:
            raise SchemeUnavailable("its Digest challenge lacks a realm or a nonce")
        if any(_UNWRITABLE.search(params.get(key, "")) for key in ("realm", "nonce", "opaque")):
            raise SchemeUnavailable("its Digest challenge contains a control character")
        self._realm, self.nonce = realm, nonce
        qop = {option.strip().lower() for option in params.get("qop", "").split(",")} - {""}
        if qop and "auth" not in qop:
            raise SchemeUnavailable(f"it wants Digest with qop={params['qop'][:40]!r}, and only qop=auth is supported")
        self._protected = bool(qop)

    def header(self, method: str, target: str, count: int, cnonce: str) -> str:
        """Return the value of Proxy-Authorization (RFC 7616, section 3.4)."""
        nc = f"{count:08x}"
        request = self._hash(f"{method}:{target}")
        secret = self._secret(cnonce)
        middle = f"{nc}:{cnonce}:auth:" if self._protected else ""
        hashed = self._params.get("userhash", "").lower() == "true"
        user = self._credentials.user
        fields = [
            _quoted("username", self._hash(f"{user}:{_text(self._realm)}") if hashed else _raw(user)),
            _quoted("realm", self._realm),
            _quoted("nonce", self.nonce),
            _quoted("uri", target),
        ]
        if "algorithm" in self._params:
            fields.append(f"algorithm={self._params['algorithm']}")
        if self._protected:
            fields += ["qop=auth", f"nc={nc}"]
        if self._protected or self._session:
            fields.append(_quoted("cnonce", cnonce))
        fields.append(_quoted("response", self._hash(f"{secret}:{_text(self.nonce)}:{middle}{request}")))
        if "opaque" in self._params:
            fields.append(_quoted("opaque", self._params["opaque"]))
        if hashed:
            fields.append("userhash=true")
        return "Digest " + ", ".join(fields)

    def _secret(self, cnonce: str) -> str:
        secret = self._hash(f"{self._credentials.user}:{_text(self._realm)}:{self._credentials.password}")
        return self._hash(f"{secret}:{_text(self.nonce)}:{cnonce}") if self._session else secret


def _hash(algorithm: str, shown: str) -> _Hash:
    if algorithm not in _ALGORITHMS:
        raise SchemeUnavailable(f"it wants Digest with {shown[:40]!r}, which is not known here")
    name = _ALGORITHMS[algorithm]
    try:
        hashlib.new(name, usedforsecurity=False)
    except ValueError:  # without a name for it, or in FIPS mode
        raise SchemeUnavailable(f"this Python's OpenSSL does not offer {shown[:40]!r}, which it wants") from None
    return lambda text: hashlib.new(name, _bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(field: str) -> str:
    """Return a field of the challenge as text whose UTF-8 form has the bytes that the proxy sent."""
    return field.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _raw(user: str) -> str:
    # RFC 7616, section 3.4 has username* for these characters; squid and others only know the raw bytes.
    return _bytes(user).decode("latin-1")


def _quoted(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
