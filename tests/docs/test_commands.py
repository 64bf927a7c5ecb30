"""The commands in the README and the pages exist, and so do their options, extras, targets and variables."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest

from pacaware import _cli
from tests.docs.pages import PAGES, ROOT, Block, blocks, page

#: Programs that are not ours; the lines with them are read by people, and run where a test of their page says so.
OTHERS = {".", "docker", "git", "nox", "sudo"}
_ASSIGNMENT = re.compile(r"[A-Z_][A-Z0-9_]*=\S*")
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
_TARGETS = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1].split())


def commands() -> list[tuple[Block, list[str]]]:
    """Every line with a prompt, as words, without the variables before the command."""
    found = []
    for block in blocks("console"):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                words = shlex.split(line[2:], comments=True)
                while _ASSIGNMENT.fullmatch(words[0]):
                    words.pop(0)
                found.append((block, words))
    return found


def _check_pacaware(words: list[str]) -> None:
    options = _cli._parser().parse_args(words)
    assert options.command == words[0]
    if options.command == "run":
        _check(options.words)


def _check_pip(words: list[str]) -> None:
    assert words[0] in ("install", "wheel", "debug", "download"), words


def _check_module(words: list[str]) -> None:
    if words[0] == "pip":
        _check_pip(words[1:])
    elif words[0] == "pacaware":
        _check_pacaware(words[1:])
    else:
        assert words[0] in ("venv", "keyring", "some.module"), words


def _check(words: list[str]) -> None:
    """Fail unless this is a command that there is."""
    program, arguments = words[0], words[1:]
    if program == "pacaware":
        _check_pacaware(arguments)
    elif program == "pip":
        _check_pip(arguments)
    elif program == "python":
        if arguments[0] == "-m":
            _check_module(arguments[1:])
        else:
            assert arguments[0].endswith(".py"), arguments
    elif program == "make":
        assert arguments[0] in _TARGETS, arguments
    elif program == "export":
        assert _ASSIGNMENT.fullmatch(arguments[0]), arguments
    else:
        assert program in OTHERS, words


def _name(value: Block | list[str]) -> str:
    return str(value) if isinstance(value, Block) else " ".join(value[:3])


@pytest.mark.parametrize(("block", "words"), commands(), ids=_name)
def test_a_command_can_be_typed(block: Block, words: list[str]):
    """The program is known, and what is ours takes these options."""
    _check(words)


@pytest.mark.parametrize("name", PAGES)
def test_extras_exist(name: str):
    """Each ``pacaware[...]`` names extras of the package."""
    given = {extra for listed in re.findall(r"pacaware\[([\w,]+)\]", page(name)) for extra in listed.split(",")}
    assert given <= set(_PROJECT["optional-dependencies"])


def test_variables_exist_and_are_described():
    """The pages name the variables that the source reads, each of them, and no other."""
    word = re.compile(r"PACAWARE(?:_[A-Z]+)+")
    read = {name for path in (ROOT / "src").rglob("*.py") for name in word.findall(path.read_text("utf-8"))}
    told = {found for name in PAGES for found in word.findall(page(name))}
    assert told == read
