"""Programs and libraries that talk to services: none of them knows of pacaware, each gets its answer by squid."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.cloud import MODEL, Cloud, Daemon, wheel_of
from tests.programs.conftest import Run

pytestmark = pytest.mark.real

SCRIPTS = {
    "openai": """
        import openai
        client = openai.OpenAI(api_key="k", base_url=f"{URL}/v1", timeout=30)
        ask = {"model": "m", "messages": [{"role": "user", "content": "how?"}]}
        print(client.chat.completions.create(**ask).choices[0].message.content)
        """,
    "openai, streaming": """
        import openai
        client = openai.OpenAI(api_key="k", base_url=f"{URL}/v1", timeout=30)
        ask = {"model": "m", "messages": [{"role": "user", "content": "how?"}]}
        print("".join(chunk.choices[0].delta.content for chunk in client.chat.completions.create(stream=True, **ask)))
        """,
    "openai, async": """
        import asyncio, openai
        async def main():
            async with openai.AsyncOpenAI(api_key="k", base_url=f"{URL}/v1", timeout=30) as client:
                ask = {"model": "m", "messages": [{"role": "user", "content": "how?"}]}
                print((await client.chat.completions.create(**ask)).choices[0].message.content)
        asyncio.run(main())
        """,
    "anthropic": """
        import anthropic
        client = anthropic.Anthropic(api_key="k", base_url=URL, timeout=30)
        ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "how?"}]}
        print(client.messages.create(**ask).content[0].text)
        """,
    "anthropic, async": """
        import asyncio, anthropic
        async def main():
            async with anthropic.AsyncAnthropic(api_key="k", base_url=URL, timeout=30) as client:
                ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "how?"}]}
                print((await client.messages.create(**ask)).content[0].text)
        asyncio.run(main())
        """,
    "google-auth": """
        from google.auth.transport.requests import AuthorizedSession
        from google.oauth2.credentials import Credentials
        token = Credentials(None, refresh_token="r", token_uri=f"{URL}/token", client_id="c", client_secret="s")
        answer = AuthorizedSession(token).get(f"{URL}/echo", timeout=30).json()
        print(answer["headers"]["authorization"].replace("Bearer fresh", "by way of the proxy"))
        """,
}
HUB = """
import huggingface_hub
path = huggingface_hub.hf_hub_download("org/model", "config.json")
print(open(path).read())
print(huggingface_hub.HfApi().model_info("org/model").downloads)
"""
DOCKER = """
import sys, docker
client = docker.DockerClient(base_url=sys.argv[1], version="1.47", timeout=30)
print(client.ping(), client.version()["Version"])
"""


@pytest.mark.parametrize("what", SCRIPTS)
def test_a_library_for_a_service(what: str, run: Run, secure_cloud: Cloud, through_squid):
    """The library's own client is reached, also where it makes a transport of its own."""
    done = run("-c", f"URL = {secure_cloud.url!r}\n{textwrap.dedent(SCRIPTS[what])}")
    assert (done.stdout, done.stderr) == ("by way of the proxy\n", "")
    assert set(through_squid(secure_cloud)) == {"CONNECT alice"}


def test_huggingface_hub(run: Run, cloud: Cloud, through_squid):
    """A file of a model is downloaded, and the hub is asked about the model."""
    done = run("-c", HUB, HF_ENDPOINT=cloud.url, HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1")
    assert done.stdout == f"{MODEL.decode()}\n7\n", done.stderr
    assert "pacaware" not in done.stderr
    assert through_squid(cloud)


def test_twine(run: Run, cloud: Cloud, tmp_path: Path, through_squid):
    """A wheel is uploaded whole."""
    name, data = wheel_of("loopbase", "1.0")
    (tmp_path / name).write_bytes(data)
    options = ["--non-interactive", "--disable-progress-bar", "--username", "u", "--password", "p"]
    done = run("-m", "twine", "upload", *options, "--repository-url", f"{cloud.url}/legacy/", name)
    assert done.returncode == 0, done.stdout + done.stderr
    [upload] = [seen for seen in cloud.seen if seen.method == "POST"]
    assert data in upload.body
    assert [line for line in through_squid(cloud) if line in ("POST alice", "CONNECT alice")]


class TestDocker:
    """docker-py has schemes of its own."""

    @pytest.fixture
    def daemon(self, tmp_path: Path) -> Iterator[Daemon]:
        with Daemon(tmp_path / "docker.sock") as daemon:
            yield daemon

    def test_its_own_schemes(self, run: Run, daemon: Daemon, tmp_path: Path):
        """The daemon on this machine is talked to as ever: no proxy is asked, nothing is decided."""
        done = run("-c", DOCKER, f"unix://{tmp_path}/docker.sock", PACAWARE_LOG="1")
        assert (done.stdout, done.stderr) == ("True 27.0\n", "")
        assert len(daemon.seen) == 2

    def test_loopback(self, run: Run):
        """A daemon on a port of this machine needs no proxy: the implicit rules hold."""
        with Daemon() as daemon:
            done = run("-c", DOCKER, f"tcp://127.0.0.1:{daemon.port}")
            assert (done.stdout, done.stderr) == ("True 27.0\n", "")
            assert len(daemon.seen) == 2

    def test_far_away(self, run: Run, squid_ntlm):
        """A daemon elsewhere is reached by the proxy."""
        with Daemon() as daemon:
            done = run("-c", DOCKER, f"tcp://origin.test:{daemon.port}")
            assert (done.stdout, done.stderr) == ("True 27.0\n", "")
            assert f"http://origin.test:{daemon.port}/_ping" in squid_ntlm.access_log().replace("/v1.47", "")
