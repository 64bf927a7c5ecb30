"""Where credentials come from."""

from __future__ import annotations

import os
import pickle

import pytest

from pacaware._auth.credentials import MappingCredentials, matches_pattern, named_in_environ
from pacaware._core.auth import Credentials
from pacaware._models import ProxyServer
from pacaware.auth import CredentialProvider, EnvironCredentials, StaticCredentials, chain
from pacaware.errors import ConfigError

PROXY = ProxyServer("http", "proxy.corp", 8080)
IPV6 = ProxyServer("http", "2001:db8::1", 3128)
OTHER = ProxyServer("https", "other.test", 443)
SECRET = "s3same"


@pytest.mark.parametrize(
    ("proxy", "pattern", "matches"),
    [
        (PROXY, "proxy.corp", True),
        (PROXY, "PROXY.Corp:8080 ", True),
        (PROXY, "proxy.corp:3128", False),
        (PROXY, "http://proxy.corp:8080/", True),
        (PROXY, "*.corp", True),
        (PROXY, "*.corp:8080", True),
        (PROXY, "*.corp:80", False),
        (PROXY, "*", True),
        (PROXY, "prox?.corp", True),
        (PROXY, "corp", False),
        (PROXY, "[p]roxy.corp", False),
        (PROXY, "", False),
        (IPV6, "2001:db8::1", True),
        (IPV6, "[2001:db8::1]", True),
        (IPV6, "[2001:db8::1]:3128", True),
        (IPV6, "[2001:db8::*]:3128", True),
        (IPV6, "[2001:db8::2]:3128", False),
        (ProxyServer("http", "evil.test", 80), "*.corp", False),
        (ProxyServer("http", "x.corp.evil.test", 80), "*.corp", False),
    ],
)
def test_patterns(proxy, pattern, matches):
    """A pattern is a host, host:port or a glob of them; brackets are those of IPv6."""
    assert matches_pattern(proxy, pattern) is matches


@pytest.mark.parametrize(
    ("value", "named"),
    [("", False), (" , ", False), ("other", False), ("a:1, proxy.corp:8080", True), ("*.corp,", True)],
)
def test_named_in_the_environment(value, named):
    """PACAWARE_AUTH_PROXIES is a list of patterns."""
    assert named_in_environ(PROXY, {"PACAWARE_AUTH_PROXIES": value}) is named
    assert not named_in_environ(PROXY, {})


class TestStatic:
    def test_for_every_proxy(self):
        """A pair without proxies is for any proxy of the scope, and names none."""
        found = StaticCredentials("alice", SECRET).find(PROXY)
        assert found == Credentials("alice", SECRET, "proxy_auth=", named=False)

    @pytest.mark.parametrize("proxies", [["a", "*.corp"], ("proxy.corp",), "proxy.corp:8080"])
    def test_for_some(self, proxies):
        """A pair with proxies is for these, which is consent to send it to them."""
        provider = StaticCredentials("alice", SECRET, proxies, origin="the vault")
        assert provider.find(PROXY) == Credentials("alice", SECRET, "the vault", named=True)
        assert provider.find(OTHER) is None


class TestMapping:
    def test_first_match(self):
        """The first pattern that names the proxy counts."""
        provider = MappingCredentials({"proxy.corp:8080": ("a", "1"), "*.corp": ("b", "2")})
        assert provider.find(PROXY).user == "a"
        assert provider.find(ProxyServer("http", "x.corp", 1)).user == "b"
        assert provider.find(OTHER) is None
        assert provider.find(PROXY).named

    @pytest.mark.parametrize("pair", ["ab", ("a",), ("a", "b", "c"), ("a", 1), None, ["s3", SECRET]])
    def test_what_is_no_pair(self, pair):
        """A value that is no pair is refused with its pattern, and is not shown."""
        with pytest.raises(ConfigError, match=r"'\*\.corp' must be a \(user, password\) pair") as caught:
            MappingCredentials({"*.corp": pair})
        assert SECRET not in str(caught.value)


class TestEnviron:
    def test_pair(self):
        """User and password come from two variables, and are for this proxy by name if a third says so."""
        environ = {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD": SECRET}
        found = EnvironCredentials(environ).find(PROXY)
        assert found == Credentials("alice", SECRET, "PACAWARE_PROXY_PASSWORD", named=False)
        named = EnvironCredentials({**environ, "PACAWARE_AUTH_PROXIES": "*.corp"})
        assert (named.find(PROXY).named, named.find(OTHER).named) == (True, False)

    @pytest.mark.parametrize("environ", [{}, {"PACAWARE_PROXY_USERNAME": ""}, {"PACAWARE_PROXY_PASSWORD": SECRET}])
    def test_no_user(self, environ):
        """Without a user there is nothing to offer."""
        assert EnvironCredentials(environ).find(PROXY) is None

    def test_no_password(self):
        """A user alone goes with an empty password."""
        assert EnvironCredentials({"PACAWARE_PROXY_USERNAME": "alice"}).find(PROXY).password == ""

    def test_this_process(self, monkeypatch):
        """Without an argument the environment of the process counts, as it is at the time of the question."""
        provider = EnvironCredentials()
        monkeypatch.delenv("PACAWARE_PROXY_USERNAME", raising=False)
        assert provider.find(PROXY) is None
        monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
        assert provider.find(PROXY).user == "alice"


def environ_with(path):
    return {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD_FILE": str(path)}


class TestPasswordFile:
    @pytest.mark.parametrize("content", [SECRET, SECRET + "\n", SECRET + "\r\n"])
    def test_password(self, tmp_path, content):
        """The file holds the password, with or without an end of line."""
        path = tmp_path / "password"
        path.write_bytes(content.encode())
        path.chmod(0o600)
        found = EnvironCredentials(environ_with(path)).find(PROXY)
        assert (found.password, found.origin) == (SECRET, "PACAWARE_PROXY_PASSWORD_FILE")

    def test_only_the_end_of_line_is_cut(self, tmp_path):
        """Blanks belong to the password, and so does a second empty line."""
        path = tmp_path / "password"
        path.write_bytes(b" s3same \n\n")
        path.chmod(0o400)
        assert EnvironCredentials(environ_with(path)).find(PROXY).password == " s3same \n"

    def test_the_variable_comes_first(self, tmp_path):
        """With both, the file is not even opened."""
        environ = {**environ_with(tmp_path / "missing"), "PACAWARE_PROXY_PASSWORD": "x"}
        assert EnvironCredentials(environ).find(PROXY).password == "x"

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644])
    def test_others_can_read_it(self, tmp_path, mode):
        """A file that group or others can touch is refused, with the command that mends it."""
        path = tmp_path / "password"
        path.write_text(SECRET)
        path.chmod(mode)
        with pytest.raises(ConfigError, match="chmod 600") as caught:
            EnvironCredentials(environ_with(path)).find(PROXY)
        assert SECRET not in str(caught.value)

    @pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
    def test_a_credential_of_systemd(self, tmp_path):
        """In the service's own directory the group may read: that is how the right of the service's user shows."""
        path = tmp_path / "password"
        path.write_text(SECRET)
        path.chmod(0o440)
        environ = {**environ_with(path), "CREDENTIALS_DIRECTORY": str(tmp_path)}
        assert EnvironCredentials(environ).find(PROXY).password == SECRET
        elsewhere = {**environ, "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
        for refused, mode in [(environ, 0o444), (environ, 0o460), (elsewhere, 0o440)]:
            path.chmod(mode)
            with pytest.raises(ConfigError, match="chmod 600"):
                EnvironCredentials(refused).find(PROXY)

    @pytest.mark.parametrize(
        ("content", "says"), [(None, "FileNotFoundError"), (b"\xff\xfes3same", "UnicodeDecodeError")]
    )
    def test_it_cannot_be_read(self, tmp_path, content, says):
        """A file that is missing or is no text is refused with its name and the kind of trouble."""
        path = tmp_path / "password"
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        with pytest.raises(ConfigError) as caught:
            EnvironCredentials(environ_with(path)).find(PROXY)
        assert str(path) in str(caught.value)
        assert says in str(caught.value)
        assert caught.value.__suppress_context__


class TestChain:
    def test_first_that_knows(self):
        """Providers are asked in order until one knows the proxy."""
        provider = chain(StaticCredentials("a", "1", ["other.test"]), StaticCredentials("b", "2"))
        assert provider.find(PROXY).user == "b"
        assert provider.find(OTHER).user == "a"
        assert chain().find(PROXY) is None

    def test_blocking(self):
        """A chain may wait if one of its members may."""
        assert not chain(StaticCredentials("a", "1"), MappingCredentials({})).blocking
        assert chain(StaticCredentials("a", "1"), EnvironCredentials({})).blocking


class Vault(CredentialProvider):
    def find(self, proxy):
        return None


def test_a_provider_of_ones_own():
    """A provider is taken to wait unless it says otherwise."""
    assert Vault().blocking


@pytest.mark.parametrize(
    "provider",
    [
        StaticCredentials("alice", SECRET),
        MappingCredentials({"*": ("alice", SECRET)}),
        EnvironCredentials({"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD": SECRET}),
        chain(StaticCredentials("alice", SECRET)),
    ],
    ids=lambda provider: type(provider).__name__,
)
def test_no_secret_is_shown_or_pickled(provider, monkeypatch):
    """Neither repr nor a pickle holds a password; what was pickled knows none."""
    monkeypatch.delenv("PACAWARE_PROXY_USERNAME", raising=False)
    assert provider.find(PROXY).password == SECRET
    assert SECRET not in repr(provider) + str(provider) + repr(provider.find(PROXY))
    data = pickle.dumps(provider)
    assert SECRET.encode() not in data
    assert pickle.loads(data).find(PROXY) is None
