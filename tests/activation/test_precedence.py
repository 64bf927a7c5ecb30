"""What a script says of proxies goes before PACAWARE=1: each word it can say, in requests, httpx and httpx2."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from pacaware.testing import Origin, PacServer, Proxy, pac_returning

# Each line is one way to ask; the answer says by its Via field which proxy it came by.
REQUESTS = {
    "nothing": "requests.get(URL)",
    "proxies=": "requests.get(URL, proxies={'http': OTHER})",
    "proxies= for all": "requests.get(URL, proxies={'all': OTHER})",
    "proxies= for another scheme": "requests.get(URL, proxies={'https': OTHER})",
    "proxies= None": "requests.get(URL, proxies={'http': None})",
    "proxies= empty": "requests.get(URL, proxies={'http': ''})",
    "proxies= without anything": "requests.get(URL, proxies={})",
    "session.proxies": "session(proxies={'http': OTHER}).get(URL)",
    "session.proxies None": "session(proxies={'http': None}).get(URL)",
    "session.proxies empty": "session(proxies={'http': ''}).get(URL)",
    "proxies= over session.proxies": "session(proxies={'http': OTHER}).get(URL, proxies={'http': ''})",
    "trust_env": "session(trust_env=False).get(URL)",
    "proxies= and trust_env": "session(trust_env=False).get(URL, proxies={'http': OTHER})",
    "a prepared request": "session().send(requests.Request('GET', URL).prepare(), proxies={'http': OTHER})",
}
HTTPX = {
    "nothing": "L.get(URL)",
    "a client with nothing": "L.Client().get(URL)",
    "proxy=": "L.get(URL, proxy=OTHER)",
    "proxy= of a client": "L.Client(proxy=OTHER).get(URL)",
    "proxy= as an object": "L.Client(proxy=L.Proxy(OTHER)).get(URL)",
    "mounts=": "L.Client(mounts={'http://': L.HTTPTransport(proxy=OTHER)}).get(URL)",
    "mounts= None": "L.Client(mounts={'http://': None}).get(URL)",
    "mounts= None beside proxy=": "L.Client(mounts={'http://': None}, proxy=OTHER).get(URL)",
    "mounts= direct": "L.Client(mounts={'http://': L.HTTPTransport(trust_env=False)}).get(URL)",
    "mounts= for another scheme": "L.Client(mounts={'https://': L.HTTPTransport(proxy=OTHER)}).get(URL)",
    "transport=": "L.Client(transport=L.HTTPTransport(proxy=OTHER)).get(URL)",
    "transport= without a proxy": "L.Client(transport=L.HTTPTransport()).get(URL)",
    "trust_env": "L.Client(trust_env=False).get(URL)",
    "trust_env of get()": "L.get(URL, trust_env=False)",
    "proxy= and trust_env": "L.Client(proxy=OTHER, trust_env=False).get(URL)",
    "async, nothing": "asked()",
    "async, proxy=": "asked(proxy=OTHER)",
    "async, mounts=": "asked(mounts={'http://': L.AsyncHTTPTransport(proxy=OTHER)})",
    "async, mounts= None": "asked(mounts={'http://': None})",
    "async, trust_env": "asked(trust_env=False)",
}
# By which proxy each goes: the one of the settings, the other one, or none.
BY = {
    "settings": {
        "nothing",
        "proxies= for another scheme",
        "proxies= without anything",
        "a client with nothing",
        "mounts= for another scheme",
        "transport= without a proxy",
        "async, nothing",
    },
    "direct": {
        "proxies= None",
        "proxies= empty",
        "session.proxies None",
        "session.proxies empty",
        "proxies= over session.proxies",
        "trust_env",
        "trust_env of get()",
        "mounts= None",
        "mounts= None beside proxy=",
        "mounts= direct",
        "async, mounts= None",
        "async, trust_env",
    },
}
PROGRAM = """
import json, socket, sys

look_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: look_up(
    "127.0.0.1" if host in ("origin.test", b"origin.test") else host, *rest, **more
)
library, URL, OTHER = sys.argv[1:4]
if library == "requests":
    import requests

    def session(**attributes):
        made = requests.Session()
        for name, value in attributes.items():
            setattr(made, name, value)
        return made
else:
    import asyncio, importlib
    L = importlib.import_module(library)

    def asked(**arguments):
        async def ask():
            async with L.AsyncClient(**arguments) as client:
                return await client.get(URL)
        return asyncio.run(ask())

answers = {}
for name, expression in json.loads(sys.argv[4]).items():
    try:
        answers[name] = dict(eval(expression).json()["headers"]).get("Via", "direct")
    except Exception as exc:
        answers[name] = repr(exc)
print(json.dumps(answers))
"""


@dataclass
class Lab:
    """An origin that every way leads to, the proxy that only a script can name, and the variables."""

    url: str
    other: str
    variables: dict[str, str]


@pytest.fixture
def lab():
    """The settings name a proxy, and a script may name another; each answer tells by Via which way it came."""
    with (
        Origin() as origin,
        Proxy(via="settings") as proxy,
        Proxy(via="other") as other,
        Proxy(via="variable") as variable,
        PacServer(pac_returning(proxy.pac_text)) as pac,
    ):
        url = origin.url_for("origin.test")
        yield Lab(url, other.url, {"PACAWARE": "1", "PACAWARE_PAC_URL": pac.url, "http_proxy": variable.url})


@pytest.mark.parametrize(
    ("library", "ways"),
    [("requests", REQUESTS), ("httpx", HTTPX), ("httpx2", HTTPX)],
    ids=["requests", "httpx", "httpx2"],
)
def test_what_a_script_says_goes_first(run, library: str, ways: dict[str, str], lab: Lab):
    """A proxy that is given is used, None and the like are direct; where nothing is said the settings decide.

    The variable http_proxy never does: PACAWARE_PAC_URL goes before it.
    """
    done = run("-c", PROGRAM, library, lab.url, lab.other, json.dumps(ways), **lab.variables)
    assert done.stderr == ""
    expected = {way: next((by for by, names in BY.items() if way in names), "1.1 other") for way in ways}
    assert json.loads(done.stdout) == {way: by.replace("settings", "1.1 settings") for way, by in expected.items()}


def test_every_way_is_expected_once():
    """No way is in the table of outcomes twice, and none is there that is not tried."""
    assert not BY["settings"] & BY["direct"]
    assert BY["settings"] | BY["direct"] < REQUESTS.keys() | HTTPX.keys()
