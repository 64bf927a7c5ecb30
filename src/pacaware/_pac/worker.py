"""The process that runs one PAC file, started as a plain file: ``python -I -S worker.py ENGINE FOLDER MEGABYTES``.

It imports nothing of pacaware and speaks in frames (4 bytes of length, big endian, then JSON) on its standard input and
output. It looks up no names and opens no files: what it needs comes in the frames. It leaves when its parent is gone
(end of its input; while a script runs: SIGIO on Linux, the timer elsewhere), after a minute without work, and when a
call runs over the time that came with it.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FRAME = 16 << 20
IDLE_SECONDS = 60.0
POSIX = os.name == "posix"


class QuickJS:
    """quickjs-ng: one context a load, with a cap on its memory."""

    def __init__(self, memory: int) -> None:
        import _quickjs  # type: ignore[import-not-found,unused-ignore] # found by the folder that is given

        self._new_context = _quickjs.Context
        # Below the limit of the address space, so that a script gets an error before the process does.
        self._memory = memory * 3 // 4

    def start(self, prelude: str) -> None:
        self._context = self._new_context()
        self._context.set_memory_limit(self._memory)
        self._dispatch = self._context.eval(prelude)

    def run(self, text: str) -> tuple[str, str, bool] | None:
        """Run the text of a PAC file; return None, or its error as (message, stack, out of memory)."""
        try:
            self._context.eval(text)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
            message, _, stack = str(error).partition("\n    at ")
            message = message.removesuffix("\nundefined")
            return message, "    at " + stack, message == "InternalError: out of memory"
        return None

    def dispatch(self, payload: str) -> str:
        """Call the prelude's one function."""
        reply: str = self._dispatch("", payload)
        return reply


class Pacparser:
    """pacparser: a single context in the process; it says nothing about errors and has no cap on its memory."""

    def __init__(self, memory: int) -> None:
        import _pacparser  # type: ignore[import-not-found,unused-ignore] # found by the folder that is given

        self._engine = _pacparser
        self._started = False

    def start(self, prelude: str) -> None:
        if self._started:
            self._engine.cleanup()
        self._engine.init()
        self._started = True
        # By eval, so that frames of the prelude can be told from those of the PAC file in a stack.
        code = f"(0, eval)({json.dumps(prelude)})"
        self._engine.parse_pac_string(
            "Object.defineProperty(globalThis, 'pacawareDispatch', {value: " + code + "});"
            "globalThis.findProxyForURL = pacawareDispatch;"
        )

    def run(self, text: str) -> tuple[str, str, bool] | None:
        try:
            self._engine.parse_pac_string(text)
        except Exception:  # noqa: BLE001 - as above
            # Only an error is known, not which one: run it again where it can be caught.
            self._engine.parse_pac_string("globalThis.findProxyForURL = pacawareDispatch")
            said = self.dispatch(json.dumps({"op": "eval", "text": text}))
            if not said:
                return "the PAC file does not parse", "", False
            error: dict[str, Any] = json.loads(said)
            return error["error"], error["stack"], error["memory"]
        self._engine.parse_pac_string("globalThis.findProxyForURL = pacawareDispatch")
        return None

    def dispatch(self, payload: str) -> str:
        """Call the prelude's one function."""
        reply: str = self._engine.find_proxy("u", payload)
        return reply


ENGINES: dict[str, type[QuickJS | Pacparser]] = {"quickjs": QuickJS, "pacparser": Pacparser}


class Pipe:
    """Frames on the two pipes; nothing else may write to the output."""

    def __init__(self) -> None:
        self._in = os.dup(0)
        self._out = os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)
        self._buffer = b""
        if sys.platform != "win32":
            import fcntl

            self._fcntl = fcntl.fcntl
            self._quiet = fcntl.fcntl(self._out, fcntl.F_GETFL)
            self._noisy = self._quiet | getattr(os, "O_ASYNC", 0)
            self._set_flags = fcntl.F_SETFL
            fcntl.fcntl(self._out, fcntl.F_SETOWN, os.getpid())
        else:
            import msvcrt

            msvcrt.setmode(self._in, os.O_BINARY)
            msvcrt.setmode(self._out, os.O_BINARY)

    def listen(self, on: bool) -> None:
        """Have the kernel end this process if the parent goes away, which closes the pipe that nobody reads meanwhile.

        On the pipe of the output: a write to the other one may still be under way when its reader is already at work.
        """
        if POSIX:
            self._fcntl(self._out, self._set_flags, self._noisy if on else self._quiet)

    def receive(self) -> bytes | None:
        """Return the next frame, or None at the end."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + self._length():
            piece = os.read(self._in, 1 << 20)
            if not piece:
                return None
            self._buffer += piece
        size = self._length()
        frame, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
        return frame

    def _length(self) -> int:
        size = int.from_bytes(self._buffer[:4], "big")
        if size > MAX_FRAME:
            raise SystemExit(3)
        return size

    def send(self, frame: bytes) -> None:
        data = struct.pack(">I", len(frame)) + frame
        while data:
            data = data[os.write(self._out, data) :]


def limit(megabytes: int) -> None:
    """Take away what a script has no use for; what the system does not offer is left out."""
    try:
        import resource
    except ImportError:
        return
    limits = [("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0), ("RLIMIT_NPROC", 0), ("RLIMIT_NOFILE", 8)]
    if sys.platform == "linux":
        limits.append(("RLIMIT_AS", megabytes << 20))
    for name, value in limits:
        try:
            hard = resource.getrlimit(getattr(resource, name))[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue


class Alarm:
    """Ends this process, engine and all, when the time for a run or for idling is over; no engine can hold it up."""

    def __init__(self) -> None:
        if POSIX:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for name in ("SIGALRM", "SIGIO", "SIGPIPE", "SIGTERM"):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            # The terminal's interrupt is for the parent.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        else:
            import faulthandler

            self._faulthandler = faulthandler
            self._silence = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it lives as long as the process

    def set(self, seconds: float) -> None:
        if POSIX:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        else:
            self._faulthandler.dump_traceback_later(seconds, exit=True, file=self._silence)

    def clear(self) -> None:
        # Not select(): a process that sleeps in read() is woken up twice as fast.
        if POSIX:
            signal.setitimer(signal.ITIMER_REAL, IDLE_SECONDS)
        else:
            self._faulthandler.dump_traceback_later(IDLE_SECONDS, exit=True, file=self._silence)


def load(engine: QuickJS | Pacparser, request: dict[str, Any]) -> str:
    """Run a PAC file in a fresh world; return the report on it."""
    engine.start(request["prelude"])
    engine.dispatch(json.dumps({"op": "begin", **request["begin"]}))
    message, stack, memory = engine.run(request["load"]) or (None, "", False)
    return engine.dispatch(json.dumps({"op": "end", "error": message, "stack": stack, "memory": memory}))


def main() -> None:
    name, folder, megabytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pipe = Pipe()
    alarm = Alarm()
    sys.path.append(folder)
    try:
        engine = ENGINES[name](megabytes << 20)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        pipe.send(json.dumps({"pacaware": 1, "error": f"{type(error).__name__}: {error}"}).encode())
        return
    limit(megabytes)
    pipe.send(json.dumps({"pacaware": 1, "pid": os.getpid()}).encode())
    seconds = 10.0
    alarm.clear()
    while (frame := pipe.receive()) is not None:
        # A script runs under a timer of its own: the parent may be stopped, or gone.
        pipe.listen(True)
        alarm.set(seconds)
        try:
            if frame.startswith(b'{"load"'):
                request = json.loads(frame)
                seconds = request["seconds"]
                alarm.set(seconds)
                if request["tz"] is not None:
                    os.environ["TZ"] = request["tz"]
                if hasattr(time, "tzset"):
                    time.tzset()
                reply = load(engine, request)
            else:
                reply = engine.dispatch(frame.decode("ascii"))
            data = reply.encode()
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
            data = json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode()
        alarm.clear()
        pipe.listen(False)
        pipe.send(data)


if __name__ == "__main__":
    main()
