"""The few places where asynchronous and blocking code differ, side by side under the same names."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar, TypeVarTuple

import anyio
import httpcore

from pacaware._httpx.routing import Deadline
from pacaware._threads import run_in_thread

__all__ = ["AsyncNetwork", "Network"]

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class AsyncNetwork:
    """Connections, threads and waits on asyncio and trio."""

    @staticmethod
    def backend() -> httpcore.AsyncNetworkBackend:
        """Return httpcore's backend for the library that runs this task."""
        trio = sys.modules.get("trio")
        if trio is not None and trio.lowlevel.in_trio_task():
            return httpcore.TrioBackend()
        return httpcore.AnyIOBackend()

    @classmethod
    async def dial(
        cls,
        host: str,
        port: int,
        deadline: Deadline,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; raises httpcore.ConnectError or ConnectTimeout."""
        return await cls.backend().connect_tcp(
            host, port, timeout=deadline.left(), local_address=local_address, socket_options=socket_options
        )

    @staticmethod
    async def call(
        function: Callable[[*Arguments], Result], *arguments: *Arguments, blocking: bool, seconds: float | None = None
    ) -> Result:
        """Call ``function``, in a thread if it may block; raises httpcore.ConnectTimeout after ``seconds``."""
        if not blocking:
            return function(*arguments)
        try:
            with anyio.fail_after(seconds):
                return await run_in_thread(function, *arguments)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout("timed out") from exc

    @staticmethod
    def shield() -> contextlib.AbstractContextManager[object]:
        """Return a block in which cancellation waits."""
        return anyio.CancelScope(shield=True)


class Network:
    """The same for threads that may block."""

    @staticmethod
    def backend() -> httpcore.NetworkBackend:
        """Return httpcore's blocking backend."""
        return httpcore.SyncBackend()

    @classmethod
    def dial(
        cls,
        host: str,
        port: int,
        deadline: Deadline,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.NetworkStream:
        """Connect; raises httpcore.ConnectError or ConnectTimeout.

        One deadline holds over the name's lookup and all its addresses, each of which gets its share of what is left.
        """
        addresses = _addresses(host, port, deadline)
        for waiting in range(len(addresses), 0, -1):
            left = deadline.left()
            try:
                return cls.backend().connect_tcp(
                    addresses[-waiting],
                    port,
                    timeout=None if left is None else left / waiting,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if waiting == 1:
                    raise
        raise AssertionError("a lookup that succeeds has an address")

    @staticmethod
    def call(
        function: Callable[[*Arguments], Result],
        *arguments: *Arguments,
        blocking: bool,  # noqa: ARG004  # the signature is AsyncNetwork's
        seconds: float | None = None,  # noqa: ARG004  # the same
    ) -> Result:
        """Call ``function`` here: a thread may block, and cannot be interrupted."""
        return function(*arguments)

    @staticmethod
    def shield() -> contextlib.AbstractContextManager[object]:
        """Return a block that changes nothing."""
        return contextlib.nullcontext()


def _addresses(host: str, port: int, deadline: Deadline) -> list[str]:
    """Return the addresses of a host; raises httpcore.ConnectError or ConnectTimeout.

    The system's lookup has no time limit of its own, so a thread waits for it where there is one.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [host]
    outcome: list[list[str] | OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            outcome.append([_as_text(entry[4]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as exc:
            outcome.append(exc)

    seconds = deadline.left()
    if seconds is None:
        look_up()
    else:
        thread = threading.Thread(target=look_up, name="pacaware-lookup", daemon=True)
        thread.start()
        thread.join(seconds)
    if not outcome:
        raise httpcore.ConnectTimeout(f"no answer from DNS about {host}")
    if isinstance(outcome[0], Exception):
        raise httpcore.ConnectError(str(outcome[0])) from outcome[0]
    return outcome[0]


def _as_text(place: tuple[str | int, ...] | tuple[int, bytes]) -> str:
    zone = f"%{place[3]}" if len(place) == 4 and place[3] else ""
    return f"{place[0]!s}{zone}"
