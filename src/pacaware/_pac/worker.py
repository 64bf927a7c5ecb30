"""The process that runs one PAC file: ``python -I -S start.py ENGINE FOLDER MEGABYTES IDLE_SECONDS [TZ]``.

It imports nothing of pacaware and speaks in frames on its standard input and output: 4 bytes of length, big endian,
then JSON for the prelude's dispatcher, or what ``load()`` reads. It looks up no names and opens no files: what it needs
comes in the frames, and once its engine is there it gives up the means (``confine``). It leaves when its parent is gone
(end of its input; while a script runs: SIGIO on Linux, the timer elsewhere), after a time without work, and when a call
runs over the time that came with the script.
"""

from __future__ import annotations

import os
import struct
import sys
import time

try:
    from _json import encode_basestring_ascii as quote
except ImportError:  # PyPy
    from json.encoder import encode_basestring_ascii as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from pacaware._pac import confine
else:
    # The modules json and signal would double the time it takes to start.
    import _signal as signal

    # As the plain file's module this one has no package, and its neighbour neither.
    confine = __import__(f"{__package__}.confine" if __package__ else "confine", fromlist=["confine"])

MAX_FRAME = 16 << 20
LOAD = struct.Struct(">cdII")
POSIX = os.name == "posix"
LINUX = sys.platform == "linux"


class QuickJS:
    """quickjs-ng: one context a load, with a cap on its memory unless the kernel keeps one."""

    def __init__(self, memory: int) -> None:
        import _quickjs  # type: ignore[import-not-found,unused-ignore] # found by the folder that is given

        self._new_context = _quickjs.Context
        # Below the limit of the address space, so that a script gets an error before the process does.
        self.memory: int | None = memory * 3 // 4

    def start(self, prelude: str) -> None:
        self._context = self._new_context()
        if self.memory is not None:
            self._context.set_memory_limit(self.memory)
        self._dispatch = self._context.eval(prelude)

    def run(self, text: str) -> str:
        """Run the text of a PAC file; return its error as members of a JSON object."""
        try:
            self._context.eval(text)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
            message, _, stack = str(error).partition("\n    at ")
            message = message.removesuffix("\nundefined").rstrip("\n")
            memory = "true" if message == "InternalError: out of memory" else "false"
            return f'"error":{quote(message)},"stack":{quote("    at " + stack)},"memory":{memory}'
        return NO_ERROR

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
        self.memory: int | None = None

    def start(self, prelude: str) -> None:
        if self._started:
            self._engine.cleanup()
        self._engine.init()
        self._started = True
        # By eval, so that frames of the prelude can be told from those of the PAC file in a stack.
        code = f"(0, eval)({quote(prelude)})"
        self._engine.parse_pac_string(
            "Object.defineProperty(globalThis, 'pacawareDispatch', {value: " + code + "});"
            "globalThis.findProxyForURL = pacawareDispatch;"
        )

    def run(self, text: str) -> str:
        """Run the text of a PAC file; return its error as members of a JSON object."""
        error = ""
        try:
            self._engine.parse_pac_string(text)
        except Exception:  # noqa: BLE001 - as above
            error = UNKNOWN_ERROR
        self._engine.parse_pac_string("pacawareDispatch('', '{\"op\":\"back\"}')")
        if error:
            # Only that there is an error is known, not which one: run it again where it can be caught.
            said = self.dispatch('{"op":"eval","text":' + quote(text) + "}")
            return said[1:-1] or error
        return NO_ERROR

    def dispatch(self, payload: str) -> str:
        """Call the prelude's one function."""
        reply: str = self._engine.find_proxy("u", payload)
        return reply


ENGINES: dict[str, type[QuickJS | Pacparser]] = {"quickjs": QuickJS, "pacparser": Pacparser}


NO_ERROR = '"error":null,"stack":"","memory":false'
# What is an error for a whole file, and none for eval().
UNKNOWN_ERROR = (
    '"error":"SyntaxError: a let, const or class at the top level has the name of a helper or of another function",'
    '"stack":"","memory":false'
)


GREEDY = b'{"memory":true}'


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

            fcntl.fcntl(self._out, fcntl.F_SETOWN, os.getpid())
            # On the pipe of the output: the kernel tells (SIGIO) when the parent reads from it, and when it is gone.
            fcntl.fcntl(self._out, fcntl.F_SETFL, fcntl.fcntl(self._out, fcntl.F_GETFL) | getattr(os, "O_ASYNC", 0))
        else:
            import msvcrt

            msvcrt.setmode(self._in, os.O_BINARY)
            msvcrt.setmode(self._out, os.O_BINARY)

    def receive(self) -> bytes | None:
        """Return the next frame, or None at the end."""
        buffer = self._buffer
        while True:
            if len(buffer) >= 4:
                end = 4 + int.from_bytes(buffer[:4], "big")
                if end > 4 + MAX_FRAME:
                    raise SystemExit(3)
                if len(buffer) >= end:
                    self._buffer = buffer[end:]
                    return buffer[4:end]
            piece = os.read(self._in, 1 << 16)
            if not piece:
                return None
            buffer += piece

    def send(self, frame: bytes) -> None:
        data = len(frame).to_bytes(4, "big") + frame
        while data:
            data = data[os.write(self._out, data) :]


class Alarm:
    """Ends this process, engine and all, when its time is over or its parent gone; no engine can hold it up.

    A run may take ``seconds`` and a little more, and the process may be idle for so long, and a little more. On Linux
    timers are set ahead, not for each run: one of them counts only the time that is computed.
    """

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._slack = min(0.5, idle / 10)
        self._seconds = 10.0
        self._set_until = 0.0
        if POSIX:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for name in ("SIGALRM", "SIGPROF", "SIGPIPE", "SIGTERM", "SIGCHLD"):
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            # The terminal's interrupt is for the parent.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGIO, signal.SIG_IGN)
        else:
            import faulthandler

            self._faulthandler = faulthandler
            self._silence = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it lives as long as the process
        self._set(self._idle + self._slack)

    def run(self, seconds: float | None = None) -> None:
        """A script is about to run; ``seconds`` holds for the following runs too."""
        if seconds is not None:
            self._seconds, self._set_until = seconds, 0.0
        if POSIX:
            # Nobody reads while a script runs: now the signal means that the parent is gone.
            signal.signal(signal.SIGIO, signal.SIG_DFL)
        if not LINUX:
            self._set(self._seconds)
        elif (now := time.monotonic()) >= self._set_until:
            signal.setitimer(signal.ITIMER_PROF, self._seconds + self._slack)
            self._set(max(self._seconds, self._idle) + self._slack)
            self._set_until = now + self._slack

    def idle(self) -> None:
        """Nothing runs."""
        if POSIX:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
        # Not select(): a process that sleeps in read() is woken up twice as fast.
        if not LINUX or self._idle < self._seconds:
            self._set(self._idle)

    def _set(self, seconds: float) -> None:
        if POSIX:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        else:
            self._faulthandler.dump_traceback_later(seconds, exit=True, file=self._silence)


def load(engine: QuickJS | Pacparser, frame: bytes) -> str:
    """Run a PAC file in a fresh world; return the report on it.

    After the header come the prelude, the request that begins the run, and the text of the PAC file.
    """
    _, _, prelude, begin = LOAD.unpack_from(frame)
    rest = frame[LOAD.size :]
    engine.start(rest[:prelude].decode())
    engine.dispatch(rest[prelude : prelude + begin].decode())
    error = engine.run(rest[prelude + begin :].decode())
    return engine.dispatch('{"op":"end",' + error + "}")


def set_time_zone(name: str | None) -> None:
    """Make local time that of the parent; after this the C library has read what it needs for it."""
    if name is not None:
        os.environ["TZ"] = name
    if hasattr(time, "tzset"):
        time.tzset()
    time.localtime()


def main() -> None:
    """Greet, then answer frame by frame until the parent closes the pipe."""
    name, folder, megabytes, idle, *zone = sys.argv[1:]
    if POSIX:
        os.environ.clear()
    pipe = Pipe()
    alarm = Alarm(float(idle))
    sys.path.append(folder)
    try:
        engine = ENGINES[name](int(megabytes) << 20)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
        pipe.send(f'{{"pacaware":2,"error":{quote(f"{type(error).__name__}: {error}")}}}'.encode())
        return
    set_time_zone(zone[0] if zone else None)
    confine.limit_resources(int(megabytes))
    ceiling = confine.heap_ceiling(int(megabytes))
    greedy = None if ceiling else greed(int(megabytes) << 19)
    unfiltered = confine.filter_system_calls(ceiling)
    if unfiltered is not None:
        greedy = greedy or greed(int(megabytes) << 19)
    elif ceiling:
        # From here on the kernel keeps the cap; the engine's own would let the script know, and go on.
        engine.memory = None
    pipe.send(f'{{"pacaware":2,"unfiltered":{"null" if unfiltered is None else quote(unfiltered)}}}'.encode())
    serve(engine, pipe, alarm, greedy)


def greed(most: int) -> Callable[[], bool] | None:
    """Return what tells whether this process has ever had so many bytes more than now; None where nothing does."""
    peak = confine.peak_of_memory()
    if peak is None:
        return None
    limit = peak() + most
    return lambda: peak() > limit


def serve(engine: QuickJS | Pacparser, pipe: Pipe, alarm: Alarm, greedy: Callable[[], bool] | None = None) -> None:
    """Answer frame by frame until the parent closes the pipe.

    Where ``greedy`` says so after a run, what it answered does not count: an engine that gets no memory tells the
    script, which may answer something all the same.
    """
    while (frame := pipe.receive()) is not None:
        # A script runs under a timer of its own: the parent may be stopped, or gone.
        loads = frame.startswith(b"L")
        alarm.run(LOAD.unpack_from(frame)[1] if loads else None)
        try:
            reply = load(engine, frame) if loads else engine.dispatch(frame.decode("ascii"))
            data = reply.encode()
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is reported
            data = f'{{"failed":{quote(f"{type(error).__name__}: {error}")}}}'.encode()
        if greedy is not None and greedy():
            data = GREEDY
        alarm.idle()
        pipe.send(data)
