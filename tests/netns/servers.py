"""The program at a site: a PAC server, two proxies and an origin at the address it is told."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from pacaware.testing import Origin, PacServer, Proxy, _base

# These servers stay on loopback for the sake of who runs them; here nothing leaves the namespaces.
_base.require_loopback = str


class Site:
    """The servers, once they are started."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack

    def start(self, address: str) -> dict[str, Any]:
        enter = self._stack.enter_context
        self.a, self.b = (enter(Proxy(host=address)) for _ in range(2))
        self.pac = enter(PacServer(self._script("a", "b"), host=address))
        inside, outside = enter(Origin()), enter(Origin(host=address))
        return {
            "pac": self.pac.url,
            "a": self.a.pac_text,
            "b": self.b.pac_text,
            "inside": inside.url_for("origin.test", "/"),
            "outside": outside.url_for(address, "/"),
        }

    def _script(self, *names: str) -> str:
        listed = "; ".join(getattr(self, name).pac_text for name in names)
        return f"function FindProxyForURL(url, host) {{ return '{listed}'; }}"

    def headers(self, fields: dict[str, str]) -> None:
        self.pac.set(headers=fields)

    def asked(self, _: Any) -> int:
        return len(self.pac.requests)


def main() -> None:
    with contextlib.ExitStack() as stack:
        site = Site(stack)
        for line in sys.stdin:
            answer: Any = None
            for name, argument in json.loads(line).items():
                answer = getattr(site, name)(argument)
            print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
