"""Who signed the origin's certificate: one handshake shows the chain, whether it was accepted or not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from pacaware._cli.doctor.findings import Finding, fail, ok, warn
from pacaware._cli.doctor.net import Trouble, trouble

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pacaware._requests._dial import Deadline

__all__ = ["Roots", "Shown", "judge_certificate", "public_roots", "shake_hands"]

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
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if roots.file:
        context.load_verify_locations(roots.file)
    return context


def shake_hands(
    sock: socket.socket,
    host: str,
    roots: Roots,
    deadline: Deadline,
    context: Callable[[Roots], ssl.SSLContext] = both_stores,
) -> tuple[ssl.SSLSocket | None, Shown]:
    """Speak TLS with the origin on a connection that leads there; the socket is None where that failed."""
    code = 0
    failed: Trouble | None = None
    try:
        deadline.bound(sock)
        secured = context(roots).wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except (OSError, ValueError) as exc:
        return None, Shown(trouble(exc))
    try:
        secured.do_handshake()
    except (OSError, ValueError) as exc:
        failed = trouble(exc)
        code = exc.verify_code if isinstance(exc, ssl.SSLCertVerificationError) else 0
    chain = _chain(secured)
    # Without the root, the chain ends with the one that signs the last certificate shown.
    last = chain[-1] if chain else None
    known = None if last is None or not roots.ders else _der(last) in roots.ders
    shown = Shown(failed, code, _signer(last), known)
    if failed is None:
        return secured, shown
    secured.close()
    return None, shown


def _chain(secured: ssl.SSLSocket) -> list[Any]:
    """Return the certificates that OpenSSL tried to build a chain of, also after it refused them.

    SSLSocket has no public name for it before Python 3.13, and never one that gives parsed names; where the private
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
    """Judge a handshake; ``skewed`` says that this machine's clock is off. None if there was no certificate to judge."""
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
