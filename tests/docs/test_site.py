"""The site is built without a warning and needs no other server."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, page
from tests.test_exports import NAMES

pytest.importorskip("mkdocs", reason="make docs needs mkdocs: pip install --group docs")


class Loaded(HTMLParser):
    """Collects the addresses that a browser fetches to show a page, and the names that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.names.add(given.get("id") or "")
        if tag in ("script", "img", "iframe", "source", "embed"):
            self.addresses.append(given.get("src") or "")
        elif tag == "link" and given.get("rel") != "canonical":
            self.addresses.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> tuple[Path, str]:
    """The site, and what its making said."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout + done.stderr


def test_no_warnings(site):
    """Nothing is missing, unknown or left out of the navigation."""
    assert not re.search(r"WARNING|ERROR|Traceback", site[1]), site[1]


def test_every_page_is_there(site):
    """Each Markdown file has its page."""
    made = {path.stem for path in site[0].glob("*.html")} - {"404", "search", "genindex"}
    assert made == {Path(name).stem for name in PAGES if name.startswith("docs/")}


def test_nothing_is_fetched_from_elsewhere(site):
    """Fonts, scripts, styles and pictures come with the site."""
    for path in site[0].rglob("*.html"):
        loaded = Loaded()
        loaded.feed(path.read_text("utf-8"))
        assert [address for address in loaded.addresses if re.match(r"(https?:)?//", address)] == [], path.name
    for path in site[0].rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", path.read_text("utf-8")), path.name


def test_the_reference_has_every_public_name(site):
    """Each public name has an entry; httpx2's are httpx's."""
    loaded = Loaded()
    loaded.feed((site[0] / "api.html").read_text("utf-8"))
    missing = [
        f"{module}.{name}"
        for module, names in NAMES.items()
        for name in names
        if not {f"{module}.{name}", f"pacaware.errors.{name}"} & loaded.names and module != "pacaware.httpx2"
    ]
    assert not missing


def test_every_entry_of_the_reference_is_public():
    """What is described is what the package offers."""
    public = {f"{module}.{name}" for module, names in NAMES.items() for name in names} | set(NAMES)
    assert set(re.findall(r"^::: (\S+)$", page("docs/api.md"), re.MULTILINE)) <= public
