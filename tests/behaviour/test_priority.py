"""The eight rows of the settings dialog (document 004, section 3), each with everything that can be up or down."""

from __future__ import annotations

import itertools

import pytest

from pacaware._models import ProxyConfig
from tests.data import rows

LOOPBACK = "<-loopback>"
TABLE = rows("windows_priority")
CASES = [
    pytest.param(row, obtained, alive, origin, id=f"{'+'.join(row['order'])}-{obtained=}-{alive=}-{origin}")
    for row, obtained, alive, origin in itertools.product(TABLE, [True, False], [True, False], ["gnome", "code"])
    if row["pac_url"] or not obtained
]


def use_of(row, *, obtained: bool) -> str:
    """What the table says is used; nothing is ever detected here."""
    wanted = {
        "always",
        *({"PAC obtained", "not detected; PAC URL obtained"} if obtained else ()),
        *(() if obtained else {"PAC not obtained", "neither obtained", "not detected or not obtained"}),
        *(() if obtained else {"not detected, or detected but not obtained"}),
    }
    (found,) = [outcome["use"] for outcome in row["outcomes"] if outcome["when"] in wanted]
    return found


@pytest.mark.parametrize(("row", "obtained", "alive", "origin"), CASES)
def test_the_table(world, row, obtained, alive, origin):
    """The next setting is taken only where no script was obtained; who cannot be reached is never gone around.

    Settings from code never end in a DIRECT that nobody asked for: where the table ends there, they are an error.
    """
    put = world.up if alive else world.down
    listed, manual = put("script's"), put("manual")
    world.script(f"return '{listed}'", status=200 if obtained else 404)
    config = ProxyConfig(
        auto_detect=row["auto_detect"],
        pac_url=world.pac.url if row["pac_url"] else None,
        proxy_server=manual.removeprefix("PROXY ") if row["manual"] else None,
        bypass=LOOPBACK,
        origin=origin,
    )
    use = use_of(row, obtained=obtained)
    asked_for = {"list returned by the script": "script's", "manual proxy": "manual", "direct": "DIRECT"}[use]
    expected = asked_for if alive or asked_for == "DIRECT" else "ProxyError"
    if asked_for == "DIRECT" and origin == "code" and (row["auto_detect"] or row["pac_url"]):
        expected = "ProxyError"
    session = world.session(world.resolver(config))
    assert [world.visit(session), world.visit(session)] == [expected, expected]


@pytest.mark.parametrize("origin", ["gnome", "code"])
def test_dead_proxies_of_a_script_that_was_obtained_are_an_error(world, origin):
    """Never DIRECT, never the manual proxy, although that one is up."""
    dead, manual = world.down("dead"), world.up("manual")
    world.script(f"return '{dead}'")
    config = ProxyConfig(
        pac_url=world.pac.url, proxy_server=manual.removeprefix("PROXY "), bypass=LOOPBACK, origin=origin
    )
    assert world.visit(world.session(world.resolver(config))) == "ProxyError"
    assert world.proxies["manual"].requests == ()
    assert world.origin.requests == ()


@pytest.mark.parametrize("origin", ["gnome", "code"])
def test_an_entry_of_the_list_is_the_next_to_try(world, origin):
    """Reachable or not: that moves inside the script's list, and to DIRECT if the list says so."""
    dead, alive = world.down("dead"), world.up("alive")
    world.script(f"return '{dead}; {alive}'")
    config = ProxyConfig(pac_url=world.pac.url, bypass=LOOPBACK, origin=origin)
    assert world.visit(world.session(world.resolver(config))) == "alive"
    world.script(f"return '{dead}; DIRECT'")
    assert world.visit(world.session(world.resolver(config))) == "DIRECT"


@pytest.mark.parametrize(
    ("origin", "mandatory", "expected"),
    [
        ("gnome", None, "DIRECT"),
        ("code", None, "ProxyError"),
        ("gnome", True, "ProxyError"),
        ("code", False, "DIRECT"),
    ],
)
@pytest.mark.parametrize("trouble", ["not obtained", "throws"])
def test_pac_mandatory_says_it_outright(world, origin, mandatory, expected, trouble):
    """What the origin of the settings decides by itself can be said: pac_mandatory."""
    if trouble == "throws":
        world.script("throw 'nothing works'")
    else:
        world.pac.set(status=500)
    config = ProxyConfig(pac_url=world.pac.url, bypass=LOOPBACK, origin=origin, pac_mandatory=mandatory)
    assert world.visit(world.session(world.resolver(config))) == expected
