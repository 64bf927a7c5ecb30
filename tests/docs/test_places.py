"""The lines of "Docker, CI, WSL, services": each is parsed by what reads it, and its variables lead through a proxy."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from pacaware import ProxyConfig, ProxyServer, _resolver
from pacaware.auth import EnvironCredentials
from pacaware.requests import mount
from pacaware.testing import NtlmUsers, Origin, PacServer, Proxy, pac_returning
from tests.docs.pages import blocks
from tests.real.conftest import available
from tests.real.servers import program

PAGE = "docs/docker-ci-wsl-services.md"
USERS = ["CORP\\user", "CORP\\app", "CORP\\gitlab", "CORP\\builder", "CORP\\jenkins"]
VALUES = {"${{ secrets.PROXY_USERNAME }}": "CORP\\user"}


def the(language: str, mark: str) -> str:
    """The one block of a language that contains a mark."""
    [found] = [block.text for block in blocks(language, PAGE) if mark in block.text]
    return found


def yaml_block(mark: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with mkdocs")
    return yaml.safe_load(the("yaml", mark))


def assigned(text: str) -> dict[str, str]:
    """``NAME=value`` at the beginning of lines."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def in_shell(text: str, **environ: str) -> dict[str, str]:
    """The variables that a shell has exported after these lines."""
    done = subprocess.run(
        [program("bash", "bash"), "-euc", f"{text}\nenv -0"],
        env={"PATH": os.defpath, **environ},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if "=" in item)


def compose(_: Path) -> dict[str, str]:
    service = yaml_block("services:")["services"]["app"]
    [secret] = service["secrets"]
    assert secret["mode"] == 0o400
    assert service["environment"]["PACAWARE_PROXY_PASSWORD_FILE"] == f"/run/secrets/{secret['source']}"
    return service["environment"]


def github(_: Path) -> dict[str, str]:
    return yaml_block("runs-on")["jobs"]["test"]["env"]


def gitlab(_: Path) -> dict[str, str]:
    return yaml_block("script:")["test"]["variables"]


def jenkins(_: Path) -> dict[str, str]:
    text = the("groovy", "pipeline")
    assert text.count("{") == text.count("}")
    bound = re.findall(r"(?:username|password)Variable: '(\w+)'", text)
    assert bound == ["PACAWARE_PROXY_USERNAME", "PACAWARE_PROXY_PASSWORD"]
    given = dict(re.findall(r"^ +(\w+) = '(.*)'$", text, re.MULTILINE))
    return {**given, bound[0]: "CORP\\jenkins", bound[1]: "password"}


def wsl(home: Path) -> dict[str, str]:
    exported = in_shell(the("bash", "PACAWARE_PAC_URL"), HOME=str(home))
    assert exported["PACAWARE_PROXY_PASSWORD_FILE"] == str(home / ".proxy-password")
    return exported


def systemd(_: Path) -> dict[str, str]:
    # systemd takes what C would make of a backslash.
    lines = re.findall(r"^Environment=(\w+)=(.*)$", the("ini", "[Service]"), re.MULTILINE)
    return {name: value.encode().decode("unicode_escape") for name, value in lines}


def cron(_: Path) -> dict[str, str]:
    [text] = [block.text for block in blocks("text", PAGE) if "* * *" in block.text]
    return assigned(text)


def dockerfile(_: Path) -> dict[str, str]:
    [run] = [run for run in _runs() if "PACAWARE=1" in run]
    words = shlex.split(run)
    return dict(word.split("=", 1) for word in words[: words.index("python")])


def _runs() -> list[str]:
    """The shell lines of the Dockerfile."""
    joined = the("dockerfile", "FROM").replace("\\\n", "")
    return [re.sub(r"^RUN (--\S+ +)*", "", line) for line in joined.splitlines() if line.startswith("RUN ")]


PLACES = [compose, github, gitlab, jenkins, wsl, systemd, cron, dockerfile]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_variables_lead_out(place, tmp_path, monkeypatch):
    """With them, and a file that holds the password, a program gets through a proxy with NTLM."""
    environ = {name: value for name, value in place(tmp_path).items() if name.startswith("PACAWARE")}
    assert environ["PACAWARE"] == "1"
    assert environ["PACAWARE_PAC_URL"] in ("http://wpad.corp.example/proxy.pac", "$PAC_URL")
    user = VALUES.get(environ["PACAWARE_PROXY_USERNAME"], environ["PACAWARE_PROXY_USERNAME"])
    assert user in USERS
    with (
        Origin() as origin,
        Proxy(NtlmUsers(dict.fromkeys(USERS, "password"))) as proxy,
        PacServer(pac_returning(proxy.pac_text)) as pac,
    ):
        environ |= {"PACAWARE_PAC_URL": pac.url, "PACAWARE_PROXY_USERNAME": user}
        if "PACAWARE_PROXY_PASSWORD_FILE" in environ:
            file = tmp_path / "password"
            file.write_text("password\n")
            file.chmod(0o600)
            environ["PACAWARE_PROXY_PASSWORD_FILE"] = str(file)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with _resolver.ProxyResolver() as resolver, requests.Session() as session:
            mount(session, resolver)
            assert session.get(origin.url_for("www.origin.test"), timeout=30).status_code == 200
        assert proxy.requests[-1].authorization == "NTLM"


def password_after(line: str, folder: Path, **environ: str) -> str | None:
    """Run a line of CI that makes the password file, and have pacaware read the password."""
    file = folder / "proxy-password"
    in_shell(line, PACAWARE_PROXY_PASSWORD_FILE=str(file), **environ)
    found = EnvironCredentials({"PACAWARE_PROXY_USERNAME": "u", "PACAWARE_PROXY_PASSWORD_FILE": str(file)})
    credentials = found.find(ProxyServer.parse("http://p.test:1"))
    return credentials and credentials.password


def test_github_writes_the_password(tmp_path):
    """The step's line makes a file that nobody else can read, whatever is in the password."""
    step = next(step for step in yaml_block("runs-on")["jobs"]["test"]["steps"] if "env" in step)
    assert set(step["env"]) == {"PASSWORD"}
    assert password_after(step["run"], tmp_path, PASSWORD="p%s \\'\"$x") == "p%s \\'\"$x"


def test_gitlab_copies_the_password(tmp_path):
    """The copy of the variable's file is for its owner alone."""
    (tmp_path / "given").write_text("s3cret")
    line = yaml_block("script:")["test"]["script"][0]
    assert password_after(line, tmp_path, PROXY_PASSWORD=str(tmp_path / "given")) == "s3cret"


def test_what_wsl_itself_sets():
    """WSL_PAC_URL is read as the settings of Windows, and a proxy variable beside it does not count."""
    config = ProxyConfig.from_environ({"WSL_PAC_URL": "http://w.test/p.pac", "http_proxy": "http://p.test:1"})
    assert (config.pac_url, config.proxy_server, config.origin) == ("http://w.test/p.pac", None, "wsl")


@pytest.mark.parametrize("run", _runs())
def test_the_shell_understands_the_dockerfile(run: str):
    """Each RUN is a line that a shell can read."""
    done = subprocess.run(["bash", "-n", "-c", run], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.real
def test_systemd_understands_the_unit(tmp_path):
    """systemd-analyze has nothing to say about it."""
    with available():
        analyze = program("systemd-analyze", "systemd")
    unit = tmp_path / "app.service"

    def complaints(text: str) -> list[str]:
        unit.write_text(text.replace("/usr/bin/python3", sys.executable))
        done = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=120, check=False)
        return [line for line in (done.stdout + done.stderr).splitlines() if "app.service" in line]

    text = the("ini", "[Service]")
    assert complaints(text) == []
    assert complaints(text.replace("LoadCredential", "LoadCredentials"))
