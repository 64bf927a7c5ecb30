"""Schemes and a store made for tests: they show what the controller does with any scheme."""

from __future__ import annotations

from pacaware._core.auth import AuthExchange, AuthScheme, Credentials, SchemeUnavailable
from pacaware._models import ProxyServer

PROXY = ProxyServer("http", "proxy.corp", 8080)
CANARY = "s3same"
ALICE = Credentials("alice", CANARY, origin="proxy_auth=")


class Exchange(AuthExchange):
    """Answers with its scheme's name, the number of the leg and what it was told."""

    def __init__(self, scheme):
        self.scheme = scheme
        self.leg = 0

    def step(self, challenge, method, target):
        self.leg += 1
        if self.leg in self.scheme.fails_at:
            raise SchemeUnavailable("no ticket")
        return f"{self.scheme.name} {self.leg} {method} {target} {challenge.token}"

    def rejects(self, challenge):
        return not self.scheme.connection_bound or challenge.token is None

    def preemptive(self, challenge, method, target):
        return f"{self.scheme.name} again" if self.scheme.repeats else None


class Fake(AuthScheme):
    """A scheme of any name and strength; ``fails_at`` are the legs at which it turns out to be impossible."""

    name = "fake"
    strength = 0

    def __init__(
        self, name, strength, *, bound=False, clear=False, repeats=True, starts=True, blocking=False, fails_at=()
    ):
        self.name = name
        self.strength = strength
        self.connection_bound = bound
        self.clear_text = clear
        self.repeats = repeats
        self.starts = starts
        self.blocking = blocking
        self.fails_at = fails_at

    def start(self, proxy, credentials):
        if not self.starts:
            raise SchemeUnavailable("package missing")
        return Exchange(self)


class Claim:
    """The right to try, and what became of it."""

    def __init__(self):
        self.touched = 0
        self.released = False

    def touch(self):
        self.touched += 1

    def release(self):
        self.released = True


class Store:
    """The credentials of one user, and a plain memory; ``may_find`` of a store that would have to look says yes."""

    advice = "give proxy_auth="

    def __init__(self, credentials=ALICE, *, blocking=False, may_find=False):
        self.credentials = credentials
        self._may_find = may_find
        self.blocking = blocking
        self.known = None
        self.rejections = []
        self.busy = False
        self.claims = []

    def may_find(self, proxy):
        return self._may_find or self.credentials is not None

    def find(self, proxy):
        return self.credentials

    def accepted(self, proxy):
        return self.known

    def remember(self, proxy, challenge, credentials):
        self.known = (challenge, credentials)

    def reject(self, proxy, credentials):
        self.known = None
        self.rejections.append(credentials)

    def claim(self, proxy, credentials, *, wait=True):
        if credentials in self.rejections or (self.busy and not wait):
            return None
        self.claims.append(Claim())
        return self.claims[-1]


WEAK = Fake("weak", 1, clear=True)
MIDDLE = Fake("middle", 2)
BOUND = Fake("bound", 3, bound=True)
