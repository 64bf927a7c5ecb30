"""What PyInstaller must take along: it finds this by the entry point ``pyinstaller40`` of the installed package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_hook_dirs"]


def get_hook_dirs() -> list[str]:
    """Return the folder of the hook."""
    return [str(Path(__file__).parent)]
