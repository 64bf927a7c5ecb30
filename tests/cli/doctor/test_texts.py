"""The texts: every key in both languages, with the same values, fit for any console."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from pacaware._cli.doctor import english, findings, japanese, texts
from pacaware._cli.doctor.findings import STEPS
from pacaware._cli.doctor.texts import language

FOLDER = Path(findings.__file__).parent
CODE = [path for path in FOLDER.glob("*.py") if path.stem not in ("english", "japanese")]
KEY = re.compile(rf"(?:{'|'.join((*STEPS, 'wpad'))})-[a-z-]+")


def fields(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def keys_in_code() -> set[str]:
    """Every string constant that looks like a key of a cause."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in CODE]
    constants = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    steps_of_the_resolver = {"pac-fetch", "pac-load", "pac-run", "pac-result"}
    return {text for text in constants if isinstance(text, str) and KEY.fullmatch(text)} - steps_of_the_resolver


def test_both_languages_have_the_same_keys():
    """No text is missing in one language, and none is left over."""
    assert english.CAUSES.keys() == japanese.CAUSES.keys()
    assert english.WORDS.keys() == japanese.WORDS.keys()


def test_the_texts_are_those_that_the_code_names():
    """Every cause that a step can find has its texts, and every text its cause."""
    assert keys_in_code() == english.CAUSES.keys()
    assert {*STEPS, "ok", "warn", "fail", "skip"} <= english.WORDS.keys()


@pytest.mark.parametrize("key", english.CAUSES)
def test_a_cause_is_told_alike(key: str):
    """Both languages show the same values, and say a cause and a next step together or not at all."""
    for one, other in zip(english.CAUSES[key], japanese.CAUSES[key], strict=True):
        assert fields(one) == fields(other)
        assert bool(one) == bool(other)
    found, likely, following = english.CAUSES[key]
    assert found
    assert bool(likely) == bool(following)


@pytest.mark.parametrize("key", english.WORDS)
def test_a_word_is_told_alike(key: str):
    """The frame around the findings shows the same values in both languages."""
    assert fields(english.WORDS[key]) == fields(japanese.WORDS[key])
    assert english.WORDS[key]
    assert japanese.WORDS[key]


def test_english_is_ascii_and_japanese_is_in_cp932():
    """The consoles of older Windows have every character."""
    for text in (*english.WORDS.values(), *(part for parts in english.CAUSES.values() for part in parts)):
        assert text.isascii()
    for text in (*japanese.WORDS.values(), *(part for parts in japanese.CAUSES.values() for part in parts)):
        assert text.encode("cp932").decode("cp932") == text


@pytest.mark.parametrize(
    ("asked", "environ", "expected"),
    [
        ("ja", {"LANG": "en_US.UTF-8"}, "ja"),
        ("en", {"LANG": "ja_JP.UTF-8"}, "en"),
        (None, {"LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LC_ALL": "ja_JP", "LANG": "en_US.UTF-8"}, "ja"),
        (None, {"LC_MESSAGES": "C", "LANG": "ja_JP.UTF-8"}, "en"),
        (None, {"LC_ALL": "", "LANG": "ja_JP.eucJP"}, "ja"),
    ],
)
def test_the_language(asked: str | None, environ: dict[str, str], expected: str):
    """What is asked for comes first, then the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    assert language(asked, environ) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("Japanese_Japan", "ja"), ("ja_JP", "ja"), ("en_US", "en"), (None, "en")]
)
def test_the_systems_language(monkeypatch, name: str | None, expected: str):
    """Where no variable is set, as on Windows, the system says it."""
    monkeypatch.setattr(texts.locale, "getlocale", lambda: (name, "cp932"))
    assert language(None, {}) == expected
