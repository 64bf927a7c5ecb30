"""The eight rows of the settings dialog, each with everything that can be up or down.

Source: jpdsi LAN settings article, section 3.
"""

from __future__ import annotations

import itertools

import pytest

from pacaware._models import ProxyConfig
from pacaware._pac.wpad import Detected
from pacaware.testing import PacServer
from tests.data import rows
from tests.resolver.conftest import script

LOOPBACK = "<-loopback>"
TABLE = rows("windows_priority")
# What detection may come to: a script, none, and one that cannot be had.
DETECTED, NOT_DETECTED, NOT_DOWNLOADED = "detected", "not detected", "detected, not downloaded"


def cases():
    for row, found, obtained, alive, origin in itertools.product(
        TABLE, [DETECTED, NOT_DETECTED, NOT_DOWNLOADED], [True, False], [True, False], ["gnome", "code"]
    ):
        # Without the setting there is one case only.
        if (row["auto_detect"] or found == NOT_DETECTED) and (row["pac_url"] or not obtained):
            name = f"{'+'.join(row['order'])}-{found}-{obtained=}-{alive=}-{origin}"
            yield pytest.param(row, found, obtained, alive, origin, id=name)


def use_of(row, found: str, *, obtained: bool) -> str:
    """What the table says is used."""
    if row["auto_detect"] and found == DETECTED:
        wanted = {"script detected and obtained"}
    elif obtained:
        wanted = {"PAC obtained", "not detected; PAC URL obtained"}
    else:
        wanted = {
            *("always", "PAC not obtained", "neither obtained", "not detected or not obtained"),
            "not detected, or detected but not obtained",
        }
    (use,) = [outcome["use"] for outcome in row["outcomes"] if outcome["when"] in wanted]
    return use


@pytest.fixture
def wpad(world, detector):
    """Return what makes detection find a script with a proxy in it, find none, or find one that is not there."""

    def find(found: str, listed: str) -> None:
        if found != NOT_DETECTED:
            status = 200 if found == DETECTED else 404
            server = world.stack.enter_context(PacServer(script(f"return '{listed}'"), status=status))
            detector.outcome = Detected(server.url.replace("127.0.0.1", "wpad.corp.test"), "dns")

    return find


@pytest.mark.parametrize(("row", "found", "obtained", "alive", "origin"), [*cases()])
def test_the_table(world, wpad, row, found, obtained, alive, origin):
    """The next setting is taken only where no script was obtained; who cannot be reached is never gone around.

    Settings from code never end in a DIRECT that nobody asked for: where the table ends there, they are an error.
    """
    put = world.up if alive else world.down
    detected, listed, manual = put("detected's"), put("script's"), put("manual")
    wpad(found, detected)
    world.script(f"return '{listed}'", status=200 if obtained else 404)
    config = ProxyConfig(
        auto_detect=row["auto_detect"],
        pac_url=world.pac.url if row["pac_url"] else None,
        proxy_server=manual.removeprefix("PROXY ") if row["manual"] else None,
        bypass=LOOPBACK,
        origin=origin,
    )
    use = use_of(row, found, obtained=obtained)
    scripts = "detected's" if row["auto_detect"] and found == DETECTED else "script's"
    asked_for = {"list returned by the script": scripts, "manual proxy": "manual", "direct": "DIRECT"}[use]
    expected = asked_for if alive or asked_for == "DIRECT" else "ProxyError"
    if asked_for == "DIRECT" and origin == "code" and (row["auto_detect"] or row["pac_url"]):
        expected = "ProxyError"
    session = world.session(world.resolver(config))
    assert [world.visit(session), world.visit(session)] == [expected, expected]
    assert len(world.origin.requests) == (0 if expected == "ProxyError" else 2)


@pytest.mark.parametrize("by", ["auto_detect", "pac_url"])
@pytest.mark.parametrize("origin", ["gnome", "code"])
def test_dead_proxies_of_a_script_that_was_obtained_are_an_error(world, wpad, origin, by):
    """Never DIRECT, never the manual proxy or the script of the next setting, although these work."""
    dead, manual = world.down("dead"), world.up("manual")
    wpad(DETECTED if by == "auto_detect" else NOT_DETECTED, dead)
    world.script(f"return '{manual if by == 'auto_detect' else dead}'")
    config = ProxyConfig(
        auto_detect=by == "auto_detect",
        pac_url=world.pac.url,
        proxy_server=manual.removeprefix("PROXY "),
        bypass=LOOPBACK,
        origin=origin,
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
