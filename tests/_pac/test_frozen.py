"""Frozen programs: their script's process is a Python that was named, or a second copy of themselves, never more."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests._pac.test_process import SRC

from pacaware._freeze import WORKER_FLAG, freeze_support
from pacaware._pac import engines
from pacaware.errors import PacEngineError

PROGRAM = """
import os, sys
with open(os.path.join(os.path.dirname(sys.executable), "starts"), "a") as starts:
    starts.write("started\\n")
import pacaware
if "--bare" not in sys.argv:
    pacaware.freeze_support()
from pacaware.pac import PacEvaluator
from pacaware.errors import PacawareError
for engine in ("quickjs", "pacparser"):
    try:
        with PacEvaluator("function FindProxyForURL(u, h) { return 'PROXY ' + h + ':1' }", {}, engine=engine) as pac:
            print(engine, pac.find_proxy("http://a/").raw, pac.find_proxy("http://b/").raw, flush=True)
    except PacawareError as error:
        print(engine, type(error).__name__, error, flush=True)
if "--greedy" in sys.argv:
    text = "try { for (var a = [];;) a.push(new Array(100).fill('x' + a.length)) } catch (e) {} return 'DIRECT'"
    for engine in ("quickjs", "pacparser"):
        try:
            with PacEvaluator("function FindProxyForURL(u, h) { " + text + " }", {}, engine=engine) as pac:
                pac.find_proxy("http://a/")
        except PacawareError as error:
            print(engine, error, flush=True)
"""


@pytest.fixture
def frozen(monkeypatch):
    """Make this program look frozen."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/app/app")
    monkeypatch.setattr(sys, "exec_prefix", "/opt/app")
    monkeypatch.setattr(sys, "argv", ["app"])
    monkeypatch.setattr(engines.relaunch, "flag", None)


def test_unprepared_program_starts_no_copy_of_itself(frozen):
    """Without freeze_support() a frozen program is an error with advice, never its own script process."""
    with pytest.raises(PacEngineError, match=r"worker_python=.*freeze_support\(\)"):
        engines.find_launcher(environ={})


def test_prepared_program_starts_one_copy(frozen):
    """After freeze_support() the command is the program itself with a flag that makes it a worker."""
    freeze_support()
    launcher = engines.find_launcher(environ={})
    assert launcher.command == ("/opt/app/app", WORKER_FLAG)
    assert launcher.patience > 1


def test_named_python_wins(frozen):
    """A Python that was named runs the worker from its plain file, prepared or not."""
    python = str(Path(os.__file__))  # any file that exists
    freeze_support()
    command = engines.find_launcher(environ={"PACAWARE_WORKER_PYTHON": python}).command
    assert command[:3] == (python, "-I", "-S")
    assert Path(command[3]).is_file()


def test_freeze_support_does_nothing_in_a_plain_program(monkeypatch):
    """In a program that is not frozen the script's process stays a Python."""
    monkeypatch.setattr(engines.relaunch, "flag", None)
    freeze_support()
    assert engines.relaunch.flag is None


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A program made by PyInstaller."""
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.skip("PyInstaller is not installed")
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "app.py").write_text(textwrap.dedent(PROGRAM))
    hooks = Path(SRC) / "pacaware" / "_pyinstaller"
    result = subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--onedir", "--log-level", "ERROR", "--paths", SRC,
         "--additional-hooks-dir", str(hooks), "app.py"],
        cwd=folder, env={**os.environ, "PYTHONPATH": SRC}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    for needed in ("objdump", "objcopy", "shared library"):
        if result.returncode and needed in result.stderr:
            pytest.skip(f"PyInstaller misses something on this machine: {result.stderr.strip().splitlines()[-1]}")
    assert result.returncode == 0, result.stderr
    return folder / "dist" / "app" / "app"


def run(app, *arguments, **environment):
    """Run the program; return its lines and how often it was started, by itself too."""
    starts = app.with_name("starts")
    starts.unlink(missing_ok=True)
    result = subprocess.run(
        [str(app), *arguments], env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert result.stderr == ""
    return result.stdout.splitlines(), starts.read_text().count("started")


def test_real_frozen_program(app):
    """A program made by PyInstaller that calls freeze_support() evaluates with both engines, each in one copy of it."""
    lines, starts = run(app)
    assert lines == ["quickjs PROXY a:1 PROXY b:1", "pacparser PROXY a:1 PROXY b:1"]
    assert starts == 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the cap is another one")
def test_real_frozen_program_keeps_the_cap_on_memory(app):
    """The copy that runs a script is confined like any other process of one."""
    lines, _ = run(app, "--greedy")
    assert [line.partition(" ")[2] for line in lines[2:]] == [
        "the PAC file used up the memory it may have (256 MiB)"
    ] * 2


def test_real_frozen_program_that_is_not_prepared(app):
    """One that does not call it gets an error, and no second copy is started."""
    lines, starts = run(app, "--bare")
    assert [line.split()[1] for line in lines] == ["PacEngineError"] * 2
    assert starts == 1


def test_real_frozen_program_with_a_named_python(app):
    """With PACAWARE_WORKER_PYTHON the worker is run from the plain files that the hook takes along."""
    python = str(Path(sys.base_exec_prefix) / "bin" / "python3")
    lines, _ = run(app, "--bare", PACAWARE_WORKER_PYTHON=python)
    assert lines == ["quickjs PROXY a:1 PROXY b:1", "pacparser PROXY a:1 PROXY b:1"]
