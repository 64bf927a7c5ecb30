"""A server of PAC files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

from pacaware.testing._base import Connection, RecordingServer
from pacaware.testing._http import (
    Body,
    HeaderPairs,
    Peer,
    SeenRequest,
    converse,
    encode_pairs,
    header_pairs,
    reason_of,
)

if TYPE_CHECKING:
    import ssl

__all__ = ["PacServer", "pac_returning"]

PAC_TYPE = "application/x-ns-proxy-autoconfig"


def pac_returning(*entries: str) -> str:
    """Return a PAC file that gives every URL the same list, such as ``pac_returning("PROXY p:8080", "DIRECT")``."""
    return f"function FindProxyForURL(url, host) {{ return {json.dumps('; '.join(entries))}; }}\n"


@dataclass(frozen=True, slots=True)
class _Reply:
    files: Mapping[str, bytes]
    everywhere: bytes | None
    status: int
    headers: HeaderPairs
    content_type: str | None
    delay: float
    drip: float
    etag: bool = field(default=True)

    def body_of(self, path: str) -> bytes | None:
        return self.files.get(path, self.everywhere)


class PacServer(RecordingServer[SeenRequest]):
    """Serves PAC files on loopback, with an ETag and 304 for who has the text already.

    ``files`` is one text, served at every path (``url`` ends in ``/proxy.pac``), or a mapping from path to text, and
    404 elsewhere. ``status``, ``headers`` (added to each answer) and ``content_type`` (None: no field) shape the
    answer; ``delay`` is waited before it, ``drip`` between two bytes of it, both in seconds.
    """

    def __init__(
        self,
        files: str | bytes | Mapping[str, str | bytes],
        *,
        content_type: str | None = PAC_TYPE,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        delay: float = 0.0,
        drip: float = 0.0,
        etag: bool = True,
        tls: bool | ssl.SSLContext = False,
        host: str = "127.0.0.1",
        timeout: float = 30.0,
    ) -> None:
        super().__init__(host=host, tls=tls, timeout=timeout)
        self._path = "/proxy.pac" if isinstance(files, str | bytes) else next(iter(files), "/proxy.pac")
        self._reply = _Reply(
            files={} if isinstance(files, str | bytes) else {path: _bytes(text) for path, text in files.items()},
            everywhere=_bytes(files) if isinstance(files, str | bytes) else None,
            status=status,
            headers=_pairs(headers),
            content_type=content_type,
            delay=delay,
            drip=drip,
            etag=etag,
        )
        self._reply_lock = threading.Lock()

    @property
    def url(self) -> str:
        """The URL of the PAC file; of the first one where there are several."""
        return self.url_for(self._path)

    def url_for(self, path: str) -> str:
        """Return the URL of a path."""
        return f"{self.scheme}://{self.netloc}{path}"

    def set(
        self,
        text: str | bytes | None = None,
        *,
        path: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        delay: float | None = None,
    ) -> None:
        """Change what the next request gets; what is not given stays. ``path`` says which file ``text`` replaces."""
        with self._reply_lock:
            reply = self._reply
            if text is not None and (path is not None or reply.everywhere is None):
                reply = replace(reply, files={**reply.files, path or self._path: _bytes(text)})
            elif text is not None:
                reply = replace(reply, everywhere=_bytes(text))
            self._reply = replace(
                reply,
                status=reply.status if status is None else status,
                headers=reply.headers if headers is None else _pairs(headers),
                delay=reply.delay if delay is None else delay,
            )

    def _serve(self, connection: Connection) -> None:
        converse(connection, lambda peer, request: self._handle(connection, peer, request))

    def _handle(self, connection: Connection, peer: Peer, request: h11.Request) -> None:
        body = Body()
        body.drain(peer.body())
        with self._reply_lock:
            reply = self._reply
        self._pause(reply.delay)
        seen = SeenRequest(
            connection=connection.number,
            method=request.method.decode("ascii"),
            target=request.target.decode("latin-1"),
            version=request.http_version.decode("ascii"),
            headers=header_pairs(request),
            body_length=body.length,
            body_sha256=body.sha256,
        )
        status, headers, text = _compose(reply, seen)
        self._log.add(replace(seen, status=status))
        if reply.drip and text and seen.method != "HEAD":
            fields = encode_pairs([*headers, ("Content-Length", str(len(text)))])
            peer.send(h11.Response(status_code=status, headers=fields, reason=reason_of(status)))
            connection.send_slowly(text, reply.drip, self._stop)
        else:
            peer.answer(status, headers, text, head=seen.method == "HEAD")


def _compose(reply: _Reply, seen: SeenRequest) -> tuple[int, HeaderPairs, bytes]:
    text = reply.body_of(seen.target.partition("?")[0])
    if text is None:
        return HTTPStatus.NOT_FOUND, (("Content-Type", "text/plain"),), b"no such PAC file\n"
    headers = reply.headers
    if reply.content_type is not None:
        headers = (("Content-Type", reply.content_type), *headers)
    if reply.etag and reply.status == HTTPStatus.OK:
        etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
        headers = (("ETag", etag), *headers)
        known = [value.strip() for field in seen.all_headers("If-None-Match") for value in field.split(",")]
        if etag in known:
            return HTTPStatus.NOT_MODIFIED, headers, b""
    return reply.status, headers, text


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> HeaderPairs:
    return tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)
