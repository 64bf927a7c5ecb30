"""Digest (RFC 7616, and RFC 2069 where a proxy sends no qop)."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials, SchemeUnavailable
from pacaware._core.challenge import Challenge, parse_parameters
from pacaware._models import ProxyServer

__all__ = ["DigestAuth"]

_ALGORITHMS: Final[Mapping[str, str]] = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
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
        """Begin a logon; raises SchemeUnavailable for a user or password that no header can carry."""
        if _CONTROL.search(credentials.user):
            raise SchemeUnavailable("the user contains a control character")
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
        self._credentials = credentials
        self._counter = counter
        self._last_nonce: str | None = None

    def step(self, challenge: Challenge, method: str, target: str) -> str:
        self._last_nonce = challenge.params.get("nonce")
        return _answer(challenge.params, self._credentials, self._counter, method, target)

    def rejects(self, challenge: Challenge) -> bool:
        """A stale nonce is no rejection; a proxy that says so of a nonce it has just made is not believed twice."""
        stale = challenge.params.get("stale", "").lower() == "true"
        return not stale or challenge.params.get("nonce") == self._last_nonce

    def preemptive(self, challenge: Challenge, method: str, target: str) -> str | None:
        return self.step(challenge, method, target)

    def renewed(self, challenge: Challenge, info: str) -> Challenge:
        """Return the challenge to answer from now on: Proxy-Authentication-Info may name the next nonce."""
        nonce = parse_parameters(info).get("nextnonce")
        return challenge if not nonce else Challenge("digest", params={**challenge.params, "nonce": nonce})


def _answer(
    params: Mapping[str, str], credentials: Credentials, counter: _NonceCounter, method: str, target: str
) -> str:
    """Compute the header value (RFC 7616, section 3.4)."""
    name = params.get("algorithm", "MD5")
    algorithm, _, session = name.lower().partition("-sess")
    digest = _digest(algorithm, name)
    realm, nonce = params.get("realm"), params.get("nonce")
    if realm is None or nonce is None:
        raise SchemeUnavailable("its Digest challenge lacks a realm or a nonce")
    if any(_CONTROL.search(params.get(key, "")) for key in ("realm", "nonce", "opaque")):
        raise SchemeUnavailable("its Digest challenge contains a control character")
    offered = {option.strip().lower() for option in params.get("qop", "").split(",")} - {""}
    if offered and "auth" not in offered:
        raise SchemeUnavailable(f"it wants Digest with qop={params['qop'][:40]!r}, and only qop=auth is supported")
    cnonce = os.urandom(16).hex()
    count = f"{counter.next(nonce):08x}"
    secret = digest(f"{credentials.user}:{realm}:{credentials.password}")
    if name.lower().endswith("-sess"):
        secret = digest(f"{secret}:{nonce}:{cnonce}")
    request = digest(f"{method}:{target}")
    response = digest(
        f"{secret}:{nonce}:{count}:{cnonce}:auth:{request}" if offered else f"{secret}:{nonce}:{request}"
    )
    hashed = params.get("userhash", "").lower() == "true"
    user = digest(f"{credentials.user}:{realm}") if hashed else credentials.user
    fields = [_user_field(user), _quoted("realm", realm), _quoted("nonce", nonce), _quoted("uri", target)]
    if "algorithm" in params:
        fields.append(f"algorithm={name}")
    if offered:
        fields += ["qop=auth", f"nc={count}"]
    if offered or session or name.lower().endswith("-sess"):
        fields.append(_quoted("cnonce", cnonce))
    fields.append(_quoted("response", response))
    if "opaque" in params:
        fields.append(_quoted("opaque", params["opaque"]))
    if hashed:
        fields.append("userhash=true")
    return "Digest " + ", ".join(fields)


def _digest(algorithm: str, shown: str) -> Callable[[str], str]:
    if algorithm not in _ALGORITHMS:
        raise SchemeUnavailable(f"it wants Digest with {shown[:40]!r}, which is not known here")
    try:
        hashlib.new(_ALGORITHMS[algorithm], usedforsecurity=False)
    except ValueError:
        raise SchemeUnavailable(f"this Python's OpenSSL does not offer {shown[:40]!r}, which it wants") from None
    return lambda text: hashlib.new(
        _ALGORITHMS[algorithm], text.encode("utf-8", "surrogateescape"), usedforsecurity=False
    ).hexdigest()


def _user_field(user: str) -> str:
    # RFC 7616, section 3.4 has username* for other characters; squid and others only know raw UTF-8.
    return _quoted("username", user.encode("utf-8", "surrogateescape").decode("latin-1"))


def _quoted(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
