"""Which settings decide: code, else the environment, else nothing."""

from __future__ import annotations

import pytest

from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver
from pacaware.errors import ConfigError
from tests.resolver.conftest import by

MANUAL = ProxyConfig(proxy_server="code.test:8080")


def test_settings_in_code_come_first(make_resolver, environ):
    """What is given in code is taken whole: the environment is not looked at."""
    environ.setenv("http_proxy", "env.test:8080")
    decision = make_resolver(MANUAL).resolve("http://h.test/")
    assert (by(decision), decision.source, decision.config_origin) == ("PROXY code.test:8080", "manual", "code")


def test_then_the_environment(make_resolver, environ):
    """Without settings in code the proxy variables decide; a scheme they leave out goes direct."""
    environ.setenv("http_proxy", "env.test:8080")
    resolver = make_resolver()
    decision = resolver.resolve("http://h.test/")
    assert (by(decision), decision.source, decision.config_origin) == ("PROXY env.test:8080", "manual", "environment")
    assert by(resolver.resolve("https://h.test/")) == "DIRECT"


def test_then_nothing(make_resolver):
    """Without any settings everything is direct."""
    decision = make_resolver().resolve("http://h.test/")
    assert (by(decision), decision.source, decision.config_origin) == ("DIRECT", "no-proxy", "none")


def test_the_environment_can_be_ignored(make_resolver, environ):
    """trust_env=False: neither proxy variables nor NO_PROXY."""
    environ.setenv("http_proxy", "env.test:8080")
    environ.setenv("NO_PROXY", "h.test")
    decision = make_resolver(trust_env=False).resolve("http://h.test/")
    assert (by(decision), decision.source, decision.config_origin) == ("DIRECT", "no-proxy", "none")


def test_changes_of_the_environment_are_seen_at_the_next_look(make_resolver, environ, clock):
    """At most one look a second; then everything that rests on the old settings is dropped."""
    environ.setenv("http_proxy", "old.test:8080")
    resolver = make_resolver()
    assert by(resolver.resolve("http://h.test/")) == "PROXY old.test:8080"
    environ.setenv("http_proxy", "new.test:8080")
    clock.advance(0.9)
    assert by(resolver.resolve("http://h.test/")) == "PROXY old.test:8080"
    clock.advance(0.2)
    assert resolver.cached("http://h.test/") is None
    assert by(resolver.resolve("http://h.test/")) == "PROXY new.test:8080"
    assert by(resolver.resolve("http://i.test/")) == "PROXY new.test:8080"
    assert resolver.stats()["invalidations_settings"] == 1


def test_a_look_that_finds_nothing_new(make_resolver, environ, clock):
    """The environment is as it was: everything is known all the same."""
    environ.setenv("http_proxy", "env.test:8080")
    resolver = make_resolver()
    first = resolver.resolve("http://h.test/")
    clock.advance(2)
    assert by(resolver.resolve("http://other.test/")) == "PROXY env.test:8080"
    assert resolver.cached("http://h.test/") == first.as_cached()
    assert resolver.stats()["invalidations_settings"] == 0


def test_a_change_that_changes_nothing_drops_nothing(make_resolver, environ, clock, pac_server):
    """Another variable that leads to the same settings is no reason to fetch the PAC file again."""
    environ.setenv("PACAWARE_PAC_URL", pac_server.url)
    resolver = make_resolver()
    resolver.resolve("http://h.test/")
    environ.setenv("SOCKS_SERVER", "not.used.test")
    clock.advance(2)
    resolver.resolve("http://h.test/")
    stats = resolver.stats()
    assert (stats["invalidations_settings"], stats["fetches"], stats["evaluations"]) == (0, 1, 1)


def test_another_pac_url_in_the_environment(make_resolver, environ, clock, pac_server):
    """A new PAC URL is used from the next look on."""
    environ.setenv("PACAWARE_PAC_URL", pac_server.url_for("/one.pac"))
    resolver = make_resolver()
    assert resolver.resolve("https://h.test/").pac_url.endswith("/one.pac")
    environ.setenv("PACAWARE_PAC_URL", pac_server.url_for("/two.pac"))
    clock.advance(2)
    assert resolver.resolve("https://h.test/").pac_url.endswith("/two.pac")
    assert [request.target for request in pac_server.requests] == ["/one.pac", "/two.pac"]
    assert resolver.stats()["fetches"] == 2


def test_a_value_that_cannot_be_used_is_an_error_until_it_is_mended(make_resolver, environ, clock):
    """The error names the variable."""
    resolver = make_resolver()
    resolver.resolve("http://h.test/")
    environ.setenv("PACAWARE_PROXY", "ftp://nonsense")
    clock.advance(2)
    for _ in range(2):
        with pytest.raises(ConfigError, match="PACAWARE_PROXY"):
            resolver.resolve("http://h.test/")
    environ.setenv("PACAWARE_PROXY", "good.test:1")
    assert by(resolver.resolve("http://h.test/")) == "PROXY good.test:1"


def test_no_proxy_alone_selects_nothing(make_resolver, environ):
    """NO_PROXY names exceptions; without settings there is nothing to except from."""
    environ.setenv("NO_PROXY", "h.test")
    decision = make_resolver().resolve("http://other.test/")
    assert (by(decision), decision.source, decision.config_origin) == ("DIRECT", "no-proxy", "none")


@pytest.mark.parametrize("kind", ["pac", "proxy"])
def test_no_proxy_applies_to_what_comes_from_the_environment(make_resolver, environ, pac_server, kind):
    """To a PAC file, which is then not even fetched, as to a proxy."""
    environ.setenv(*(("PACAWARE_PAC_URL", pac_server.url) if kind == "pac" else ("PACAWARE_PROXY", "p.test:1")))
    environ.setenv("NO_PROXY", ".test")
    decision = make_resolver().resolve("http://h.test/")
    assert (by(decision), decision.source) == ("DIRECT", "bypass")
    assert "NO_PROXY" in decision.explain()
    assert pac_server.requests == ()


@pytest.mark.parametrize("kind", ["pac", "proxy"])
def test_no_proxy_is_not_for_settings_in_code(with_script, make_resolver, environ, kind):
    """What a program says of itself holds whatever the environment excepts."""
    environ.setenv("NO_PROXY", "*")
    resolver = with_script() if kind == "pac" else make_resolver(MANUAL)
    assert by(resolver.resolve("http://h.test/")) == ("PROXY a.test:8080" if kind == "pac" else "PROXY code.test:8080")


@pytest.mark.parametrize("url", ["http://localhost/", "http://a.localhost:1/", "https://127.9.9.9/", "http://[::1]/"])
def test_implicit_rules_come_before_the_script(with_script, pac_server, url):
    """This machine is never asked of the PAC file, which is not even fetched."""
    decision = with_script().resolve(url)
    assert (by(decision), decision.source) == ("DIRECT", "implicit-bypass")
    assert pac_server.requests == ()


def test_minus_loopback_gives_this_machine_to_the_script(with_script):
    """``<-loopback>`` in the bypass list removes the implicit rules, for scripts too."""
    decision = with_script(bypass="<-loopback>").resolve("http://localhost/")
    assert (by(decision), decision.source) == ("PROXY a.test:8080", "pac")


def test_the_bypass_list_is_not_for_the_script(with_script):
    """The list of the manual setting does not touch the answers of a PAC file."""
    assert by(with_script(bypass="h.test", proxy_server="m.test:1").resolve("http://h.test/")) == "PROXY a.test:8080"


def test_warnings_about_settings_in_code(make_resolver, caplog):
    """What was repaired, and each entry that was left out, is a step of decisions and one line in the log."""
    resolver = make_resolver(ProxyConfig(proxy_server="ｐ.test：8080", bypass="10.0.0.0/8;b.test"))
    decision = resolver.resolve("http://h.test/")
    assert by(decision) == "PROXY p.test:8080"
    for said in ("is read as p.test:8080", "'10.0.0.0/8' is left out"):
        assert said in decision.explain()
        assert caplog.text.count(said) == 1
    assert resolver.resolve("http://b.test/").source == "bypass"


def test_wrong_settings_in_code_are_an_error_where_they_are_written():
    """Not at the first request."""
    with pytest.raises(ConfigError):
        ProxyResolver(ProxyConfig(proxy_server="p:99999"))
    with pytest.raises(ConfigError, match="engine='v8'"):
        ProxyResolver(engine="v8")


@pytest.mark.parametrize("url", ["", "h.test", "/path", "http://", "http://h.test:99999/", "http://a b/"])
def test_what_is_no_url(make_resolver, url):
    """Only absolute URLs have a decision; anything else is a ConfigError."""
    with pytest.raises(ConfigError):
        make_resolver(MANUAL).resolve(url)


def test_embedded_credentials(make_resolver, environ, clock):
    """User and password of the proxy URLs now in force, for the transports' logon."""
    environ.setenv("https_proxy", "http://me:s3cret@p.test:8080")
    resolver = make_resolver()
    assert resolver.embedded_credentials() == (("p.test:8080", "me", "s3cret"),)
    environ.delenv("https_proxy")
    clock.advance(2)
    assert resolver.embedded_credentials() == ()
