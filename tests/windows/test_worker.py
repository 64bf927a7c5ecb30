"""The process of a PAC file on Windows: its pipes, its time, its memory, its end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.windows.machine import PROGRAMS, windows_path

ENGINES = ["quickjs", "pacparser"]


@pytest.fixture(scope="module")
def found(machine):
    """What became of the PAC files."""
    return machine.ask("worker", None)


@pytest.fixture
def left(machine):
    """Wait until that machine has a worker, or ``down_to`` of them, for so many seconds; return how many it has."""

    def left(seconds: float, down_to: int | None = None) -> int:
        deadline = time.monotonic() + seconds
        while True:
            count = len(machine.processes("start.py"))
            if (count > 0 if down_to is None else count <= down_to) or time.monotonic() > deadline:
                return count
            time.sleep(0.02)

    return left


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer(found, engine):
    """Both engines load, and the helpers work in them."""
    assert found[engine]["answer"]["said"] == "PROXY 10.0.0.1:8; DIRECT"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_question_larger_than_a_pipe(found, engine):
    """Writing and reading go on until all of it is there."""
    assert found[engine]["large"]["said"] == "PROXY 500016.test:1"


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_of_a_script(found, engine):
    """A script that throws or runs out of stack is an error of the script, and its process no casualty."""
    assert [found[engine][name]["said"] for name in ("wrong", "deep")] == ["PacScriptError", "PacScriptError"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_time_limit(found, engine):
    """A loop is ended after its five seconds by a thread of the parent, since pipes cannot be waited for there."""
    assert found[engine]["loop"]["said"] == "PacTimeout"
    assert 4.5 < found[engine]["loop"]["seconds"] < 15


def test_the_memory_cap(found):
    """quickjs-ng, which is chosen there, keeps to its cap and says so, whatever the script makes of it."""
    assert found["chosen"] == "quickjs"
    assert found["quickjs"]["greedy"] == ["PacEngineError"] * 3


def test_what_the_process_is_given(found):
    """SYSTEMROOT and no other variable, no console window, the root of the drive as its folder."""
    own = [name for name in found["probe"]["variables"] if not name.startswith("WINE")]  # Wine's own cannot be withheld
    assert set(own) <= {"SYSTEMROOT", "SYSTEMDRIVE"}  # Wine adds the second one
    assert "SYSTEMROOT" in own
    assert len(found["host"]["variables"]) > len(found["probe"]["variables"])
    assert found["probe"]["window"] == 0
    assert found["probe"]["folder"].endswith(":\\")


def test_nothing_is_left(found, left):
    """After close() no process is left, the interpreter behind the launcher of a virtual environment included."""
    assert found["host"]["pid"]
    assert left(10, down_to=0) == 0


@pytest.mark.parametrize("how", ["idle", "loop"])
def test_the_end_of_the_parent(machine, left, how):
    """A process whose parent is gone leaves: at the end of its input, or, in a loop, when its own timer runs out."""
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(machine.run, windows_path(PROGRAMS / "orphan.py"), how)
        assert left(60) >= 1
        done = running.result()
    assert (done.status, done.stdout, done.stderr) == (0, "2\n", "")
    assert left(30, down_to=0) == 0
