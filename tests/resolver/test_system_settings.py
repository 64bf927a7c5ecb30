"""A resolver without settings of its own uses the desktop's, and notices when they change."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.resolver.conftest import by

URL = "http://h.test/"


@pytest.fixture
def kioslaverc(tmp_path: Path, environ: pytest.MonkeyPatch) -> Path:
    """A session of KDE with a proxy in its settings."""
    for name, value in {
        "XDG_CURRENT_DESKTOP": "KDE",
        "KDE_SESSION_VERSION": "6",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "none"),
    }.items():
        environ.setenv(name, value)
    environ.delenv("KDEHOME", raising=False)
    path = tmp_path / "kioslaverc"
    path.write_text("[Proxy Settings]\nProxyType=1\nhttpProxy=http://old.test 8080\nNoProxyFor=corp.test\n")
    return path


def test_the_desktop_decides(make_resolver, kioslaverc):
    """Proxy and exceptions are the desktop's."""
    resolver = make_resolver()
    decision = resolver.resolve(URL)
    assert (by(decision), decision.source, decision.config_origin) == ("PROXY old.test:8080", "manual", "kde")
    assert resolver.resolve("http://a.corp.test/").source == "bypass"


def test_the_environment_comes_first(make_resolver, kioslaverc, environ):
    """A proxy variable wins over the desktop; NO_PROXY alone adds to what the desktop says."""
    environ.setenv("NO_PROXY", "h.test")
    decision = make_resolver().resolve(URL)
    assert (by(decision), decision.config_origin) == ("DIRECT", "kde")
    environ.setenv("http_proxy", "env.test:1")
    environ.delenv("NO_PROXY")
    assert make_resolver().resolve(URL).config_origin == "environment"


def test_changes_are_seen_at_the_next_look(make_resolver, kioslaverc, clock):
    """A change of the desktop's settings drops everything that rests on the old ones."""
    resolver = make_resolver()
    resolver.resolve(URL)
    kioslaverc.write_text("[Proxy Settings]\nProxyType=1\nhttpProxy=http://new.test 8080\n")
    assert by(resolver.resolve(URL)) == "PROXY old.test:8080"
    clock.advance(6)
    assert by(resolver.resolve(URL)) == "PROXY new.test:8080"
    assert resolver.stats()["invalidations_settings"] == 1


def test_a_file_written_without_change(make_resolver, kioslaverc, clock):
    """The same settings, written again, drop nothing."""
    resolver = make_resolver()
    resolver.resolve(URL)
    kioslaverc.write_text(kioslaverc.read_text() + "\n")
    clock.advance(11)
    resolver.resolve(URL)
    assert resolver.stats()["invalidations_settings"] == 0


def test_repairs_are_told(make_resolver, kioslaverc, caplog):
    """What was repaired is a step of the decision and one line in the log."""
    kioslaverc.write_text("[Proxy Settings]\nProxyType=1\nhttpProxy=ｐ.test 8080\n")
    with caplog.at_level(logging.WARNING, "pacaware"):
        decision = make_resolver().resolve(URL)
    assert by(decision) == "PROXY p.test:8080"
    assert "is read as http://p.test:8080" in decision.explain()
    assert caplog.text.count("is read as http://p.test:8080") == 1


def test_nothing_is_read_for_settings_in_code(make_resolver, kioslaverc):
    """trust_env=False leaves the desktop alone."""
    assert by(make_resolver(trust_env=False).resolve(URL)) == "DIRECT"


def test_a_container_is_told_what_to_set(make_resolver, environ):
    """Where no desktop can be expected, the decision says what to set."""
    environ.setenv("container", "podman")
    decision = make_resolver().resolve(URL)
    assert decision.config_origin == "none"
    assert "this is a container" in decision.explain()
    assert "HTTPS_PROXY" in decision.explain()
