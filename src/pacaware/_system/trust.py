"""PACAWARE_TRUST: whether servers are verified with the operating system's certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TRUST_WORDS", "trusts_system"]

#: For messages: what may be said.
TRUST_WORDS: Final = "'system' (the operating system's certificates)"


def trusts_system(environ: Mapping[str, str]) -> bool:
    """Say whether PACAWARE_TRUST asks for it; raises ConfigError for any word but system."""
    word = environ.get("PACAWARE_TRUST", "").strip().lower()
    if word not in ("", "system"):
        raise ConfigError(f"the variable PACAWARE_TRUST can be {TRUST_WORDS}, not {word!r}")
    return word == "system"
