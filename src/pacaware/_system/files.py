"""The state of a file, as far as a cheap look tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["file_state"]


def file_state(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file or folder is written or replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
