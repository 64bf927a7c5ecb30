"""The start-up module in this process: what PACAWARE may say, and the import finder with made-up libraries."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import sys
import zipfile
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING

import pytest

from pacaware import _activate, _startup
from pacaware._system.environ import read_config

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ModuleType]]:
    """What the finder handed to ``patch``, in order; the finder is installed for the library ``fakelib``."""
    calls: list[tuple[str, ModuleType]] = []
    monkeypatch.setattr(_activate, "patch", lambda name, module: calls.append((name, module)))
    monkeypatch.setattr(_startup, "TARGETS", ("fakelib",))
    monkeypatch.setattr(_startup, "_said", set())
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if finder is not _startup._Finder])
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield calls
    for name in [name for name in sys.modules if name.partition(".")[0] in ("fakelib", "reallib", "otherlib")]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def library(tmp_path: Path, patched: list) -> Path:
    """A package ``fakelib`` on sys.path that notes the loader its body sees."""
    package = tmp_path / "fakelib"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from fakelib import part\nseen = type(__spec__.loader).__name__\nclass Thing: pass"
    )
    (package / "part.py").write_text("value = 1")
    sys.path.insert(0, str(tmp_path))
    return package


@pytest.mark.parametrize(
    ("value", "on"),
    [
        *((value, False) for value in ("", " ", "0", "off", "no", "false", "OFF", " False ")),
        *((value, True) for value in ("1", "on", "yes", "true", "system", "ON", " System\t")),
        *((value, True) for value in ("http://wpad.corp/proxy.pac", "HTTPS://w.corp/p.pac?a=1")),
        *((value, None) for value in ("2", "ture", "htp://w/p", "w.corp/p.pac", "file:///etc/p.pac", "/etc/p.pac")),
    ],
)
def test_what_the_variable_means(value: str, on: bool | None):
    """Off values, on values and PAC URLs are known; every other text means nothing, local files among them."""
    assert _startup.is_on(value, {}) is on


@pytest.mark.parametrize(
    ("value", "on"),
    [
        *(
            (value, True)
            for value in ("file:///etc/p.pac", "/etc/p", "./p", "~/p", "p.pac", "wpad.dat", "C:\\p", "\\\\s\\p")
        ),
        *((value, None) for value in ("ture", "ftp://w/p.pac", "p.txt")),
    ],
)
def test_local_files_need_a_second_word(value: str, on: bool | None):
    """PACAWARE_ALLOW_FILE=1 lets PACAWARE name a local PAC file, by URL or path."""
    assert _startup.is_on(value, {"PACAWARE_ALLOW_FILE": "yes"}) is on
    assert _startup.is_on(value, {"PACAWARE_ALLOW_FILE": "0"}) is None


@pytest.mark.parametrize(
    "value", ["", "0", "off", "1", "yes", "system", "http://w.test/p", "/etc/p.pac", "./p", "C:/p", "p.js"]
)
def test_start_up_and_settings_agree(value: str):
    """What the start-up module takes for a PAC file is one to the reader of the environment too."""
    environ = {"PACAWARE": value, "PACAWARE_ALLOW_FILE": "1"}
    config = read_config(environ)
    assert _startup.is_on(value, environ) is not None
    assert (config is not None and config.pac_url == value) is (
        value.lower() not in ("", "0", "off", "1", "yes", "system")
    )


def test_a_bad_value_is_shown_without_its_password():
    """The line about a value that means nothing shows neither user nor password, and only printable ASCII."""
    line = _startup.explain_unknown("ftp://me:geheim@w.corp/\u3042\n")
    assert "geheim" not in line
    assert "me:" not in line
    assert "w.corp" in line
    assert line.isascii()
    assert line.isprintable()


def test_a_library_is_patched_after_it_has_run(library: Path, patched: list):
    """Importing the library, directly or by a submodule, hands it over once its body has run; submodules are not."""
    _startup.install_hook()
    importlib.import_module("fakelib.part")
    module = sys.modules["fakelib"]
    assert patched == [("fakelib", module)]
    assert module.Thing is not None


def test_no_trace_is_left_in_the_module(library: Path, patched: list):
    """The module's spec and loader are what they are without the finder, in its own body already; classes pickle."""
    _startup.install_hook()
    import fakelib

    assert fakelib.seen == "SourceFileLoader"
    assert type(fakelib.__spec__.loader) is SourceFileLoader
    assert fakelib.__loader__ is fakelib.__spec__.loader
    assert type(pickle.loads(pickle.dumps(fakelib.Thing()))) is fakelib.Thing


def test_a_spec_that_is_only_looked_at_still_answers(library: Path, patched: list):
    """find_spec() without an import patches nothing, and its loader gives source and file name."""
    _startup.install_hook()
    spec = importlib.util.find_spec("fakelib")
    assert "class Thing" in spec.loader.get_source("fakelib")
    assert spec.origin == str(library / "__init__.py")
    assert patched == []


def test_reloading_patches_again(library: Path, patched: list):
    """A reloaded library has new classes, so it is handed over again."""
    _startup.install_hook()
    import fakelib

    importlib.reload(fakelib)
    assert [name for name, _ in patched] == ["fakelib", "fakelib"]


def test_a_lazily_loaded_library_is_patched_when_it_runs(library: Path, patched: list):
    """importlib.util.LazyLoader runs the body at the first attribute; only then is there something to patch."""
    _startup.install_hook()
    spec = importlib.util.find_spec("fakelib")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fakelib"] = module
    spec.loader.exec_module(module)
    assert patched == []
    assert module.seen == "SourceFileLoader"
    assert [name for name, _ in patched] == ["fakelib"]


def test_a_loader_shared_by_a_whole_archive_is_left_alone(tmp_path: Path, patched: list):
    """A zipimporter serves every module of its archive: the neighbours of a target are not patched."""
    archive = tmp_path / "libraries.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("fakelib/__init__.py", "")
        bundle.writestr("otherlib/__init__.py", "")
    sys.path.insert(0, str(archive))
    _startup.install_hook()
    fakelib, otherlib = importlib.import_module("fakelib"), importlib.import_module("otherlib")
    assert [name for name, _ in patched] == ["fakelib"]
    assert type(fakelib.__spec__.loader).__name__ == type(otherlib.__spec__.loader).__name__ == "zipimporter"


def test_an_alias_of_another_library_keeps_that_librarys_loader(tmp_path: Path, patched: list):
    """A finder that answers with a module that exists already (httpx2.alias_httpx) leaves it as it is."""
    (tmp_path / "reallib.py").write_text("")
    sys.path.insert(0, str(tmp_path))
    real = importlib.import_module("reallib")
    spec, loader = real.__spec__, real.__loader__

    class Alias:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return ModuleSpec(name, Alias()) if name == "fakelib" else None

        def create_module(self, spec: ModuleSpec) -> ModuleType:
            return real

        def exec_module(self, module: ModuleType) -> None:
            module.__spec__ = spec

    sys.meta_path.insert(0, Alias)
    _startup.install_hook()
    assert importlib.import_module("fakelib") is real
    assert (real.__spec__, real.__loader__) == (spec, loader)
    assert patched == [("fakelib", real)]


def test_a_missing_library_is_missing_as_ever(patched: list):
    """Where the library is not installed, the import fails with the usual error."""
    _startup.install_hook()
    with pytest.raises(ModuleNotFoundError, match="No module named 'fakelib'"):
        importlib.import_module("fakelib")


def test_a_library_that_fails_to_import_keeps_its_error(library: Path, patched: list):
    """An error in the library's own body reaches the program unchanged, and nothing is patched."""
    (library / "__init__.py").write_text("raise RuntimeError('their own')")
    _startup.install_hook()
    with pytest.raises(RuntimeError, match="their own"):
        importlib.import_module("fakelib")
    assert patched == []


def test_a_failure_to_patch_is_one_line(library: Path, patched: list, monkeypatch, capsys):
    """Whatever goes wrong in pacaware, the import succeeds and stderr gets one line of ASCII."""

    def fail(name: str, module: ModuleType) -> None:
        raise RuntimeError("two\nlines \u3042")

    monkeypatch.setattr(_activate, "patch", fail)
    _startup.install_hook()
    assert importlib.import_module("fakelib").part.value == 1
    assert capsys.readouterr().err == "pacaware: not active for fakelib: RuntimeError: two lines \\u3042\n"


def test_without_stderr_a_failure_is_silent(library: Path, patched: list, monkeypatch):
    """A program without a console (pythonw) has no stderr; the line is dropped."""
    monkeypatch.setattr(_activate, "patch", lambda name, module: 1 / 0)
    monkeypatch.setattr(sys, "stderr", None)
    _startup.install_hook()
    assert importlib.import_module("fakelib").part.value == 1


def test_main_patches_what_is_there_and_is_idempotent(library: Path, patched: list, monkeypatch):
    """A library that another .pth file imported first is handed over at once; a second call adds no second finder."""
    fakelib = importlib.import_module("fakelib")
    monkeypatch.setenv("PACAWARE", "1")
    before = len(sys.meta_path)
    _startup.main()
    _startup.main()
    assert patched[0] == ("fakelib", fakelib)
    assert len(sys.meta_path) == before + 1


def test_main_says_once_that_a_value_means_nothing(patched: list, monkeypatch, capsys):
    """However often it is called (site runs each .pth file of a virtual environment twice), there is one line."""
    monkeypatch.setenv("PACAWARE", "ture")
    before = list(sys.meta_path)
    _startup.main()
    _startup.main()
    assert sys.meta_path == before
    assert capsys.readouterr().err.startswith("pacaware: PACAWARE='ture' means nothing: ")
    _startup.main()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["", "0", "off"])
def test_main_does_nothing_when_off(patched: list, monkeypatch, capsys, value: str):
    """The module checks the variable itself: a .start file calls it at every start."""
    monkeypatch.setenv("PACAWARE", value)
    before = list(sys.meta_path)
    _startup.main()
    assert sys.meta_path == before
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users of this kind here")
@pytest.mark.parametrize("function", ["geteuid", "getegid"])
def test_main_does_nothing_in_a_setuid_program(patched: list, monkeypatch, capsys, function: str):
    """Whoever starts a program that runs as another user or group must not choose where its traffic goes."""
    monkeypatch.setenv("PACAWARE", "1")
    monkeypatch.setattr(os, function, lambda: 12345678)
    before = list(sys.meta_path)
    _startup.main()
    assert sys.meta_path == before
    assert capsys.readouterr().err == ""
