"""Bytes from one socket to another and back, as a tunnel moves them."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from dataclasses import dataclass

__all__ = ["relay"]

_ROOM = 1 << 18


@dataclass(slots=True)
class _Pipe:
    """One direction; ``ended`` once the source has said all, ``closed`` once the target knows."""

    source: socket.socket
    target: socket.socket
    waiting: bytes = b""
    ended: bool = False
    closed: bool = False

    @property
    def may_read(self) -> bool:
        return not self.ended and len(self.waiting) < _ROOM

    def step(self) -> bool:
        """Move what can be moved now; True if something did. TLS may hold more than select() can see."""
        moved = False
        if self.may_read:
            try:
                data = self.source.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            else:
                moved = True
                self.waiting += data
                self.ended = not data
        if self.waiting:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                sent = self.target.send(self.waiting)
                self.waiting = self.waiting[sent:]
                moved = moved or sent > 0
        elif self.ended and not self.closed:
            self.closed = moved = True
            _end(self.target)
        return moved


def relay(left: socket.socket, right: socket.socket, idle: float, *, first: bytes = b"") -> None:
    """Move bytes both ways until both sides have ended; ``first`` goes to ``right`` before anything else.

    ``idle`` seconds without a byte raise TimeoutError; OSError if a side breaks.
    """
    pipes = (_Pipe(left, right, waiting=first), _Pipe(right, left))
    left.setblocking(False)
    right.setblocking(False)
    while not all(pipe.closed for pipe in pipes):
        moved = [pipe.step() for pipe in pipes]
        if any(moved):
            continue
        with selectors.DefaultSelector() as selector:
            for reading, writing in (pipes, (pipes[1], pipes[0])):
                events = selectors.EVENT_READ * reading.may_read | selectors.EVENT_WRITE * bool(writing.waiting)
                if events:
                    selector.register(reading.source, events)
            if not selector.select(idle):
                raise TimeoutError("the tunnel was idle for too long")


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        if isinstance(sock, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                sock.unwrap()
        socket.socket.shutdown(sock, socket.SHUT_WR)
