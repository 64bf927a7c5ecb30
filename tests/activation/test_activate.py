"""activate() and deactivate() with a library and a room made for the test."""

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace

import pytest

from pacaware import _activate
from pacaware.errors import ConfigError


class Room:
    """Stands in for an ``activation`` module: notes each install with its options, and each undo."""

    def __init__(self) -> None:
        self.events: list[tuple] = []

    def install(self, module: ModuleType, **options: object):
        self.events.append(("install", module.__name__, options))
        return lambda: self.events.append(("undo", module.__name__))


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """The room of every library; nothing is active before and after the test."""
    room = Room()
    monkeypatch.setitem(sys.modules, "tests_room", room)
    monkeypatch.setattr(_activate, "_ROOMS", dict.fromkeys(_activate._ROOMS, "tests_room"))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in _activate._ROOMS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("PACAWARE", "PACAWARE_LOG", "PACAWARE_TRUST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_activate, "_current", None)
    monkeypatch.setattr(_activate, "_switched_off", False)
    yield room
    _activate.deactivate()


def loaded(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    """A library of that name, imported already."""
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def test_imported_libraries_are_switched_over_at_once(room: Room, monkeypatch):
    """activate() reaches what the program imported before it."""
    loaded(monkeypatch, "requests")
    loaded(monkeypatch, "httpx")
    _activate.activate()
    assert room.events == [("install", "requests", {}), ("install", "httpx", {})]


def test_later_imports_are_switched_over_too(room: Room, monkeypatch):
    """The finder is in place after activate(), and hands over what is imported from then on."""
    _activate.activate()
    assert sys.meta_path[0] is _activate.startup_module()._Finder
    _activate.patch("httpx2", loaded(monkeypatch, "httpx2"))
    assert room.events == [("install", "httpx2", {})]


def test_options_reach_the_library(room: Room, monkeypatch):
    """What activate() was given is what each library is switched over with; the rest is left to its defaults."""
    resolver = SimpleNamespace()
    loaded(monkeypatch, "requests")
    _activate.activate(resolver=resolver, proxy_auth=("u", "p"), trust="system")
    options = {"resolver": resolver, "proxy_auth": ("u", "p"), "trust": "system"}
    assert room.events == [("install", "requests", options)]


def test_deactivate_undoes_everything_in_reverse(room: Room, monkeypatch):
    """The last change is undone first; libraries imported afterwards are left alone."""
    loaded(monkeypatch, "requests")
    loaded(monkeypatch, "httpx")
    _activate.activate()
    room.events.clear()
    _activate.deactivate()
    _activate.deactivate()
    _activate.patch("httpx2", loaded(monkeypatch, "httpx2"))
    assert room.events == [("undo", "httpx"), ("undo", "requests")]


def test_it_can_be_switched_on_again(room: Room, monkeypatch):
    """activate() after deactivate() works as the first time."""
    loaded(monkeypatch, "requests")
    _activate.activate()
    _activate.deactivate()
    room.events.clear()
    _activate.activate()
    assert room.events == [("install", "requests", {})]


def test_activating_twice_replaces_the_options(room: Room, monkeypatch):
    """The libraries are switched back, then over again with the new options."""
    loaded(monkeypatch, "requests")
    _activate.activate(proxy_auth=("u", "1"))
    _activate.activate(proxy_auth=("u", "2"))
    assert room.events[1:] == [("undo", "requests"), ("install", "requests", {"proxy_auth": ("u", "2")})]


def test_the_hook_needs_no_activate(room: Room, monkeypatch):
    """With PACAWARE=1 nobody calls activate(): the first library that comes along starts it."""
    _activate.patch("requests", loaded(monkeypatch, "requests"))
    assert room.events == [("install", "requests", {})]


def test_a_reloaded_library_is_switched_over_anew(room: Room, monkeypatch):
    """The old change is undone before the new one is made, so that nothing is wrapped twice."""
    module = loaded(monkeypatch, "requests")
    _activate.patch("requests", module)
    _activate.patch("requests", module)
    assert [event[0] for event in room.events] == ["install", "undo", "install"]


def test_httpx_by_another_name_is_what_it_is(room: Room, monkeypatch):
    """After httpx2.alias_httpx() ``import httpx`` gives httpx2, which is switched over as httpx2."""
    monkeypatch.setitem(_activate._ROOMS, "httpx", "no_such_room")
    _activate.patch("httpx", loaded(monkeypatch, "httpx2"))
    assert room.events == [("install", "httpx2", {})]


@pytest.mark.parametrize(
    "options",
    [
        {"resolver": SimpleNamespace(), "pac_url": "http://w.test/p"},
        {"config": SimpleNamespace(), "pac_url": "http://w.test/p"},
        {"trust": "everybody"},
    ],
)
def test_options_that_cannot_be_used_change_nothing(room: Room, monkeypatch, options: dict):
    """A wrong option is a ConfigError before anything is touched: what was active stays active."""
    loaded(monkeypatch, "requests")
    _activate.activate()
    with pytest.raises(ConfigError):
        _activate.activate(**options)
    assert room.events == [("install", "requests", {})]


def test_trust_comes_from_the_environment(room: Room, monkeypatch):
    """PACAWARE_TRUST=system does what activate(trust="system") does."""
    monkeypatch.setenv("PACAWARE_TRUST", "System")
    _activate.patch("requests", loaded(monkeypatch, "requests"))
    assert room.events == [("install", "requests", {"trust": "system"})]


def test_a_bad_trust_in_the_environment_is_named(room: Room, monkeypatch):
    """The error says which variable holds the value that cannot be used."""
    monkeypatch.setenv("PACAWARE_TRUST", "all")
    with pytest.raises(ConfigError, match="PACAWARE_TRUST"):
        _activate.activate()


def test_a_library_that_cannot_be_used_leaves_nothing_active(room: Room, monkeypatch):
    """activate() hands on why a library cannot be switched over, and takes back what it did to the others."""
    loaded(monkeypatch, "requests")
    loaded(monkeypatch, "httpx")
    install = room.install

    def refuse(module: ModuleType, **options: object):
        if module.__name__ == "httpx":
            raise ImportError("not this one")
        return install(module, **options)

    monkeypatch.setattr(room, "install", refuse)
    with pytest.raises(ImportError, match="not this one"):
        _activate.activate()
    assert room.events == [("install", "requests", {}), ("undo", "requests")]
    assert _activate._current is None


def test_the_log_variable_writes_lines_to_stderr(room: Room, monkeypatch, capsys):
    """PACAWARE_LOG=1 shows each record of the logger as one line, until deactivate()."""
    monkeypatch.setenv("PACAWARE_LOG", "1")
    logger = logging.getLogger("pacaware")
    level = logger.level
    _activate.activate()
    _activate.activate()
    logger.info("http://a.test/ goes by %s\nand more", "PROXY p:1")
    _activate.deactivate()
    logger.info("not shown")
    assert capsys.readouterr().err == "pacaware: http://a.test/ goes by PROXY p:1 and more\n"
    assert logger.level == level


def test_a_log_line_fits_any_console(room: Room, monkeypatch, capsys):
    """A character that the console lacks is written as an escape."""
    monkeypatch.setenv("PACAWARE_LOG", "on")
    lines: list[str] = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(encoding="cp932", write=lines.append))
    _activate.activate()
    logging.getLogger("pacaware").warning("\u30d7\u30ed\u30ad\u30b7 \u20ac")
    assert lines == ["pacaware: \u30d7\u30ed\u30ad\u30b7 \\u20ac\n"]
