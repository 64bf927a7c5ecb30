"""What docs/pac-authors.md shows is what the commands do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware._cli.pac.cases import parse_cases

ROOT = Path(pacaware.__file__).parent
DOCS = ROOT.parents[1] / "docs" / "pac-authors.md"

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documents are not installed with the package")


def test_the_table_of_cases_can_be_copied():
    """The example of a table is a valid one."""
    [text] = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    cases = parse_cases(text, "toml")
    assert [case.name for case in cases] == ["", "", "", "in the branch office"]


def test_every_remark_is_explained():
    """The codes in the table are those in the source, all of them."""
    table = DOCS.read_text("utf-8").split("| remark |")[1].split("\n\n")[0]
    explained = set(re.findall(r"`([a-z-]+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:])))
    lint = (ROOT / "_pac" / "lint.py").read_text("utf-8")
    check = (ROOT / "_cli" / "pac" / "check.py").read_text("utf-8")
    given = set(re.findall(r'Finding\(\s*"([a-z-]+)"', lint)) | set(re.findall(r'_Remark\("\w+", "([a-z-]+)"', check))
    assert explained == given | {"syntax", "load"}


def test_the_remark_that_is_shown(capsys, tmp_path, monkeypatch):
    """The output of check in the document is what it prints."""
    shown = re.search(r"pac check proxy.pac\n(proxy.pac:2.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    script = (
        "function FindProxyForURL(url, host) {\n"
        '  if (isInNet(host, "10.0.0.0", "255.0.0.0")) return "DIRECT";\n'
        '  return "PROXY p:1";\n}\n'
    )
    Path("proxy.pac").write_text(script, "utf-8")
    assert _cli.main(["pac", "check", "proxy.pac"]) == 0
    assert capsys.readouterr().out == shown[1]
