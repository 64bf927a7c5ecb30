"""Settings of a desktop that are edited while a program runs: by the desktop's own programs, seen at the next look."""

from __future__ import annotations

import subprocess

import pytest

from pacaware._system import system
from pacaware._system.changes import SystemSettings
from tests._system.test_real_desktops import home, program, write
from tests.resolver.conftest import by

URL = "http://h.test/"


class Program:
    """A program that runs on and uses its resolver; ``after_a_second`` is its first use after the next look is due."""

    def __init__(self, world) -> None:
        self._world = world
        self.resolver = world.resolver(None)

    def now(self) -> str:
        return by(self.resolver.resolve(URL))

    def after_a_second(self) -> str:
        self._world.clock.advance(1)
        return self.now()


@pytest.fixture
def session(tmp_path, environ):
    """Return what begins a session of a desktop in this process, with a home of its own; returns its variables."""

    def begin(**variables) -> dict[str, str]:
        found = {**home(tmp_path), **variables}
        for name, value in found.items():
            environ.setenv(name, value)
        environ.delenv("KDEHOME", raising=False)
        return found

    return begin


@pytest.mark.real
@pytest.mark.parametrize("backend", ["keyfile", "dconf"])
def test_gsettings(world, session, backend):
    """A proxy, another one, exceptions, a PAC file, and none: each set by gsettings, each used at once."""
    program("gsettings", "libglib2.0-bin gsettings-desktop-schemas")
    program("dbus-run-session", "dbus")
    if backend == "dconf":
        program("dconf", "dconf-cli dconf-gsettings-backend dconf-service")
    desktop = session(GSETTINGS_BACKEND=backend, XDG_CURRENT_DESKTOP="GNOME")
    world.script("return 'PROXY script.test:3'")
    running = Program(world)
    assert running.now() == "DIRECT"
    write(desktop, mode="manual", http_host="one.test", http_port="1")
    assert running.now() == "DIRECT"  # between two looks
    assert running.after_a_second() == "PROXY one.test:1"
    write(desktop, http_host="two.test", http_port="2")
    assert running.after_a_second() == "PROXY two.test:2"
    write(desktop, **{"ignore-hosts": "['h.test']"})
    assert running.after_a_second() == "DIRECT"
    write(desktop, mode="auto", **{"autoconfig-url": world.pac.url})
    assert running.after_a_second() == "PROXY script.test:3"
    write(desktop, mode="none")
    assert running.after_a_second() == "DIRECT"
    assert running.resolver.stats()["invalidations_settings"] == 5


@pytest.mark.real
def test_kioslaverc(world, session):
    """The same with KDE's kwriteconfig5, which replaces the file."""
    writer = program("kwriteconfig5", "libkf5config-bin")
    desktop = session(XDG_CURRENT_DESKTOP="KDE", KDE_SESSION_VERSION="5", XDG_CONFIG_DIRS="/none")
    world.script("return 'PROXY script.test:3'")

    def edit(**values: str) -> None:
        for key, value in values.items():
            words = [writer, "--file", "kioslaverc", "--group", "Proxy Settings", "--key", key.replace("_", " "), value]
            subprocess.run(words, env=desktop, check=True, timeout=60)

    running = Program(world)
    assert running.now() == "DIRECT"
    edit(ProxyType="1", httpProxy="http://one.test 1")
    assert running.now() == "DIRECT"  # between two looks
    assert running.after_a_second() == "PROXY one.test:1"
    edit(httpProxy="http://two.test 2")
    assert running.after_a_second() == "PROXY two.test:2"
    edit(NoProxyFor="h.test")
    assert running.after_a_second() == "DIRECT"
    edit(Proxy_Config_Script=world.pac.url, ProxyType="2")
    assert running.after_a_second() == "PROXY script.test:3"
    edit(ProxyType="0")
    assert running.after_a_second() == "DIRECT"
    assert running.resolver.stats()["invalidations_settings"] == 5


def test_macos(world):
    """The dictionary of the system is asked at each look; only another one drops what is remembered."""
    proxies = {"HTTPEnable": 1, "HTTPProxy": "one.test", "HTTPPort": 1}
    machine = system.Platform("darwin", ask_macos=lambda: ("SCDynamicStoreCopyProxies", dict(proxies)))
    running = Program(world)
    running.resolver._situation.reader._system = SystemSettings(
        lambda environ: system.from_system(None, environ, machine),
        lambda environ: system.fingerprint(environ, machine),
        lambda environ: system.cache_policy(machine),
    )
    world.script("return 'PROXY script.test:3'")
    decision = running.resolver.resolve(URL)
    assert (by(decision), decision.config_origin) == ("PROXY one.test:1", "macos")
    proxies.update(HTTPProxy="two.test", HTTPPort=2)
    assert running.now() == "PROXY one.test:1"  # between two looks
    assert running.after_a_second() == "PROXY two.test:2"
    proxies.update(ProxyAutoConfigEnable=1, ProxyAutoConfigURLString=world.pac.url)
    assert running.after_a_second() == "PROXY script.test:3"
    assert running.after_a_second() == "PROXY script.test:3"
    proxies.clear()
    assert running.after_a_second() == "DIRECT"
    stats = running.resolver.stats()
    assert (stats["invalidations_settings"], stats["fetches"], stats["evaluations"]) == (3, 1, 1)
