"""What the first request of a program costs with PACAWARE=1, step by step, over the same program without it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import start_up
from benchmarks.harness import Result, Single
from benchmarks.servers import Lab
from pacaware.testing import NtlmUsers, PacServer, Proxy, pac_returning

__all__ = ["run"]

_ROUNDS = 25
_USER, _PASSWORD = "alice", "s3cret"
# Prints milliseconds: of the import, of the first request and of the second, and the steps of the decision.
_PROGRAM = """
import time; started = time.perf_counter()
import requests; imported = time.perf_counter()
import sys, json; ready = time.perf_counter()
first = requests.get(sys.argv[1]); answered = time.perf_counter()
requests.get(sys.argv[1]); again = time.perf_counter()
steps = {step.name: step.ms for step in first.pacaware.steps} if hasattr(first, "pacaware") else {}
times = {"import": imported - started, "first": answered - ready, "second": again - answered}
print(json.dumps({name: value * 1e3 for name, value in times.items()} | steps))
"""


def run(servers: Lab) -> Iterator[Result]:
    """Yield the results, one after the other."""
    with tempfile.TemporaryDirectory() as name, Proxy(NtlmUsers({_USER: _PASSWORD})) as ntlm:
        folder = Path(name)
        environment = start_up.make_venv(folder / "venv")
        start_up.install(start_up.build_wheel(folder), environment)
        path = start_up.site_packages(environment) / "zz_dependencies.pth"
        path.write_text(sysconfig.get_path("purelib") + "\n")
        with PacServer(pac_returning(ntlm.pac_text)) as ntlm_pac:
            ways = {
                "plain": {"http_proxy": servers.proxy},
                "ours": {"PACAWARE": servers.pac},
                "ntlm": {
                    "PACAWARE": ntlm_pac.url,
                    "PACAWARE_PROXY_USERNAME": _USER,
                    "PACAWARE_PROXY_PASSWORD": _PASSWORD,
                },
            }
            rounds = [
                {way: _once(start_up.python_of(environment), servers.http, ways[way]) for way in ways}
                for _ in range(_ROUNDS + 2)
            ][2:]
    yield from _results(rounds)


def _once(python: str, url: str, variables: dict[str, str]) -> dict[str, float]:
    command = [python, "-c", _PROGRAM, url]
    kept = {name: value for name, value in start_up.environment().items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=kept | variables, timeout=60)
    times: dict[str, float] = json.loads(done.stdout)
    return times


def _results(rounds: list[dict[str, dict[str, float]]]) -> Iterator[Result]:
    def added(what: str, way: str = "ours", over: str = "plain") -> list[float]:
        return [one[way][what] - one[over][what] for one in rounds]

    steps = ("pac-fetch", "pac-load", "pac-run")
    rest = [more - sum(one["ours"][step] for step in steps) for more, one in zip(added("first"), rounds, strict=True)]
    yield _single("PACAWARE=1, added to import requests: switching it over", added("import"))
    yield _single("PACAWARE=1, added to the first request by a PAC file", added("first"))
    yield _single("of that: fetching the PAC file", [one["ours"]["pac-fetch"] for one in rounds])
    yield _single("of that: starting its process, loading the script", [one["ours"]["pac-load"] for one in rounds])
    yield _single("of that: running the script", [one["ours"]["pac-run"] for one in rounds])
    yield _single("of that: the rest (imports, settings, state of the network)", rest)
    yield _single(
        "added once more by a logon with NTLM (imports of pyspnego, two legs)", added("first", "ntlm", "ours")
    )
    yield _single("PACAWARE=1, added to the second request (another session)", added("second"))


def _single(name: str, milliseconds: list[float]) -> Single:
    samples = sorted(value * 1e3 for value in milliseconds)
    quarter = len(samples) // 4
    return Single(name, "", None, statistics.median(samples), samples[quarter], samples[-1 - quarter])
