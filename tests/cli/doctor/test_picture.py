"""The runs in the READMEs and the picture in the docs are what the doctor prints today."""

from __future__ import annotations

import importlib.util
import re
import sys
from html import unescape
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from pacaware._cli.doctor.findings import _EXITS

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the messages of the operating system in them are Linux'"),
    pytest.mark.skipif(not (ROOT / "scripts").exists(), reason="not in a checkout"),
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/picture.py as a module."""
    spec = importlib.util.spec_from_file_location("picture", ROOT / "scripts" / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


@pytest.fixture(scope="module")
def runs(script: ModuleType) -> list[str]:
    """Today's output of the two faults."""
    return [script.wrong_password().text, script.maintenance().text]


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_readmes_show_todays_runs(runs: list[str], name: str):
    """Both, whole; ``python scripts/picture.py`` writes them."""
    page = (ROOT / name).read_text("utf-8")
    for run in runs:
        assert f"```text\n{run.rstrip()}\n```\n" in page


def test_the_picture_shows_todays_run(script: ModuleType, runs: list[str]):
    """Its text, line by line."""
    root = ET.fromstring((ROOT / "docs" / "doctor.svg").read_text("utf-8"))  # our own file
    drawn = ["".join(element.itertext()).replace(script.NO_BREAK, " ") for element in root.iter(f"{SVG}text")]
    assert drawn == [line for line in runs[0].splitlines() if line]


def test_the_picture_needs_nothing_from_elsewhere(script: ModuleType):
    """No font, script or picture is loaded, and the file is the one that the script draws."""
    text = (ROOT / "docs" / "doctor.svg").read_text("utf-8")
    assert re.findall(
        r"https?://[^\s\"<]+", unescape(text).replace("http://www.w3.org/2000/svg", "", 1).replace(script.NO_BREAK, " ")
    ) == re.findall(r"https?://[^\s\"<]+", script.wrong_password().text)
    assert "<script" not in text
    assert "href" not in text
    assert "@import" not in text


def test_what_is_stale_is_said(script: ModuleType, monkeypatch, tmp_path: Path, capsys):
    """--check fails with a diff and writes nothing; without it the files are written."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n", "utf-8")
    for name, value in (("ROOT", tmp_path), ("PICTURE", tmp_path / "doctor.svg"), ("READMES", (readme,))):
        monkeypatch.setattr(script, name, value)
    assert script.main(["--check"]) == 1
    assert "-old" in capsys.readouterr().out
    assert not (tmp_path / "doctor.svg").exists()
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    assert readme.read_text("utf-8").startswith(f"before\n{script.BEGIN}\n\n```text\n$ pacaware doctor")
    with pytest.raises(ValueError, match="there is no"):
        script.with_runs("no marks", [])


def test_the_documented_exit_statuses_are_those_of_the_code():
    """The table of docs/doctor.md has every status that a run can end with."""
    table = (ROOT / "docs" / "doctor.md").read_text("utf-8").partition("## Exit status")[2].partition("## ")[0]
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {0, 1, 2, *_EXITS.values()}
