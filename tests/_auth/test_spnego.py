"""NTLM and Negotiate by pyspnego: what goes out, what comes back, and what is said when it cannot."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import logging
import pickle
import socket
import struct
import sys
import types

import pytest
import spnego.exceptions
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from pacaware._auth import spnego as ours
from pacaware._auth.binding import tls_server_end_point
from pacaware._auth.kerberos import Tickets, explain
from pacaware._core.auth import AuthController, Credentials, CredentialsRejected, SchemeUnavailable
from pacaware._core.challenge import parse_challenges
from pacaware._models import ProxyServer
from pacaware.auth import BasicAuth, NegotiateAuth, NTLMAuth
from pacaware.testing import Certificates, ConnectionState, NegotiateUsers, NtlmUsers
from tests._core.fakes import Store

PROXY = ProxyServer("http", "proxy.corp", 8080)
BY_ADDRESS = ProxyServer("http", "10.0.0.1", 8080)
SECRET = "s3same"
ALICE = Credentials("CORP\\alice", SECRET)
LOGIN = Credentials("", "", "the login of this machine", ambient=True)
SCHEMES = {"ntlm": (NTLMAuth, NtlmUsers), "negotiate": (NegotiateAuth, NegotiateUsers)}


def log_on(auth, users, challenges=()):
    """Carry tokens between a controller and a verifier; returns the number of legs, and whether it was let in."""
    state = ConnectionState(1)
    offered = users.check(state, "GET", "/", None)
    for leg in range(1, 6):
        header = auth.respond(parse_challenges([*offered, *challenges]), "GET", "/")
        if header is None or not header.startswith(users.scheme):
            return leg, header
        offered = users.check(state, "GET", "/", header)
        if offered is None:
            assert users.check(state, "GET", "/", None) is None  # the connection stays logged on
            return leg, state.user
    raise AssertionError("it does not end")


@pytest.fixture
def no_kerberos(monkeypatch):
    """As without the extra ``kerberos``."""
    monkeypatch.setitem(sys.modules, "krb5", None)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.usefixtures("no_kerberos")
class TestLogon:
    def test_right(self, name):
        """Two legs log the connection on; user and password may be of any letters."""
        scheme, users = SCHEMES[name]
        verifier = users({"CORP\\jürgen": "pässwörd ☃"})
        auth = AuthController(PROXY, [scheme()], Store(Credentials("CORP\\jürgen", "pässwörd ☃")))
        assert log_on(auth, verifier) == (2, "CORP\\jürgen")
        assert verifier.failures == 0
        auth.accepted()
        assert auth.holds_connection

    def test_wrong(self, name):
        """A wrong password is shown once, and then counts as rejected."""
        scheme, users = SCHEMES[name]
        verifier, store = users({"CORP\\alice": "another"}), Store(ALICE)
        auth = AuthController(PROXY, [scheme(), BasicAuth()], store)
        assert log_on(auth, verifier, ["Basic"]) == (3, None)
        assert verifier.failures == 1
        assert store.rejections == [ALICE]
        assert "rejected the user or password" in str(auth.failure)
        assert SECRET not in str(auth.failure)

    def test_a_proxy_that_does_not_go_on(self, name):
        """A challenge without a token after the first leg refuses no secret, for none was shown: the next scheme."""
        scheme, _ = SCHEMES[name]
        store = Store(ALICE)
        auth = AuthController(PROXY, [scheme(), BasicAuth()], store)
        offered = parse_challenges([name, "Basic"])
        assert auth.respond(offered, "GET", "/").lower().startswith(f"{name} ")
        assert auth.respond(offered, "GET", "/").startswith("Basic ")
        assert store.rejections == []
        assert "it broke off the logon before it had seen a password" in auth.notes[-1]

    @pytest.mark.parametrize("token", ["AAAA", base64.b64encode(b"NTLMSSP\0\2\0\0\0").decode(), "a===", "x" * 8000])
    def test_a_token_that_nobody_understands(self, name, token):
        """A garbled token is no rejection and no crash; the next scheme is tried."""
        scheme, _ = SCHEMES[name]
        store = Store(ALICE)
        auth = AuthController(PROXY, [scheme(), BasicAuth()], store)
        auth.respond(parse_challenges([name]), "GET", "/")
        assert auth.respond(parse_challenges([f"{name} {token}", "Basic"]), "GET", "/").startswith("Basic ")
        assert store.rejections == []

    def test_bound_to_the_connection(self, name):
        """The logon is bound to the certificate of a TLS proxy; a verifier that requires it sees the difference."""
        scheme, users = SCHEMES[name]
        certificate = Certificates.shared().server_der
        verifier = users({"CORP\\alice": SECRET}, certificate=certificate)
        for shown, let_in in ((certificate, True), (None, False), (other_certificate(), False)):
            auth = AuthController(PROXY, [scheme()], Store(ALICE))
            auth.certificate = shown
            assert (log_on(auth, verifier)[1] is not None) is let_in

    def test_without_the_package(self, name, monkeypatch):
        """Without pyspnego the failure names what to install."""
        scheme, _ = SCHEMES[name]
        monkeypatch.setitem(sys.modules, "spnego", None)
        auth = AuthController(PROXY, [scheme()], Store(ALICE))
        assert auth.respond(parse_challenges([name]), "GET", "/") is None
        extra = "ntlm" if name == "ntlm" else "kerberos"
        assert f'pip install "pacaware[{extra}]"' in str(auth.failure)

    def test_version_1_is_not_used(self, name, monkeypatch):
        """Where the environment asks for NTLM version 1, it is refused and said."""
        scheme, _ = SCHEMES[name]
        monkeypatch.setenv("LM_COMPAT_LEVEL", "2")
        auth = AuthController(PROXY, [scheme()], Store(ALICE))
        assert auth.respond(parse_challenges([name]), "GET", "/") is None
        assert "LM_COMPAT_LEVEL" in str(auth.failure)

    def test_no_user(self, name):
        """A password without a user is not tried."""
        scheme, _ = SCHEMES[name]
        auth = AuthController(PROXY, [scheme()], Store(Credentials("", SECRET)))
        assert auth.respond(parse_challenges([name]), "GET", "/") is None
        assert "it needs a user" in str(auth.failure)

    def test_secrets_stay_here(self, name, caplog):
        """Neither the log at any level, nor repr, nor a pickle holds the password or a token."""
        scheme, users = SCHEMES[name]
        given = scheme("CORP\\alice", SECRET)
        assert b"s3same" not in pickle.dumps(given)
        assert not hasattr(pickle.loads(pickle.dumps(given)), "credentials")
        with caplog.at_level(logging.DEBUG):
            auth = AuthController(PROXY, [given], Store(ALICE))
            log_on(auth, users({"CORP\\alice": SECRET}))
        assert SECRET not in repr(given) + repr(vars(given)) + caplog.text
        assert "TlRMTVNTUAAD" not in caplog.text


def test_ntlm_needs_a_password_here():
    """The login of the machine will do on Windows only."""
    assert NTLMAuth.takes_ambient is (sys.platform == "win32")
    assert NegotiateAuth.takes_ambient


def other_certificate():
    pem = trustme.CA().issue_cert("other.test").cert_chain_pems[0].bytes()
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


class TestBinding:
    def test_hash_of_the_signature(self):
        """The certificate is hashed as its signature is: here with SHA-256."""
        der = Certificates.shared().server_der
        assert tls_server_end_point(der) == b"tls-server-end-point:" + hashlib.sha256(der).digest()

    @pytest.mark.parametrize(
        ("signed", "hashed"), [("SHA1", "sha256"), ("SHA256", "sha256"), ("SHA384", "sha384"), ("SHA512", "sha512")]
    )
    def test_rule_of_rfc_5929(self, signed, hashed):
        """SHA-1 is replaced by SHA-256, stronger hashes are kept."""
        der = make_certificate(signed)
        assert tls_server_end_point(der) == b"tls-server-end-point:" + hashlib.new(hashed, der).digest()

    def test_no_hash(self):
        """A signature without a hash of its own has no binding; neither has what is no certificate."""
        assert tls_server_end_point(make_certificate(None)) is None
        assert tls_server_end_point(b"nonsense") is None


def make_certificate(signed):
    """A self-signed certificate. SHA-1 is written over SHA-256 in it: libraries no longer sign with that."""
    key = (
        ed25519.Ed25519PrivateKey.generate()
        if signed is None
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "p")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(1))
    algorithm = None if signed is None else getattr(hashes, "SHA256" if signed == "SHA1" else signed)()
    der = builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)
    with_sha256, with_sha1 = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))
    return der.replace(with_sha256, with_sha1) if signed == "SHA1" else der


class TestKerberos:
    def test_by_address(self):
        """Kerberos knows no addresses: with a password NTLM is used inside, and the note says so."""
        auth = AuthController(BY_ADDRESS, [NegotiateAuth()], Store(ALICE))
        assert log_on(auth, NegotiateUsers({"CORP\\alice": SECRET})) == (2, "CORP\\alice")
        assert "given by its address" in auth.notes[0]

    @pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1%eth0"])
    def test_by_address_without_a_password(self, host):
        """The login of the machine then is of no use, and the failure says what to do."""
        auth = AuthController(ProxyServer("http", host, 1), [NegotiateAuth()], Store(LOGIN))
        assert auth.respond(parse_challenges(["Negotiate"]), "GET", "/") is None
        assert "set PACAWARE_SPN=HTTP/name" in str(auth.failure)

    @pytest.mark.usefixtures("no_kerberos")
    def test_without_the_package(self):
        """Without the extra the login of the machine cannot be used, and the failure names it."""
        auth = AuthController(PROXY, [NegotiateAuth()], Store(LOGIN))
        assert auth.respond(parse_challenges(["Negotiate"]), "GET", "/") is None
        assert 'pip install "pacaware[kerberos]"' in str(auth.failure)

    @pytest.mark.parametrize(
        ("given", "environment", "proxy", "spn"),
        [
            (None, None, PROXY, "HTTP/proxy.corp"),
            (None, None, ProxyServer("http", "proxy.corp.", 1), "HTTP/proxy.corp"),
            (None, "HTTP/env.corp", PROXY, "HTTP/env.corp"),
            ("HTTP/code.corp", "HTTP/env.corp", PROXY, "HTTP/code.corp"),
            (None, "HTTP/env.corp", BY_ADDRESS, "HTTP/env.corp"),
        ],
    )
    def test_the_name_of_the_proxy(self, monkeypatch, given, environment, proxy, spn):
        """The proxy's name is the configured one; code comes before the environment, and both before an address."""
        monkeypatch.delenv("PACAWARE_SPN", raising=False)
        if environment:
            monkeypatch.setenv("PACAWARE_SPN", environment)
        exchange = pickle.loads(pickle.dumps(NegotiateAuth(spn=given))).start(proxy, ALICE)
        assert exchange._spn == spn
        assert exchange._tickets is not None


class FakeContext:
    """A context of pyspnego that has a token for anybody."""

    complete = False

    def step(self, token=None):
        return b"a ticket"


@pytest.fixture
def names(monkeypatch):
    """The names that tickets are asked for; whoever asks DNS for another name is lied to, and noted as ``DNS``."""
    asked = []

    def client(*credentials, service, hostname, **options):
        asked.append(f"{service}/{hostname}")
        return FakeContext()

    def lie(answer):
        return lambda *arguments, **options: asked.append("DNS") or answer

    monkeypatch.delenv("PACAWARE_SPN", raising=False)
    monkeypatch.setattr("spnego.client", client)
    monkeypatch.setattr(Tickets, "cache", lambda *arguments: "MEMORY:any")
    monkeypatch.setattr("socket.getfqdn", lie("wrong.corp"))
    monkeypatch.setattr("socket.gethostbyaddr", lie(("wrong.corp", [], ["10.0.0.1"])))
    monkeypatch.setattr("socket.getnameinfo", lie(("wrong.corp", "80")))
    canonical = (socket.AF_INET, socket.SOCK_STREAM, 6, "wrong.corp", ("10.0.0.1", 80))
    monkeypatch.setattr("socket.getaddrinfo", lie([canonical]))
    return asked


class TestNames:
    """A ticket is asked for the proxy by the name in the settings, whatever DNS says of it."""

    @pytest.mark.parametrize(
        ("host", "spn", "name"),
        [
            ("proxy.corp", None, "HTTP/proxy.corp"),
            ("alias.corp", None, "HTTP/alias.corp"),  # a CNAME: not the name behind it
            ("proxy", None, "HTTP/proxy"),  # a short name: the Kerberos library knows the domain
            ("proxy.corp.", None, "HTTP/proxy.corp"),
            ("alias.corp", "HTTP/proxy.corp", "HTTP/proxy.corp"),
            ("alias.corp", "HOST/proxy.corp", "HOST/proxy.corp"),
            ("10.0.0.1", "HTTP/proxy.corp", "HTTP/proxy.corp"),
            ("fd00::1", "HTTP/proxy.corp", "HTTP/proxy.corp"),
        ],
    )
    def test_asked_for(self, names, host, spn, name):
        """No reverse lookup, no canonical name; and the port is no part of it."""
        auth = AuthController(ProxyServer("http", host, 8080), [NegotiateAuth(spn=spn)], Store(LOGIN))
        token = base64.b64encode(b"a ticket").decode()
        assert auth.respond(parse_challenges(["Negotiate"]), "GET", "/") == f"Negotiate {token}"
        assert set(names) == {name}

    @pytest.mark.parametrize("host", ["10.0.0.1", "fd00::1"])
    def test_addresses(self, names, host):
        """For an address no ticket is asked for, under no name that a reverse lookup might give."""
        auth = AuthController(ProxyServer("http", host, 8080), [NegotiateAuth()], Store(LOGIN))
        assert auth.respond(parse_challenges(["Negotiate"]), "GET", "/") is None
        assert names == []


class Krb5Error(Exception):
    def __init__(self, code, text="made for the test"):
        super().__init__(text)
        self.err_code = code


def gss_error(major=0, minor=0, text="made for the test"):
    """An error as pyspnego raises it around one of gssapi."""
    base = Exception(text)
    base.maj_code, base.min_code = major << 16, minor % (1 << 32)
    return types.SimpleNamespace(base_error=base)


BASE = -1765328384


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (6, "does not know the user 'alice'"),
        (7, "does not know the proxy by the name 'HTTP/proxy.corp'"),
        (18, "is locked or switched off"),
        (23, "has expired: change it"),
        (32, "ticket has expired: run kinit"),
        (33, "is not valid yet: is the clock of this machine right?"),
        (37, "set the clock"),
        (141, "no Kerberos ticket: run kinit"),
        (148, "set the clock"),
        (154, "realm is unknown"),
        (156, "key server does not answer"),
        (195, "no Kerberos ticket: run kinit"),
        (220, "key servers cannot be found"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_reasons(number, says, wrapped):
    """Each code becomes words and a next step, whether it comes from krb5 or through gssapi."""
    error = gss_error(13, BASE + number) if wrapped else Krb5Error(BASE + number)
    found = explain(error, "HTTP/proxy.corp", "alice")
    assert isinstance(found, SchemeUnavailable)
    assert says in str(found)


@pytest.mark.parametrize("number", [24, 31])
def test_a_wrong_password(number):
    """A password that the key server refuses is rejected; without a password the same code is only unknown."""
    assert isinstance(explain(Krb5Error(BASE + number), "s", "alice"), CredentialsRejected)
    assert isinstance(explain(Krb5Error(BASE + number), "s"), SchemeUnavailable)


def test_other_reasons():
    """GSSAPI's own codes count where there is no other; an unknown error is quoted, short and printable."""
    assert "run kinit" in str(explain(gss_error(7), "s"))
    assert "run kinit" in str(explain(gss_error(11), "s"))
    text = str(explain(gss_error(13, 1, "wei\x1b[1m rd\n" * 100), "s"))
    assert text.startswith("Kerberos failed (wei [1m rd ")
    assert len(text) < 250
    assert "made" in str(explain(spnego.exceptions.SpnegoError(13, context_msg="made"), "s"))


class FakeKrb5(types.ModuleType):
    """The few functions of the package krb5 that are used, with a key server that knows one password."""

    Krb5Error = Krb5Error

    def __init__(self, lifetime=36000.0):
        super().__init__("krb5")
        self.asked = []
        self.lifetime = lifetime

    def init_context(self):
        return self

    def cc_default(self, context):
        return types.SimpleNamespace(cache_type=b"DIR", name=b":/run/user/1/krb5cc/tkt")

    def get_default_realm(self, context):
        return b"CORP.TEST"

    def parse_name_flags(self, context, name):
        return name

    def get_init_creds_opt_alloc(self, context):
        return None

    def get_init_creds_opt_set_canonicalize(self, options, value):
        return None

    def get_init_creds_password(self, context, principal, options, password):
        self.asked.append(principal.decode())
        if password != SECRET.encode():
            raise Krb5Error(BASE + 24)
        times = types.SimpleNamespace(endtime=1_000_000.0 + self.lifetime)
        return types.SimpleNamespace(times=times, client=principal)

    def cc_new_unique(self, context, kind):
        return types.SimpleNamespace(name=f"cache{len(self.asked)}".encode())

    def cc_initialize(self, context, cache, client):
        cache.client = client

    def cc_store_cred(self, context, cache, ticket):
        cache.ticket = ticket


@pytest.fixture
def krb5(monkeypatch):
    module = FakeKrb5()
    monkeypatch.setitem(sys.modules, "krb5", module)
    monkeypatch.setitem(sys.modules, "gssapi", types.ModuleType("gssapi"))
    monkeypatch.setattr("pacaware._auth.kerberos.time", types.SimpleNamespace(time=lambda: 1_000_000.0))
    return module


class TestTickets:
    def test_the_login_of_the_machine(self, krb5):
        """It is the default cache, looked up each time: a new ticket is noticed."""
        assert Tickets().cache(LOGIN, "s") == "DIR::/run/user/1/krb5cc/tkt"
        assert krb5.asked == []

    @pytest.mark.parametrize(
        ("user", "principal"),
        [
            ("alice", "alice"),
            ("alice@OTHER.TEST", "alice@OTHER.TEST"),
            ("CORP\\alice", "alice@CORP.TEST"),
            ("corp\\alice", "alice@CORP.TEST"),
            ("other.test\\alice", "alice@OTHER.TEST"),
            ("CORP\\a@b", "a\\@b@CORP.TEST"),
        ],
    )
    def test_names(self, krb5, user, principal):
        """A user is written as Kerberos does, as Windows does, or alone."""
        assert Tickets().cache(Credentials(user, SECRET), "s").startswith("MEMORY:")
        assert krb5.asked == [principal]

    def test_an_unknown_domain(self, krb5):
        """A short domain name that is not the default realm's says nothing about the realm."""
        with pytest.raises(SchemeUnavailable, match="write the user as alice@REALM"):
            Tickets().cache(Credentials("ELSE\\alice", SECRET), "s")
        assert krb5.asked == []

    def test_one_ticket_for_all_connections(self, krb5):
        """The key server is asked once for the ticket's life; one that ends soon is replaced."""
        tickets = Tickets()
        alice = Credentials("alice", SECRET)
        assert tickets.cache(alice, "s") == tickets.cache(alice, "s") == "MEMORY:cache1"
        krb5.lifetime = 30.0
        bob = Credentials("bob", SECRET)
        assert [tickets.cache(bob, "s"), tickets.cache(bob, "s")] == ["MEMORY:cache2", "MEMORY:cache3"]

    def test_bounded(self, krb5):
        """The number of tickets that are kept is limited."""
        tickets = Tickets()
        for number in range(200):
            tickets.cache(Credentials(f"user{number}", SECRET), "s")
        assert len(tickets._caches) == 64

    def test_a_wrong_password(self, krb5):
        """A wrong one is rejected after one question, by whatever scheme is next."""
        store = Store(Credentials("alice", "wrong"))
        auth = AuthController(PROXY, [NegotiateAuth(), BasicAuth()], store)
        assert auth.respond(parse_challenges(["Negotiate", "Basic"]), "GET", "/") is None
        assert krb5.asked == ["alice"]
        assert len(store.rejections) == 1
        assert "the key server says that the password is wrong" in str(auth.failure).replace("Kerberos ", "")

    def test_no_library(self, monkeypatch):
        """Where the system's Kerberos library is missing, importing fails in its own way."""

        def fail(name):
            raise OSError

        monkeypatch.setattr("pacaware._auth.kerberos.importlib", types.SimpleNamespace(import_module=fail))
        with pytest.raises(SchemeUnavailable, match="library of the system is missing"):
            Tickets().cache(LOGIN, "s")


def test_the_version_level(monkeypatch):
    """Pyspnego's level 3 and above is version 2; nonsense counts as less."""
    for level, good in (("3", True), ("5", True), ("2", False), ("x", False), ("", False)):
        monkeypatch.setenv("LM_COMPAT_LEVEL", level)
        assert ours._version_2_only() is good
    monkeypatch.delenv("LM_COMPAT_LEVEL")
    assert ours._version_2_only()


def test_a_verifier_is_strict(monkeypatch):
    """The verifiers refuse NTLM version 1 and users that pyspnego's list cannot hold."""
    with pytest.raises(ValueError, match="colon"):
        NtlmUsers({"alice": "a:b"})
    monkeypatch.setenv("LM_COMPAT_LEVEL", "2")
    users = NtlmUsers({"alice": SECRET})
    client = spnego.client("alice", SECRET, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    state = ConnectionState(1)
    [offer] = users.check(state, "GET", "/", f"NTLM {base64.b64encode(client.step()).decode()}")
    token = client.step(base64.b64decode(offer.partition(" ")[2]))
    assert struct.unpack_from("<H", token, 20) == (24,)  # an answer of version 1 has this length
    assert users.check(state, "GET", "/", f"NTLM {base64.b64encode(token).decode()}") == ["NTLM"]
    assert users.failures == 1
