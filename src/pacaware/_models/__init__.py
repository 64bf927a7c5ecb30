"""The values that rooms hand to each other: proxies, fail-over lists, settings, decisions."""

from pacaware._models.config import CachePolicy, ConfigReaders, ProxyConfig, plug_in_readers
from pacaware._models.decision import Decision, Step, step_lines
from pacaware._models.proxies import DIRECT, Candidate, ProxyList, ProxyServer, pac_elements
from pacaware._models.texts import on_one_line, redact_url

__all__ = [
    "DIRECT",
    "CachePolicy",
    "Candidate",
    "ConfigReaders",
    "Decision",
    "ProxyConfig",
    "ProxyList",
    "ProxyServer",
    "Step",
    "on_one_line",
    "pac_elements",
    "plug_in_readers",
    "redact_url",
    "step_lines",
]
