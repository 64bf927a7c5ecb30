"""Request bodies that exist only once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpcore
import httpx

from pacaware._core.forward import Body

__all__ = ["AsyncReadAhead", "body_of", "read_ahead"]


class AsyncReadAhead:
    """A body whose beginning is in memory, so that it can be sent again if that was all of it."""

    def __init__(self, body: Any) -> None:
        self._rest: AsyncIterator[bytes] = aiter(body)
        self._chunks: list[bytes] = []
        self._size = 0
        self.complete = False

    async def fill(self, limit: int) -> bool:
        """Read until more than ``limit`` bytes are in memory; returns whether that is the whole body."""
        while not self.complete and self._size <= limit:
            try:
                chunk = await anext(self._rest)
            except StopAsyncIteration:
                self.complete = True
            else:
                self._chunks.append(chunk)
                self._size += len(chunk)
        return self.complete

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.complete:
            for chunk in self._chunks:
                yield chunk
            return
        chunks, self._chunks = self._chunks, []
        for chunk in chunks:
            yield chunk
        async for chunk in self._rest:
            yield chunk


def body_of(request: httpcore.Request) -> Body:
    """Say whether the body of a request can be sent a second time."""
    stream = request.stream
    again = isinstance(stream, httpx.ByteStream) or (isinstance(stream, AsyncReadAhead) and stream.complete)
    return Body.REPLAYABLE if again else Body.ONCE


async def read_ahead(request: httpcore.Request, limit: int) -> bool:
    """Take the beginning of the body into memory; returns whether that is the whole body.

    The request keeps what was read, so that it is there for another proxy as well.
    """
    stream = request.stream
    if not isinstance(stream, AsyncReadAhead):
        stream = request.stream = AsyncReadAhead(stream)
    return await stream.fill(limit)
