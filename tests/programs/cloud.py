"""The other end of what the programs talk to: a package index and repository, a model hub, chat services, tokens."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pacaware.testing import Certificates

__all__ = ["MODEL", "Cloud", "Daemon", "Seen", "sdist_of", "wheel_of"]

TIMEOUT: Final = 30
MODEL: Final = b'{"layers": 7}'
_COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    body: bytes | dict[str, Any] = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200

    def encoded(self) -> bytes:
        return json.dumps(self.body).encode() if isinstance(self.body, dict) else self.body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Nothing: what came is in ``seen``."""

    def handle_any(self) -> None:
        seen = Seen(self.command, self.path, dict(self.headers.items()), self._body())
        self.server.seen.append(seen)
        reply = self.server.answer(seen)
        body = reply.encoded()
        self.send_response(reply.status)
        for name, value in (("Content-Type", reply.kind), ("Content-Length", str(len(body))), *reply.headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


for _method in ("GET", "HEAD", "POST", "PUT"):
    setattr(_Handler, f"do_{_method}", _Handler.handle_any)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Any, answer: Callable[[Seen], Reply], *, tls: bool = False) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self._context = Certificates.shared().server_context() if tls else None
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[Any, Any]:
        sock, address = super().get_request()
        sock.settimeout(TIMEOUT)
        if self._context is not None:  # the handshake is done by the thread that reads
            sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is not an error of the test's."""


class _Unix(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0


class _Running:
    """A server from ``with`` to the end of the block."""

    _server: _Server

    @property
    def seen(self) -> list[Seen]:
        """The requests so far."""
        return list(self._server.seen)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Cloud(_Running):
    """All the services on one port of loopback; ``url`` has a name that only the proxy can resolve."""

    def __init__(self, *, tls: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self._server = _Server(("127.0.0.1", 0), self._answer, tls=tls)
        self.scheme = "https" if tls else "http"
        self.port: int = self._server.server_address[1]
        self.netloc = f"origin.test:{self.port}"
        self.url = f"{self.scheme}://{self.netloc}"

    def _answer(self, seen: Seen) -> Reply:
        path = urlsplit(seen.path).path
        for method, pattern, make in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and seen.method in method:
                return make(self, seen, *match.groups())
        return Reply({"detail": "no such thing"}, status=404)

    # The package index and repository

    def _page(self, seen: Seen, name: str) -> Reply:
        lines = [f'<a href="{self.url}/files/{file}">{file}</a>' for file in self.files if file.startswith(f"{name}-")]
        return Reply("\n".join(["<!DOCTYPE html>", *lines]).encode(), "text/html", status=200 if lines else 404)

    def _file(self, seen: Seen, name: str) -> Reply:
        return Reply(self.files[name], "application/octet-stream")

    def _upload(self, seen: Seen) -> Reply:
        return Reply(b"", "text/plain")

    # The model hub

    def _model(self, seen: Seen, name: str) -> Reply:
        return Reply({"id": name, "sha": _COMMIT, "siblings": [], "tags": [], "private": False, "downloads": 7})

    def _model_file(self, seen: Seen, name: str) -> Reply:
        etag = f'"{hashlib.sha256(MODEL).hexdigest()}"'
        return Reply(MODEL, headers=(("ETag", etag), ("X-Repo-Commit", _COMMIT), ("Accept-Ranges", "bytes")))

    # The chat services

    def _completion(self, seen: Seen) -> Reply:
        message = {"role": "assistant", "content": "by way of the proxy"}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        if json.loads(seen.body).get("stream"):
            chunks = [
                {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
                for word in ("by way ", "of the proxy")
            ]
            lines = [f"data: {json.dumps(answer | chunk)}\n\n" for chunk in chunks]
            return Reply("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")
        return Reply(answer | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def _message(self, seen: Seen) -> Reply:
        content = [{"type": "text", "text": "by way of the proxy"}]
        usage = {"input_tokens": 1, "output_tokens": 1}
        answer = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": content}
        return Reply(answer | {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage})

    # Tokens, and what anybody may ask

    def _token(self, seen: Seen) -> Reply:
        return Reply({"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"})

    def _echo(self, seen: Seen) -> Reply:
        headers = {name.lower(): value for name, value in seen.headers.items()}
        return Reply({"path": seen.path, "headers": headers, "length": len(seen.body)})


_ROUTES: Final[list[tuple[tuple[str, ...], str, Callable[..., Reply]]]] = [
    (("GET",), r"/simple/([a-z-]+)/", Cloud._page),
    (("GET", "HEAD"), r"/files/(.+)", Cloud._file),
    (("POST",), r"/legacy/", Cloud._upload),
    (("GET",), r"/api/models/(.+)", Cloud._model),
    (("GET", "HEAD"), r"/(.+)/resolve/main/config\.json", Cloud._model_file),
    (("POST",), r"/v1/chat/completions", Cloud._completion),
    (("POST",), r"/v1/messages", Cloud._message),
    (("POST",), r"/token", Cloud._token),
    (("GET", "POST", "PUT"), r"/echo.*", Cloud._echo),
]


class Daemon(_Running):
    """As much of a Docker daemon as a ping and a version take, on a Unix socket or on a port of loopback."""

    def __init__(self, socket_path: Path | None = None) -> None:
        self._server = (
            _Server(("127.0.0.1", 0), self._answer) if socket_path is None else _Unix(str(socket_path), self._answer)
        )
        self.port = self._server.server_port

    def _answer(self, seen: Seen) -> Reply:
        if seen.path.endswith("/_ping"):
            return Reply(b"OK", "text/plain", (("Api-Version", "1.47"),))
        return Reply({"Version": "27.0", "ApiVersion": "1.47", "MinAPIVersion": "1.24"})


def _metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def wheel_of(name: str, version: str, module: str = "", needs: str = "") -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel with one module of that name."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": module,
        f"{info}/METADATA": _metadata(name, version) + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text.encode())}\n"
        for path, text in members.items()
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in (*members.items(), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n")):
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", data.getvalue()


def sdist_of(name: str, version: str, backend: str) -> tuple[str, bytes]:
    """Return the file name and the bytes of a source archive that is built by a package named ``backend``."""
    top = f"{name}-{version}"
    members = {
        f"{top}/PKG-INFO": _metadata(name, version),
        f"{top}/pyproject.toml": f'[build-system]\nrequires = ["{backend}"]\nbuild-backend = "{backend}"\n',
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"{top}.tar.gz", data.getvalue()
