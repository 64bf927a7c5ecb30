"""The installed package: what lies in site-packages, and what PACAWARE does to a Python that starts."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

IMPORTED = "import sys; print(sorted(name for name in sys.modules if 'pacaware' in name))"
HOOKED = "import sys; print([f.__module__ for f in sys.meta_path if getattr(f, '__module__', '').startswith('_pac')])"
# What the import of a library may not break: stands in for any fault in pacaware.
SABOTAGED = "import sys; sys.modules['pacaware._activate'] = None; import requests; print(requests.__name__)"


def test_the_wheel_holds_what_starts_it(wheel: Path):
    """The .pth and .start files and the start-up module lie at the top, so that no package has to run for them."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        pth = archive.read("pacaware.pth").decode("ascii")
        start = archive.read("pacaware.start").decode("ascii")
    assert {"_pacaware_startup.py", "pacaware/__init__.py", "pacaware/py.typed"} <= names
    assert "pacaware/_startup.py" not in names
    assert pth == 'import os; os.environ.get("PACAWARE") and __import__("_pacaware_startup").main()\n'
    assert start == "_pacaware_startup:main\n"


def test_the_wheel_holds_nothing_else(wheel: Path):
    """Tests, benchmarks and scripts stay at home; the license goes along."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "_pacaware_startup.py",
        "pacaware",
        "pacaware.pth",
        "pacaware.start",
    }
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


@pytest.mark.parametrize("value", [None, "", "0", "off"])
def test_off_is_inert(run, value: str | None):
    """Unset or off, no module of pacaware is imported by a library, and the finders are Python's."""
    variables = {} if value is None else {"PACAWARE": value}
    done = run("-c", f"import requests; {IMPORTED}; {HOOKED}", **variables)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[]" if value in (None, "") else "['_pacaware_startup']", "[]"]


def test_on_waits_for_a_library(run):
    """PACAWARE=1 puts the finder in place and imports nothing of pacaware until a library needs it."""
    done = run("-c", f"{IMPORTED}; {HOOKED}", PACAWARE="1")
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["['_pacaware_startup']", "['_pacaware_startup']"]


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_isolated_pythons_stay_off(run, option: str):
    """Under -I and -E variables must not matter; under -S there is no site-packages."""
    done = run(option, "-c", HOOKED, PACAWARE="1")
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("option", ["-P", "-s", "-OO", "-B"])
def test_other_options_make_no_difference(run, option: str):
    """Options that say nothing about the environment leave it on."""
    done = run(option, "-c", HOOKED, PACAWARE="1")
    assert (done.stdout, done.stderr) == ("['_pacaware_startup']\n", "")


def test_a_value_that_means_nothing_is_one_line(run):
    """A typing error is said once on stderr; the program runs, without pacaware."""
    done = run("-c", HOOKED, PACAWARE="ture")
    assert done.stdout == "[]\n"
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("pacaware: PACAWARE='ture' means nothing: ")


def test_a_fault_in_pacaware_is_one_line(run):
    """If pacaware cannot be imported, the library is, and stderr gets one line."""
    done = run("-c", SABOTAGED, PACAWARE="1")
    assert done.stdout == "requests\n"
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("pacaware: not active: ModuleNotFoundError: ")


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_no_trace_in_the_spec(run, library: str):
    """The library's spec names its own loader, and inspect finds its source."""
    code = f"import inspect, {library} as m; print(type(m.__spec__.loader).__name__, len(inspect.getsource(m)) > 0)"
    assert run("-c", code, PACAWARE="1").stdout == "SourceFileLoader True\n"


def test_children_inherit_it(run):
    """A Python that the program starts is reached as well."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOOKED!r}], check=True)"
    done = run("-c", code, PACAWARE="1")
    assert (done.stdout, done.stderr) == ("['_pacaware_startup']\n", "")


def test_two_starters_install_one_finder(run):
    """The .pth line and the .start entry may both call main(): the second call adds nothing."""
    code = f"import _pacaware_startup; _pacaware_startup.main(); {HOOKED}"
    assert run("-c", code, PACAWARE="1").stdout == "['_pacaware_startup']\n"
