"""Which source counts on which machine."""

from __future__ import annotations

import sys

import pytest

from pacaware import _system
from pacaware._models import CachePolicy, ProxyConfig
from pacaware._system.system import cache_policy, fingerprint, from_system, platform
from pacaware._system.windows import POLICIES, IEConfig
from pacaware.errors import ConfigError
from tests._system.expected import notes
from tests._system.machines import GNOME, KDE, blob, linux, macos, windows, write_kioslaverc

PAC = "http://pac.test/p.pac"
PROXY = IEConfig(False, None, "w:1", None)


@pytest.mark.parametrize(
    ("machine", "environ", "origin", "proxy"),
    [
        (windows(answer=PROXY), {}, "windows", "w:1"),
        (windows(answer=PROXY), GNOME, "windows", "w:1"),
        (macos(HTTPEnable=1, HTTPProxy="m", HTTPPort=1), {}, "macos", "http=http://m:1"),
        (linux(mode="manual", http_host="g", http_port=1), GNOME, "gnome", "http=http://g:1"),
        (linux(mode="none"), GNOME, "gnome", None),
        (linux(mode="manual", http_host="g", http_port=1), {}, "none", None),
        (linux(mode="manual", http_host="g", http_port=1), {"XDG_CURRENT_DESKTOP": "XFCE"}, "none", None),
        (linux(mode="manual", http_host="g", http_port=1), KDE, "none", None),
        (linux(), GNOME, "none", None),
        (windows(), {}, "none", None),
        (macos(), {}, "macos", None),
    ],
)
def test_the_system_that_counts(machine, environ, origin, proxy):
    """The settings are those of the system, on Linux those of the running desktop."""
    config = from_system(None, environ, machine)
    assert (config.origin, config.proxy_server) == (origin, proxy)


def test_kde(tmp_path):
    """A session of KDE has its own files."""
    write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=k 1\n")
    config = from_system(None, KDE, linux(tmp_path, mode="manual", http_host="g"))
    assert (config.origin, config.proxy_server) == ("kde", "http=http://k:1")


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({"http_proxy": "e:1"}, "environment"),
        ({"PACAWARE_PAC_URL": PAC}, "environment"),
        ({"WSL_PAC_URL": PAC}, "wsl"),
        ({"PACAWARE": "system", "http_proxy": "e:1"}, "windows"),
        ({"NO_PROXY": "*"}, "windows"),
        ({"HTTP_PROXY": "e:1", "REQUEST_METHOD": "GET"}, "windows"),
    ],
    ids=str,
)
def test_the_environment_comes_first(environ, origin):
    """A variable that selects a proxy wins over the system; PACAWARE=system skips those that other programs share."""
    assert from_system(None, environ, windows(answer=PROXY)).origin == origin


def test_one_source_by_name(tmp_path):
    """A named source is read whatever else there is; without settings it is an empty configuration of its name."""
    machine = linux(write_home(tmp_path), mode="manual", http_host="g", http_port=1)
    environ = {"http_proxy": "e:1"}
    assert from_system("gnome", environ, machine).proxy_server == "http=http://g:1"
    assert from_system("kde", {**KDE, **environ}, machine).proxy_server == "http=http://k:1"
    assert from_system("environment", environ, machine).proxy_server == "http=http://e:1"
    assert from_system("environment", {}, machine) == ProxyConfig(origin="environment")
    assert from_system("winhttp", environ, windows(answer=PROXY)) == ProxyConfig(origin="winhttp")


def write_home(home):
    write_kioslaverc(home, "[Proxy Settings]\nProxyType=1\nhttpProxy=k 1\n")
    return home


@pytest.mark.parametrize(
    ("source", "said"),
    [("windows", "no such settings; here are environment, gnome, kde"), ("registry", "there is no such source")],
)
def test_a_source_that_is_not_here(source, said):
    """Asking for another system's settings is an error that lists those of this one."""
    with pytest.raises(ConfigError, match=said):
        from_system(source, {}, linux())


@pytest.mark.parametrize(
    ("machine", "environ", "said"),
    [
        (linux(), {"SSH_TTY": "/dev/pts/0"}, "ssh session"),
        (linux(), {"WSL_DISTRO_NAME": "Ubuntu"}, "autoProxy=true"),
        (linux(), {"container": "podman"}, "this is a container"),
        (windows(service=True), {}, "this is a service"),
        (linux(), {}, ""),
        (windows(), {"SSH_TTY": "x"}, ""),
    ],
)
def test_nothing_found(machine, environ, said):
    """Where no desktop can be expected, a note names the situation and the variables to set."""
    config = from_system(None, environ, machine)
    assert config.origin == "none"
    assert said in notes(config)
    assert bool(said) is ("HTTPS_PROXY" in notes(config))


def test_settings_that_cannot_be_used():
    """They are an error, not a reason to go direct."""
    with pytest.raises(ConfigError, match="two ports"):
        from_system(None, {}, windows(answer=IEConfig(False, None, "p:1:2", None)))


def test_this_machine():
    """The real machine gives an answer, from no more than what it was handed as environment."""
    config = ProxyConfig.from_system(environ={"http_proxy": "e:1"})
    assert config == ProxyConfig.from_environ({"http_proxy": "e:1"})
    assert platform().name == sys.platform
    assert _system.from_system(None, {"HOME": "/nonexistent"}).origin in ("none", "windows", "winhttp", "macos")


@pytest.mark.parametrize(
    ("before", "after", "environ"),
    [
        (windows(), windows(registry=blob(flags=3)), {}),
        (macos(), macos(HTTPEnable=1), {}),
    ],
    ids=["windows", "macos"],
)
def test_changes_are_noticed(before, after, environ):
    """What the system says shows in the fingerprint."""
    assert fingerprint(environ, before) == fingerprint(environ, before)
    assert fingerprint(environ, before) != fingerprint(environ, after)


def test_changes_of_a_desktop_are_noticed(tmp_path):
    """On Linux the files of the running desktop show, and nothing where none is running."""
    environ = {**KDE, "HOME": str(tmp_path)}
    before = fingerprint(environ, linux(tmp_path))
    write_home(tmp_path)
    assert fingerprint(environ, linux(tmp_path)) != before
    assert fingerprint({**GNOME, "HOME": str(tmp_path)}, linux())
    assert fingerprint({}, linux()) == ()


def test_what_the_system_is_told_to_remember():
    """Windows has switches for the memory, other systems have none."""
    off = {("HKLM", POLICIES, "EnableAutoproxyResultCache"): 0}
    assert cache_policy(windows(registry=off)) == CachePolicy(result_cache=False)
    assert cache_policy(linux()) == CachePolicy()
