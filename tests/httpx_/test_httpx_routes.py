"""What becomes of a request that goes by a list of proxies."""

from __future__ import annotations

import pytest

from pacaware.errors import NoProxyWorked
from tests.drivers import ListResolver
from tests.scenarios import FAIL_OVER, FINAL, LOGON, WORKING, Scenario


def list_of(scenario: Scenario, servers: dict) -> str:
    """Return the PAC result that names the servers."""
    return "; ".join("DIRECT" if name == "DIRECT" else servers[name].pac_text for name in scenario.servers)


def url_of(scenario: Scenario, origin) -> str:
    """Return a URL under a name that only proxies know, or under one that holds for DIRECT too."""
    return f"{origin.scheme}://localhost:{origin.port}/x?y=1"


@pytest.fixture
def servers(scenario: Scenario, start):
    """The servers of the scenario."""
    return {name: start(name) for name in scenario.servers if name != "DIRECT"}


@pytest.mark.parametrize("scenario", WORKING, ids=str)
def test_the_origin_answers_by_the_proxy(driver, scenario, servers, origins):
    """GET, POST and a body that exists once arrive whole, and nothing meant for the proxy arrives with them."""
    origin, resolver = origins[scenario.scheme], ListResolver(list_of(scenario, servers))
    url = url_of(scenario, origin)
    with driver.client(resolver=resolver, proxy_auth=LOGON) as client:
        first = client.get(url)
        second = client.post(url, content=b"x" * 1000)
        third = client.post(url, content=client.body([b"ab", b"cd"]).content)
    assert [answer.json()["method"] for answer in (first, second, third)] == ["GET", "POST", "POST"]
    assert [answer.json()["body_length"] for answer in (first, second, third)] == [0, 1000, 4]
    assert {answer.json()["path"] for answer in (first, second, third)} == {"/x?y=1"}
    assert resolver.connected_to == [list_of(scenario, servers)] * 3
    assert str(first.extensions["pacaware"].proxies) == list_of(scenario, servers)
    assert all("proxy-authorization" not in dict(answer.json()["headers"]) for answer in (first, second, third))


@pytest.mark.parametrize("scenario", FAIL_OVER, ids=str)
def test_the_next_candidate_takes_over(driver, scenario, servers, origins):
    """A body that exists only once is still whole for the first candidate that can be reached."""
    resolver = ListResolver(list_of(scenario, servers))
    hangs = any("hole" in name or "drops" in name for name in scenario.servers)
    timeout = driver.module.Timeout(10, connect=0.4 if hangs else 10)
    with driver.client(resolver=resolver, proxy_auth=LOGON, timeout=timeout) as client:
        answer = client.post(url_of(scenario, origins[scenario.scheme]), content=client.body([b"ab", b"cd"]).content)
    assert answer.json()["body_length"] == 4
    assert resolver.connected_to == ["DIRECT" if scenario.used == "DIRECT" else servers[scenario.used].pac_text]


@pytest.mark.parametrize("scenario", [one for one in WORKING if one.scheme == "https"], ids=str)
def test_http2_reaches_the_origin_through_every_tunnel(driver, scenario, servers, origins):
    """The tunnel is the library's own connection, with HTTP/2 and the TLS object to look at."""
    url = url_of(scenario, origins["https"])
    with driver.client(resolver=ListResolver(list_of(scenario, servers)), proxy_auth=LOGON, http2=True) as client:
        answer = client.post(url, content=client.body([b"ab", b"cd"]).content)
    assert answer.http_version == "HTTP/2"
    assert answer.json()["tls"]["alpn"] == "h2"
    assert answer.json()["body_length"] == 4


@pytest.mark.parametrize("scenario", FINAL, ids=str)
def test_an_answer_or_a_sent_request_ends_the_list(driver, scenario, servers, origins):
    """No further candidate is tried after a refusal, nor once a byte of the request may have left."""
    url = url_of(scenario, origins[scenario.scheme])
    timeout = driver.module.Timeout(10, connect=0.5, read=0.5 if scenario.error == "ReadTimeout" else 10)
    with driver.client(resolver=ListResolver(list_of(scenario, servers)), timeout=timeout) as client:
        if scenario.error:
            with pytest.raises(getattr(driver.module, scenario.error)) as caught:
                client.post(url, content=b"once")
            assert type(caught.value).__name__ == scenario.error
            assert str(caught.value.request.url) == url
        else:
            assert client.post(url, content=b"once").status_code == scenario.status
    if scenario.servers[0] in ("closes", "resets"):
        assert len(servers[scenario.servers[0]].requests) == 1  # swallowed, and not sent there again either
    if "plain" in servers:
        assert servers["plain"].requests == ()


def test_nothing_reached_lists_every_candidate(driver, start, origins):
    """When no candidate works the error names each with its reason, in notes and in its cause."""
    dead, hole = start("dead"), start("black hole tls")
    timeout = driver.module.Timeout(10, connect=0.3)
    resolver = ListResolver(f"{dead.pac_text}; {hole.pac_text}")
    with driver.client(resolver=resolver, timeout=timeout) as client:
        body = client.body([b"x"])
        with pytest.raises(driver.module.ConnectError) as caught:
            client.post(origins["http"].url + "/", content=body.content)
    assert isinstance(caught.value.__cause__, NoProxyWorked)
    assert [name for name, _ in caught.value.__cause__.attempts] == [dead.pac_text, hole.pac_text]
    refused, late = caught.value.__notes__
    assert refused == f"pacaware: {dead.pac_text} failed: Connection refused"
    assert late == f"pacaware: {hole.pac_text} failed: connected, but no TLS within 0.3 s"
    assert body.read == 0
    assert resolver.connected_to == []
