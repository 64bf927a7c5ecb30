"""The arrows between the rooms: every import in the package, nested and type-only ones too, goes one way."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pacaware

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(pacaware.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# A module may import from a lower rank, and from its own room. Rooms of one rank know nothing of each other.
RANKS = [
    {"errors"},
    {"_deadline", "_flights", "_hosts", "_probes", "_pyinstaller", "_threads", "_trust"},
    {"_models"},
    {"_core"},
    {"_auth", "_system", "_pac"},
    {"_freeze", "_situation"},
    {"_questions"},
    {"_resolver"},
    {"_requests", "_httpx", "_httpx2"},
    {"auth", "pac", "requests", "httpx", "httpx2", "testing"},
    {"_activate"},
    {"_cli"},
    {"__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}

# Modules that act or wait; a room that only decides has no use for them.
IMPURE = {
    *("asyncio", "anyio", "concurrent", "ctypes", "http", "httpcore", "httpx", "multiprocessing", "os", "pathlib"),
    *("queue", "random", "requests", "secrets", "select", "selectors", "signal", "socket", "ssl", "subprocess"),
    *("tempfile", "threading", "time", "trio", "urllib3"),
}


def imports(path: Path) -> Iterator[str]:
    """The absolute name of every module (or name in a module) that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it goes"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


def room_of(path: Path) -> str:
    """The first part of a module's place below the package."""
    return room(path.relative_to(ROOT).parts[0].removesuffix(".py"))


def room(name: str) -> str:
    """_startup is the half of _activate that every start of Python may run: two files, one room."""
    return "_activate" if name == "_startup" else name


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def wrong_arrows(path: Path) -> list[str]:
    """What a file imports from the package and may not."""
    own = room_of(path)
    wrong = []
    for name in imports(path):
        first, _, rest = name.partition(".")
        target = room(rest.partition(".")[0])
        if first != "pacaware" or target == own:
            continue
        if target not in RANK:
            # Only what the facade itself defines, or names that it looks up from rooms below.
            if not (target == "__version__" or (RANK[own] > RANK["_activate"] and target in pacaware.__all__)):
                wrong.append(name)
        elif RANK[target] >= RANK[own]:
            wrong.append(name)
    return wrong


def test_every_room_has_a_rank():
    """A new room must be given its place in the order before anything may import it."""
    assert {room_of(path) for path in MODULES} - {"__init__"} <= set(RANK)


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) != "__init__"], ids=name_of)
def test_imports_go_one_way(path: Path):
    """No module imports from a room above or beside its own."""
    assert wrong_arrows(path) == []


@pytest.mark.parametrize(
    ("place", "line", "allowed"),
    [
        ("_core", "from pacaware._models import ProxyList", True),
        ("_core", "from pacaware._resolver import ProxyResolver", False),
        ("_core", "def f():\n    import pacaware._pac.fetch", False),
        ("_core", "if TYPE_CHECKING:\n    from pacaware._auth.basic import BasicAuth", False),
        ("_core", "from pacaware import ProxyList", False),
        ("_pac", "from pacaware._system import environ", False),
        ("_models", "import_module('pacaware._system')", False),
        ("_httpx", "from pacaware._httpx.backend import Backend", True),
        ("_cli", "from pacaware import ProxyResolver, __version__", True),
    ],
)
def test_the_check_sees_every_kind_of_import(tmp_path: Path, monkeypatch, place: str, line: str, allowed: bool):
    """Imports inside functions, for types only and by import_module are followed like any other."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / place / "module.py"
    path.parent.mkdir()
    path.write_text(line)
    assert (wrong_arrows(path) == []) is allowed


@pytest.mark.parametrize("path", sorted((ROOT / "_core").rglob("*.py")), ids=name_of)
def test_the_core_is_pure(path: Path):
    """What decides imports nothing that reads a clock, a file, a socket or the environment, or starts a thread."""
    assert {name.partition(".")[0] for name in imports(path)} & IMPURE == set()


def test_the_start_up_module_imports_os_and_sys_only():
    """What every start of Python may run stays cheap: at module level and in types it knows os and sys alone."""
    path = ROOT / "_startup.py"
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top for alias in node.names if getattr(node, "module", None) != "__future__"}
    assert names == {"os", "sys"}
    inside = {name for name in imports(path) if name.partition(".")[0] == "pacaware"}
    assert inside == {"pacaware._activate.check", "pacaware._activate.patch"}
