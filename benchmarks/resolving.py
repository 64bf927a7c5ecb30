"""resolve() of what is known, and what a first answer costs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import requests
from pypac.parser import PACFile
from pypac.resolver import ProxyResolver as PypacResolver

from benchmarks.harness import Result, paired, single
from benchmarks.servers import Lab
from pacaware import BypassRules, ProxyConfig, ProxyResolver

__all__ = ["run"]


def run(lab: Lab) -> Iterator[Result]:
    """Yield the results, one after the other."""
    with ProxyResolver(ProxyConfig(pac_url=lab.pac)) as resolver:
        url = "https://origin.test/some/path?query=1"
        resolver.resolve(url)
        yield single("resolve(), the same URL again", lambda: resolver.resolve(url), limit_us=3)
        urls = (f"https://origin.test/other/{number}" for number in itertools.count())
        yield single("resolve(), another URL of a known https origin", lambda: resolver.resolve(next(urls)), limit_us=6)
        theirs = PypacResolver(PACFile(requests.get(lab.pac).text))
        yield paired(
            "resolve() / pypac get_proxy_for_requests, small PAC",
            lambda: resolver.resolve(url),
            lambda: theirs.get_proxy_for_requests(url),
            target="< 1",
            at_most=0.999,
            repeat=200,
            rounds=100,
        )
    rules = BypassRules.parse(";".join(f"*.d{n}.example" for n in range(5000)))
    yield single("BypassRules.matches(), 5,000 rules", lambda: rules.matches("https://a.b.test/"), limit_us=20)
    alike = BypassRules.parse(";".join(f"*d{n}*.corp.example" for n in range(5000)))
    yield single(
        "BypassRules.matches(), 5,000 rules with the same end",
        lambda: alike.matches("https://www.corp.example/"),
        limit_us=20,
    )
