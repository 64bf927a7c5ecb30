"""Measure everything, print the table, and write JSON and SVG to benchmarks/results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import first_request, logon, memory, pac, report, requests_and_httpx, resolving, start_up
from benchmarks.harness import Result
from benchmarks.servers import lab


def results() -> Iterator[Result]:
    """Yield each result as soon as it is measured."""
    with lab() as servers:
        yield from resolving.run(servers)
        yield from memory.run(servers)
        yield from requests_and_httpx.run(servers)
        yield from logon.run(servers)
        yield from first_request.run(servers)
    yield from pac.run()
    yield from start_up.run()


def main() -> int:
    """Run; the exit status says whether every target was met."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    done: list[Result] = []
    for result in results():
        print(f"{result.name}: {result.text()}", file=sys.stderr, flush=True)
        done.append(result)
    print(report.versions())
    print()
    print(report.table(done))
    report.write_json(done, folder / "results.json")
    report.write_svg(done, folder / "ratios.svg")
    return 0 if all(result.met is not False for result in done) else 1


if __name__ == "__main__":
    sys.exit(main())
