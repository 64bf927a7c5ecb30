"""``python -m pacaware`` and the command ``pacaware``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit status: 0 done, 1 failed, 2 wrong usage."""
    try:
        from pacaware._cli import main

        return main(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were being imported
        return 130


if __name__ == "__main__":
    sys.exit(main())
