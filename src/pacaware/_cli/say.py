"""One line of output, whatever a server, a script or an argument put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacaware._models import on_one_line

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["say"]


def say(text: str, file: TextIO | None = None) -> None:
    """Print the text as one line without control characters; to standard output unless ``file`` is given."""
    print(on_one_line(text), file=file)
