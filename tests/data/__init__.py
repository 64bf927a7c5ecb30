"""Tables of inputs and expected outputs, each row with the public source that it was taken from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of one table; an empty table is an error, so that no test passes for want of rows."""
    table: list[dict[str, Any]] = json.loads(Path(__file__).with_name(f"{name}.json").read_text("utf-8"))
    assert table, f"{name}.json has no rows"
    assert all(row["source"] for row in table), f"a row of {name}.json does not say where it is from"
    return table
