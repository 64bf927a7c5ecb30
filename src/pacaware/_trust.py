"""Certificates as the operating system trusts them, and so as its browsers do."""

from __future__ import annotations

import ssl
from typing import Any

__all__ = ["system_trust"]


def system_trust(urllib3: Any = None) -> ssl.SSLContext:
    """Return a context that asks the operating system's trust store; ``urllib3`` is the module that will use it.

    urllib3 1.26 tells a context no name where a server is given by its address; it checks names itself, after the
    handshake, for contexts that do not.
    """
    import truststore  # only who asks for it pays for it

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if urllib3 is not None and urllib3.__version__.startswith("1."):
        context.check_hostname = False
    return context
