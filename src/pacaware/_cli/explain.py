"""``pacaware explain URL``: the decision for one URL, for a person or as JSON."""

from __future__ import annotations

import json
import logging

from pacaware import ProxyConfig, ProxyResolver

__all__ = ["explain"]


def explain(url: str, *, as_json: bool, pac_url: str | None) -> int:
    """Print how ``url`` would be reached from here, and why; nothing is sent to it."""
    # What the log would say is in the decision's steps, or in the error.
    logging.getLogger("pacaware").addHandler(logging.NullHandler())
    config = None if pac_url is None else ProxyConfig(pac_url=pac_url)
    with ProxyResolver(config) as resolver:
        decision = resolver.resolve(url)
    print(json.dumps(decision.to_dict(), indent=2) if as_json else decision.explain())
    return 0
