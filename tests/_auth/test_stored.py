"""Credentials that are on the machine already: netrc, the key ring, the login."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
import types
from pathlib import Path
from typing import ClassVar

import pytest

from pacaware._auth import stored
from pacaware._auth.store import ProxyAuth
from pacaware._core.actions import Send
from pacaware._core.auth import Credentials
from pacaware._models import ProxyServer
from pacaware.auth import AmbientCredentials, KeyringCredentials, NetrcCredentials
from pacaware.errors import ConfigError

PROXY = ProxyServer("http", "proxy.corp", 8080)
SECRET = "s3same"


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """Write a netrc file that NETRC names."""

    def write(text):
        path = tmp_path / "netrc-of-the-test"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        monkeypatch.setenv("NETRC", str(path))
        return path

    return write


class TestNetrc:
    def test_the_entry_of_the_host(self, netrc):
        """The entry of exactly this host counts, whatever the port; it says which file it came from."""
        path = netrc(f"machine other.corp login x password y\nmachine proxy.corp login alice password {SECRET}\n")
        assert NetrcCredentials().find(PROXY) == Credentials("alice", SECRET, str(path))
        assert NetrcCredentials().find(ProxyServer("http", "sub.proxy.corp", 8080)) is None

    @pytest.mark.parametrize("text", ["", f"default login alice password {SECRET}", "machine proxy.corp password x"])
    def test_nobody_else(self, netrc, text):
        """``default`` is meant for anybody and so never for a proxy; an entry without a login is none."""
        netrc(text)
        assert NetrcCredentials().find(PROXY) is None

    def test_no_file(self, tmp_path, monkeypatch):
        """Without a file there is nothing, and nothing to complain of."""
        monkeypatch.delenv("NETRC")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert NetrcCredentials().find(PROXY) is None

    @pytest.mark.parametrize("name", [".netrc", "_netrc"])
    def test_the_file_at_home(self, tmp_path, monkeypatch, name):
        """Without NETRC it is ~/.netrc, or ~/_netrc as on Windows."""
        monkeypatch.delenv("NETRC")
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        (tmp_path / name).write_text(f"machine proxy.corp login alice password {SECRET}")
        (tmp_path / name).chmod(0o600)
        assert NetrcCredentials().find(PROXY).password == SECRET

    def test_no_home(self, monkeypatch):
        """A service account without a home directory has none."""

        def home():
            raise RuntimeError

        monkeypatch.delenv("NETRC")
        monkeypatch.setattr(Path, "home", home)
        assert NetrcCredentials().find(PROXY) is None

    def test_nonsense(self, netrc, caplog):
        """A file that cannot be read is said in the log, without its contents; one named in code is an error."""
        path = netrc(f"machine proxy.corp logon alice password {SECRET}")
        with caplog.at_level(logging.WARNING, "pacaware"):
            assert NetrcCredentials().find(PROXY) is None
        assert f"{path} cannot be read: NetrcParseError" in caplog.text
        with pytest.raises(ConfigError, match="cannot be read: NetrcParseError") as caught:
            NetrcCredentials(path).find(PROXY)
        assert SECRET not in caplog.text + str(caught.value)

    def test_a_file_that_is_not_there(self, tmp_path):
        """A file named in code must exist."""
        with pytest.raises(ConfigError, match="FileNotFoundError"):
            NetrcCredentials(tmp_path / "nothing").find(PROXY)


@pytest.fixture
def keyring(monkeypatch):
    """A key ring with one entry, as the package offers it."""
    module = types.ModuleType("keyring")
    entry = types.SimpleNamespace(username="alice", password=SECRET)
    module.get_credential = lambda service, user: entry if service == "pacaware:proxy.corp:8080" else None
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


class TestKeyring:
    def test_the_entry_of_the_proxy(self, keyring):
        """The entry is called pacaware:host:port: it is for this proxy by name."""
        found = KeyringCredentials().find(PROXY)
        assert (found.user, found.password, found.named) == ("alice", SECRET, True)
        assert found.origin == "the key ring (pacaware:proxy.corp:8080)"
        assert KeyringCredentials().find(ProxyServer("http", "proxy.corp", 1)) is None

    def test_a_key_ring_that_must_know_the_user(self, keyring, monkeypatch):
        """That of macOS finds nothing by the service alone: the login's own entry is asked for then."""
        entry = types.SimpleNamespace(username="me", password=SECRET)
        keyring.get_credential = lambda service, user: entry if user == "me" else None
        monkeypatch.setattr(stored.getpass, "getuser", lambda: "me")
        assert KeyringCredentials().find(PROXY).user == "me"

    def test_the_real_package(self, monkeypatch):
        """What ``python -m keyring set pacaware:host:port user`` stores is found, in ring of either kind."""
        monkeypatch.delitem(sys.modules, "keyring", raising=False)
        keyring = pytest.importorskip("keyring", reason="the package keyring is not installed")
        backend = pytest.importorskip("keyring.backend")

        class Ring(backend.KeyringBackend):
            priority = 1.0
            entries: ClassVar = {}

            def get_password(self, service, username):
                return self.entries.get((service, username))

            def set_password(self, service, username, password):
                self.entries[service, username] = password

        before = keyring.get_keyring()
        keyring.set_keyring(Ring())
        try:
            keyring.set_password("pacaware:proxy.corp:8080", "me", SECRET)
            monkeypatch.setattr(stored.getpass, "getuser", lambda: "me")
            assert KeyringCredentials().find(PROXY).password == SECRET
            assert KeyringCredentials().find(ProxyServer("http", "proxy.corp", 1)) is None
        finally:
            keyring.set_keyring(before)

    def test_without_the_package(self, monkeypatch):
        """Without the package there is nothing."""
        monkeypatch.setitem(sys.modules, "keyring", None)
        assert KeyringCredentials().find(PROXY) is None

    def test_a_key_ring_that_fails(self, keyring, caplog):
        """A key ring that cannot be asked is no reason to fail; its message is not repeated."""

        def fail(service, user):
            raise RuntimeError(SECRET)

        keyring.get_credential = fail
        with caplog.at_level(logging.DEBUG, "pacaware"):
            assert KeyringCredentials().find(PROXY) is None
        assert "RuntimeError" in caplog.text
        assert SECRET not in caplog.text

    def test_a_key_ring_that_waits(self, keyring, monkeypatch, caplog):
        """A locked key ring may wait for a person for ever: after the limit it is left alone for a while."""
        monkeypatch.setattr(stored, "_KEYRING_SECONDS", 0.05)
        release, begun = threading.Event(), threading.Event()
        asked = []

        def wait(service, user):
            asked.append(service)
            begun.set()
            release.wait(30)

        keyring.get_credential = wait
        provider = KeyringCredentials()
        try:
            assert [provider.find(PROXY) for _ in range(3)] == [None] * 3
            assert begun.wait(30)
            assert len(asked) == 1
        finally:
            release.set()
        assert "is it locked?" in caplog.text

    def test_an_entry_without_a_user(self, keyring):
        """An entry without a user is none."""
        keyring.get_credential = lambda service, user: types.SimpleNamespace(username="", password="x")
        assert KeyringCredentials().find(PROXY) is None


class TestOrder:
    def test_default(self, netrc, keyring, monkeypatch):
        """Without proxy_auth: the environment, the settings' URLs, netrc, the key ring, the login of the machine."""
        netrc("machine proxy.corp login netrc password x")
        monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "environment")
        auth = ProxyAuth(settings=lambda: [("proxy.corp:8080", "settings", "x")])
        assert auth.find(PROXY).user == "environment"
        monkeypatch.delenv("PACAWARE_PROXY_USERNAME")
        assert auth.find(PROXY).user == "settings"
        auth.with_settings(tuple)
        assert auth.find(PROXY).user == "netrc"
        assert ProxyAuth(trust_env=False).find(PROXY).user == "alice"
        netrc("")
        assert auth.find(PROXY).user == "alice"
        keyring.get_credential = lambda service, user: None
        assert auth.find(PROXY).ambient
        assert pickle.loads(pickle.dumps(auth)).find(PROXY).ambient

    @pytest.mark.parametrize("given", [("bob", "x"), AmbientCredentials()])
    def test_what_the_caller_gave_is_all(self, netrc, keyring, given):
        """Credentials given in code are not completed by others."""
        netrc("machine proxy.corp login netrc password x")
        assert ProxyAuth(given).find(PROXY).user in ("bob", "")


def test_the_login_of_the_machine():
    """It stands for whoever is logged on: no user, no password, nothing to wait for; SOCKS cannot use it."""
    found = AmbientCredentials().find(PROXY)
    assert found == Credentials("", "", "the login of this machine", ambient=True)
    assert not AmbientCredentials().blocking
    socks = ProxyAuth(AmbientCredentials()).socks_handshake(ProxyServer("socks5", "p", 1), "h", 1)
    assert socks.next_action() == Send(b"\x05\x01\x00")  # without a logon, and nothing else


@pytest.mark.parametrize(
    ("installed", "cache", "may"),
    [
        (set(), "KCM:", False),
        ({"krb5"}, "KCM:", True),
        ({"krb5"}, "FILE:{}", True),
        ({"krb5"}, "{}", True),
        ({"krb5"}, "FILE:{}-missing", False),
        ({"krb5"}, "{}-missing", False),
        ({"keyring"}, "FILE:{}-missing", True),
    ],
)
def test_whether_to_look(monkeypatch, netrc, tmp_path, installed, cache, may):
    """What cannot have anything for the proxy does not make a program ready for a logon."""
    tickets = tmp_path / "tickets"
    tickets.touch()
    monkeypatch.setenv("KRB5CCNAME", cache.format(tickets))
    monkeypatch.setattr(stored, "_installed", lambda module: module in installed)
    assert ProxyAuth().may_find(PROXY) is may
    netrc("machine proxy.corp login alice password x")
    assert ProxyAuth().may_find(PROXY)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tickets are not in a file by default")
@pytest.mark.parametrize(
    ("configuration", "cache"),
    [(None, "FILE:/tmp/krb5cc_7"), ("[libdefaults]\n", "FILE:/tmp/krb5cc_7"), ("default_ccache_name = KCM:\n", None)],
)
def test_where_tickets_are_by_default(monkeypatch, tmp_path, configuration, cache):
    """MIT's default file, unless the configuration may name another place."""
    path = tmp_path / "krb5.conf"
    if configuration is not None:
        path.write_text(configuration)
    monkeypatch.setattr(stored.os, "getuid", lambda: 7)
    assert stored.default_cache(path) == cache
    (tmp_path / "krb5.conf.d").mkdir()
    stored.default_cache.cache_clear()
    assert stored.default_cache(path) is None
