"""What every host library does alike, with requests."""

from __future__ import annotations

import pytest
import requests
import urllib3

from pacaware import _requests
from pacaware._core import route
from pacaware._models import DIRECT
from pacaware.errors import NoProxyWorked
from tests.scenarios import FAIL_OVER, FINAL, LOGON, WORKING, Scenario

ERRORS = {
    "ConnectError": requests.exceptions.ProxyError,
    "ConnectTimeout": requests.exceptions.ConnectTimeout,
    "ProxyError": requests.exceptions.ProxyError,
    "ReadError": requests.exceptions.ConnectionError,
    "ReadTimeout": requests.exceptions.ReadTimeout,
    "RemoteProtocolError": requests.exceptions.RequestException,
}
TIMEOUT = 2.0


def prepare(scenario: Scenario, start, new_session, origins):
    """Return the servers by name, the session and the URL of a scenario."""
    servers = {name: start(name) for name in scenario.servers if name != "DIRECT"}
    candidates = [DIRECT if name == "DIRECT" else servers[name] for name in scenario.servers]
    # Without a proxy nobody knows origin.test.
    host = "localhost" if scenario.used == "DIRECT" else "origin.test"
    session = new_session(*candidates, proxy_auth=LOGON)
    return servers, session, origins[scenario.scheme].url_for(host, "/path")


@pytest.mark.parametrize("scenario", WORKING, ids=str)
def test_working_proxies(scenario, start, new_session, origins):
    """Every kind of proxy carries a request, and the next one over the same connection where that can be kept."""
    servers, session, url = prepare(scenario, start, new_session, origins)
    first = session.get(url, timeout=5)
    second = session.post(url, data=b"x" * 10, timeout=5)
    assert [first.status_code, second.status_code] == [200, 200]
    assert second.json()["body_length"] == 10
    assert str(first.pacaware.proxies) == (servers[scenario.used].pac_text if servers else "DIRECT")


@pytest.mark.parametrize("scenario", FAIL_OVER, ids=str)
def test_fail_over(scenario, start, new_session, origins):
    """A proxy that cannot be reached is passed over, and the request arrives once."""
    servers, session, url = prepare(scenario, start, new_session, origins)
    response = session.post(url, data=b"x", timeout=(0.6, 5))
    assert response.json()["body_length"] == 1
    assert len(origins[scenario.scheme].requests) == 1
    if scenario.used != "DIRECT":
        assert len(servers[scenario.used].requests) == 1
    [(used, failed)] = session.pacaware._dispatcher._resolver().reports
    assert [used.partition(" ")[2], len(failed)] == [
        "" if scenario.used == "DIRECT" else servers[scenario.used].netloc,
        len(scenario.servers) - 1,
    ]


@pytest.mark.parametrize("scenario", FINAL, ids=str)
def test_the_end_of_the_list(scenario, start, new_session, origins):
    """An answer, or a request that may have arrived, is final: no other candidate sees it."""
    if urllib3.__version__.startswith("1.") and scenario.servers[0] == "half an answer":
        pytest.skip("requests on urllib3 1.26 takes half a body for a whole one, with and without a proxy")
    servers, session, url = prepare(scenario, start, new_session, origins)
    if scenario.error:
        with pytest.raises(ERRORS[scenario.error]):
            session.post(url, data=b"x", timeout=(0.6, 0.6))
    else:
        assert session.post(url, data=b"x", timeout=TIMEOUT).status_code == scenario.status
    assert origins[scenario.scheme].requests == ()
    if "plain" in servers:
        assert servers["plain"].connections == 0


def test_no_proxy_worked(start, new_session, url):
    """When no candidate can be reached, the error is requests' own, caused by NoProxyWorked, with a note for each."""
    dead, closing = start("dead"), start("dead socks")
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        new_session(dead, closing).get(url, timeout=2)
    assert isinstance(caught.value.__cause__, NoProxyWorked)
    assert caught.value.__notes__ == [
        f"pacaware: PROXY {dead.netloc} failed: no connection: connection refused",
        f"pacaware: SOCKS5 {closing.netloc} failed: no connection: connection refused",
    ]
    assert caught.value.request.url == url


def test_all_timed_out(start, new_session, url):
    """When every candidate was silent, it is a ConnectTimeout."""
    holes = start("black hole socks"), start("drops packets")
    with pytest.raises(requests.exceptions.ConnectTimeout) as caught:
        new_session(*holes).get(url, timeout=(0.3, 5))
    assert [reason for _, reason in caught.value.__cause__.attempts] == [
        "the handshake with it: no answer within 0.3 s",
        "no connection: no answer within 0.3 s",
    ]


def test_refused_tunnel(start, new_session, tls_origin):
    """A refused CONNECT keeps urllib3's text."""
    with pytest.raises(requests.exceptions.ProxyError, match="Tunnel connection failed: 403"):
        new_session(start("says 403")).get(tls_origin.url_for("origin.test"), timeout=2)


def test_without_a_limit_every_candidate_but_the_last_has_one(start, new_session, url, monkeypatch):
    """With no timeout a black hole is left after ten seconds (here: less), and the last candidate may take its time."""
    monkeypatch.setattr(route, "_CANDIDATE_SECONDS", 0.3)
    response = new_session(start("drops packets"), start("plain")).post(url, data=b"x")
    assert response.json()["body_length"] == 1


def test_the_limit_ends_when_the_route_stands(start, new_session, origin, monkeypatch):
    """The limit on a candidate does not hold for the response."""
    monkeypatch.setattr(route, "_CANDIDATE_SECONDS", 1.0)
    slow = origin.url_for("origin.test", "/slow?s=1.5")
    assert new_session(start("plain"), start("dead")).get(slow).status_code == 200


def test_one_shell_for_a_module():
    """The shell of a module is made once."""
    assert _requests.build(requests) is _requests.build(requests)
