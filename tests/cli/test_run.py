"""``pacaware run``, as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware._cli.run import environment
from pacaware.errors import ConfigError

SOURCE = str(Path(pacaware.__file__).parent.parent)
SHOW = "import os; print(os.environ['PACAWARE'])"


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``pacaware run`` in a clean environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PACAWARE")}
    return subprocess.run(
        [sys.executable, "-m", "pacaware", "run", *words],
        env={**clean, "PYTHONPATH": SOURCE, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_runs_with_pacaware_on():
    """The command sees PACAWARE=1, and its output and exit status are the command's own."""
    done = run(sys.executable, "-c", f"{SHOW}; raise SystemExit(7)")
    assert (done.returncode, done.stdout, done.stderr) == (7, "1\n", "")


def test_options_after_the_command_are_the_commands():
    """Nothing behind the command is taken for an option of pacaware; ``--`` before it is allowed."""
    done = run("--", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--json", "--", "-x")
    assert done.stdout == "['--json', '--', '-x']\n"


def test_a_value_that_is_on_stays():
    """A PAC URL in PACAWARE is not overwritten."""
    assert run(sys.executable, "-c", SHOW, PACAWARE="http://w.test/p.pac").stdout == "http://w.test/p.pac\n"


@pytest.mark.parametrize("value", ["", "0", "off"])
def test_a_value_that_is_off_is_overwritten(value: str):
    """Who writes ``pacaware run`` wants it on."""
    assert run(sys.executable, "-c", SHOW, PACAWARE=value).stdout == "1\n"


def test_a_value_that_means_nothing_is_an_error():
    """A typing error in PACAWARE is not silently replaced."""
    done = run(sys.executable, "-c", SHOW, PACAWARE="ture")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pacaware: PACAWARE='ture' means nothing")
    with pytest.raises(ConfigError, match="'ture'"):
        environment({"PACAWARE": "ture"})


def test_a_missing_command_is_127():
    """As in a shell, with one line."""
    done = run("no-such-command-here")
    assert (done.returncode, done.stderr) == (127, "pacaware: cannot run no-such-command-here: no such command\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission to run")
def test_a_script_that_cannot_be_run_is_126(tmp_path: Path):
    """As in a shell; for a Python script the line says how to run it."""
    script = tmp_path / "script.py"
    script.write_text("print('ran')")
    done = run(str(script))
    assert done.returncode == 126
    assert done.stderr.startswith(f"pacaware: cannot run {script}: ")
    assert done.stderr.endswith(f"to run a Python script: pacaware run python {script}\n")


def test_no_command_is_wrong_usage():
    """The line shows an example."""
    done = run()
    assert done.returncode == 2
    assert "pacaware run python script.py" in done.stderr
