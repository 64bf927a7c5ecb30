"""The process of one PAC file, as its parent sees it: started, asked, and ended for sure."""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from pacaware.errors import PacEngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacaware._pac.engines import Engine, Launcher

__all__ = ["MEMORY_MEGABYTES", "EngineNotLoaded", "ProcessGone", "ProcessLate", "ScriptProcess"]

HANDSHAKE_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 60.0
MEMORY_MEGABYTES: Final = 256
MAX_REPLY: Final = 4 << 20
_WINDOWS: Final = sys.platform == "win32"
_LOOK_SECONDS: Final = 1.0


class ProcessLate(Exception):
    """No reply in time; the process still runs."""


class ProcessGone(Exception):
    """The process ended, or sent what no worker of ours sends, instead of replying; ``code`` is its exit status.

    ``unasked``: it was gone before it could read the question, so that another one may be asked the same.
    """

    def __init__(self, code: int | None, reason: str, *, unasked: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.unasked = unasked


class EngineNotLoaded(PacEngineError):
    """The interpreter runs our worker, but the engine cannot be imported into it."""


class ScriptProcess:
    """A running worker: no environment, no descriptors but its two pipes, a process group of its own.

    Not thread-safe. It is ended by ``kill()``, when this object goes, and at the exit of the interpreter. ``time_zone``
    is the TZ it was started with; ``unfiltered`` says why there is no filter of system calls, None if there is one.
    """

    unfiltered: str | None = None

    def __init__(self, launcher: Launcher, engine: Engine) -> None:
        self.time_zone = os.environ.get("TZ")
        arguments = [engine.name, engine.folder, str(MEMORY_MEGABYTES), str(IDLE_SECONDS)]
        command = [*launcher.command, *arguments, *([] if self.time_zone is None else [self.time_zone])]
        environment = {key: value for key, value in os.environ.items() if _WINDOWS and key.upper() == "SYSTEMROOT"}
        try:
            self._popen = subprocess.Popen(  # noqa: S603 - our own file, run by the Python that was chosen
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment,
                cwd=os.path.abspath(os.sep),  # noqa: PTH100 - pathlib has no root of the current drive
                **_platform_options(),
            )
        except OSError as exc:
            raise PacEngineError(
                f"the process of the PAC file could not be started with {launcher.python}: {exc}"
            ) from exc
        self._end = weakref.finalize(self, _end, self._popen, os.getpid())
        _undertaker.watch(self)
        if self._popen.stdin is None or self._popen.stdout is None:  # for the type checker: both are pipes
            raise PacEngineError("the process of the PAC file has no pipes")
        self._to, self._from = self._popen.stdin.fileno(), self._popen.stdout.fileno()
        self._buffer = bytearray()
        if not _WINDOWS:
            os.set_blocking(self._to, False)
            self._readable, self._writable = select.poll(), select.poll()
            self._readable.register(self._from, select.POLLIN)
            self._writable.register(self._to, select.POLLOUT)
        try:
            self._shake_hands(launcher, engine)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id of the worker."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs; a worker leaves after a minute without work."""
        return self._popen.poll() is None

    def _shake_hands(self, launcher: Launcher, engine: Engine) -> None:
        python = launcher.python
        deadline = time.monotonic() + HANDSHAKE_SECONDS * launcher.patience
        try:
            greeting = json.loads(self._in_time(deadline, lambda: self._receive(deadline)))
        except (ProcessGone, ProcessLate, ValueError) as exc:
            raise PacEngineError(
                f"{python} did not start as the process of a PAC file ({exc}); "
                "name another Python with worker_python= or the variable PACAWARE_WORKER_PYTHON"
            ) from exc
        if not isinstance(greeting, dict) or greeting.get("pacaware") != 2:
            raise PacEngineError(f"{python} did not start as the process of a PAC file: it sent something else")
        if "error" in greeting:
            raise EngineNotLoaded(
                f"the JavaScript engine {engine.name} cannot be used by {python}: {greeting['error']}; install it anew "
                f"(python -m pip install --force-reinstall 'pacaware[{engine.name}]'), or name a Python "
                f"{sys.version_info[0]}.{sys.version_info[1]} as worker_python= or PACAWARE_WORKER_PYTHON"
            )
        unfiltered = greeting.get("unfiltered", "it does not say")
        self.unfiltered = None if unfiltered is None else str(unfiltered)

    def ask(self, frame: bytes, deadline: float) -> bytes:
        """Send a request, return the reply; raises ProcessLate at ``deadline`` (monotonic), ProcessGone."""
        data = len(frame).to_bytes(4, "big") + frame
        if not _WINDOWS:
            self._send(data, deadline)
            return self._receive(deadline)

        def exchange() -> bytes:
            self._send(data, deadline)
            return self._receive(deadline)

        return self._in_time(deadline, exchange)

    def _in_time(self, deadline: float, work: Callable[[], bytes]) -> bytes:
        if not _WINDOWS:
            return work()
        # Anonymous pipes cannot be waited for there: end the process at the deadline, which ends the wait.
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._popen.kill()

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), stop)
        timer.daemon = True
        timer.start()
        try:
            return work()
        except ProcessGone as exc:
            if late.is_set():
                raise ProcessLate("no reply in time") from exc
            raise
        finally:
            timer.cancel()

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._to, view) :]
            except BlockingIOError:
                self._wait(self._writable, deadline)
            except OSError as exc:
                raise self._gone(f"its pipe is closed: {exc}", unasked=True) from exc

    def _receive(self, deadline: float) -> bytes:
        buffer = self._buffer
        size: int | None = None
        while size is None or len(buffer) < size:
            if not _WINDOWS:
                self._wait(self._readable, deadline)
            piece = os.read(self._from, 1 << 16)
            if not piece:
                raise self._gone("it ended")
            if not buffer and len(piece) >= 4 and len(piece) == 4 + int.from_bytes(piece[:4], "big"):
                return piece[4:]
            buffer += piece
            if size is None and len(buffer) >= 4:
                size = 4 + int.from_bytes(buffer[:4], "big")
                if size > MAX_REPLY:
                    raise ProcessGone(None, "it sent something that is not a reply")
        reply = bytes(buffer[4:size])
        if len(buffer) > size:
            raise ProcessGone(None, "it sent more than a reply")
        buffer.clear()
        return reply

    @staticmethod
    def _wait(poll: select.poll, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000 + 1):
            raise ProcessLate("no reply in time")

    def _gone(self, reason: str, *, unasked: bool = False) -> ProcessGone:
        try:
            code: int | None = self._popen.wait(1.0)
        except subprocess.TimeoutExpired:
            code = None
        return ProcessGone(code, f"{reason} (exit status {code})", unasked=unasked)

    def kill(self) -> None:
        """End the process now and leave no zombie; may be called again."""
        self._end()


class _Undertaker:
    """Lets no process that left by itself stay a zombie in a program that asks nothing more.

    It is called by the garbage collector, and looks at most once a second: there is neither a thread of ours, which
    would make every fork of the program one with threads, nor a signal that the program would notice.
    """

    def __init__(self) -> None:
        self._processes: weakref.WeakSet[ScriptProcess] = weakref.WeakSet()
        self._next_look = 0.0

    def watch(self, process: ScriptProcess) -> None:
        self._processes.add(process)
        callbacks: list[Any] | None = getattr(gc, "callbacks", None)  # PyPy has none
        if callbacks is not None and not _WINDOWS and self not in callbacks:
            callbacks.append(self)
            atexit.register(callbacks.remove, self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and not sys.is_finalizing() and (now := time.monotonic()) >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            for process in list(self._processes):
                process.alive  # noqa: B018 - to ask is to collect


_undertaker: Final = _Undertaker()


def _platform_options() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _end(popen: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        popen.kill()
        try:
            popen.wait(5.0)
        except subprocess.TimeoutExpired:  # the kernel holds it; it is not ours to wait for
            popen.returncode = -9
    else:
        # In a forked child the process belongs to our parent: only let go of the pipes.
        popen.returncode = 0
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            pipe.close()
