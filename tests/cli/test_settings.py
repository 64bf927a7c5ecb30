"""``pacaware settings``: every source, for a person and as JSON."""

from __future__ import annotations

import json

import pytest

from pacaware._cli import main
from tests._system.machines import GNOME, linux

MANUAL = {"mode": "manual", "http_host": "ｐ", "http_port": 8080}


@pytest.fixture
def machine(monkeypatch):
    """Make this machine one of our choice."""

    def become(environ, **values):
        monkeypatch.setattr("os.environ", dict(environ))
        monkeypatch.setattr("pacaware._system.sources.platform", lambda: linux(**values))

    return become


def test_for_a_person(machine, capsys):
    """The settings in force come first, then each source with its place, the reason and what was repaired."""
    machine(GNOME, **MANUAL)
    assert main(["settings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["In force: gnome", "  proxy server  http=http://p:8080"]
    assert "wins    gnome: gsettings org.gnome.system.proxy" in lines
    assert any("! " in line and "is read as http://p:8080" in line for line in lines)


def test_as_json(machine, capsys):
    """The record is JSON."""
    machine({**GNOME, "NO_PROXY": "a.test"}, **MANUAL)
    assert main(["settings", "--json", "--all"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["winner"]["origin"] == "gnome"
    assert [source["status"] for source in record["sources"]] == ["empty", "wins", "empty"]


def test_nothing_set(machine, capsys):
    """Where nothing is set the advice for the situation is printed."""
    machine({"SSH_TTY": "x"})
    assert main(["settings"]) == 0
    out = capsys.readouterr().out
    assert "In force: none\n  no proxy\n  ! this is an ssh session" in out


def test_settings_that_cannot_be_used(machine, capsys):
    """Broken settings are said to be so, by the exit status too."""
    machine(GNOME, mode="manual", http_host="p:1:2")
    assert main(["settings"]) == 1
    out = capsys.readouterr().out
    assert "cannot be used" in out
    assert "two ports" in out


def test_every_kind_of_setting(machine, capsys):
    """Detection, PAC file without its secrets, and reversed exceptions are shown."""
    machine({"auto_proxy": "", **GNOME}, mode="auto", **{"autoconfig-url": "http://u:secret@h/p?k=secret"})
    assert main(["settings"]) == 0
    out = capsys.readouterr().out
    assert "auto-detect   on" in out
    assert "PAC URL       http://h/p?k=..." in out
    assert "secret" not in out
