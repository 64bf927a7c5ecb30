from __future__ import annotations

import contextlib

import pytest

from pacaware._pac.dns import FixedLookups
from pacaware._pac.evaluator import PacScript

ENGINES = ("quickjs", "pacparser")


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def make_script():
    """Return a maker of scripts that are closed in the end."""
    with contextlib.ExitStack() as stack:

        def make(text, **options):
            options.setdefault("lookups", FixedLookups({"a.test": ("10.0.0.1",)}, ("10.0.0.9",)))
            script = PacScript(text, **options)
            stack.callback(script.close)
            return script

        yield make
