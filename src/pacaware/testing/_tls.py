"""One throw-away certificate authority, made with trustme at the first use of TLS."""

from __future__ import annotations

import atexit
import functools
import shutil
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ["Certificates", "server_context_for"]

_NAMES = ("localhost", "127.0.0.1", "::1", "proxy.test", "origin.test", "*.origin.test")


class Certificates:
    """A certificate authority of its own, and what it issued for loopback names.

    The server's certificate holds for localhost, 127.0.0.1, ::1, proxy.test, origin.test and *.origin.test.
    Needs trustme; ImportError says how to get it. ``shared()`` is the authority behind every ``tls=True``.
    """

    def __init__(self) -> None:
        try:
            import trustme
        except ImportError as exc:
            raise ImportError("TLS in pacaware.testing needs trustme: pip install trustme") from exc
        self._authority: trustme.CA = trustme.CA()
        self._server = self._authority.issue_cert(*_NAMES)
        self._client = self._authority.issue_cert("client@origin.test", common_name="pacaware test client")

    @classmethod
    def shared(cls) -> Certificates:
        """The one authority of this process."""
        return _shared()

    @functools.cached_property
    def _folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="pacaware-testing-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @property
    def ca_pem(self) -> bytes:
        """The authority's certificate."""
        return self._authority.cert_pem.bytes()

    @functools.cached_property
    def ca_path(self) -> Path:
        """A file with ``ca_pem``, as ``verify=`` takes it; removed at the end of the process."""
        path = self._folder / "ca.pem"
        path.write_bytes(self.ca_pem)
        return path

    @functools.cached_property
    def server_der(self) -> bytes:
        """The server's certificate alone, in DER."""
        return ssl.PEM_cert_to_DER_cert(self._server.cert_chain_pems[0].bytes().decode("ascii"))

    @property
    def server_pem(self) -> bytes:
        """The server's private key and certificate chain."""
        return self._server.private_key_and_cert_chain_pem.bytes()

    @functools.cached_property
    def client_path(self) -> Path:
        """A file with a client's key and certificate (common name ``pacaware test client``), as ``cert=`` takes it."""
        path = self._folder / "client.pem"
        path.write_bytes(self._client.private_key_and_cert_chain_pem.bytes())
        path.chmod(0o600)
        return path

    def server_context(self, *, h2: bool = False, client_certificates: bool = False) -> ssl.SSLContext:
        """Return what a server wraps its sockets with; ``client_certificates`` makes one mandatory."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
        if client_certificates:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self, *, client_certificate: bool = False) -> ssl.SSLContext:
        """Return what a client verifies with: this authority is trusted and no other."""
        context = ssl.create_default_context(cadata=self.ca_pem.decode("ascii"))
        if client_certificate:
            self._client.configure_cert(context)
        return context


@functools.cache
def _shared() -> Certificates:
    return Certificates()


def server_context_for(tls: bool | ssl.SSLContext, *, h2: bool = False) -> ssl.SSLContext | None:
    """Return the context that ``tls=`` of a server means; None is plain TCP."""
    if isinstance(tls, ssl.SSLContext):
        return tls
    return Certificates.shared().server_context(h2=h2) if tls else None
