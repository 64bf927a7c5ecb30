"""What a pip that goes by pacaware prints: its own lines on stdout, and on stderr why a page could not be had."""

from __future__ import annotations

import pytest

from pacaware.testing import BasicUsers, Origin, Proxy

# As pip does: what loggers say at INFO goes to stdout.
VISITS = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
import MODULE as requests
for url in sys.argv[1:]:
    try:
        print(requests.get(url, timeout=20).status_code)
    except requests.exceptions.RequestException as error:
        print(type(error).__name__)
"""


@pytest.fixture
def proxy():
    """A proxy with Basic."""
    with Proxy(BasicUsers({"alice": "s3cret"})) as proxy:
        yield proxy


def variables(proxy: Proxy, **more: str) -> dict[str, str]:
    return {"PACAWARE": "1", "PACAWARE_PROXY": proxy.url, "NETRC": "/nowhere", **more}


def test_nothing_among_its_own_lines(run, proxy):
    """Decisions are not among the lines that other programs read; for any other program they are records as usual."""
    logon = variables(proxy, PACAWARE_PROXY_USERNAME="alice", PACAWARE_PROXY_PASSWORD="s3cret")
    with Origin() as origin:
        url = origin.url_for("origin.test")
        done = run("-c", VISITS.replace("MODULE", "pip._vendor.requests"), url, **logon)
        assert (done.stdout, done.stderr) == ("200\n", "")
        done = run("-c", VISITS.replace("MODULE", "requests"), url, **logon)
        assert f"goes by {proxy.pac_text}" in done.stdout


def test_the_reason_is_said_once(run, proxy):
    """Pip itself says only that there is no such package; why the proxy let nothing through is a line on stderr."""
    with Origin(tls=True) as origin:
        url = origin.url_for("origin.test")
        done = run("-c", VISITS.replace("MODULE", "pip._vendor.requests"), url, url, **variables(proxy))
    assert done.stdout == "ProxyError\nProxyError\n"
    [line] = done.stderr.splitlines()
    assert "it asks for a logon (Basic), and no credentials were found for it" in line
