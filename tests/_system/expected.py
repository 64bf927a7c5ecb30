"""What the tables of browsers expect, compared with settings of ours."""

from __future__ import annotations

from typing import Any

from pacaware._core.bypass import BypassRules
from pacaware._core.proxy_rules import ProxyRules
from pacaware._models import ProxyConfig


def assert_is(config: ProxyConfig, expected: dict[str, Any]) -> None:
    """The settings select what a row of Chromium's tables says."""
    assert (config.auto_detect, config.pac_url) == (expected["auto_detect"], expected["pac_url"])
    wanted = expected["proxy_rules"]
    found = dict(ProxyRules.parse(config.proxy_server).entries) if config.proxy_server else {}
    names = {"http": "http", "https": "https", "ftp": "ftp", "socks": "socks", "single": ""}
    for name, key in names.items():
        uris = [str(item) for item in found.get(key, ())]
        assert uris == [uri if "://" in uri else f"http://{uri}" for uri in [wanted[name]] if uri]
    rules = BypassRules.parse(config.bypass or "", config.bypass_dialect, reverse=config.reverse_bypass)
    assert (list(rules.rules), rules.reverse) == (wanted["bypass"], wanted["reverse_bypass"])


def notes(config: ProxyConfig) -> str:
    """What the reader has to say, as one text."""
    return "\n".join(note.detail for note in config.notes)
