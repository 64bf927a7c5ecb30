"""What a reader of settings answers: the settings, if there are any, and where it looked."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pacaware._core.lenient import tidy_bypass, tidy_pac_url, tidy_proxies, tidy_proxy
from pacaware._models import ProxyConfig, Step
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacaware._core.lenient import Tidy

__all__ = ["Draft", "Reading"]


class Reading(NamedTuple):
    """``config`` is None where nothing is set there; a ProxyConfig without any setting says "no proxy" outright.

    ``where`` names the place for a person, ``why`` what was or was not found in it.
    """

    where: str
    config: ProxyConfig | None
    why: str


class Draft:
    """Settings in the making: each text is read as it was meant, with a note for every repair.

    The texts are a person's; the methods raise ConfigError with the text and its place where they could mean two
    things.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.notes: list[str] = []
        self.credentials: list[tuple[str, str, str]] = []
        self._entries: list[str] = []

    def pac_url(self, text: str | None, place: str) -> str | None:
        """Read the address of a PAC file; None where there is none that could be used."""
        url, notes = tidy_pac_url(text or "", place)
        self.notes += notes
        return url

    def bypass(self, text: str | None, place: str) -> str | None:
        """Read a list of exceptions; None where there is none."""
        if not text or not text.strip():
            return None
        plain, notes = tidy_bypass(text, place)
        self.notes += notes
        return plain

    def proxies(self, text: str, place: str, *, decides: bool = True) -> None:
        """Read a setting in the form of Windows.

        Where it only stands in for a PAC file (not ``decides``), one that cannot be used is left out with a note.
        """
        with self._leaving_out(decides):
            tidy = tidy_proxies(text, place)
            self._add(tidy.text, tidy)

    def proxy(self, scheme: str, host: str, place: str, port: int = 0, *, decides: bool = True) -> None:
        """Read the proxy that a desktop names for one scheme, or its SOCKS proxy, which comes last."""
        with self._leaving_out(decides):
            server, tidy = tidy_proxy(host, place, port=port, scheme="socks5" if scheme == "socks" else "http")
            # A SOCKS proxy alone is for everything.
            self._add(f"{scheme}={server}" if self._entries or scheme != "socks" else str(server), tidy)

    def _add(self, entry: str, tidy: Tidy) -> None:
        self._entries.append(entry)
        self.credentials += tidy.credentials
        self.notes += tidy.notes

    @contextlib.contextmanager
    def _leaving_out(self, decides: bool) -> Iterator[None]:
        try:
            yield
        except ConfigError as exc:
            if decides:
                raise
            self.notes.append(f"{exc}; it is left out")

    @property
    def proxy_server(self) -> str | None:
        """The proxies read so far, in WinINet's form."""
        return ";".join(self._entries) or None

    def config(self, base: ProxyConfig | None = None) -> ProxyConfig:
        """Return what was collected, beside the values of ``base``."""
        return replace(
            base or ProxyConfig(),
            origin=self.origin,
            proxy_server=self.proxy_server,
            proxy_credentials=tuple(self.credentials),
            notes=tuple(Step("settings", "warning", text) for text in self.notes),
        )
