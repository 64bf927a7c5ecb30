"""Work in daemon threads, for calls that may hang and cannot be given a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["in_thread"]

Result = TypeVar("Result")


def in_thread(function: Callable[[], Result], name: str) -> Future[Result]:
    """Run ``function`` in a thread of its own, and return where its result or exception will be.

    A thread that cannot be started (the interpreter is on its way out) is the exception of the result.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as exc:  # noqa: BLE001 - raised again where the result is taken
            outcome.set_exception(exc)
        else:
            outcome.set_result(result)

    try:
        threading.Thread(target=run, name=f"pacaware-{name}", daemon=True).start()
    except RuntimeError as exc:
        outcome.set_exception(exc)
    return outcome
