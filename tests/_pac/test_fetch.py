"""Getting PAC files: what is accepted, what is refused, and what the error says."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import gzip
import http.server
import inspect
import re
import socket
import ssl
import sys
import threading
import time
import zlib
from urllib.parse import quote

import pytest
import trustme

from pacaware._pac import fetch
from pacaware._pac.fetch import NotModified, fetch_pac
from pacaware.errors import PacFetchError

PAC = "function FindProxyForURL(url, host) { return 'DIRECT' }"
TYPE = "application/x-ns-proxy-autoconfig"


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self):
        self.server.requests.append(self)
        self.server.answer(self)

    def log_message(self, *args):
        pass

    def reply(self, status=200, body=PAC, **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content_Type": TYPE, "Content_Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that leave early are what some tests are about


@pytest.fixture
def serve():
    """Start servers on loopback, each answering by a function of its handler."""
    servers = []

    def start(answer=Handler.reply, context=None):
        server = Server(("127.0.0.1", 0), Handler)
        server.answer, server.requests = answer, []
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        # urllib3 1.26 does not check certificates for bare addresses.
        server.url = f"{'https://localhost' if context else 'http://127.0.0.1'}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(5)
        server.server_close()


def answering(**reply):
    return lambda handler: handler.reply(**reply)


def test_plain(serve):
    """The text comes with its size, status and what says how long it is fresh."""
    server = serve(
        answering(
            Cache_Control="max-age=60", ETag='"1"', Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT", Age="3", Expires="0"
        )
    )
    got = fetch_pac(server.url + "/proxy.pac?x=1")
    assert (got.text, got.url, got.status, got.size, got.notes) == (
        PAC,
        server.url + "/proxy.pac?x=1",
        200,
        len(PAC),
        (),
    )
    assert (got.cache_control, got.etag, got.age, got.expires) == ("max-age=60", '"1"', "3", "0")
    assert got.last_modified == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert got.date
    assert 0 < got.seconds < 5
    assert server.requests[0].path == "/proxy.pac?x=1"


def test_conditional(serve):
    """With what was got before the server may say that nothing changed."""
    server = serve(answering(status=304, body="", ETag='"1"', Cache_Control="max-age=5"))
    got = fetch_pac(server.url, etag='"1"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")
    assert got == NotModified(server.url, "max-age=5", date=got.date, etag='"1"')
    sent = server.requests[0].headers
    assert (sent["If-None-Match"], sent["If-Modified-Since"]) == ('"1"', "Mon, 01 Jan 2024 00:00:00 GMT")
    with pytest.raises(PacFetchError, match="status 304"):
        fetch_pac(server.url)


def test_never_through_a_proxy(serve, monkeypatch):
    """The proxies of the environment play no part."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch_pac(serve().url).text == PAC


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (f"// \u00e9\n{PAC}".encode(), TYPE, f"// \u00e9\n{PAC}"),
        (f"// \u00e9\n{PAC}".encode("latin-1"), TYPE, f"// \u00e9\n{PAC}"),
        (f"// \u65e5\n{PAC}".encode("shift_jis"), TYPE + "; charset=Shift_JIS", f"// \u65e5\n{PAC}"),
        (f"// \u65e5\n{PAC}".encode("cp932"), TYPE + '; charset="windows-31j"', f"// \u65e5\n{PAC}"),
        (b"\xef\xbb\xbf" + PAC.encode(), TYPE, PAC),
        (b"\xef\xbb\xbf" + PAC.encode(), TYPE + "; charset=utf-8", PAC),
        (PAC.encode("utf-16"), TYPE, PAC),
        (PAC.encode("utf-16"), TYPE + "; charset=utf-16", PAC),
        (b"\xfe\xff" + PAC.encode("utf-16-be"), TYPE, PAC),
        (b"// \xe9\n" + PAC.encode(), TYPE + "; charset=utf-8", f"// \ufffd\n{PAC}"),
        (PAC.encode(), TYPE + "; charset=klingon", PAC),
    ],
)
def test_decoding(serve, body, content_type, text):
    """Charset of the header, byte order mark, UTF-8, else Latin-1."""
    got = fetch_pac(serve(answering(body=body, Content_Type=content_type)).url)
    assert got.text == text
    assert bool(got.notes) == ("klingon" in content_type)


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", None])
def test_any_type_is_taken_with_a_note(serve, content_type):
    """A wrong MIME type does no harm but is noted."""
    got = fetch_pac(serve(answering(Content_Type=content_type)).url)
    assert got.text == PAC
    assert TYPE in got.notes[0]


def test_compressed(serve):
    """A compressed file is unpacked, and the limit is on what comes out."""
    server = serve(answering(body=gzip.compress(PAC.encode()), Content_Encoding="gzip"))
    assert fetch_pac(server.url).text == PAC
    bomb = gzip.compress(b"x" * (20 << 20))
    with pytest.raises(PacFetchError, match="larger than 1 MiB"):
        fetch_pac(serve(answering(body=bomb, Content_Encoding="gzip")).url)


def test_size_limit(serve):
    """1 MiB is accepted, a byte more is not."""
    body = PAC + " " * (fetch.MAX_BYTES - len(PAC))
    assert fetch_pac(serve(answering(body=body)).url).size == fetch.MAX_BYTES
    with pytest.raises(PacFetchError, match="larger than 1 MiB"):
        fetch_pac(serve(answering(body=body + " ")).url)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"status": 404}, "status 404; its server does not have it"),
        ({"status": 401}, "status 401; its server wants a logon"),
        ({"status": 503}, "status 503; its server has trouble"),
        ({"status": 204, "body": ""}, "status 204; only 200"),
        ({"status": 206}, "status 206"),
        ({"body": ""}, "is empty"),
        ({"body": "hello"}, "does not contain FindProxyForURL"),
        ({"body": "\n<!DOCTYPE html><title>Log on</title>", "Content_Type": "text/html"}, "captive portal"),
        ({"status": 302, "body": ""}, "without saying where"),
        ({"status": 302, "body": "", "Location": "http://[::1"}, "not a URL"),
        ({"body": b"junk", "Content_Encoding": "gzip"}, "did not send it"),
        ({"body": PAC, "Content_Length": "9999"}, "did not send it"),
    ],
)
def test_not_obtained(serve, reply, words):
    """What comes instead of a PAC file is said, with the URL and without its secrets."""
    server = serve(answering(**reply))
    with pytest.raises(PacFetchError) as caught:
        fetch_pac(server.url.replace("//", "//user:secret@") + "/p.pac?token=secret")
    assert words in str(caught.value)
    assert f"{server.url}/p.pac?token=..." in str(caught.value)
    assert "secret" not in str(caught.value)


def test_redirects(serve):
    """Redirects are followed up to ten times, relative ones too; the URL in the end is told."""

    def answer(handler):
        step = int(handler.path.strip("/") or 0)
        handler.reply() if step == limit else handler.reply(302, "", Location=f"/{step + 1}")

    server = serve(answer)
    limit = 10
    assert fetch_pac(server.url + "/0").url == server.url + "/10"
    limit = 11
    with pytest.raises(PacFetchError, match="more than 10 times"):
        fetch_pac(server.url + "/0")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "data:,FindProxyForURL", "ftp://h/p.pac", "javascript:1"])
def test_redirects_to_other_schemes(serve, target):
    """A server cannot send us to a file or anything else that is not http."""
    server = serve(answering(status=302, body="", Location=target))
    with pytest.raises(PacFetchError, match="only http and https"):
        fetch_pac(server.url, allow_file=True)


@pytest.fixture(scope="module")
def tls():
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_https(serve, tls):
    """TLS is verified: against the context that is given, else against the store of the system."""
    server = serve(context=tls[0])
    assert fetch_pac(server.url, ssl_context=tls[1]).text == PAC
    with pytest.raises(PacFetchError, match="certificate"):
        fetch_pac(server.url)


def test_https_is_not_given_up(serve, tls):
    """A redirect from https to http is not followed; the other way round it is."""
    plain = serve()
    server = serve(answering(status=302, body="", Location=plain.url), context=tls[0])
    with pytest.raises(PacFetchError, match="give up encryption"):
        fetch_pac(server.url, ssl_context=tls[1])
    assert plain.requests == []
    up = serve(answering(status=302, body="", Location=serve(context=tls[0]).url))
    assert fetch_pac(up.url, ssl_context=tls[1]).text == PAC


@pytest.mark.parametrize("part", ["headers", "body", "nothing"])
def test_slow_drip_is_bounded(serve, part):
    """A server that sends a byte now and then, or nothing, does not hold us longer than the timeout."""
    over = threading.Event()

    def drip(handler):
        if part == "body":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        while not over.is_set() and part != "nothing":
            handler.wfile.write(b"x")
            handler.wfile.flush()
            over.wait(0.02)
        over.wait(5)

    server = serve(drip)
    started = time.monotonic()
    with pytest.raises(PacFetchError, match=r"did not arrive within 0.3 s|did not send it"):
        fetch_pac(server.url, timeout=0.3)
    assert time.monotonic() - started < 1.5
    over.set()


def test_no_server():
    """A closed port is said at once, with advice."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(PacFetchError, match=r"no connection to 127\.0\.0\.1"):
            fetch_pac(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["http://", "http://[::1", "https://:80/", "http://a b/", "http://127.0.0.1:99999/"])
def test_impossible_urls(url):
    """A URL that leads nowhere is an error like any other."""
    with pytest.raises(PacFetchError):
        fetch_pac(url, timeout=5)


@pytest.mark.parametrize(
    "url",
    [
        f"data:{TYPE},{quote(PAC)}",
        f"data:{TYPE};base64,{base64.b64encode(PAC.encode()).decode()}",
        f"DATA:;base64,{base64.b64encode(PAC.encode()).decode().rstrip('=')}",
        f"data:text/plain;charset=utf-16le,{quote(PAC.encode('utf-16-le'))}",
        f"data:,{PAC}",
    ],
)
def test_data_urls(url):
    """data: URLs hold the text themselves, in base64 or not."""
    assert fetch_pac(url).text == PAC


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:text/plain", "no comma"),
        ("data:;base64,!!!!", "base64"),
        ("data:,hello", "does not contain"),
        ("data:," + "x" * (fetch.MAX_BYTES + 1), "1 MiB"),
        ("ftp://h/p.pac", "not http, https or data"),
        ("gopher://h/", "gopher: is not"),
    ],
)
def test_what_cannot_be_used(url, words):
    """Other URLs are refused with the reason, and shown short."""
    with pytest.raises(PacFetchError, match=words) as caught:
        fetch_pac(url)
    assert len(str(caught.value)) < 300


def test_files_only_if_allowed(tmp_path):
    """A file is refused as Internet Explorer 11 does, with advice, unless files are allowed."""
    path = tmp_path / "a proxy.pac"
    path.write_bytes(b"\xef\xbb\xbf" + PAC.encode())
    urls = [
        str(path),
        path.as_uri(),
        path.as_uri().replace("file:///", "file:/"),
        f"file://localhost{quote(str(path))}",
    ]
    for url in urls:
        with pytest.raises(PacFetchError, match=r"Internet Explorer 11.*web server.*allow_file=True"):
            fetch_pac(url)
        assert fetch_pac(url, allow_file=True).text == PAC
    with pytest.raises(PacFetchError, match="was not read"):
        fetch_pac(str(tmp_path / "none"), allow_file=True)
    path.write_text("x" * (fetch.MAX_BYTES + 1))
    with pytest.raises(PacFetchError, match="1 MiB"):
        fetch_pac(str(path), allow_file=True)


def test_drive_letters_are_paths():
    """C: is a drive and not a scheme."""
    with pytest.raises(PacFetchError, match="local file"):
        fetch_pac(r"C:\temp\proxy.pac")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the store is a file elsewhere only")
def test_private_authority_in_the_store(serve, tmp_path, monkeypatch):
    """A company's own authority is accepted once it is in the store of the system, and only then."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    store = tmp_path / "store.pem"
    authority.cert_pem.write_to_path(store)
    server = serve(context=context)
    with pytest.raises(PacFetchError, match="install that root"):
        fetch_pac(server.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    assert fetch_pac(server.url).text == PAC


YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
CERTIFICATES = {
    "of another name": ({"identity": "other.test"}, "(?i)name mismatch|doesn't match|not valid for"),
    "that has expired": ({"not_after": YESTERDAY}, "(?i)expired"),
    "that is not valid yet": ({"not_before": YESTERDAY + dt.timedelta(days=9)}, "(?i)not yet valid"),
    "of an unknown authority": ({"authority": trustme.CA()}, "(?i)unable to get local issuer|self.signed"),
}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the store is a file elsewhere only")
@pytest.mark.parametrize("kind", CERTIFICATES)
@pytest.mark.parametrize("context", ["store", "context"])
def test_certificates_that_are_not_accepted(serve, tmp_path, monkeypatch, kind, context):
    """Whoever is trusted, a wrong certificate is an error that says what is wrong with it, and nothing is sent."""
    options, words = dict(CERTIFICATES[kind][0]), CERTIFICATES[kind][1]
    trusted = trustme.CA()
    issued = options.pop("authority", trusted).issue_cert(options.pop("identity", "localhost"), **options)
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(theirs)
    trusted.configure_trust(ours)
    trusted.cert_pem.write_to_path(tmp_path / "store.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    server = serve(context=theirs)
    with pytest.raises(PacFetchError, match="the certificate of its server was not accepted") as caught:
        fetch_pac(server.url + "/?key=secret", ssl_context=ours if context == "context" else None)
    assert re.search(words, str(caught.value))
    assert "secret" not in str(caught.value)
    assert server.requests == []


def test_what_is_no_tls(serve):
    """A server that speaks plain http where https is expected is said to have sent none."""
    server = serve()
    with pytest.raises(PacFetchError, match="was not obtained"):
        fetch_pac(server.url.replace("http:", "https:"))
    assert server.requests == []


def test_connecting_takes_five_seconds_at_most():
    """A server whose queue is full, or that is behind a wall, is given up after the time to connect, not later."""
    defaults = inspect.signature(fetch_pac).parameters
    assert (defaults["connect_timeout"].default, defaults["timeout"].default) == (5.0, 30.0)
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than its queue holds
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        with pytest.raises(PacFetchError, match=r"no connection to 127\.0\.0\.1 within 0\.3 s"):
            fetch_pac(f"http://127.0.0.1:{full.getsockname()[1]}/", connect_timeout=0.3, timeout=20)


def test_truncated_in_chunks(serve):
    """A body in chunks that breaks off is no PAC file, even if its text would do."""

    def answer(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(PAC), PAC.encode()))

    with pytest.raises(PacFetchError, match="did not send it"):
        fetch_pac(serve(answer).url)


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_in_compression(serve, kept):
    """So is a compressed body that breaks off."""
    body = gzip.compress((PAC + "\n" + "".join(f"// {n * 7919 % 4093}\n" for n in range(5000))).encode())
    cut = body[: int(len(body) * kept)]
    with pytest.raises(PacFetchError, match="it breaks off"):
        fetch_pac(serve(answering(body=cut, Content_Encoding="gzip")).url)


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(PAC.encode()), "gzip", None),
        (gzip.compress(PAC.encode()), "X-GZIP", None),
        (gzip.compress(PAC[:20].encode()) + gzip.compress(PAC[20:].encode()), "gzip", None),
        (gzip.compress(PAC.encode()) + b"\0" * 9, "gzip", None),
        (zlib.compress(PAC.encode()), "deflate", None),
        (zlib.compress(PAC.encode())[2:-4], "deflate", None),
        (zlib.compress(gzip.compress(PAC.encode())), "gzip, deflate", None),
        (PAC.encode(), "identity", None),
        (PAC.encode(), "", None),
        (b"", "gzip", "is empty"),
        (PAC.encode(), "gzip", "cannot be unpacked"),
        (zlib.compress(PAC.encode())[:-1], "deflate", "breaks off|cannot be unpacked"),
        (gzip.compress(PAC.encode())[:-9] + b"x" * 9, "gzip", "cannot be unpacked"),
        (PAC.encode(), "br", "packed as br, which was not asked for"),
        (gzip.compress(gzip.compress(b"x" * (20 << 20))), "gzip, gzip", "larger than 1 MiB"),
        (b"x" * (1 << 20) + b"x", "gzip", "cannot be unpacked"),
        (gzip.compress(PAC.encode() + b" " * ((1 << 20) - len(PAC))), "gzip", None),
        (gzip.compress(PAC.encode() + b" " * ((1 << 20) - len(PAC) + 1)), "gzip", "larger than 1 MiB"),
    ],
)
def test_packed_in_every_way(serve, body, encoding, words):
    """What is packed in a way that was asked for is unpacked, up to 1 MiB; anything else is an error."""
    server = serve(answering(body=body, Content_Encoding=encoding))
    if words is None:
        assert fetch_pac(server.url).text.rstrip() == PAC
        assert server.requests[0].headers["Accept-Encoding"] == "gzip, deflate"
    else:
        with pytest.raises(PacFetchError, match=words):
            fetch_pac(server.url)


# -- addresses from somewhere else than the system


def test_resolve(serve):
    """The address comes from who was given to ask, the server still sees the name."""
    server = serve()
    url = server.url.replace("127.0.0.1", "wpad.corp.test")
    asked = []
    got = fetch_pac(url + "/wpad.dat", resolve=lambda host: asked.append(host) or ["127.0.0.1"])
    assert (got.text, got.url, asked) == (PAC, url + "/wpad.dat", ["wpad.corp.test"])
    assert server.requests[0].headers["Host"] == url.removeprefix("http://")


def test_resolve_to_several_addresses(serve):
    """They are tried in order; without one that answers the error is that of the last."""
    url = serve().url.replace("127.0.0.1", "wpad.corp.test")
    assert fetch_pac(url, resolve=lambda host: ["127.0.0.9", "127.0.0.1"]).text == PAC
    with pytest.raises(PacFetchError, match="no connection to wpad"):
        fetch_pac(url, resolve=lambda host: ["127.0.0.9"])
    with pytest.raises(PacFetchError, match=r"no address of wpad\.corp\.test is known"):
        fetch_pac(url, resolve=lambda host: [])


def test_resolve_that_refuses(serve):
    """What it raises is what is raised; redirects are asked about, too, and nothing is sent to what is refused."""
    target = serve()
    server = serve(answering(status=302, Location=target.url + "/p.pac"))

    def refusing(host):
        if host == "127.0.0.1":
            raise PacFetchError(f"{host} is refused")
        return ["127.0.0.1"]

    with pytest.raises(PacFetchError, match=r"^127\.0\.0\.1 is refused$"):
        fetch_pac(server.url.replace("127.0.0.1", "wpad.corp.test"), resolve=refusing)
    assert (len(server.requests), target.requests) == (1, [])


def test_resolve_for_tls(serve):
    """The certificate is checked against the name, not the address."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("wpad.corp.test").configure_cert(context)
    server = serve(context=context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def fetch(host):
        url = server.url.replace("localhost", host)
        return fetch_pac(url, ssl_context=trusting, resolve=lambda host: ["127.0.0.1"])

    assert fetch("wpad.corp.test").text == PAC
    with pytest.raises(PacFetchError, match="certificate"):
        fetch("other.corp.test")
