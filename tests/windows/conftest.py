"""One Windows for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.windows.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine; its settings are those that the last program has left."""
    machine = Machine(tmp_path_factory.mktemp("windows"))
    try:
        machine.start()
        yield machine
    finally:
        machine.close()
