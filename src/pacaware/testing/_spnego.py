"""NTLM and Negotiate, checked for real by pyspnego's server side: NTLM version 2 only, Kerberos with a key table."""

from __future__ import annotations

import base64
import contextlib
import os
import struct
import tempfile
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pacaware._auth.binding import tls_server_end_point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pacaware.testing._verify import ConnectionState

__all__ = ["NegotiateUsers", "NtlmUsers"]

# pyspnego finds its users by way of the environment, of which there is one.
_environment: Final = threading.Lock()
_NTLM_MARK: Final = b"NTLMSSP\0"
_AV_CHANNEL_BINDINGS: Final = 10


class _TokenUsers:
    """What NtlmUsers and NegotiateUsers share."""

    scheme: str
    _protocol: str
    _option: str

    def __init__(self, users: Mapping[str, str], *, certificate: bytes | None = None) -> None:
        try:
            import spnego
            import spnego.channel_bindings
        except ImportError:
            raise RuntimeError('pyspnego is missing: pip install "pacaware[ntlm]"') from None
        if any(":" in text for pair in users.items() for text in pair):
            raise ValueError("pyspnego's list of users cannot hold a colon")
        self.failures = 0
        self._spnego: Any = spnego
        self._key = f"context of {self.scheme} {id(self)}"
        self._binding = None if certificate is None else tls_server_end_point(certificate)
        handle, self._file = tempfile.mkstemp(prefix="pacaware-", suffix=".users")
        weakref.finalize(self, _remove, self._file)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for name, password in users.items():
                domain, _, user = name.rpartition("\\")
                file.write(f"{domain}:{user}:{password}\n")

    def check(self, state: ConnectionState, method: str, target: str, header: str | None) -> Sequence[str] | None:
        """Take the next token of the connection's logon; a connection that is logged on passes."""
        if header is None:
            if state.user is not None and state.data.get("logged on by") is self:
                return None
            self._forget(state)  # a client may break off; the header may also be another verifier's
            return [self.scheme]
        token = b""
        try:
            token = base64.b64decode(header.partition(" ")[2].strip(), validate=True)
            answer = self._step(state, token)
        except Exception:  # noqa: BLE001  # pyspnego's parsers fail in many ways, and each means no
            if _proves_something(token):
                self.failures += 1
            self._forget(state)
            return [self.scheme]
        if answer is None:
            return None
        state.in_handshake = True
        return [f"{self.scheme} {base64.b64encode(answer).decode()}"]

    def _forget(self, state: ConnectionState) -> None:
        if state.data.pop(self._key, None) is not None:
            state.in_handshake = False

    def _step(self, state: ConnectionState, token: bytes) -> bytes | None:
        """Return the next token for the client, None when it is logged on."""
        if self._key not in state.data:
            state.user = None
            with self._users():
                state.data[self._key] = self._context()
        context = state.data[self._key]
        with self._users():
            answer: bytes | None = context.step(token)
        if self._binding is not None and _proves_something(token):
            self._require_binding(token)
        if not context.complete:
            return answer or b""
        self._forget(state)
        state.user = context.client_principal
        state.data["logged on by"] = self
        return None

    def _context(self) -> Any:
        bindings = self._spnego.channel_bindings.GssChannelBindings(application_data=self._binding)
        return self._spnego.server(
            protocol=self._protocol,
            options=self._spnego.NegotiateOptions[self._option],
            service="HTTP",
            channel_bindings=None if self._binding is None else bindings,
        )

    def _require_binding(self, token: bytes) -> None:
        """Refuse a logon without a binding, which pyspnego lets pass."""
        if not any(_bindings_of(token)):
            raise ValueError("the logon is not bound to the connection")

    @contextlib.contextmanager
    def _users(self) -> Iterator[None]:
        # Level 5 refuses what is older than version 2.
        with _environment, _set_environ(NTLM_USER_FILE=self._file, LM_COMPAT_LEVEL="5"):
            yield


class NtlmUsers(_TokenUsers):
    r"""NTLM, version 2 only, for a mapping from ``alice`` or ``DOMAIN\alice`` to a password.

    With ``certificate`` (DER) a logon must be bound to a TLS connection that shows it (RFC 5929, tls-server-end-point).
    ``failures`` counts logons that came to their end and were wrong. A colon is possible nowhere. Needs pyspnego.
    """

    scheme = "NTLM"
    _protocol = "ntlm"
    _option = "use_ntlm"


class NegotiateUsers(_TokenUsers):
    """Negotiate with NTLM inside, as NtlmUsers; with Kerberos too where KRB5_KTNAME names a key table."""

    scheme = "Negotiate"
    _protocol = "negotiate"
    _option = "use_negotiate"


def _proves_something(token: bytes) -> bool:
    """Say whether this is, or holds, NTLM's AUTHENTICATE message."""
    at = token.find(_NTLM_MARK)
    return at >= 0 and token[at + 8 : at + 12] == b"\3\0\0\0"


def _bindings_of(token: bytes) -> bytes:
    """Return MsvAvChannelBindings of an AUTHENTICATE message (MS-NLMP, sections 2.2.1.3 and 2.2.2.1)."""
    message = token[token.find(_NTLM_MARK) :]
    length, offset = struct.unpack_from("<HxxI", message, 20)
    pairs = message[offset : offset + length][16 + 28 :]
    while len(pairs) >= 4:
        kind, size = struct.unpack_from("<HH", pairs)
        if kind == _AV_CHANNEL_BINDINGS:
            return pairs[4 : 4 + size]
        if kind == 0:
            break
        pairs = pairs[4 + size :]
    return b""


@contextlib.contextmanager
def _set_environ(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)
