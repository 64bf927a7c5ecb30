"""Transports for httpx: ``PacTransport()`` for ``httpx.Client``, ``AsyncPacTransport()`` for ``AsyncClient``.

Raises ImportError with the command to run if httpx is missing.
"""

try:
    from pacaware._httpx._async.transport import AsyncPacTransport
    from pacaware._httpx._sync.transport import PacTransport
except ModuleNotFoundError as exc:
    if exc.name not in ("httpx", "httpcore"):
        raise
    raise ImportError("pacaware.httpx needs httpx: pip install 'pacaware[httpx]'", name="httpx") from exc

__all__ = ["AsyncPacTransport", "PacTransport"]
