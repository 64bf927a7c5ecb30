"""``pacaware explain URL``: the decision for one URL, for a person or as JSON."""

from __future__ import annotations

import json
import logging

from pacaware import ProxyConfig, ProxyResolver
from pacaware._cli.say import say
from pacaware._models import redact_url, step_lines
from pacaware.errors import PacawareError

__all__ = ["explain"]


def explain(url: str, *, as_json: bool, pac_url: str | None) -> int:
    """Print how ``url`` would be reached from here, and why; nothing is sent to it.

    Where that fails, the steps up to there are printed, and the error is raised. JSON is a decision or nothing.
    """
    # What the log would say is in the decision's steps, or in the error.
    logging.getLogger("pacaware").addHandler(logging.NullHandler())
    config = None if pac_url is None else ProxyConfig(pac_url=pac_url)
    with ProxyResolver(config) as resolver:
        try:
            decision = resolver.resolve(url)
        except PacawareError as exc:
            if exc.steps and not as_json:
                say(redact_url(url))
                say("  goes by  nothing: there is no answer")
                print(*step_lines(exc.steps), sep="\n", flush=True)
            raise
    print(json.dumps(decision.to_dict(), indent=2) if as_json else decision.explain())
    return 0
