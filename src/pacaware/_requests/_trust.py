"""TLS with origins against the operating system's certificates, as the browser does it."""

from __future__ import annotations

import ssl
import threading
from typing import Any

__all__ = ["OriginTrust"]


class OriginTrust:
    """One context for each client certificate, because urllib3 loads that into the context. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[Any, ssl.SSLContext] = {}

    def context(self, cert: Any) -> ssl.SSLContext:
        """Return the context for requests' ``cert``."""
        import truststore  # only who asks for it pays for it

        key = tuple(cert) if isinstance(cert, list) else cert
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return self._contexts[key]
