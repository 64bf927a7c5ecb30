"""requests patched in place: what is reached, what is left alone, and the way back."""

from __future__ import annotations

import importlib
import ssl
import sys

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from pacaware import _requests, _resolver
from pacaware._models import DIRECT
from pacaware._requests import activation
from pacaware.requests import PacAdapter
from pacaware.testing import Certificates

CA = str(Certificates.shared().ca_path)


@pytest.fixture
def activate(resolver_for):
    """Patch requests with a resolver for a list of proxies; undone after the test."""
    undone = []

    def install(*proxies, module=requests, **options):
        undone.append(activation.install(module, resolver=resolver_for(lambda _: list(proxies)), **options))
        return undone[-1]

    yield install
    for undo in undone:
        undo()


def attributes():
    """Return everything that is patched."""
    session = requests.Session
    return HTTPAdapter.send, HTTPAdapter.proxy_manager_for, session.merge_environment_settings


def test_an_unmodified_script(activate, proxy, url):
    """``requests.get()`` goes by the proxy, and the response says so."""
    activate(proxy)
    response = requests.get(url, verify=CA, timeout=5)
    assert (response.status_code, str(response.pacaware.proxies)) == (200, proxy.pac_text)


def test_undo(activate, proxy, origin):
    """Undoing restores what was there; a session used in between goes on without us."""
    before = attributes()
    undo = activate(proxy)
    assert attributes() != before
    with requests.Session() as session:
        assert session.get(origin.url_for("origin.test"), timeout=5).status_code == 200
        undo()
        assert attributes() == before
        assert not hasattr(session.get(origin.url, timeout=5), "pacaware")


def test_undo_under_somebody_elses_patch(activate, proxy, origin, monkeypatch):
    """Who patched after us keeps his patch, and ours does nothing any more."""
    undo = activate(proxy)
    ours = HTTPAdapter.send
    monkeypatch.setattr(HTTPAdapter, "send", lambda self, request, **kwargs: ours(self, request, **kwargs))
    theirs = HTTPAdapter.send
    undo()
    assert HTTPAdapter.send is theirs
    assert not hasattr(requests.get(origin.url, timeout=5), "pacaware")
    assert proxy.connections == 0


def test_adapters_with_retries(activate, proxy, url):
    """A session with its own ``HTTPAdapter(max_retries=…)`` is reached."""
    activate(proxy)
    with requests.Session() as session:
        for prefix in ("http://", "https://"):
            session.mount(prefix, HTTPAdapter(max_retries=urllib3.Retry(3)))
        assert session.get(url, verify=CA, timeout=5).pacaware.source == "manual"
    assert len(proxy.requests) == 1


def test_adapters_with_their_own_context(activate, proxy, tls_origin):
    """A subclass that brings an SSL context to both managers is reached, and its context is used."""
    context = urllib3.util.ssl_.create_urllib3_context()
    context.load_verify_locations(CA)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args, **kwargs):
            super().init_poolmanager(*args, **kwargs, ssl_context=context)

        def proxy_manager_for(self, *args, **kwargs):
            return super().proxy_manager_for(*args, **kwargs, ssl_context=context)

    activate(proxy)
    with requests.Session() as session:
        session.mount("https://", Adapter())
        response = session.get(tls_origin.url_for("origin.test"), timeout=5)
    assert (response.json()["tls"]["version"], len(proxy.requests)) == ("TLSv1.2", 1)


def test_adapters_that_send_by_super(activate, proxy, origin):
    """A subclass with a ``send()`` around ours is reached."""

    class Adapter(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            request.headers["X-Seen"] = "yes"
            return super().send(request, *args, **kwargs)

    activate(proxy)
    with requests.Session() as session:
        session.mount("http://", Adapter())
        headers = dict(session.get(origin.url_for("origin.test"), timeout=5).json()["headers"])
    assert (headers["X-Seen"], len(proxy.requests)) == ("yes", 1)


def test_adapters_that_lead_elsewhere(activate, proxy, origin):
    """A subclass that makes its own connections is left alone."""

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
            return self.poolmanager.connection_from_url(origin.url)

        def get_connection(self, url, proxies=None):
            return self.poolmanager.connection_from_url(origin.url)

    activate(proxy)
    with requests.Session() as session:
        session.mount("http://unix/", Adapter())
        assert session.get("http://unix/", timeout=5).status_code == 200
    assert proxy.connections == 0


def test_other_schemes(activate, proxy):
    """URLs other than http and https are left alone."""

    class Echo(BaseAdapter):
        def send(self, request, **kwargs):
            response = requests.Response()
            response.status_code, response.request, response.url = 200, request, request.url
            return response

        def close(self):
            pass

    activate(proxy)
    with requests.Session() as session:
        session.mount("echo://", Echo())
        session.mount("other://", HTTPAdapter())
        assert session.get("echo://x").status_code == 200
        with pytest.raises(requests.exceptions.RequestException):
            session.get("other://x")
    assert proxy.connections == 0


def test_explicit_proxies_win(activate, proxy, dead_proxy, url, monkeypatch):
    """``proxies=`` and ``session.proxies`` win, the environment does not count as such."""
    monkeypatch.setenv("http_proxy", dead_proxy.url)
    monkeypatch.setenv("https_proxy", dead_proxy.url)
    activate(dead_proxy)
    assert requests.get(url, proxies={"all": proxy.url, "http": proxy.url, "https": proxy.url}, verify=CA).ok
    with requests.Session() as session:
        session.proxies = {"http": proxy.url, "https": proxy.url}
        assert session.get(url, verify=CA, timeout=5).pacaware.source == "explicit"


def test_none_is_direct(activate, dead_proxy, origin):
    """``proxies={"http": None}`` means no proxy."""
    activate(dead_proxy)
    assert str(requests.get(origin.url, proxies={"http": None}, timeout=5).pacaware.proxies) == "DIRECT"


def test_trust_env(proxy, origin, monkeypatch):
    """``trust_env=False`` of a session skips the default resolver."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with _resolver.ProxyResolver() as resolver:
        monkeypatch.setattr(_resolver, "_default", [resolver])
        undo = activation.install(requests)
        try:
            with requests.Session() as session:
                session.trust_env = False
                assert session.get(origin.url, timeout=5).pacaware.source == "no-proxy"
        finally:
            undo()


def test_a_pac_adapter_is_not_patched_twice(activate, proxy, dead_proxy, origin):
    """PacAdapter keeps its own way."""
    activate(dead_proxy)
    with requests.Session() as session:
        session.mount("http://", PacAdapter(proxy=proxy.url))
        assert session.get(origin.url_for("origin.test"), timeout=5).pacaware.source == "explicit"


def test_logon(activate, auth_proxy, url):
    """``proxy_auth=`` of the activation logs on for every session, and what was learnt is shared."""
    activate(auth_proxy, proxy_auth=("alice", "s3cret"))
    for _ in range(2):
        assert requests.get(url, verify=CA, timeout=5).status_code == 200
    assert [seen.authorization for seen in auth_proxy.requests] == [None, "Basic", "Basic"]


def test_system_trust(activate, proxy, tls_origin, monkeypatch):
    """``trust="system"`` uses the system's certificates where ``verify`` is left alone, and only there."""
    asked = []

    def context(protocol):
        asked.append(protocol)
        return Certificates.shared().client_context()

    monkeypatch.setattr("truststore.SSLContext", context)
    activate(proxy, trust="system")
    url = tls_origin.url_for("origin.test")
    assert [requests.get(url, timeout=5).status_code for _ in range(2)] == [200, 200]
    assert len(asked) == 2  # each of these sessions has an adapter of its own
    assert requests.get(url, verify=CA, timeout=5).status_code == 200
    assert len(asked) == 2


def test_pickle(activate, proxy, origin):
    """A used session goes through pickle while we are active, and works."""
    import pickle

    activate(proxy)
    with requests.Session() as session:
        session.get(origin.url_for("origin.test"), timeout=5)
        with pickle.loads(pickle.dumps(session)) as again:
            assert again.get(origin.url_for("origin.test"), timeout=5).pacaware.source == "manual"


def test_close(activate, proxy, origin):
    """``close()`` of a stock adapter closes the connections to proxies too."""
    activate(proxy)
    with requests.Session() as session:
        session.get(origin.url_for("origin.test"), timeout=5)
        session.close()
        session.get(origin.url_for("origin.test"), timeout=5)
    assert proxy.connections == 2


def test_recorders_keep_working(activate, proxy, origin, monkeypatch):
    """Where connections of urllib3 are replaced, as vcrpy does, they are used, and no proxy."""
    made = []

    class Recorded(urllib3.connection.HTTPConnection):
        def connect(self):
            made.append(self.host)
            super().connect()

    activate(proxy)
    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "ConnectionCls", Recorded)
    assert requests.get(origin.url, timeout=5).status_code == 200
    assert (made, proxy.connections) == (["127.0.0.1"], 0)


def test_direct(activate, url, origins):
    """DIRECT takes the pools of requests."""
    activate(DIRECT)
    local = url.replace("origin.test", "localhost")
    assert str(requests.get(local, verify=CA, timeout=5).pacaware.proxies) == "DIRECT"


class TestPair:
    """The shell serves every pair of modules of the right kind."""

    @pytest.fixture
    def pip_requests(self):
        """The requests inside pip."""
        return pytest.importorskip("pip._vendor.requests")

    def test_pips_copies(self, pip_requests, activate, start, origins):
        """``pip._vendor.requests`` is switched over as requests is; requests itself stays as it was."""
        dead, proxy = start("dead"), start("basic")
        before = attributes()
        activate(dead, proxy, module=pip_requests, proxy_auth=("alice", "s3cret"))
        assert attributes() == before
        for origin in origins.values():
            with pip_requests.Session() as session:
                response = session.post(origin.url_for("origin.test"), data=b"x", verify=CA, timeout=5)
            assert response.json()["body_length"] == 1
        with pytest.raises(pip_requests.exceptions.ProxyError):
            pip_requests.get(origins["http"].url, proxies={"http": dead.url}, timeout=5)

    def test_the_two_are_apart(self, pip_requests):
        """Each pair has classes of its own."""
        theirs, ours = _requests.build(pip_requests), _requests.build(requests)
        assert issubclass(theirs.PacAdapter, pip_requests.adapters.HTTPAdapter)
        assert not issubclass(theirs.PacAdapter, HTTPAdapter)
        assert theirs.pair.urllib3.__name__ == "pip._vendor.urllib3"
        assert ours.PacAdapter is PacAdapter

    @pytest.mark.filterwarnings("ignore::pip._vendor.urllib3.exceptions.InsecureRequestWarning")
    def test_older_adapters(self, pip_requests, proxy, origins, monkeypatch):
        """An adapter from before requests 2.32.3 has no pool keys to ask for (pip up to 24.0): ours do."""
        monkeypatch.delattr(pip_requests.adapters.HTTPAdapter, "build_connection_pool_key_attributes", raising=False)
        shell = _requests.build(pip_requests)
        with pip_requests.Session() as session:
            shell.mount(session, proxy=proxy.url)
            for origin in origins.values():
                url = origin.url_for("origin.test")
                for verify in (CA, False):
                    assert session.get(url, verify=verify, timeout=5).status_code == 200
            with pytest.raises(pip_requests.exceptions.SSLError):
                session.get(url, verify=True, timeout=5)

    @pytest.mark.parametrize(("name", "value"), [("__version__", "2.13.905"), ("backend", object())])
    def test_urllib3_future(self, name, value, monkeypatch):
        """urllib3-future in the place of urllib3 is refused, with the way out."""
        monkeypatch.setattr(urllib3, name, value, raising=False)
        monkeypatch.setattr(_requests, "_shells", {})
        with pytest.raises(ImportError, match="pip uninstall niquests urllib3-future"):
            _requests.build(requests)

    def test_without_requests(self, monkeypatch):
        """Without requests the facade says what to install."""
        monkeypatch.delitem(sys.modules, "pacaware.requests")
        monkeypatch.setitem(sys.modules, "requests", None)
        with pytest.raises(ImportError, match=r"pip install 'pacaware\[requests\]'"):
            importlib.import_module("pacaware.requests")
