"""Settings of Windows that change while a program runs."""

from __future__ import annotations

import pytest

from pacaware.testing import PacServer, pac_returning
from tests.windows.test_settings import blob


@pytest.fixture(scope="module")
def found(machine):
    """What a resolver in use answered after each change, and how soon."""
    with PacServer(pac_returning("PROXY script.test:3")) as pac:
        steps = [
            [blob(flags=3, proxy_server="one.test:1")],
            [blob(flags=3, proxy_server="two.test:2")],
            [blob(flags=5, pac_url=pac.url)],
            [blob(flags=1)],
        ]
        return machine.ask("change", steps)


def test_changes_by_another_program(found):
    """A resolver in use goes by the new settings: another proxy, a PAC file, none."""
    answers = [one["answer"] for one in found["seen"]]
    assert answers == ["PROXY one.test:1", "PROXY two.test:2", "PROXY script.test:3", "DIRECT"]


def test_changes_are_noticed_by_event(found):
    """A change counts within the second between two looks, and a look that finds none reads no values."""
    assert all(one["seconds"] < 4 for one in found["seen"])
    assert found["look"] < 0.001


def test_the_event_outlives_the_thread(found):
    """A watch that was begun by a thread that has ended still tells changes, and nothing else."""
    assert found["watch"] == {"quiet": 0, "changed": True, "quiet again": 0}
