"""Logging on to proxies: what is sent when, and what a failure says."""

from __future__ import annotations

import base64
import logging
import time
from typing import ClassVar

import pytest

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials
from pacaware._models import DIRECT
from pacaware.errors import ConfigError, ProxyAuthError
from pacaware.testing import BasicUsers, Certificates, Proxy
from tests.drivers import ListResolver
from tests.scenarios import LOGON, USERS

MEGABYTE = 1024 * 1024


@pytest.fixture
def proxy():
    """A proxy with Basic."""
    with Proxy(BasicUsers(USERS)) as proxy:
        yield proxy


def seen(proxy) -> list[tuple[str, int | None]]:
    """Return the method and status of each request that the proxy saw."""
    return [(request.method, request.status) for request in proxy.requests]


def test_a_logon_is_asked_for_once(driver, proxy, origins):
    """After the first 407 the header goes out at once, on this connection and on new ones."""
    http, https = origins["http"], origins["https"]
    with driver.client(resolver=ListResolver(proxy.pac_text), proxy_auth=LOGON) as client:
        for url in (http.url, http.url, https.url):
            assert client.get(url + "/").status_code == 200
    assert seen(proxy) == [("GET", 407), ("GET", 200), ("GET", 200), ("CONNECT", 200)]


@pytest.mark.parametrize("body", [10, MEGABYTE], ids=["small", "of one MiB"])
def test_a_body_that_exists_once_is_kept_for_a_second_leg(driver, proxy, origins, body: int):
    """Up to a MiB is read ahead while it is not known whether the proxy asks."""
    with driver.client(resolver=ListResolver(proxy.pac_text), proxy_auth=LOGON) as client:
        answer = client.post(origins["http"].url + "/", content=client.body([b"x" * body]).content)
    assert answer.json()["body_length"] == body
    assert seen(proxy) == [("POST", 407), ("POST", 200)]


def test_a_large_body_that_exists_once_waits_for_the_logon(driver, proxy, origins):
    """The proxy answers a TRACE that goes no further; then the body is sent once, on the same connection."""
    with driver.client(resolver=ListResolver(proxy.pac_text), proxy_auth=LOGON) as client:
        content = client.body([b"x" * 65536] * 40).content
        answer = client.post(origins["http"].url + "/", content=content, headers={"Cookie": "secret"})
        again = client.post(origins["http"].url + "/", content=client.body([b"x" * 65536] * 40).content)
    assert answer.json()["body_length"] == again.json()["body_length"] == 40 * 65536
    assert seen(proxy) == [("TRACE", 407), ("TRACE", 200), ("POST", 200), ("POST", 200)]
    assert {request.connection for request in proxy.requests} == {1}
    assert all(request.header("Cookie") is None for request in proxy.requests if request.method == "TRACE")


def test_without_credentials_a_body_is_not_read_ahead(driver, origins):
    """A transport that has nobody to log on as sends the body as it comes, with no request before it."""
    with Proxy() as proxy, driver.client(resolver=ListResolver(proxy.pac_text)) as client:
        answer = client.post(origins["http"].url + "/", content=client.body([b"x" * 65536] * 40).content)
        assert answer.json()["body_length"] == 40 * 65536
        assert seen(proxy) == [("POST", 200)]


def test_credentials_of_a_proxy_url_go_out_at_once(driver, origins):
    """What the caller wrote into the URL, percent-encoded, is sent before the proxy asks."""
    with Proxy(BasicUsers({"alice": "pa:s@ wörd"})) as proxy:
        url = f"http://alice:pa%3As%40%20w%C3%B6rd@{proxy.netloc}"
        for form in (url, driver.module.URL(url), driver.module.Proxy(url)):
            with driver.client(proxy=form) as client:
                assert client.get(origins["http"].url + "/").status_code == 200
                assert client.get(origins["https"].url + "/").status_code == 200
        assert seen(proxy) == [("GET", 200), ("CONNECT", 200)] * 3


def test_a_refused_logon_inside_connect_is_a_proxy_error(driver, proxy, origins):
    """It says which proxy, what was tried and what to do, and never the password."""
    refused = pytest.raises(driver.module.ProxyError, match=r"^407 ")
    with driver.client(proxy=proxy.server, proxy_auth=("alice", "wr0ng")) as client, refused as caught:
        client.get(origins["https"].url + "/")
    assert isinstance(caught.value.__cause__, ProxyAuthError)
    assert proxy.netloc in str(caught.value)
    assert "proxy_auth=" in str(caught.value)
    assert "wr0ng" not in repr(caught.value)
    assert str(caught.value.request.url) == origins["https"].url + "/"


def test_a_407_to_plain_http_is_an_answer_and_a_warning(driver, proxy, origins, caplog):
    """Without CONNECT the 407 goes to the program; the log says why."""
    with caplog.at_level(logging.WARNING, "pacaware"), driver.client(proxy=proxy.server, trust_env=False) as client:
        answer = client.get(origins["http"].url + "/")
    assert answer.status_code == 407
    assert "asks for a logon" in answer.text
    (record,) = [record for record in caplog.records if record.name == "pacaware"]
    assert "no credentials were found" in record.getMessage()
    assert proxy.netloc in record.getMessage()


def test_the_callers_proxy_authorization_goes_nowhere(driver, origins, caplog):
    """Neither the origin nor a proxy sees the header; one warning names the argument to use."""
    with Proxy() as proxy, caplog.at_level(logging.WARNING, "pacaware"):
        with driver.client(resolver=ListResolver(proxy.pac_text)) as client:
            for url in (origins["http"].url, origins["https"].url):
                answer = client.get(url + "/", headers={"Proxy-Authorization": "Basic c2VjcmV0"})
                assert "proxy-authorization" not in {name.lower() for name, _ in answer.json()["headers"]}
        assert [request.header("Proxy-Authorization") for request in proxy.requests] == [None, None]
    (record,) = [record for record in caplog.records if record.name == "pacaware"]
    assert "proxy_auth=" in record.getMessage()
    assert "c2VjcmV0" not in record.getMessage()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_credentials_that_cannot_be_read_are_a_proxy_error(driver, proxy, origins, tmp_path, monkeypatch, scheme: str):
    """A password file that others can read is not used, and the error names it."""
    path = tmp_path / "password"
    path.write_text("s3cret")
    path.chmod(0o644)
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    monkeypatch.setenv("PACAWARE_PROXY_PASSWORD_FILE", str(path))
    resolver, refused = ListResolver(proxy.pac_text), pytest.raises(driver.module.ProxyError, match="chmod 600")
    with driver.client(resolver=resolver) as client, refused as caught:
        client.get(origins[scheme].url + "/")
    assert isinstance(caught.value.__cause__, ConfigError)


class SlowBasic(AuthScheme):
    """Basic that waits in each step, as for a key server, and needs two legs for each request."""

    name: ClassVar[str] = "basic"
    strength: ClassVar[int] = 9

    def __init__(self, user: str, password: str) -> None:
        self.credentials = Credentials(user, password)
        self.steps = 0

    def start(self, proxy, credentials):
        return _SlowExchange(self)


class _SlowExchange(AuthExchange):
    def __init__(self, scheme: SlowBasic) -> None:
        self._scheme = scheme

    def step(self, challenge, method, target):
        time.sleep(0.01)
        self._scheme.steps += 1
        pair = f"{self._scheme.credentials.user}:{self._scheme.credentials.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def rejects(self, challenge):
        return False


def test_no_request_slips_in_between_two_legs(driver, proxy, origins):
    """81 POSTs at once over a few connections, each with a logon that takes its time: every body arrives whole."""
    scheme = SlowBasic(*LOGON)
    limits = driver.module.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=60)
    with driver.client(proxy=proxy.server, proxy_auth=scheme, limits=limits, timeout=60) as client:
        url = origins["http"].url + "/"
        for count in (1, 40, 40):
            answers = client.at_once([("POST", url, {"content": b"z" * size}) for size in range(count)])
            assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * count
            assert [answer.json()["body_length"] for answer in answers] == list(range(count))
    assert scheme.steps == 81
    assert proxy.connections <= 8


@pytest.mark.parametrize(
    "arguments",
    [
        {"proxy": DIRECT, "pac_url": "http://p.test/x.pac"},
        {"proxy": "http://p.test:1", "resolver": ListResolver("DIRECT")},
        {"proxy": ""},
        {"proxy": "ftp://p.test"},
        {"proxy": "http://p.test:99999"},
        {"proxy": 8080},
        {"proxy_auth": 1},
    ],
    ids=str,
)
def test_arguments_that_cannot_be_used(driver, arguments):
    """They are a ConfigError where they were written."""
    with pytest.raises(ConfigError):
        driver.transport(**arguments)


@pytest.mark.parametrize("form", ["text", "url", "server", "proxy"])
def test_a_proxy_may_be_given_in_every_form(driver, form: str, origins):
    """A URL as text or httpx's own, a ProxyServer, and httpx's Proxy with its own TLS context and headers."""
    with Proxy(tls=form == "proxy") as proxy:
        context = Certificates.shared().client_context()
        given = {
            "text": lambda: proxy.url,
            "url": lambda: driver.module.URL(proxy.url),
            "server": lambda: proxy.server,
            "proxy": lambda: driver.module.Proxy(proxy.url, ssl_context=context, headers={"X-Team": "blue"}),
        }[form]()
        with driver.client(proxy=given) as client:
            first, second = client.get(origins["http"].url + "/"), client.get(origins["https"].url + "/")
        assert first.extensions["pacaware"].source == second.extensions["pacaware"].source == "explicit"
        assert seen(proxy) == [("GET", 200), ("CONNECT", 200)]
        expected = "blue" if form == "proxy" else None
        assert [request.header("X-Team") for request in proxy.requests] == [expected, expected]
