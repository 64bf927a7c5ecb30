"""Drives a handshake with scripted bytes, as the transports do with real ones."""

from __future__ import annotations

from collections import deque
from typing import assert_never

from hypothesis import strategies as st

from pacaware._core.actions import Authenticate, Established, Receive, Reconnect, Refused, RouteBroken, Send


def whole(data):
    """Deliver a reply in one piece."""
    return [data] if data else []


def bytewise(data):
    """Deliver a reply byte by byte."""
    return [data[at : at + 1] for at in range(len(data))]


@st.composite
def cuts(draw):
    """Return a function that cuts a reply into random pieces."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=8))

    def cut(data):
        pieces, turn = [], 0
        while data:
            size = sizes[turn % len(sizes)]
            pieces.append(data[:size])
            data, turn = data[size:], turn + 1
        return pieces

    return cut


def drive(machine, *connections, auth=None, cut=whole):
    """Return what was done, in short, and how it ended: Established, Refused, or the text of a RouteBroken.

    A connection is the list of the replies to each Send; after the last reply the proxy closes.
    """
    done = []
    left = deque(connections)
    replies = deque(left.popleft())
    pieces = deque()
    while True:
        assert len(done) < 100, "the machine does not end"
        try:
            action = machine.next_action()
            if isinstance(action, Send):
                done.append(action.data)
                pieces.extend(cut(replies.popleft()) if replies else ())
            elif isinstance(action, Receive):
                machine.feed(pieces.popleft() if pieces else b"")
            elif isinstance(action, Authenticate):
                done.append("authenticate")
                machine.authenticated(auth.respond(action.challenges, action.method, action.target))
            elif isinstance(action, Reconnect):
                done.append("reconnect")
                replies, pieces = deque(left.popleft()), deque()
                machine.reconnected()
            elif isinstance(action, Established | Refused):
                assert machine.next_action() == action, "the verdict must stand"
                return done, action
            else:
                assert_never(action)
        except RouteBroken as exc:
            return done, str(exc)
