"""What a script's answer depends on, and which function is asked."""

from __future__ import annotations

import pytest

from pacaware import errors


@pytest.mark.parametrize(
    ("body", "clock", "random"),
    [
        ("return 'DIRECT'", False, False),
        ("return 'p' + new Date()", True, False),
        ("return 'p' + Date()", True, False),
        ("return 'p' + Date.now()", True, False),
        ("return 'p' + new Date(2009, 1, 1).getDay() + Date.UTC(2009)", False, False),
        ("return 'p' + weekdayRange('MON')", True, False),
        ("return 'p' + dateRange(1)", True, False),
        ("return 'p' + timeRange(1)", True, False),
        ("return 'p' + new (new Date(0)).constructor()", True, False),
        ("return 'p' + Math.random()", False, True),
    ],
)
def test_use_of_clock_and_chance_is_reported(make_script, engine, body, clock, random):
    """Whoever keeps answers learns that this one depends on more than the URL."""
    script = make_script(f"function FindProxyForURL(u, h) {{ {body} }}", engine=engine)
    answer = script.find_proxy("http://x/", "x")
    assert (answer.uses_clock, answer.uses_random, answer.dns_valid_for) == (clock, random, None)


def test_use_of_the_clock_while_loading_counts(make_script, engine):
    """A script that reads the clock at its top level gives answers that depend on it."""
    script = make_script("var d = new Date(); function FindProxyForURL(u, h) { return 'DIRECT' }", engine=engine)
    assert script.find_proxy("http://x/", "x").uses_clock


@pytest.mark.parametrize(("dialect", "expected"), [("chromium", "PROXY plain:1"), ("windows", "PROXY ex:1")])
def test_dialect_decides_on_the_entry_point(make_script, engine, dialect, expected):
    """FindProxyForURLEx is preferred in the dialect of Windows alone."""
    text = (
        "function FindProxyForURL(u, h) { return 'PROXY plain:1' }"
        "function FindProxyForURLEx(u, h) { return 'PROXY ex:1' }"
    )
    assert make_script(text, engine=engine, dialect=dialect).find_proxy("http://x/", "x").text == expected


def test_unknown_dialect(make_script):
    """A dialect that does not exist is refused when the script is made."""
    with pytest.raises(errors.ConfigError, match="'firefox'"):
        make_script("", dialect="firefox")
