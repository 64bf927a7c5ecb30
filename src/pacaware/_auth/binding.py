"""Channel binding: what ties a logon to the TLS connection it goes over (RFC 5929, section 4)."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["tls_server_end_point"]

_WEAK: Final = ("md5", "sha1")


def tls_server_end_point(certificate: bytes) -> bytes | None:
    """Return the application data of ``tls-server-end-point`` for a certificate (DER).

    The hash is that of the certificate's signature, SHA-256 in place of MD5 and SHA-1. None where the signature has no
    hash of its own (Ed25519), for which the RFC defines no binding, and for what is no certificate.
    """
    # pyspnego brings it along, and only its schemes ask for a binding.
    from cryptography import exceptions, x509

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in _WEAK else algorithm.name.replace("-", "_")
    try:
        return b"tls-server-end-point:" + hashlib.new(name, certificate, usedforsecurity=False).digest()
    except ValueError:
        return None
