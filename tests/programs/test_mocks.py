"""Test suites that answer for the network themselves go on doing so with PACAWARE=1."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.programs.cloud import Cloud
from tests.programs.conftest import Run

pytestmark = pytest.mark.real

SUITES = {
    "responses": """
        import requests, responses

        @responses.activate
        def test_mock():
            responses.get(URL, json={"by": "mock"})
            assert requests.get(URL).json() == {"by": "mock"}
        """,
    "requests-mock": """
        import requests

        def test_mock(requests_mock):
            requests_mock.get(URL, json={"by": "mock"})
            assert requests.get(URL).json() == {"by": "mock"}
        """,
    "respx": """
        import asyncio, httpx, respx

        @respx.mock
        def test_mock():
            respx.get(URL).mock(return_value=httpx.Response(200, json={"by": "mock"}))
            assert httpx.get(URL).json() == {"by": "mock"}

        @respx.mock
        def test_async():
            async def ask():
                async with httpx.AsyncClient() as client:
                    return (await client.get(URL)).json()
            respx.get(URL).mock(return_value=httpx.Response(200, json={"by": "mock"}))
            assert asyncio.run(ask()) == {"by": "mock"}
        """,
    "respx, for httpx": """
        import httpx, respx

        @respx.mock(using="httpx")
        def test_mock(respx_mock):
            respx_mock.get(URL).mock(return_value=httpx.Response(200, json={"by": "mock"}))
            assert httpx.get(URL).json() == {"by": "mock"}
        """,
    "pytest-httpx": """
        import asyncio, httpx

        def test_mock(httpx_mock):
            httpx_mock.add_response(url=URL, json={"by": "mock"})
            assert httpx.get(URL).json() == {"by": "mock"}

        def test_async(httpx_mock):
            async def ask():
                async with httpx.AsyncClient() as client:
                    return (await client.get(URL)).json()
            httpx_mock.add_response(url=URL, json={"by": "mock"})
            assert asyncio.run(ask()) == {"by": "mock"}
        """,
}
CASSETTE = """
import sys, requests, httpx, httpx2, vcr
mode, url = sys.argv[1:]
for library in (requests, httpx, httpx2):
    with vcr.use_cassette(f"{library.__name__}.yaml", record_mode=mode) as cassette:
        answer = library.get(f"{url}/echo?{library.__name__}", timeout=30)
        print(library.__name__, answer.status_code, cassette.play_count)
"""


@pytest.mark.parametrize("pac", ["reachable", "unreachable"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_mock_answers(suite: str, pac: str, run: Run, tmp_path: Path):
    """The mock's answer is what the test sees; nothing is sent, and it makes no difference whether a proxy is there."""
    with Cloud() as cloud:
        (tmp_path / "test_it.py").write_text(f"URL = {cloud.url + '/echo'!r}\n{textwrap.dedent(SUITES[suite])}")
        other = {} if pac == "reachable" else {"PACAWARE_PAC_URL": "http://127.0.0.1:9/proxy.pac"}
        done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_it.py", **other)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed" in done.stdout
        assert cloud.seen == []


def test_a_cassette_plays(run: Run, cloud: Cloud):
    """Vcrpy records and plays back; with requests it puts connections of its own into urllib3, which know no proxy."""
    direct = f"{cloud.scheme}://127.0.0.1:{cloud.port}"
    lines = [f"{library} 200 {{}}\n" for library in ("requests", "httpx", "httpx2")]
    recorded = run("-c", CASSETTE, "once", direct)
    assert (recorded.stdout, recorded.stderr) == ("".join(lines).format(0, 0, 0), "")
    before = len(cloud.seen)
    played = run("-c", CASSETTE, "none", direct)
    assert (played.stdout, played.stderr) == ("".join(lines).format(1, 1, 1), "")
    assert len(cloud.seen) == before


def test_a_cassette_records_by_the_proxy(run: Run, cloud: Cloud, through_squid):
    """What vcrpy records of httpx and httpx2 comes by the proxy."""
    done = run("-c", CASSETTE.replace("(requests, httpx", "(httpx"), "once", cloud.url)
    assert (done.stdout, done.stderr) == ("httpx 200 0\nhttpx2 200 0\n", "")
    assert {line.split()[1] for line in through_squid(cloud)} == {"alice"}
