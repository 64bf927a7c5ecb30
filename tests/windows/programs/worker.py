"""Runs on Windows: PAC files that behave and PAC files that do not, in each engine; and what their process is given."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pacaware._pac.engines import Launcher, find_engines
from pacaware._pac.process import EngineNotLoaded, ScriptProcess
from pacaware.errors import PacError
from pacaware.pac import PacEvaluator

SCRIPTS = {
    "answer": "return 'PROXY ' + dnsResolve('a.test') + ':' + myIpAddress().length + '; DIRECT';",
    "large": "return 'PROXY ' + u.length + '.test:1';",
    "loop": "for (;;);",
    "deep": "function f() { return f() + 1; } return f();",
    "wrong": "return nothing.here;",
}
# The last one leaves no room for an error of the engine, and the one before swallows it.
GREEDY = [
    "var a = []; for (;;) a.push(new Uint8Array(1 << 20));",
    "var a = []; try { for (;;) a.push(new Uint8Array(1 << 20).fill(1)) } catch (e) {} return 'DIRECT';",
    "var a = []; for (;;) a.push(new Array(100).fill('x' + a.length));",
]


def run(engine: str, body: str, url: str = "http://www.test/") -> dict[str, Any]:
    started = time.monotonic()
    try:
        text = "function FindProxyForURL(u, h) { " + body + " }"
        with PacEvaluator(text, hosts={"a.test": ["10.0.0.1"]}, my_ip="10.0.0.9", engine=engine) as evaluator:
            said = evaluator.find_proxy(url).raw
    except PacError as exc:
        said = type(exc).__name__
    return {"said": said, "seconds": time.monotonic() - started}


def probe() -> dict[str, Any]:
    """Start a process as a worker is started, that tells what it was given."""
    engine = find_engines("auto")[0]
    launcher = Launcher(sys.executable, (sys.executable, "-I", "-S", str(Path(__file__).with_name("probe.py"))))
    try:
        ScriptProcess(launcher, engine)
    except EngineNotLoaded as exc:
        # What the probe says is quoted, and advice follows.
        found, _ = json.JSONDecoder().raw_decode(str(exc).partition(": ")[2])
        return found
    raise AssertionError("the probe did not speak")


def main() -> None:
    engines = ("quickjs", "pacparser")
    found: dict[str, Any] = {engine: {name: run(engine, body) for name, body in SCRIPTS.items()} for engine in engines}
    # More than a pipe holds at once, in both directions.
    for engine in engines:
        found[engine]["large"] = run(engine, SCRIPTS["large"], "http://www.test/" + "a" * 500_000)
    found["quickjs"]["greedy"] = [run("quickjs", body)["said"] for body in GREEDY]
    found["chosen"] = find_engines("auto")[0].name
    found["probe"] = probe()
    found["host"] = {"pid": os.getpid(), "variables": sorted(os.environ)}
    print(json.dumps(found))


main()
