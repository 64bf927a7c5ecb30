"""What servers are verified with where nobody has named certificates."""

from __future__ import annotations

import os
import ssl

from pacaware._trust import system_trust

__all__ = ["of_the_system"]


def of_the_system(verify: ssl.SSLContext | str | bool, *, trust_env: bool) -> ssl.SSLContext | str | bool:
    """Return a context with the operating system's certificates in the place of ``verify=True``.

    What the program gave stays, and so do the variables that httpx heeds: SSL_CERT_FILE and SSL_CERT_DIR.
    """
    named = trust_env and (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"))
    if verify is not True or named:
        return verify
    return system_trust()
