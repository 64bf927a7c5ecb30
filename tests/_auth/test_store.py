"""ProxyAuth: whatever is given as proxy_auth=."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import requests.auth
import requests_ntlm

from pacaware._auth.store import ProxyAuth
from pacaware._core.auth import Credentials
from pacaware._core.challenge import parse_challenges
from pacaware._core.scope import Trust
from pacaware._models import ProxyServer
from pacaware.auth import BasicAuth, CredentialProvider, EnvironCredentials, StaticCredentials, chain
from pacaware.errors import ConfigError

PROXY = ProxyServer("http", "proxy.corp", 8080)
OTHER = ProxyServer("http", "other.test", 3128)
SOCKS = ProxyServer("socks5", "proxy.corp", 1080)
SECRET = "s3same"
ASKED = parse_challenges(['Basic realm="x"'])
DIGEST = 'Digest realm="x", nonce="y", qop="auth", algorithm=SHA-256'
EVERYTHING = parse_challenges(["Negotiate", "NTLM", DIGEST, 'Basic realm="x"'])
URLS = (("proxy.corp:8080", "url", SECRET),)

FORMS = {
    "pair": ("alice", SECRET),
    "mapping": {"*.corp": ("alice", SECRET), "other.test:3128": ("alice", SECRET)},
    "BasicAuth": BasicAuth("alice", SECRET),
    "preemptive": BasicAuth("alice", SECRET, preemptive=True),
    "StaticCredentials": StaticCredentials("alice", SECRET),
    "chain": chain(StaticCredentials("x", "y", ["nowhere"]), StaticCredentials("alice", SECRET)),
    "HTTPProxyAuth": requests.auth.HTTPProxyAuth("alice", SECRET),
    "HTTPBasicAuth": requests.auth.HTTPBasicAuth("alice", SECRET),
    "HTTPDigestAuth": requests.auth.HTTPDigestAuth("alice", SECRET),
    "HttpNtlmAuth": requests_ntlm.HttpNtlmAuth("alice", SECRET),
}


ONLY = {
    "BasicAuth": "Basic",
    "preemptive": "Basic",
    "HTTPProxyAuth": "Basic",
    "HTTPBasicAuth": "Basic",
    "HTTPDigestAuth": "Digest",
    "HttpNtlmAuth": "NTLM",
}
# A CHALLENGE message of a host called VM (MS-NLMP, section 2.2.1.2).
TYPE_2 = (
    "TlRMTVNTUAACAAAABAAEADgAAAA1goriw700XnGTi/YAAAAAAAAAADoAOgA8AAAAAAwEAAAAAA9WAE0AAQAEAFYATQACABYAVwBPAFIASwBTAFQAQQBU"
    "AEkATwBOAAMABAB2AG0ABwAIAMTgxceMet0BAAAAAA=="
)
OFFERS = {"Digest": [DIGEST], "NTLM": ["NTLM"]}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "PASSWORD_FILE"):
        monkeypatch.delenv(f"PACAWARE_PROXY_{name}", raising=False)
    monkeypatch.delenv("PACAWARE_AUTH_PROXIES", raising=False)
    monkeypatch.delenv("PACAWARE_AUTH_SCHEMES", raising=False)


def log_on(auth, proxy=PROXY, trust=Trust.FULL):
    """Return the controller of a new connection and what it answers to a 407."""
    controller = auth.controller(proxy, trust)
    return controller, controller.respond(ASKED, "GET", "/")


@pytest.mark.parametrize("form", FORMS)
class TestForms:
    def test_accepted(self, form):
        """Every form logs on with its user and password; one that stands for a scheme with that alone."""
        auth = ProxyAuth(FORMS[form])
        found = auth.find(PROXY)
        assert (found.user, found.password) == ("alice", SECRET)
        answer = auth.controller(PROXY).respond(EVERYTHING, "GET", "/")
        assert answer.partition(" ")[0] == ONLY.get(form, "Negotiate")

    def test_no_secret_is_shown(self, form):
        """Neither repr nor the failure after a rejection shows the password."""
        auth = ProxyAuth(FORMS[form], urls=URLS)
        offered = parse_challenges(OFFERS.get(ONLY.get(form), ['Basic realm="x"']))
        controller = auth.controller(OTHER)
        assert controller.respond(offered, "GET", "/")
        if form == "HttpNtlmAuth":
            assert controller.respond(parse_challenges([f"NTLM {TYPE_2}"]), "GET", "/")
        assert controller.respond(offered, "GET", "/") is None
        assert "rejected the user or password that came from proxy_auth=" in str(controller.failure)
        assert SECRET not in repr(auth) + str(auth) + repr(auth.find(PROXY)) + repr(controller) + str(
            controller.failure
        )

    def test_no_secret_is_pickled(self, form):
        """A pickle holds no password, and the error that follows from that says what to do."""
        data = pickle.dumps(ProxyAuth(FORMS[form], urls=URLS))
        assert SECRET.encode() not in data
        controller, answer = log_on(pickle.loads(data))
        assert answer is None
        assert "no credentials were found" in str(controller.failure)
        assert "dropped when a session is pickled: give proxy_auth= again" in str(controller.failure)


class Nonsense:
    username = "alice"
    password = None


@pytest.mark.parametrize(
    "given",
    [
        "alice:s3same",
        ["alice", SECRET],
        ("alice",),
        ("alice", SECRET, "x"),
        (b"alice", b"s3same"),
        7,
        Nonsense(),
        object,
    ],
)
def test_nonsense(given):
    """Anything else is refused with its type and what is understood, and is not shown."""
    with pytest.raises(ConfigError, match=r"give a \(user, password\) pair") as caught:
        ProxyAuth(given)
    assert f"proxy_auth={type(given).__name__}" in str(caught.value)
    assert SECRET not in str(caught.value)


class TestNothingGiven:
    def test_nothing_known(self):
        """Without credentials anywhere, the failure says how to give some."""
        controller, answer = log_on(ProxyAuth())
        assert answer is None
        assert "give proxy_auth=(user, password), or set PACAWARE_PROXY_USERNAME" in str(controller.failure)

    @pytest.mark.parametrize("given", [None, BasicAuth(), {"nowhere.test": ("x", "y")}])
    def test_environment(self, monkeypatch, given):
        """Where the caller named none for this proxy, the environment's are used, unless trust_env is off."""
        monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "env")
        monkeypatch.setenv("PACAWARE_PROXY_PASSWORD", SECRET)
        assert ProxyAuth(given).find(PROXY).user == "env"
        assert ProxyAuth(given, trust_env=False).find(PROXY).ambient
        assert ProxyAuth(("alice", "x")).find(PROXY).user == "alice"

    def test_pickling(self, monkeypatch):
        """Without secrets nothing is dropped, so the advice stays; the environment is asked again."""
        again = pickle.loads(pickle.dumps(ProxyAuth(BasicAuth())))
        assert "set PACAWARE_PROXY_USERNAME" in again.advice
        monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "env")
        assert again.find(PROXY).user == "env"


class TestOrder:
    def test_the_url_comes_first(self):
        """Credentials in the proxy's own URL come before proxy_auth, and this before the settings'."""
        settings = (("proxy.corp:8080", "settings", "x"), ("other.test:3128", "settings", "x"))
        auth = ProxyAuth({"proxy.corp": ("alice", "x")}, urls=URLS, settings=lambda: settings)
        assert auth.find(PROXY) == Credentials("url", SECRET, "the proxy URL", named=True, preemptive=True)
        assert auth.find(replace(PROXY, port=1)).user == "alice"
        assert auth.find(OTHER) == Credentials("settings", "x", "the proxy URL in the settings", named=True)

    def test_settings_that_change(self):
        """The settings are asked each time; after unpickling there are none until they are named again."""
        auth = ProxyAuth()
        auth.with_settings(lambda: URLS)
        assert auth.find(PROXY).user == "url"
        again = pickle.loads(pickle.dumps(auth))
        assert again.find(PROXY).ambient
        again.with_settings(lambda: URLS)
        assert again.find(PROXY).user == "url"

    @pytest.mark.parametrize(
        ("server", "proxy", "same"),
        [
            ("PROXY.corp:8080", PROXY, True),
            ("proxy.corp", PROXY, False),
            ("proxy.corp", ProxyServer("http", "proxy.corp", 80), True),
            ("proxy.corp", ProxyServer("https", "proxy.corp", 443), True),
            ("proxy.corp", SOCKS, True),
            ("[2001:db8:0::1]:1", ProxyServer("http", "2001:db8::1", 1), True),
            ("no proxy", PROXY, False),
        ],
    )
    def test_which_proxy_a_url_names(self, server, proxy, same):
        """A URL's credentials are for its own host and port only, however these are written."""
        assert (ProxyAuth(urls=[(server, "u", "p")]).find(proxy).user == "u") is same


class TestAtOnce:
    def test_credentials_of_the_url(self):
        """Credentials in a proxy URL that the caller wrote go out unasked, to that proxy only."""
        auth = ProxyAuth(urls=URLS)
        assert auth.controller(PROXY).preemptive("GET", "/") == "Basic dXJsOnMzc2FtZQ=="
        assert auth.controller(OTHER).preemptive("GET", "/") is None

    @pytest.mark.parametrize(("preemptive", "goes"), [(True, True), (False, False)])
    def test_basic_auth(self, preemptive, goes):
        """BasicAuth goes out unasked only if told so."""
        controller = ProxyAuth(BasicAuth("u", "p", preemptive=preemptive)).controller(PROXY)
        assert (controller.preemptive("GET", "/") == "Basic dTpw") is goes

    def test_out_of_scope(self):
        """Nothing goes unasked to a proxy that WPAD found, unless the environment names it."""
        auth = ProxyAuth(BasicAuth("u", "p", preemptive=True))
        assert auth.controller(PROXY, Trust.NONE).preemptive("GET", "/") is None

    def test_after_a_rejection(self):
        """A pair that was rejected is not sent again, neither unasked nor asked."""
        auth = ProxyAuth(urls=URLS)
        controller = auth.controller(PROXY)
        assert controller.preemptive("GET", "/")
        assert controller.respond(ASKED, "GET", "/") is None
        again = auth.controller(PROXY)
        assert again.preemptive("GET", "/") is None
        assert again.respond(ASKED, "GET", "/") is None
        assert "15 minutes" in str(again.failure)

    def test_what_basic_cannot_express(self):
        """A user with a colon cannot go unasked; the answer to the 407 says why."""
        auth = ProxyAuth(urls=[("proxy.corp:8080", "a:b", SECRET)])
        assert auth.controller(PROXY).preemptive("GET", "/") is None
        controller, answer = log_on(auth)
        assert answer is None
        assert "a user with a colon" in str(controller.failure)

    def test_once_accepted(self):
        """What one connection was accepted with, the next sends unasked."""
        auth = ProxyAuth(("alice", SECRET))
        controller, answer = log_on(auth)
        assert auth.controller(PROXY).preemptive("GET", "/") is None
        controller.accepted()
        assert auth.controller(PROXY).preemptive("GET", "/") == answer
        assert auth.controller(OTHER).preemptive("GET", "/") is None


class TestScope:
    @pytest.mark.parametrize("form", ["pair", "BasicAuth", "StaticCredentials", "HTTPProxyAuth"])
    @pytest.mark.parametrize("trust", [Trust.NONE, Trust.NO_CLEAR_TEXT])
    def test_the_advice_works(self, monkeypatch, form, trust):
        """A pair is held back from a proxy less trusted, until the very line that the failure prints is set."""
        auth = ProxyAuth(FORMS[form])
        controller, answer = log_on(auth, trust=trust)
        assert answer is None
        name, _, value = str(controller.failure).rpartition(" ")[2].partition("=")
        monkeypatch.setenv(name, value)
        assert log_on(auth, trust=trust)[1] is not None
        assert log_on(auth, OTHER, trust=trust)[1] is None
        assert log_on(ProxyAuth(FORMS[form], trust_env=False), trust=trust)[1] is None

    def test_a_mapping_is_consent(self):
        """A proxy that the mapping names gets the credentials, whoever named it."""
        assert log_on(ProxyAuth(FORMS["mapping"]), trust=Trust.NONE)[1] is not None

    @pytest.mark.parametrize(
        ("auth", "trust", "pair"),
        [
            (ProxyAuth(("alice", SECRET)), Trust.FULL, ("alice", SECRET)),
            (ProxyAuth(("alice", SECRET)), Trust.NO_CLEAR_TEXT, None),
            (ProxyAuth(("alice", SECRET)), Trust.NONE, None),
            (ProxyAuth(FORMS["mapping"]), Trust.NONE, ("alice", SECRET)),
            (ProxyAuth(urls=[("proxy.corp:1080", "url", SECRET)]), Trust.NONE, ("url", SECRET)),
            (ProxyAuth(trust_env=False), Trust.FULL, None),
        ],
    )
    def test_socks(self, auth, trust, pair):
        """SOCKS shows the password to whoever reads along, so it needs full trust or the proxy's name."""
        machine = auth.socks_handshake(SOCKS, "origin.test", 80, trust)
        offer = machine.next_action().data
        machine.feed(bytes([5, 2]))  # user and password, please
        if pair is None:
            assert offer == bytes([5, 1, 0])
            error = str(machine.next_action().error)
            assert error.startswith(f"the proxy {SOCKS} wants a user and password")
            assert error.endswith("PACAWARE_AUTH_PROXIES=proxy.corp:1080" if trust is not Trust.FULL else auth.advice)
        else:
            user, password = (part.encode() for part in pair)
            sent = bytes([1, len(user)]) + user + bytes([len(password)]) + password
            assert (offer, machine.next_action().data) == (bytes([5, 2, 0, 2]), sent)

    def test_socks4(self):
        """SOCKS4 has a user and no password."""
        asked = ProxyAuth(("alice", SECRET)).socks_handshake(ProxyServer("socks4", "p", 1080), "192.0.2.1", 80)
        assert asked.next_action().data == b"\4\1\0\x50\xc0\0\2\1alice\0"


@pytest.mark.parametrize(
    ("auth", "may"),
    [
        (ProxyAuth(EnvironCredentials({})), False),
        (ProxyAuth(EnvironCredentials({"PACAWARE_PROXY_USERNAME": "alice"})), True),
        (ProxyAuth(FORMS["mapping"], trust_env=False), True),
        (ProxyAuth({"elsewhere": ("alice", SECRET)}, trust_env=False), False),
        (ProxyAuth(BasicAuth("alice", SECRET)), True),
        (ProxyAuth(urls=[("proxy.corp:8080", "url", SECRET)], trust_env=False), True),
        (ProxyAuth(settings=lambda: [("proxy.corp:8080", "url", SECRET)], trust_env=False), True),
        (ProxyAuth(settings=lambda: [("elsewhere:8080", "url", SECRET)], trust_env=False), False),
    ],
)
def test_whether_there_may_be_credentials(auth, may):
    """Known without reading the file of a password: where there are none for this proxy, nothing need be prepared."""
    assert auth.may_find(PROXY) is may


def test_a_provider_that_would_have_to_look():
    """It may find something, as far as anybody knows without waiting for it."""

    class Slow(CredentialProvider):
        def find(self, proxy):
            raise AssertionError("nobody may wait for it here")

    assert ProxyAuth(Slow()).may_find(PROXY)


def test_blocking():
    """A pair never waits; the environment may name a file on a slow disk."""
    assert not ProxyAuth(("alice", SECRET)).blocking
    assert ProxyAuth(EnvironCredentials({})).blocking
    assert ProxyAuth().blocking


class TestSchemes:
    def test_strongest_first(self):
        """Without further wishes the strongest scheme on offer is used."""
        answer = ProxyAuth(("alice", SECRET)).controller(PROXY).respond(EVERYTHING, "GET", "/")
        assert answer.startswith("Negotiate ")

    @pytest.mark.parametrize(
        ("wish", "used"), [("ntlm", "NTLM"), ("Basic, Digest", "Basic"), ("digest,basic", "Digest")]
    )
    def test_wishes(self, monkeypatch, wish, used):
        """PACAWARE_AUTH_SCHEMES and ``schemes=`` name the only schemes, best first."""
        given = StaticCredentials("alice", SECRET, schemes=wish.split(","))
        assert ProxyAuth(given).controller(PROXY).respond(EVERYTHING, "GET", "/").startswith(used)
        monkeypatch.setenv("PACAWARE_AUTH_SCHEMES", wish)
        assert ProxyAuth(("alice", SECRET)).controller(PROXY).respond(EVERYTHING, "GET", "/").startswith(used)

    def test_what_is_not_wished_for(self, monkeypatch):
        """A proxy that offers nothing of that is told no, also where a logon was known to go out at once."""
        monkeypatch.setenv("PACAWARE_AUTH_SCHEMES", "ntlm")
        auth = ProxyAuth(("alice", SECRET), urls=URLS)
        controller = auth.controller(PROXY)
        assert controller.preemptive("GET", "/") is None
        assert controller.respond(ASKED, "GET", "/") is None
        assert "it offers Basic, and of these none can be used here (usable: NTLM)" in str(controller.failure)

    @pytest.mark.parametrize(
        "call", [lambda: StaticCredentials("a", "b", schemes=["kerberos"]), lambda: ProxyAuth(("a", "b")).find(PROXY)]
    )
    def test_unknown(self, monkeypatch, call):
        """A scheme that does not exist is a ConfigError that lists those that do."""
        monkeypatch.setenv("PACAWARE_AUTH_SCHEMES", "basic,kerberos")
        with pytest.raises(ConfigError, match="'kerberos' is no scheme; there are negotiate, ntlm, digest, basic"):
            call()
