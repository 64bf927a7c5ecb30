"""What keeps the pools of different origins apart: where they lead, and how TLS with the origin is checked."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pacaware._trust import system_trust

__all__ = ["OriginTrust", "pool_key"]


def pool_key(
    requests: Any, adapter: Any, request: Any, verify: Any, cert: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return where a request goes and how, as urllib3 takes it; raises ValueError for a URL that cannot be used.

    That is the adapter's ``build_connection_pool_key_attributes()``. Before requests 2.32.3 there was none (pip up to
    24.0 has older ones inside); without a key of its own a pool made for ``verify=False`` would serve others too.
    """
    if hasattr(adapter, "build_connection_pool_key_attributes"):
        return adapter.build_connection_pool_key_attributes(request, verify, cert)  # type: ignore[no-any-return]
    url = urlsplit(request.url)
    where = {"scheme": url.scheme, "host": url.hostname, "port": url.port}
    how: dict[str, Any] = {"cert_reqs": "CERT_NONE" if verify is False else "CERT_REQUIRED"}
    if isinstance(verify, str):
        how["ca_cert_dir" if Path(verify).is_dir() else "ca_certs"] = verify
    elif verify:
        # Without any urllib3 would take what OpenSSL has, and 2.32.2 does not say it in cert_verify() either.
        how["ca_certs"] = requests.utils.extract_zipped_paths(requests.utils.DEFAULT_CA_BUNDLE_PATH)
    if isinstance(cert, str):
        how["cert_file"] = cert
    elif cert is not None:
        how["cert_file"], how["key_file"] = cert
    return where, how


class OriginTrust:
    """Checks origins against the operating system's certificates, as the browser does. Thread-safe.

    There is one context for each client certificate, because urllib3 loads that into the context.
    """

    def __init__(self, urllib3: Any) -> None:
        self._urllib3 = urllib3
        self._lock = threading.Lock()
        self._contexts: dict[Any, ssl.SSLContext] = {}

    def context(self, cert: Any) -> ssl.SSLContext:
        """Return the context for requests' ``cert``."""
        key = tuple(cert) if isinstance(cert, list) else cert
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = system_trust(self._urllib3)
            return self._contexts[key]
