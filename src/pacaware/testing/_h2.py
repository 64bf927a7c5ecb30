"""The origin's HTTP/2 side, by the package h2 (imported only for ``Origin(h2=True)``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from pacaware.testing._http import Body, HeaderPairs

if TYPE_CHECKING:
    from pacaware.testing._base import Connection
    from pacaware.testing._origin import Origin

__all__ = ["serve"]


@dataclass(slots=True)
class _Stream:
    headers: HeaderPairs
    body: Body = field(default_factory=Body)
    unsent: bytes = b""

    def pseudo(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def fields(self) -> HeaderPairs:
        return tuple(pair for pair in self.headers if not pair[0].startswith(":"))


def serve(origin: Origin, connection: Connection) -> None:
    """Answer every stream of one connection, one after the other, until the client leaves."""
    h2_connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
    h2_connection.initiate_connection()
    connection.sock.sendall(h2_connection.data_to_send())
    streams: dict[int, _Stream] = {}
    while data := connection.sock.recv(65536):
        try:
            events = h2_connection.receive_data(data)
        except h2.exceptions.ProtocolError:
            connection.sock.sendall(h2_connection.data_to_send())
            return
        for event in events:
            _take(event, origin, connection, h2_connection, streams)
        for number in tuple(streams):
            _send_body(number, h2_connection, streams)
        connection.sock.sendall(h2_connection.data_to_send())


def _take(
    event: h2.events.Event,
    origin: Origin,
    connection: Connection,
    h2_connection: h2.connection.H2Connection,
    streams: dict[int, _Stream],
) -> None:
    if isinstance(event, h2.events.RequestReceived):
        streams[event.stream_id] = _Stream(tuple((str(name), str(value)) for name, value in event.headers))
    elif isinstance(event, h2.events.DataReceived):
        streams[event.stream_id].body.drain([event.data])
        h2_connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    elif isinstance(event, h2.events.StreamReset):
        streams.pop(event.stream_id, None)
    elif isinstance(event, h2.events.StreamEnded):
        stream = streams[event.stream_id]
        method = stream.pseudo(":method")
        # What is ready to go must not wait behind a slow answer.
        connection.sock.sendall(h2_connection.data_to_send())
        answer = origin.respond(connection, method, stream.pseudo(":path"), "2", stream.fields, stream.body)
        headers = [(":status", str(answer.status)), *((name.lower(), value) for name, value in answer.headers)]
        if not answer.chunked:
            headers.append(("content-length", str(len(answer.body))))
        stream.unsent = b"" if method == "HEAD" else answer.body
        h2_connection.send_headers(event.stream_id, headers, end_stream=not stream.unsent)
        if not stream.unsent:
            del streams[event.stream_id]


def _send_body(number: int, h2_connection: h2.connection.H2Connection, streams: dict[int, _Stream]) -> None:
    """Send as much as the windows of the client allow."""
    stream = streams[number]
    while stream.unsent:
        size = min(h2_connection.local_flow_control_window(number), h2_connection.max_outbound_frame_size)
        if size <= 0:
            return
        piece, stream.unsent = stream.unsent[:size], stream.unsent[size:]
        h2_connection.send_data(number, piece, end_stream=not stream.unsent)
        if not stream.unsent:
            del streams[number]
            return
