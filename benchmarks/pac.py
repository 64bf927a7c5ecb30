"""What running PAC files costs: against a bare loop over pipes, against pypac, and from the start of the process."""

from __future__ import annotations

import itertools
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pypac.parser import PACFile

from benchmarks.harness import Result, in_turn, of_pairs, paired, single
from pacaware._pac import evaluator
from pacaware._pac.dns import FixedLookups
from pacaware._pac.engines import find_engines
from pacaware._pac.evaluator import PacScript

__all__ = ["run"]

SMALL = """
function FindProxyForURL(url, host) {
  if (isPlainHostName(host) || dnsDomainIs(host, ".intra.example")) return "DIRECT";
  if (shExpMatch(host, "*.example.com")) return "PROXY a.example:8080; DIRECT";
  return "PROXY b.example:8080";
}
"""
RULES = "".join(
    f'  if (dnsDomainIs(host, ".d{n}.example") || shExpMatch(host, "*.s{n}.example")) return "PROXY p{n}.example:1";\n'
    for n in range(2500)
)
LARGE = f'function FindProxyForURL(url, host) {{\n{RULES}  return "DIRECT";\n}}\n'

PROCESSES = 8

# The same engine and prelude, frames and JSON, and nothing of what keeps them safe.
BARE = """
import json, os, sys
sys.path.append(sys.argv[1]); import worker
sys.path.append(sys.argv[3]); engine = worker.ENGINES[sys.argv[2]](256 << 20)
def frame():
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        data += os.read(0, 65536) or sys.exit()
    return data[4:]
reply = worker.load(engine, frame()).encode()
while True:
    os.write(1, len(reply).to_bytes(4, "big") + reply)
    reply = engine.dispatch(frame().decode()).encode()
"""


class BareLoop:
    """A process that answers questions and is trusted: no deadline, no checks, no lookups."""

    def __init__(self, engine: str, text: str) -> None:
        room = str(Path(evaluator.__file__).parent)
        folder = find_engines(engine)[0].folder
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", BARE, room, engine, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        begin, prelude = b'{"op":"begin","dialect":"chromium","clock":null,"answers":{}}', evaluator._prelude()
        header = struct.pack(">cdII", b"L", 5.0, len(prelude), len(begin))
        self._send(header + prelude + begin + text.encode())
        self._receive()

    def _send(self, data: bytes) -> None:
        view = memoryview(len(data).to_bytes(4, "big") + data)
        while view:
            view = view[os.write(self._to, view) :]

    def find_proxy(self, url: str, host: str) -> Any:
        self._send(json.dumps({"op": "find", "url": url, "host": host, "clock": None, "answers": {}}).encode())
        return self._receive()["text"]

    def _receive(self) -> Any:
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            piece = os.read(self._from, 65536)
            assert piece, "the bare loop has ended"
            data += piece
        return json.loads(data[4:])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def run() -> Iterator[Result]:
    """Yield the results, one after the other."""
    theirs = PACFile(LARGE)
    for engine, part in (("pacparser", 0.5), ("quickjs", 0.25)):
        yield from _uncached(engine)
        with Loaded(LARGE, engine) as script:
            yield paired(
                f"5,000 rules without a match / pypac, {engine}",
                _asking(script),
                lambda: theirs.find_proxy_for_url("http://a.b.test/", "a.b.test"),
                target=f"<= {part}",
                at_most=part,
                rounds=15,
                repeat=1,
                warm_up=2,
            )
        yield single(
            f"start of the process and load, {engine}",
            partial(_start, engine),
            limit_us=50_000,
            rounds=15,
            repeat=1,
        )


def _uncached(engine: str) -> Iterator[Result]:
    pairs: list[tuple[float, float]] = []
    # Several processes of each kind: where the system lets one run is luck, and stays so for its life.
    for number in range(PROCESSES):
        bare = BareLoop(engine, SMALL)
        try:
            with Loaded(SMALL, engine) as script:
                pairs += in_turn(_asking(script), _asking(bare), rounds=60, repeat=10, seed=number)
        finally:
            bare.close()
    yield of_pairs(f"small PAC, uncached / bare worker loop, {engine}", pairs, target="<= 1.3", at_most=1.3)


def _asking(script: PacScript | BareLoop) -> Any:
    hosts = (f"h{number}.example.org" for number in itertools.count())

    def ask() -> None:
        host = next(hosts)
        script.find_proxy(f"http://{host}/", host)

    return ask


class Loaded:
    def __init__(self, text: str, engine: str) -> None:
        self._script = PacScript(text, lookups=FixedLookups({}, ()), engine=engine)

    def __enter__(self) -> PacScript:
        self._script.load()
        return self._script

    def __exit__(self, *exc_info: object) -> None:
        self._script.close()


def _start(engine: str) -> None:
    with Loaded(SMALL, engine):
        pass


if __name__ == "__main__":
    started = time.monotonic()
    for result in run():
        print(f"{result.name}: {result.text()} {result.target} {result.met}", flush=True)
    print(f"{time.monotonic() - started:.0f} s")
