"""The results as a table, as JSON, and as a plot."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.harness import Paired, Result

__all__ = ["table", "versions", "write_json", "write_svg"]

_PACKAGES = ("pypac", "requests", "urllib3", "httpx", "httpcore")


def versions() -> str:
    """Say what was measured, and on what."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; {packages}"


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table."""
    lines = ["| what | measured | target | met |", "|---|---|---|---|"]
    words = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {result.name} | {result.text()} | {result.target} | {words[result.met]} |" for result in results]
    return "\n".join(lines)


def write_json(results: Sequence[Result], path: Path) -> None:
    """Write everything that was measured."""
    record = {"versions": versions(), "results": [result.to_dict() for result in results]}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_svg(results: Sequence[Result], path: Path) -> None:
    """Draw the ratios with their intervals; the line is 1, left of it is faster than the other side."""
    rows = [result for result in results if isinstance(result, Paired) and 0.2 < result.ratio < 2]
    width, left, height = 900, 430, 40 + 34 * len(rows)
    scale = (width - left - 40) / 1.6

    def x(ratio: float) -> float:
        return left + min(max(ratio - 0.2, 0.0), 1.6) * scale

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<line x1="{x(1)}" y1="20" x2="{x(1)}" y2="{height - 15}" stroke="#888" stroke-dasharray="4 3"/>',
    ]
    for number, row in enumerate(rows):
        y = 40 + 34 * number
        parts += [
            f'<text x="{left - 12}" y="{y + 4}" font-size="12" text-anchor="end">{escape(row.name)}</text>',
            f'<line x1="{x(row.low)}" y1="{y}" x2="{x(row.high)}" y2="{y}" stroke="#1f6feb" stroke-width="3"/>',
            f'<circle cx="{x(row.ratio)}" cy="{y}" r="5" fill="#1f6feb"/>',
            f'<text x="{x(row.high) + 10}" y="{y + 4}" font-size="12">{row.ratio:.3f}</text>',
        ]
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")
