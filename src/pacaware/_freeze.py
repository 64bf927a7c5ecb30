"""What a frozen program needs so that its executable can also be the process that runs PAC scripts."""

from __future__ import annotations

import sys

__all__ = ["WORKER_FLAG", "freeze_support"]

WORKER_FLAG = "--pacaware-worker"


def freeze_support() -> None:
    """Run the PAC worker and exit, if this frozen program was started again as one; else allow that it is.

    Call it first thing in the main module, as with multiprocessing.freeze_support(): a program made with PyInstaller or
    cx_Freeze has no Python interpreter beside it, so PAC scripts run in a second copy of the program itself.
    """
    if not getattr(sys, "frozen", False):
        return
    if sys.argv[1:2] == [WORKER_FLAG]:
        from pacaware._pac.worker import main

        # The worker reads its arguments as it does when it is a script.
        del sys.argv[1]
        main()
        sys.exit(0)
    from pacaware._pac.engines import relaunch

    relaunch.flag = WORKER_FLAG
