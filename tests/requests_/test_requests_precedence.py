"""Whose word counts: the caller's for this request, for the session, the adapter's, the settings'."""

from __future__ import annotations

import pickle

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pacaware import _resolver
from pacaware._models import DIRECT, ProxyConfig, ProxyServer
from pacaware._requests._merge import Given, read_proxy
from pacaware.errors import ConfigError
from pacaware.requests import PacAdapter, mount
from pacaware.testing import Certificates


@pytest.fixture
def by(origin):
    """Say which way a request of a session goes: "direct", or the Via name of a proxy."""

    def ask(session, host="localhost", **arguments):
        response = session.get(origin.url_for(host), timeout=5, **arguments)
        headers = dict(response.json()["headers"])
        return str(response.pacaware.proxies), response.pacaware.source, "Via" in headers

    return ask


@pytest.fixture
def default_resolver(monkeypatch):
    """A default resolver of its own for one test."""
    with _resolver.ProxyResolver() as resolver:
        monkeypatch.setattr(_resolver, "_default", [resolver])
        yield resolver


def test_settings_decide_when_the_caller_says_nothing(new_session, proxy, by):
    """The resolver's list is used."""
    assert by(new_session(proxy)) == (proxy.pac_text, "manual", True)


@pytest.mark.parametrize("key", ["http", "all", "http://localhost", "all://localhost"])
def test_proxies_argument_wins(key, new_session, proxy, dead_proxy, by):
    """``proxies=`` of a request wins over the resolver, by every key that requests knows."""
    assert by(new_session(dead_proxy), proxies={key: proxy.url}) == (proxy.pac_text, "explicit", True)


@pytest.mark.parametrize("value", ["{0}", "http://{0}", "http://{0}/", "HTTP://{0}/some/path"])
def test_forms_of_a_proxy_url(value, new_session, proxy, dead_proxy, by):
    """A proxy may be written as requests takes it."""
    written = {"http": value.format(proxy.netloc)}
    assert by(new_session(dead_proxy), proxies=written) == (proxy.pac_text, "explicit", True)


@pytest.mark.parametrize("value", [None, ""])
def test_none_for_a_scheme_is_direct(value, new_session, dead_proxy, by):
    """``proxies={"http": None}`` and ``""`` mean no proxy, whatever the settings say."""
    assert by(new_session(dead_proxy), proxies={"http": value}) == ("DIRECT", "explicit", False)


def test_other_scheme_in_proxies(new_session, proxy, dead_proxy, by):
    """A proxy for another scheme says nothing about this one."""
    assert by(new_session(proxy), proxies={"https": dead_proxy.url}) == (proxy.pac_text, "manual", True)


@pytest.mark.parametrize("environment", [False, True])
def test_session_proxies_win(environment, new_session, proxy, dead_proxy, by, monkeypatch):
    """``session.proxies`` wins, even over the environment, which plain requests prefers."""
    if environment:
        monkeypatch.setenv("http_proxy", dead_proxy.url)
    session = new_session(dead_proxy)
    session.proxies = {"http": proxy.url}
    assert by(session) == (proxy.pac_text, "explicit", True)
    assert by(session, proxies={"http": ""}) == ("DIRECT", "explicit", False)


def test_environment_is_a_matter_of_the_resolver(new_session, proxy, dead_proxy, by, monkeypatch):
    """What requests merges in from the environment is not taken for the caller's."""
    monkeypatch.setenv("http_proxy", dead_proxy.url)
    assert by(new_session(proxy)) == (proxy.pac_text, "manual", True)


def test_trust_env_false(new_session, dead_proxy, by, default_resolver, monkeypatch):
    """``trust_env=False`` of the session skips the environment and the system's settings."""
    monkeypatch.setenv("http_proxy", dead_proxy.url)
    session = new_session()
    session.trust_env = False
    assert by(session) == ("DIRECT", "no-proxy", False)


def test_trust_env_false_does_not_touch_what_code_gave(new_session, proxy, by):
    """A resolver that the program gave is used with ``trust_env=False`` too."""
    session = new_session(proxy)
    session.trust_env = False
    assert by(session) == (proxy.pac_text, "manual", True)


def test_environment_by_the_default_resolver(new_session, proxy, by, default_resolver, monkeypatch):
    """Without arguments the environment decides."""
    monkeypatch.setenv("http_proxy", proxy.url)
    assert by(new_session(), "origin.test") == (proxy.pac_text, "manual", True)
    assert by(new_session()) == ("DIRECT", "implicit-bypass", False)


def test_logon_from_the_environment(new_session, auth_proxy, origin, default_resolver, monkeypatch, caplog):
    """User and password in ``http_proxy`` log on at that proxy, once it asks, also after a redirect."""
    monkeypatch.setenv("http_proxy", f"http://alice:s3cret@{auth_proxy.netloc}")
    end = origin.url_for("origin.test", "/end")
    response = new_session().get(origin.url_for("origin.test", f"/redirect?to={end}"), timeout=5)
    assert response.status_code == 200
    assert [seen.authorization for seen in auth_proxy.requests] == [None, "Basic", "Basic"]
    assert caplog.records == []


@given(st.text() | st.from_regex(r"\A(http|socks5)://[^\s]{0,20}", fullmatch=False))
def test_any_text_as_proxy(text):
    """Any text is a proxy, DIRECT, or a ConfigError."""
    try:
        given_here = read_proxy(text)
    except ConfigError:
        return
    assert given_here.candidate is DIRECT or read_proxy(str(given_here.candidate)) == Given(given_here.candidate)


@pytest.mark.parametrize("how", [str, lambda url: ProxyServer.parse(url)])
def test_forced_proxy(how, new_session, proxy, by, monkeypatch):
    """``proxy=`` of the adapter is for everything; no settings are read."""
    monkeypatch.setattr(_resolver, "default_resolver", None)
    assert by(new_session(proxy=how(proxy.url))) == (proxy.pac_text, "explicit", True)


@pytest.mark.parametrize("value", [DIRECT, ""])
def test_forced_direct(value, new_session, by, monkeypatch, dead_proxy):
    """``proxy=DIRECT`` means no proxy at all."""
    monkeypatch.setenv("http_proxy", dead_proxy.url)
    assert by(new_session(proxy=value)) == ("DIRECT", "explicit", False)


def test_forced_proxy_gives_way_to_the_request(new_session, proxy, dead_proxy, by):
    """``proxies=`` of one request is more specific than ``proxy=`` of the adapter."""
    assert by(new_session(proxy=dead_proxy.url), proxies={"http": proxy.url}) == (proxy.pac_text, "explicit", True)


def bare(resolver):
    """Return a session with an adapter mounted by hand."""
    session = requests.Session()
    session.mount("http://", PacAdapter(resolver))
    return session


def test_bare_mount_takes_other_values_for_the_callers(resolver_for, proxy, dead_proxy, by, monkeypatch):
    """Where nothing was recorded, a value that the environment does not give is the caller's."""
    monkeypatch.setenv("http_proxy", "http://elsewhere.test:1")
    with bare(resolver_for(lambda _: [dead_proxy])) as session:
        assert by(session, proxies={"http": proxy.url}) == (proxy.pac_text, "explicit", True)
        assert by(session, proxies={"http": ""}) == ("DIRECT", "explicit", False)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_bare_mount_knows_the_environments_values(variable, resolver_for, proxy, dead_proxy, by, monkeypatch):
    """Where nothing was recorded, a value that the environment gives is the environment's."""
    monkeypatch.setenv(variable, dead_proxy.url)
    with bare(resolver_for(lambda _: [proxy])) as session:
        assert by(session) == (proxy.pac_text, "manual", True)


def test_bare_mount_and_no_proxy(resolver_for, proxy, dead_proxy, by, monkeypatch):
    """A value that NO_PROXY keeps the environment from giving must be the caller's."""
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "localhost")
    with bare(resolver_for(lambda _: [dead_proxy])) as session:
        assert by(session, proxies={"http": proxy.url}) == (proxy.pac_text, "explicit", True)


def test_prepared_requests(new_session, proxy, origin):
    """A prepared request that goes by ``merge_environment_settings`` keeps the caller's proxy."""
    session = new_session(lambda _: [DIRECT])
    prepared = session.prepare_request(requests.Request("GET", origin.url_for("localhost")))
    settings = session.merge_environment_settings(prepared.url, {"http": proxy.url}, None, None, None)
    assert str(session.send(prepared, **settings).pacaware.proxies) == proxy.pac_text


def test_redirects_keep_what_the_caller_gave(new_session, proxy, dead_proxy, origin, monkeypatch):
    """The second hop goes by the caller's proxy too, and the environment does not get in between."""
    monkeypatch.setenv("http_proxy", dead_proxy.url)
    session = new_session(dead_proxy)
    url = origin.url_for("localhost", f"/redirect?to={origin.url_for('localhost', '/end')}")
    response = session.get(url, proxies={"http": proxy.url}, timeout=5)
    assert [hop.pacaware.source for hop in (*response.history, response)] == ["explicit", "explicit"]
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("value", ["http://", "ftp://p:1", "http://p:99999", "p:port"])
def test_malformed_proxy(value, new_session, origin):
    """A proxy that is none is requests' InvalidProxyURL, with our reason."""
    with pytest.raises(requests.exceptions.InvalidProxyURL) as caught:
        new_session(lambda _: [DIRECT]).get(origin.url, proxies={"http": value})
    assert isinstance(caught.value.__cause__, ConfigError)


def test_malformed_proxy_keeps_the_password(new_session, origin):
    """The error about a malformed proxy does not show its password."""
    with pytest.raises(requests.exceptions.InvalidProxyURL) as caught:
        new_session(lambda _: [DIRECT]).get(origin.url, proxies={"http": "ftp://alice:s3cret@p:1"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"config": ProxyConfig(), "pac_url": "http://pac.test/"},
        {"proxy": DIRECT, "pac_url": "http://pac.test/"},
        {"proxy": "ftp://p:1"},
        {"proxy": 5},
        {"config": ProxyConfig(proxy_server="p:99999")},
        {"proxy_auth": 5},
    ],
)
def test_arguments_that_cannot_be(arguments):
    """Too many sources of settings, or wrong ones, are a ConfigError at once."""
    with pytest.raises(ConfigError):
        PacAdapter(**arguments)


def test_mount_twice(origin, proxy):
    """A second ``mount()`` replaces the adapter and records once."""
    with requests.Session() as session:
        mount(session, proxy=DIRECT)
        merge = session.merge_environment_settings
        mount(session, proxy=proxy.url)
        assert session.merge_environment_settings is merge
        assert session.get(origin.url_for("origin.test")).status_code == 200


class TestPickle:
    """Sessions with an adapter of ours go through pickle."""

    def test_settings_are_kept(self, new_session, proxy, origin):
        """A used session works again elsewhere."""
        session = new_session(config=ProxyConfig(proxy_server=proxy.netloc), pool_maxsize=3, max_retries=2)
        url = origin.url_for("origin.test")
        assert session.get(url).status_code == 200
        with pickle.loads(pickle.dumps(session)) as again:
            assert again.get(url).status_code == 200
            adapter = again.get_adapter(url)
            assert (type(adapter), adapter._pool_maxsize, adapter.max_retries.total) == (PacAdapter, 3, 2)
        assert len(proxy.requests) == 2

    def test_a_resolver_is_kept(self, proxy):
        """A resolver that was given goes along."""
        resolver = _resolver.ProxyResolver(ProxyConfig(proxy_server=proxy.netloc))
        adapter = pickle.loads(pickle.dumps(PacAdapter(resolver)))
        decision = adapter._dispatcher._resolver().resolve("http://origin.test/")
        assert str(decision.proxies) == proxy.pac_text

    def test_credentials_are_dropped(self, auth_proxy, origin):
        """User and password stay in the process, and the error afterwards says so."""
        url = origin.url_for("origin.test")
        for arguments in (
            {"proxy": auth_proxy.url, "proxy_auth": ("alice", "s3cret")},
            {"proxy": f"http://alice:s3cret@{auth_proxy.netloc}"},
        ):
            with requests.Session() as session:
                mount(session, **arguments)
                assert session.get(url).status_code == 200
                stored = pickle.dumps(session)
            assert b"s3cret" not in stored
            with pickle.loads(stored) as again:
                assert again.get(url).status_code == 407

    def test_the_error_says_that_they_were_dropped(self, auth_proxy, tls_origin):
        """A refused tunnel after pickling names the cause."""
        adapter = PacAdapter(proxy=auth_proxy.url, proxy_auth=("alice", "s3cret"))
        with requests.Session() as session:
            session.mount("https://", pickle.loads(pickle.dumps(adapter)))
            session.verify = str(Certificates.shared().ca_path)
            with pytest.raises(requests.exceptions.ProxyError) as caught:
                session.get(tls_origin.url_for("origin.test"))
        assert "pickled" in str(caught.value.__cause__)
