"""What a real Chromium answered to PAC files made at random, asked of ours; and the page that tells what differs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.oracle import chromium, compare
from tests.oracle.__main__ import RECORD
from tests.oracle.grammar import HOSTS, ZONES, Case, Grammar


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    """The recorded run."""
    recorded: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    return recorded


def cases_of(run: dict[str, Any]) -> list[Case]:
    return [
        Case(record["text"], tuple(url for url, _ in record["asked"]), record["zone"], record["clock"])
        for record in run["cases"]
    ]


@pytest.mark.parametrize("engine", compare.ENGINES)
def test_ours_answers_as_chromium_did(run: dict[str, Any], engine: str):
    """At least 2,000 pairs of a PAC file and a URL get the answer, the alerts and the failures that Chromium gave."""
    answers = [[answer for _, answer in record["asked"]] for record in run["cases"]]
    assert sum(map(len, answers)) == run["pairs"] >= 2000
    found = compare.differences(cases_of(run), answers, engine)
    assert not found, "\n".join(map(str, found[:10]))


def test_the_run_shows_something_of_everything(run: dict[str, Any]):
    """The recorded answers are lists of every kind, failures at both times and bad URLs, in every time zone."""
    answers = [answer for record in run["cases"] for _, answer in record["asked"]]
    kinds = Counter(word.split(" ")[0] for answer in answers for word in answer.get("list", "").split(";"))
    assert {kind for kind, count in kinds.items() if count >= 20} >= {"PROXY", "HTTPS", "SOCKS", "SOCKS5", "DIRECT"}
    assert {answer.get("failed") for answer in answers} == {None, "load", "run"}
    assert {record["zone"] for record in run["cases"]} == set(ZONES)
    assert len({answer.get("list") for answer in answers}) > 200


@pytest.mark.parametrize("engine", compare.ENGINES)
@pytest.mark.parametrize(
    "example",
    [example for row in compare.known() for example in row["examples"]],
    ids=lambda row: row.get("body", "")[:50],
)
def test_known_differences_are_as_the_table_says(example: dict[str, Any], engine: str):
    """Where we differ on purpose the answer is the one in the table, and not Chromium's."""
    with compare.in_zone(example.get("zone", "UTC")):
        (ours,) = compare.our_answers(compare.example_case(example), engine)
    assert ours == example["ours"]
    assert not compare.agree(example["theirs"], ours)


def test_the_docs_hold_the_table():
    """``python -m tests.oracle --docs`` has nothing to write."""
    page = compare.DOCS.read_text("utf-8")
    assert compare.table() in page
    assert compare.replace_table(page) == page


def test_the_same_seed_makes_the_same_cases():
    """A run can be repeated by its seed; another seed makes another run."""
    assert Grammar(7).cases(100) == Grammar(7).cases(100) != Grammar(8).cases(100)


def test_cases_ask_about_no_real_host():
    """Every host is below .test, has an address in the table, is one that is not there, or is an address itself."""
    for case in Grammar(9).cases(600):
        for url in case.urls:
            host = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            plain = name.rstrip(".").lower()
            assert plain in HOSTS or plain == "nosuch" or plain.endswith(("test", "]")) or plain[-1:].isdigit()


def test_chromium_is_only_run_in_a_closed_network(monkeypatch, tmp_path):
    """With any device but loopback in sight, the inner half refuses before it starts anything."""
    monkeypatch.setattr(chromium.socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    monkeypatch.setattr(chromium.subprocess, "run", lambda *_, **__: pytest.fail("something was started"))
    with pytest.raises(SystemExit, match="phones home"):
        chromium._close_the_world(HOSTS, tmp_path)


def test_what_is_missing_is_named(monkeypatch):
    """Without Chromium the command says what to install."""
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None if name == "chromium" else f"/usr/bin/{name}")
    assert chromium.missing() == "the comparison needs: apt-get install chromium"
