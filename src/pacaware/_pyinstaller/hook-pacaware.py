"""PyInstaller's hook: the prelude, the worker as plain files, the engines and what is imported by name only."""

# PyInstaller is there when PyInstaller runs this, and in no other place.
from PyInstaller.utils.hooks import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
    can_import_module,
    collect_data_files,
    collect_submodules,
)

datas = collect_data_files("pacaware", include_py_files=True, includes=["_pac/*.js", "_pac/*.py"])
hiddenimports = [
    *collect_submodules("pacaware._pac"),
    *(name for name in ("_quickjs", "pacparser", "pacparser._pacparser") if can_import_module(name)),
    *("_json", "_signal", "ctypes", "faulthandler", "resource"),
]
