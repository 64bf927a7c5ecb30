"""``pacaware explain``, with the settings that the test names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware.testing import DeadProxy, PacServer, pac_returning


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("PACAWARE", "AUTO_PROXY", "WSL_PAC")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def test_the_environments_proxy_is_explained(capsys, monkeypatch):
    """The text names the URL, the list, and where it came from."""
    monkeypatch.setenv("PACAWARE_PROXY", "p.test:8080")
    assert _cli.main(["explain", "http://a.test/"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("http://a.test/\n")
    assert "PROXY p.test:8080" in out
    assert "environment" in out


def test_json_is_the_decision(capsys, monkeypatch):
    """--json prints Decision.to_dict(), without what is secret in the URL."""
    monkeypatch.setenv("PACAWARE_PROXY", "p.test:8080")
    assert _cli.main(["explain", "http://me:geheim@a.test/?token=1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["url", "proxies", "source", "config_origin", "pac_url", "cached", "steps"]
    assert record["url"] == "http://a.test/?token=..."
    assert record["proxies"] == ["PROXY p.test:8080"]
    assert (record["source"], record["config_origin"]) == ("manual", "environment")


def test_a_pac_file_on_the_command_line(capsys):
    """--pac-url asks that PAC file instead of this machine's settings."""
    with PacServer(pac_returning("PROXY a.test:1", "DIRECT")) as pac:
        assert _cli.main(["explain", "https://b.test/", "--json", "--pac-url", pac.url]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["pac_url"] == pac.url
    assert record["proxies"] == ["PROXY a.test:1", "DIRECT"]
    assert record["source"] == "pac"


def test_a_pac_file_that_cannot_be_had_is_one_line():
    """The error names the PAC file; there is no traceback and no second line, and the exit status is 1."""
    with DeadProxy() as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "pacaware", "explain", "https://b.test/", "--pac-url", f"{nobody.url}/proxy.pac"],
            env={**os.environ, "PYTHONPATH": str(Path(pacaware.__file__).parent.parent)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    [line] = done.stderr.splitlines()
    assert line.startswith("pacaware: ")
    assert f"{nobody.netloc}/proxy.pac" in line
    assert (done.returncode, done.stdout) == (1, "")
