"""Getting a PAC file: directly, within limits, and saying clearly why not.

Rules: Chromium net/proxy_resolution/pac_file_fetcher_impl.cc and pac_file_decider.cc; Internet Explorer 11 for file:.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes, urljoin
from urllib.request import url2pathname

import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions

from pacaware._models import redact_url
from pacaware._pac.fetch_trouble import not_obtained, refused
from pacaware._pac.parallel import in_thread
from pacaware._pac.text import check, decode, unpack
from pacaware._trust import system_trust
from pacaware.errors import PacFetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["NotModified", "PacFile", "fetch_pac"]

MAX_BYTES: Final = 1 << 20
MAX_REDIRECTS: Final = 10
_TYPES: Final = ("application/x-ns-proxy-autoconfig", "application/x-javascript-config")
_URL_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_FRESHNESS: Final = ("cache_control", "expires", "age", "date", "etag", "last_modified")


@dataclass(frozen=True, slots=True)
class PacFile:
    """The text of a PAC file, the URL it came from in the end, and what says how long it is fresh (RFC 9111).

    ``size`` is in bytes after decoding; ``seconds`` is how long it took.
    """

    text: str
    url: str
    notes: tuple[str, ...] = ()
    status: int | None = None
    size: int = 0
    seconds: float = 0.0
    cache_control: str | None = None
    expires: str | None = None
    age: str | None = None
    date: str | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says the text that is here is still the right one (RFC 9110, section 15.4.5)."""

    url: str
    cache_control: str | None = None
    expires: str | None = None
    age: str | None = None
    date: str | None = None
    etag: str | None = None
    last_modified: str | None = None


def fetch_pac(
    url: str,
    *,
    allow_file: bool = False,
    connect_timeout: float = 5.0,
    timeout: float = 30.0,
    ssl_context: ssl.SSLContext | None = None,
    etag: str | None = None,
    last_modified: str | None = None,
    resolve: Callable[[str], Sequence[str]] | None = None,
) -> PacFile | NotModified:
    """Get a PAC file by http, https or data, or from a file where that is allowed; never through a proxy.

    Seconds; ``timeout`` bounds everything, a slow drip too. TLS is verified against the store of the operating system
    unless ``ssl_context`` is given. ``etag`` and ``last_modified`` make the request conditional. ``resolve`` returns
    the addresses of a host instead of the system, after redirects too. Raises PacFetchError.
    """
    scheme = _scheme_of(url)
    if scheme in ("http", "https"):
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        download = _Download(url, headers, connect_timeout, time.monotonic() + timeout, ssl_context, resolve)
        return download.in_time(timeout)
    if scheme == "data":
        return _from_data(url)
    if scheme in ("file", ""):
        return _from_file(url, allow_file)
    raise PacFetchError(f"the PAC URL {redact_url(url)} cannot be used: {scheme}: is not http, https or data")


def _scheme_of(url: str) -> str:
    match = _URL_SCHEME.match(url)  # two characters at least: C: is a drive
    return match[1].lower() if match else ""


# -- http and https


class _Download:
    """One download in a thread of its own: name lookups and slow servers cannot be bounded otherwise."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        connect_timeout: float,
        deadline: float,
        ssl_context: ssl.SSLContext | None,
        resolve: Callable[[str], Sequence[str]] | None,
    ) -> None:
        self._url = url
        self._resolve = resolve
        self._headers = {
            "Accept": "application/x-ns-proxy-autoconfig, */*;q=0.8",
            "Accept-Encoding": "gzip, deflate",
            "Cache-Control": "no-cache",
            "User-Agent": "pacaware",
            **headers,
        }
        self._conditional = bool(headers)
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._ssl_context = ssl_context
        self._started = time.monotonic()
        self._connections: list[Any] = []
        self._over = False

    def in_time(self, timeout: float) -> PacFile | NotModified:
        outcome = in_thread(self._run, "fetch")
        try:
            return outcome.result(max(0.0, self._deadline - time.monotonic()))
        except TimeoutError:
            self._abandon()
            raise PacFetchError(
                f"the PAC file {redact_url(self._url)} did not arrive within {timeout:g} s; "
                "check that its server answers from this machine",
                "late",
            ) from None

    def _abandon(self) -> None:
        self._over = True
        for connection in self._connections:
            sock = connection.sock
            if sock is not None:
                try:
                    sock.shutdown(2)
                except OSError:
                    continue

    def _run(self) -> PacFile | NotModified:
        with self._pool() as pool:
            return self._follow(pool)

    def _pool(self) -> urllib3.PoolManager:
        context = self._ssl_context
        if context is None:
            context = system_trust(urllib3)
        pool = urllib3.PoolManager(num_pools=2, maxsize=1, retries=False, ssl_context=context)
        pool.pool_classes_by_scheme = _recording_pools(self._connections, self._resolve)
        return pool

    def _follow(self, pool: urllib3.PoolManager) -> PacFile | NotModified:
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(pool, url)
            try:
                if response.status not in (301, 302, 303, 307, 308):
                    return self._accept(url, response)
                url = self._redirected(url, response.headers.get("Location"))
            finally:
                response.close()
        raise PacFetchError(
            f"the PAC file {redact_url(self._url)} redirects more than {MAX_REDIRECTS} times", "refused"
        )

    def _request(self, pool: urllib3.PoolManager, url: str) -> Any:
        # At the deadline in_time() says what happened, and wakes who reads: these must not come first, by a hair.
        left = max(0.1, self._deadline - time.monotonic()) + 1
        limits = urllib3.Timeout(connect=min(self._connect_timeout, left), read=left)
        try:
            return pool.request(
                "GET",
                url,
                headers=dict(self._headers),
                redirect=False,
                retries=False,
                preload_content=False,
                enforce_content_length=True,
                timeout=limits,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
            raise not_obtained(url, exc, self._connect_timeout) from exc

    def _redirected(self, url: str, location: str | None) -> str:
        if not location:
            raise PacFetchError(f"the PAC file {redact_url(url)} redirects without saying where to", "refused")
        try:
            target = urljoin(url, location)
        except ValueError as exc:
            raise PacFetchError(f"the PAC file {redact_url(url)} redirects to what is not a URL", "refused") from exc
        scheme = _scheme_of(target)
        shown = f"the PAC file {redact_url(url)} redirects to {redact_url(target)[:300]}"
        if scheme not in ("http", "https"):
            raise PacFetchError(f"{shown}, which is not followed: only http and https are", "refused")
        if scheme == "http" and _scheme_of(url) == "https":
            raise PacFetchError(f"{shown}, which is not followed: it would give up encryption", "refused")
        return target

    def _accept(self, url: str, response: Any) -> PacFile | NotModified:
        freshness = {name: response.headers.get(name.replace("_", "-")) for name in _FRESHNESS}
        if response.status == 304 and self._conditional:
            return NotModified(url, **freshness)
        if response.status != 200:
            raise refused(url, response.status)
        body = self._read(url, response)
        content_type = response.headers.get("Content-Type") or ""
        text, notes = decode(body, content_type)
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in _TYPES:
            said = f"as {media_type}" if media_type else "without a type"
            notes.append(f"the PAC file is sent {said}; some programs insist on {_TYPES[0]}")
        check(url, text)
        return PacFile(
            text, url, tuple(notes), response.status, len(body), time.monotonic() - self._started, **freshness
        )

    def _read(self, url: str, response: Any) -> bytes:
        body = bytearray()
        try:
            while len(body) <= MAX_BYTES and not self._over and (piece := response.read(4096, decode_content=False)):
                body += piece
            # Unpacked here: urllib3 takes what breaks off in the middle for complete.
            text = unpack(bytes(body), response.headers.get("Content-Encoding") or "", MAX_BYTES)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
            raise not_obtained(url, exc, self._connect_timeout) from exc
        if max(len(body), len(text)) > MAX_BYTES:
            raise PacFetchError(
                f"the PAC file {redact_url(url)} is larger than 1 MiB, which is not accepted", "not-pac"
            )
        return text


def _recording_pools(connections: list[Any], resolve: Callable[[str], Sequence[str]] | None) -> dict[str, Any]:
    """Return pool classes whose connections are listed, so that they can be ended from outside.

    With ``resolve`` they go to the addresses that it returns.
    """

    def recording(base: Any) -> Any:
        class Recorded(base):  # type: ignore[misc] # the two bases are told apart at run time only
            _dns_host: str  # urllib3's

            def connect(self) -> None:
                connections.append(self)
                super().connect()

            def _new_conn(self) -> Any:
                if resolve is None:
                    return super()._new_conn()
                name: str = self._dns_host
                failure: Exception | None = None
                for address in resolve(name):
                    self._dns_host = address  # where to connect to; the Host field and TLS keep the name
                    try:
                        return super()._new_conn()
                    except (urllib3.exceptions.HTTPError, OSError) as exc:
                        failure = exc
                    finally:
                        self._dns_host = name
                raise failure or PacFetchError(f"no address of {name} is known", "server-name")

        return Recorded

    class HTTPPool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = recording(urllib3.connection.HTTPConnection)

    class HTTPSPool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = recording(urllib3.connection.HTTPSConnection)

    return {"http": HTTPPool, "https": HTTPSPool}


# -- data and file


def _from_data(url: str) -> PacFile:
    """Read a data: URL (RFC 2397)."""
    header, comma, payload = url[5:].partition(",")
    if not comma:
        raise PacFetchError("the PAC URL data: has no comma, so there is no PAC file in it", "not-pac")
    body = unquote_to_bytes(payload)
    if header.replace(" ", "").lower().endswith(";base64"):
        compact = re.sub(rb"\s+", b"", body)
        try:
            body = base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
        except binascii.Error as exc:
            raise PacFetchError("the PAC URL data: says base64, but what follows is not", "not-pac") from exc
    if len(body) > MAX_BYTES:
        raise PacFetchError("the PAC file in the data: URL is larger than 1 MiB, which is not accepted", "not-pac")
    text, notes = decode(body, header)
    check("data:", text)
    return PacFile(text, url, tuple(notes), None, len(body))


def _from_file(url: str, allowed: bool) -> PacFile:
    if not allowed:
        raise PacFetchError(
            f"the PAC file {redact_url(url)} is a local file, refused as in Internet Explorer 11 and Chromium: "
            "put it on a web server (http: or https:), or allow files with allow_file=True or PACAWARE_ALLOW_FILE=1",
            "file",
        )
    path = Path(_file_path(url))
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise PacFetchError(f"the PAC file {path} was not read: {exc}", "file") from exc
    if len(body) > MAX_BYTES:
        raise PacFetchError(f"the PAC file {path} is larger than 1 MiB, which is not accepted", "not-pac")
    text, notes = decode(body, "")
    check(str(path), text)
    return PacFile(text, url, tuple(notes), None, len(body))


def _file_path(url: str) -> str:
    if _scheme_of(url) != "file":
        return url
    rest = url.partition(":")[2].replace("\\", "/")
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "/", rest.removeprefix("/"))
    if host.lower() in ("", "localhost"):
        return url2pathname(slash + path)
    return url2pathname(f"//{host}{slash}{path}")
