"""What the first answer of a server means, judged without a network."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._cli.doctor.answer import Follows, Question, judge_answer, judge_clock, judge_refusal, retry_time
from pacaware._cli.doctor.net import Head, Heard, Trouble, read_head
from pacaware._models import ProxyServer
from tests.cli.doctor.looks import NOW, told

SERVER = ProxyServer("http", "proxy.test", 8080)
CONNECT = Question(SERVER, "CONNECT", "www.example.com", 443)
TRACE = Question(SERVER, "TRACE", "proxy.test", 8080)
VIA = ("via", "1.1 proxy (squid/5.7)")
HTML = ("content-type", "text/html")


def verdict(question: Question, status: int, *headers: tuple[str, str], rest: bytes = b"") -> tuple[str, Follows]:
    """The key and what follows, for an answer with this head."""
    judged = judge_answer(question, Heard(Head(status, "", headers, rest)), NOW)
    return judged.finding.key, judged.follows


@pytest.mark.parametrize(
    ("question", "status", "headers", "key", "follows"),
    [
        (CONNECT, 200, (), "speaks-ok", Follows.THROUGH),
        (CONNECT, 200, (("content-length", "0"),), "speaks-ok", Follows.THROUGH),
        (CONNECT, 200, (HTML, ("content-length", "512")), "speaks-web", Follows.STOP),
        (CONNECT, 200, (HTML, ("transfer-encoding", "chunked")), "speaks-web", Follows.STOP),
        (CONNECT, 407, (("proxy-authenticate", "Basic"),), "speaks-ok", Follows.LOG_ON),
        (CONNECT, 403, (), "speaks-ok", Follows.ORIGIN),
        (CONNECT, 503, (), "speaks-ok", Follows.ORIGIN),
        (CONNECT, 503, (("retry-after", "60"),), "speaks-maintenance", Follows.STOP),
        (CONNECT, 405, (), "speaks-web", Follows.STOP),
        (CONNECT, 405, (VIA,), "speaks-ok", Follows.ORIGIN),
        (CONNECT, 400, (("server", "tinyproxy/1.11"),), "speaks-ok", Follows.ORIGIN),
        (CONNECT, 400, (("x-bluecoat-via", "1"),), "speaks-ok", Follows.ORIGIN),
        (CONNECT, 302, (("location", "https://login.corp.test/?u=x"),), "speaks-login", Follows.STOP),
        (CONNECT, 302, (("location", "/login"),), "speaks-web", Follows.STOP),
        (CONNECT, 302, (("location", "http://[/"),), "speaks-web", Follows.STOP),
        (CONNECT, 302, (), "speaks-error", Follows.STOP),
        (CONNECT, 511, (), "speaks-login", Follows.STOP),
        (CONNECT, 429, (), "speaks-error", Follows.STOP),
        (TRACE, 200, (("content-type", "message/http"),), "speaks-ok", Follows.THROUGH),
        (TRACE, 200, (("content-type", "message/http"), ("server", "Apache/2.4")), "speaks-web", Follows.AGAIN),
        (TRACE, 200, (HTML,), "speaks-web", Follows.AGAIN),
        (TRACE, 200, (HTML, VIA), "speaks-ok", Follows.THROUGH),
        (TRACE, 403, (), "speaks-ok", Follows.AGAIN),
        (TRACE, 405, (), "speaks-web", Follows.AGAIN),
        (TRACE, 501, (VIA,), "speaks-ok", Follows.AGAIN),
    ],
)
def test_an_answer(question: Question, status: int, headers: tuple, key: str, follows: Follows):
    """A proxy shows by its status, by fields that only proxies write, and by what comes with a 200."""
    assert verdict(question, status, *headers) == (key, follows)


def test_bytes_behind_a_200_are_no_tunnel():
    """A page without a length is a web server's."""
    assert verdict(CONNECT, 200, rest=b"<html>")[0] == "speaks-web"


@pytest.mark.parametrize(
    "text", [b"The plain HTTP request was sent to HTTPS port", b"speaking plain HTTP to an SSL-enabled server port."]
)
def test_a_web_servers_word_for_tls(text: bytes):
    """What nginx and Apache answer in plain HTTP at a port for TLS."""
    judged = judge_answer(CONNECT, Heard(Head(400, "Bad Request"), raw=text), NOW)
    assert judged.finding.key == "speaks-tls"
    told(judged.finding)


def test_a_tls_alert():
    """Two bytes are enough to know TLS."""
    heard = Heard(trouble=Trouble("garbage"), raw=b"\x15\x03\x03\x00\x02\x02\x46")
    assert judge_answer(CONNECT, heard, NOW).finding.key == "speaks-tls"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("0", "14:30 (UTC+09:00)"),
        ("90000", "2026-11-23 15:30 (UTC+09:00)"),
        ("Sun, 22 Nov 2026 08:00:00 GMT", "17:00 (UTC+09:00)"),
        ("Mon, 23 Nov 2026 00:00:00 +0200", "2026-11-23 07:00 (UTC+09:00)"),
        ("soon", "?"),
    ],
)
def test_the_end_of_a_maintenance(after: str, expected: str):
    """In local time, with the day where it is another, and the zone."""
    judged = judge_answer(CONNECT, Heard(Head(503, "", (("retry-after", after),))), NOW)
    assert dict(judged.finding.values)["when"] == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_retry_after_can_be_read_or_not(text: str):
    """No text is an error, and no number is too large."""
    when = retry_time(Head(503, "", (("retry-after", text),)), NOW)
    assert when is None or when.tzinfo is not None


@pytest.mark.parametrize(
    ("date", "key"),
    [
        ("Sun, 22 Nov 2026 05:30:00 GMT", "clock-ok"),
        ("Sun, 22 Nov 2026 05:34:30 GMT", "clock-ok"),
        ("Sun, 22 Nov 2026 05:36:00 GMT", "clock-skew"),
        ("Sun, 22 Nov 2026 14:30:00 GMT", "clock-skew"),
        ("Sun, 22 Nov 2026 05:30:00 -0000", "clock-ok"),
    ],
)
def test_the_clock(date: str, key: str):
    """More than five minutes are too many for Kerberos; zones do not matter."""
    finding = judge_clock(Head(200, "", (("date", date),)), NOW)
    assert finding is not None
    assert finding.key == key


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 05:30:00 GMT"])
def test_without_a_date_nothing_is_said(date: str):
    """As of proxies that send none."""
    assert judge_clock(Head(200, "", (("date", date),)), NOW) is None


@pytest.mark.parametrize(
    ("status", "key"), [(405, "origin-forbidden"), (501, "origin-forbidden"), (500, "origin-down")]
)
def test_other_refusals(status: int, key: str):
    """A proxy that does not do what was asked forbids it; one with an error has trouble behind it."""
    assert judge_refusal("https://a.test:443", 443, Head(status, "")).key == key


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest", 200),
        (b"HTTP/1.0 407 Wer da\r\nContent-Length: 5\r\n\r\nhello", 407),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n", None),
        (b"", None),
    ],
)
def test_a_head_in_bytes(raw: bytes, status: int | None):
    """What is no HTTP has none."""
    head = read_head(raw)
    assert (None if head is None else head.status) == status


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_or_not(raw: bytes):
    """No bytes are an error."""
    head = read_head(b"HTTP/1.1 " + raw, connect=True)
    assert head is None or 100 <= head.status <= 999
