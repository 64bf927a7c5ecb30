"""URLs made at random: every scheme and part that a program may send, on hosts below .test and on addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.oracle.words import WORDS

if TYPE_CHECKING:
    import random

_SCHEMES: Final = WORDS["url_schemes"]
_HOSTS: Final = WORDS["url_hosts"]
_PORTS: Final = WORDS["url_ports"]
_PATHS: Final = WORDS["url_paths"]
_QUERIES: Final = WORDS["url_queries"]
_FRAGMENTS: Final = WORDS["url_fragments"]
_USERS: Final = WORDS["url_users"]


def some(source: random.Random, count: int, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return so many different URLs, about half of them on the hosts given (which have addresses)."""
    made: dict[str, None] = {}
    while len(made) < count:
        pick = source.choice
        host = pick(hosts) if source.random() < 0.5 else pick(_HOSTS)
        scheme = pick(_SCHEMES)
        user = pick(_USERS) if source.random() < 0.04 else ""
        # A WebSocket takes no fragment.
        fragment = "" if scheme in ("ws", "wss") else pick(_FRAGMENTS)
        url = f"{scheme}://{user}{host}{pick(_PORTS)}{pick(_PATHS)}{pick(_QUERIES)}{fragment}"
        made[url] = None
    return tuple(made)
