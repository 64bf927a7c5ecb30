"""Settings that change: the environment's and the system's, seen by a cheap look."""

from __future__ import annotations

import pytest

from pacaware._models import CachePolicy, ProxyConfig
from pacaware._system.changes import SettingsReader, SystemSettings
from pacaware._system.environ import _NAMES


class System:
    """Settings of a system in one file's stead; ``reads`` counts how often they were read."""

    def __init__(self) -> None:
        self.proxy = "one.test:1"
        self.state = 0
        self.policy = None
        self.reads = self.looks = 0

    def change(self, proxy: str) -> None:
        self.proxy, self.state = proxy, self.state + 1

    def settings(self) -> SystemSettings:
        return SystemSettings(self._read, self._fingerprint, lambda environ: self.policy)

    def _read(self, environ) -> ProxyConfig:
        self.reads += 1
        return ProxyConfig(proxy_server=self.proxy, origin="gnome")

    def _fingerprint(self, environ) -> object:
        self.looks += 1
        return self.state


@pytest.fixture
def system():
    return System()


@pytest.fixture
def environ(monkeypatch):
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def reader(system, environ):
    return SettingsReader(None, trust_env=True, system=system.settings())


def test_settings_of_the_system_are_read_once(reader, system):
    """As long as their fingerprint is the same, they are the same object."""
    first = reader.read()
    assert first.config.proxy_server == "one.test:1"
    assert all(reader.read() is first for _ in range(5))
    assert system.reads == 1


def test_a_change_of_the_system_is_seen(reader, system):
    """Another fingerprint has them read again."""
    reader.read()
    system.change("two.test:1")
    assert reader.read().config.proxy_server == "two.test:1"
    assert system.reads == 2


def test_a_file_that_was_written_with_the_same_settings(reader, system):
    """It is read, and nothing has changed."""
    first = reader.read()
    system.change("one.test:1")
    assert reader.read() is first
    assert system.reads == 2


def test_where_the_environment_decides_the_system_is_not_looked_at(reader, system, environ):
    """Until it decides no more."""
    environ.setenv("http_proxy", "env.test:1")
    for _ in range(3):
        assert reader.read().config.origin == "environment"
    assert (system.looks, system.reads) == (0, 0)
    environ.delenv("http_proxy")
    assert reader.read().config.origin == "gnome"
    environ.setenv("http_proxy", "env.test:1")
    assert reader.read().config.origin == "environment"


def test_what_the_system_says_of_memories(reader, system, environ):
    """It counts as long as the system's settings are in force."""
    system.policy = CachePolicy(bad_proxy_seconds=60)
    reader.read()
    assert reader.policy == CachePolicy(bad_proxy_seconds=60)
    environ.setenv("http_proxy", "env.test:1")
    reader.read()
    assert reader.policy is None


@pytest.mark.parametrize("config", [ProxyConfig(proxy_server="code.test:1"), None])
def test_constant_settings(system, environ, config):
    """Settings in code, or none at all by trust_env=False, look at nothing."""
    reader = SettingsReader(config, trust_env=False, system=system.settings())
    assert reader.read() is reader.read()
    assert (system.looks, system.reads) == (0, 0)
