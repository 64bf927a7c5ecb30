"""Runs on Windows: set the registry, then fetch URLs with each library through pacaware; what came of it."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

import httpx
import httpx2
import registry
import requests

import pacaware.httpx
import pacaware.httpx2
import pacaware.requests
from pacaware import ProxyResolver

SECONDS = 30


def by_requests(urls: list[str], ca: str, options: dict[str, Any]) -> list[tuple[int, Any]]:
    with requests.Session() as session:
        session.verify = ca
        pacaware.requests.mount(session, **options)
        responses = [session.get(url, timeout=SECONDS) for url in urls]
        return [(response.status_code, response.pacaware.to_dict()) for response in responses]


def by_httpx(library: Any, facade: Any, urls: list[str], ca: str, options: dict[str, Any]) -> list[tuple[int, Any]]:
    transport = facade.PacTransport(verify=ssl.create_default_context(cafile=ca), **options)
    with library.Client(transport=transport, timeout=SECONDS) as client:
        responses = [client.get(url) for url in urls]
    return [(response.status_code, response.extensions["pacaware"].to_dict()) for response in responses]


async def by_async(
    library: Any, facade: Any, urls: list[str], ca: str, options: dict[str, Any]
) -> list[tuple[int, Any]]:
    transport = facade.AsyncPacTransport(verify=ssl.create_default_context(cafile=ca), **options)
    async with library.AsyncClient(transport=transport, timeout=SECONDS) as client:
        responses = await asyncio.gather(*map(client.get, urls))
    return [(response.status_code, response.extensions["pacaware"].to_dict()) for response in responses]


def main() -> None:
    question = json.load(sys.stdin)
    registry.only(question["values"])
    urls, ca = question["urls"], question["ca"]
    found = {}
    ways = {
        "requests": lambda options: by_requests(urls, ca, options),
        "httpx": lambda options: by_httpx(httpx, pacaware.httpx, urls, ca, options),
        "httpx2": lambda options: by_httpx(httpx2, pacaware.httpx2, urls, ca, options),
        "httpx async": lambda options: asyncio.run(by_async(httpx, pacaware.httpx, urls, ca, options)),
        "httpx2 async": lambda options: asyncio.run(by_async(httpx2, pacaware.httpx2, urls, ca, options)),
    }
    for name, get in ways.items():
        with ProxyResolver() as resolver:
            options = {"resolver": resolver, "proxy_auth": ("alice", "wonder:land")}
            found[name] = [{"status": status, "decision": decision} for status, decision in get(options)]
    print(json.dumps(found))


main()
