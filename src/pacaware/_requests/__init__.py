"""The shell around requests: thin connections, pools and an adapter that drive the machines of the core.

It is a factory over one pair of modules, so that the same code serves requests with urllib3 2.x or 1.26 and the copies
of both inside pip.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pacaware._requests._adapter import PacAdapterBase, record_on
from pacaware._requests._manager import ManagerFactory
from pacaware._requests._pair import Pair, pair_of

__all__ = ["Shell", "build"]


@dataclass(frozen=True, eq=False)
class Shell:
    """What there is for one pair of modules."""

    pair: Pair
    factory: ManagerFactory
    PacAdapter: Any

    def mount(self, session: Any, *args: Any, **kwargs: Any) -> Any:
        """Mount a PacAdapter for http and https on a session, and return it; takes what PacAdapter takes."""
        adapter = self.PacAdapter(*args, **kwargs)
        record_on(session)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return adapter


_shells: dict[Any, Shell] = {}
_lock = threading.Lock()


def build(requests: ModuleType, urllib3: ModuleType | None = None) -> Shell:
    """Return the shell for a requests module; the same one each time. Raises ImportError if urllib3 is not usable."""
    base: Any = requests.adapters.HTTPAdapter  # not the module, which is the same after a reload
    with _lock:
        shell = _shells.get(base)
        if shell is None:
            pair = pair_of(requests, urllib3)
            factory = ManagerFactory(pair)
            # Under its public name it can be pickled; there is none for the copies inside pip.
            module = "pacaware.requests" if requests.__name__ == "requests" else __name__
            body = {"_pair": pair, "_factory": factory, "__module__": module, "__doc__": PacAdapterBase.__doc__}
            adapter = type("PacAdapter", (PacAdapterBase, base), body)
            shell = _shells[base] = Shell(pair, factory, adapter)
        return shell
