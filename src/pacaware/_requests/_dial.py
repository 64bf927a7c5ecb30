"""TCP to a proxy under one deadline, the lookup of its name included."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from pacaware._deadline import Deadline
from pacaware._hosts import is_address

__all__ = ["SocketOptions", "dial"]

SocketOptions: TypeAlias = Sequence[tuple[Any, ...]]
_Addresses: TypeAlias = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]

_lookups: Final = threading.BoundedSemaphore(64)


def dial(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    family: int = socket.AF_UNSPEC,
    source_address: tuple[str, int] | None = None,
    options: SocketOptions | None = None,
) -> socket.socket:
    """Connect to the first address of ``host`` that answers; raises OSError.

    Each address but the last gets an equal share of the time that is left.
    """
    addresses = _look_up(host, port, family, deadline)
    error: OSError = OSError(f"{host} has no address")
    for index, (kind, socktype, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(kind, socktype, protocol)
        try:
            for option in options or ():
                sock.setsockopt(*option)
            left = deadline.left()
            sock.settimeout(None if left is None else left / (len(addresses) - index))
            if source_address:
                sock.bind(source_address)
            sock.connect(address)
        except OSError as exc:
            error = exc
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


def _look_up(host: str, port: int, family: int, deadline: Deadline) -> _Addresses:
    """Ask for the addresses of a host, in a thread of its own where there is a deadline.

    getaddrinfo() knows no time limit. A thread that hangs in it is left behind, and there can be 64 of them.
    """
    left = deadline.left()
    if left is None or is_address(host):
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    if not _lookups.acquire(timeout=left):
        raise TimeoutError("too many name lookups hang")
    answer: list[_Addresses | BaseException] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))
        except BaseException as exc:  # noqa: BLE001  # it is raised again where it can be handled
            answer.append(exc)
        finally:
            _lookups.release()
            done.set()

    threading.Thread(target=look_up, name=f"pacaware-lookup-{host}", daemon=True).start()
    if not done.wait(deadline.left()):
        raise TimeoutError(f"the lookup of {host} takes too long")
    found = answer[0]
    if isinstance(found, BaseException):
        raise found
    return found
