"""What the README says that ``make demo`` prints is what it prints."""

from __future__ import annotations

import re

import pytest

from pacaware._cli import demo as module
from tests.docs.pages import blocks


def without_ports(text: str) -> list[str]:
    """The lines without the ports, and without the blanks that their number of digits makes necessary."""
    return [" ".join(re.sub(r":\d+\b", ":N", line).split()) for line in text.strip().splitlines()]


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_output_of_the_demo(name, capsys, monkeypatch):
    """Every line but the ports; of the last program, which needs an installed pacaware, the visits are the same."""
    programs = module._programs
    monkeypatch.setattr(module, "_programs", lambda network: list(programs(network))[:-1])
    assert module.demo() == 0
    printed = without_ports(capsys.readouterr().out)
    [shown] = [without_ports(block.text) for block in blocks("text", name) if "On this machine" in block.text]
    script = next(index for index, line in enumerate(shown) if line.startswith("a script that knows"))
    assert shown[:script] + shown[script + 6 :] == printed
    first = next(index for index, line in enumerate(printed) if line.startswith("requests: "))
    visits = [re.sub(r" pac: .* went", " went", line) for line in printed[first + 1 : first + 5]]
    assert shown[script + 1 : script + 5] == visits
