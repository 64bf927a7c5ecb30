"""Who signed the origin's certificate: one handshake shows the chain, whether it was accepted or not."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pacaware._cli.doctor.findings import Finding, fail, ok, warn
from pacaware._cli.doctor.net import Trouble, trouble
from pacaware._trust import system_trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._cli.doctor.net import Stream
    from pacaware._deadline import Deadline

__all__ = ["Inside", "Roots", "Shown", "both_stores", "judge_certificate", "public_roots", "shake_hands"]

Result = TypeVar("Result")

# X509_V_ERR_* of OpenSSL (x509_vfy.h).
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = frozenset({62, 64})


@dataclass(frozen=True, slots=True)
class Roots:
    """``file`` holds the roots that requests and httpx trust (certifi), ``ders`` the same, each in DER.

    Both are empty where certifi is not installed.
    """

    file: str = ""
    ders: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Shown:
    """A handshake: the code of OpenSSL if the certificate was refused, who signed it, and whether requests knows them.

    ``known`` is None where that cannot be told.
    """

    trouble: Trouble | None = None
    code: int = 0
    signer: str = ""
    known: bool | None = None


def public_roots() -> Roots:
    """Return the roots of certifi."""
    if find_spec("certifi") is None:
        return Roots()
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return Roots(certifi.where(), frozenset(context.get_ca_certs(binary_form=True)))


def both_stores(roots: Roots) -> ssl.SSLContext:
    """Return a context that trusts what the operating system trusts, and the public roots."""
    context = system_trust()
    if roots.file:
        context.load_verify_locations(roots.file)
    return context


class Inside:
    """TLS with the origin inside a connection that may be TLS itself, to the proxy; a socket wraps no other."""

    def __init__(self, outer: Stream, host: str, context: ssl.SSLContext) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def do_handshake(self) -> None:
        """Shake hands; raises OSError."""
        self._run(self.tls.do_handshake)

    def settimeout(self, seconds: float | None) -> None:
        """Bound the next operation."""
        self._outer.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Send it all."""
        self._run(lambda: self.tls.write(data))

    def recv(self, size: int) -> bytes:
        """Return what comes next, nothing at the end."""
        try:
            return self._run(lambda: self.tls.read(size))
        except ssl.SSLEOFError:
            return b""  # many servers hang up without the goodbye of TLS
        except ssl.SSLZeroReturnError:
            return b""

    def _run(self, function: Callable[[], Result]) -> Result:
        while True:
            try:
                result = function()
            except ssl.SSLWantReadError:
                self._flush()
                if data := self._outer.recv(16384):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # the alert: it tells the other side why
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._outer.sendall(data)


def shake_hands(
    outer: Stream,
    host: str,
    roots: Roots,
    deadline: Deadline,
    context: Callable[[Roots], ssl.SSLContext] = both_stores,
) -> tuple[Inside | None, Shown]:
    """Speak TLS with the origin on a connection that leads there; nothing is returned to speak on where that failed."""
    code = 0
    failed: Trouble | None = None
    try:
        outer.settimeout(deadline.left())
        inside = Inside(outer, host, context(roots))
    except (OSError, ValueError) as exc:
        return None, Shown(trouble(exc))
    try:
        inside.do_handshake()
    except (OSError, ValueError) as exc:
        failed = trouble(exc)
        code = getattr(exc, "verify_code", 0)
    chain = _chain(inside.tls)
    # Without the root, the chain ends with what the missing one has signed.
    last = chain[-1] if chain else None
    known = None if last is None or not roots.ders else _der(last) in roots.ders
    return inside if failed is None else None, Shown(failed, code, _signer(last), known)


def _chain(secured: ssl.SSLObject) -> list[Any]:
    """Return the certificates that OpenSSL tried to build a chain of, also after it refused them.

    SSLObject has no public name for it before Python 3.13, and never one that gives parsed names; where the private
    one is missing, or the socket was closed by a refusal of the system, the signer stays unknown.
    """
    chain = getattr(getattr(secured, "_sslobj", None), "get_verified_chain", None)
    return [] if chain is None else list(chain() or ())


def _der(certificate: Any) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.public_bytes())


def _signer(certificate: Any) -> str:
    """Return organisation and common name of who signed."""
    if certificate is None:
        return ""
    names = {name: value for entry in certificate.get_info().get("issuer", ()) for name, value in entry}
    said = (names.get("organizationName", ""), names.get("commonName", "") or names.get("organizationalUnitName", ""))
    return ", ".join(dict.fromkeys(part for part in said if part))


def judge_certificate(shown: Shown, *, skewed: bool) -> Finding | None:
    """Judge a handshake; ``skewed`` says that this machine's clock is off. None: there was no certificate."""
    signer = shown.signer or "?"
    if shown.trouble is None:
        if shown.known is False:
            return warn("certificate", "certificate-interceptor", signer=signer)
        return ok("certificate", "certificate-ok", signer=signer)
    if shown.trouble.kind != "certificate":
        return None
    detail = shown.trouble.detail
    if shown.code in (_EXPIRED, _NOT_YET_VALID):
        key = "certificate-clock" if skewed or shown.code == _NOT_YET_VALID else "certificate-expired"
    elif shown.code in _WRONG_NAME:
        key = "certificate-name"
    else:
        key = "certificate-unknown"
    return fail("certificate", key, detail, signer=signer)
