"""The pair of modules that a shell is made for: requests with its urllib3, or the copies inside pip."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

__all__ = ["Pair", "pair_of"]

_FUTURE_PATCH = 900  # urllib3-future counts its releases from 2.0.900 upwards


@dataclass(frozen=True, eq=False)
class Pair:
    """One requests and the urllib3 it runs on (2.x or 1.26)."""

    requests: Any
    urllib3: Any

    @property
    def exceptions(self) -> Any:
        """The exceptions that scripts see."""
        return self.requests.exceptions

    @property
    def errors(self) -> Any:
        """The exceptions of urllib3."""
        return self.urllib3.exceptions


def pair_of(requests: ModuleType, urllib3: ModuleType | None = None) -> Pair:
    """Return the pair for a requests module; raises ImportError if its urllib3 is not the real one."""
    if urllib3 is None:
        # "urllib3.poolmanager" or "pip._vendor.urllib3.poolmanager"
        name = requests.adapters.PoolManager.__module__.removesuffix(".poolmanager")
        urllib3 = sys.modules[name]
    version = getattr(urllib3, "__version__", "")
    if hasattr(urllib3, "backend") or _is_future(version):
        raise ImportError(
            f"urllib3 {version} is urllib3-future, which niquests puts in the place of urllib3; pacaware cannot work "
            "with it. To get urllib3 back: pip uninstall niquests urllib3-future, then pip install --force-reinstall "
            "urllib3"
        )
    return Pair(requests, urllib3)


def _is_future(version: str) -> bool:
    patch = version.split(".")[2:3]
    return bool(patch) and patch[0].isdigit() and int(patch[0]) >= _FUTURE_PATCH
