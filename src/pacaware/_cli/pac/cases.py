"""The table of ``pacaware pac test``: URLs and the lists that a PAC file must give for them.

At the top level ``hosts``, ``my_ip`` and ``now`` hold for all cases; a key that is a URL is a case, its value the
expected list or a table with ``expect`` and what else holds for it; ``cases`` is an array of such tables with ``url``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pacaware._core.target import parse_target
from pacaware._models import ProxyList, pac_elements, redact_url
from pacaware.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Case", "World", "parse_cases", "read_cases"]

_WORLD: Final = {"hosts", "my_ip", "now"}
_CASE: Final = _WORLD | {"expect", "host", "name"}
_MAX_BYTES: Final = 16 << 20


class World(NamedTuple):
    """What a script can see besides the URL; names that are not in ``hosts`` do not resolve."""

    hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    my_ip: tuple[str, ...] = ()
    now: dt.datetime | None = None


class Case(NamedTuple):
    """One row: a URL, the list it must be given, and the world it is asked in."""

    url: str
    expect: ProxyList
    world: World
    host: str | None = None
    name: str = ""


def read_cases(path: str) -> list[Case]:
    """Read a .toml or .json file; raises ConfigError, saying which entry is wrong."""
    kind = Path(path).suffix.lower()
    if kind not in (".toml", ".json"):
        raise ConfigError(f"the cases {path} must be a .toml or a .json file")
    try:
        with Path(path).open("rb") as file:
            body = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"the cases {path} were not read: {getattr(exc, 'strerror', None) or exc}") from exc
    if len(body) > _MAX_BYTES:
        raise ConfigError(f"the cases {path} were not read: the file is larger than 16 MiB")
    try:
        text = body.decode("utf-8-sig")
        return parse_cases(text, kind[1:])
    except UnicodeDecodeError as exc:
        raise ConfigError(f"the cases {path} are not UTF-8: {exc.reason} at byte {exc.start}") from exc
    except ConfigError as exc:
        raise ConfigError(f"the cases {path}: {exc}") from None


def parse_cases(text: str, kind: str) -> list[Case]:
    """Read the text of a table, ``kind`` toml or json; raises ConfigError, for a table without cases too."""
    try:
        table = tomllib.loads(text) if kind == "toml" else json.loads(text, object_pairs_hook=_without_twins)
    except ConfigError:
        raise
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"not valid {kind.upper()}: {exc}") from exc
    if not isinstance(table, Mapping):
        raise ConfigError("the top level must be a table (in JSON: an object)")
    cases = list(_cases(table))
    if not cases:
        raise ConfigError("there is no case in it: a key that is a URL, or an entry of cases")
    return cases


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ConfigError(f"{_shown(key)} is there twice; to ask about a URL more than once use the array cases")
        table[key] = value
    return table


def _cases(table: Mapping[str, Any]) -> Iterator[Case]:
    world = _world(table, World(), "the top level")
    for key, value in table.items():
        if key in _WORLD:
            continue
        if key == "cases":
            yield from _listed(value, world)
        elif "://" in key:
            yield _case(key, value if isinstance(value, Mapping) else {"expect": value}, world, _shown(key))
        else:
            raise ConfigError(f"{_shown(key)} is neither a URL nor one of cases, hosts, my_ip, now")


def _listed(value: Any, world: World) -> Iterator[Case]:
    if not isinstance(value, list):
        raise ConfigError("cases must be an array of tables ([[cases]] in TOML)")
    for number, item in enumerate(value, 1):
        where = f"case {number}"
        if not isinstance(item, Mapping) or not isinstance(item.get("url"), str):
            raise ConfigError(f"{where} must be a table with url and expect")
        yield _case(item["url"], {key: item[key] for key in item if key != "url"}, world, where)


def _case(url: str, table: Mapping[str, Any], world: World, where: str) -> Case:
    for key in table:
        if key not in _CASE:
            raise ConfigError(f"{where}: {_shown(key)} is not one of expect, host, hosts, my_ip, name, now")
    if "expect" not in table:
        raise ConfigError(f"{where}: expect is missing")
    try:
        parse_target(url)
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from None
    texts = {key: table.get(key, "") for key in ("host", "name")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {key} must be a string")
    return Case(
        url, _expected(table["expect"], where), _world(table, world, where), texts["host"] or None, texts["name"]
    )


def _expected(value: Any, where: str) -> ProxyList:
    """Read a PAC result or an array of its entries; what a client would drop is an error here."""
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{where}: expect must be a string such as 'PROXY p:8080; DIRECT', or an array of such")
    candidates = []
    for element, candidate, reason in pac_elements(";".join(entries)):
        if candidate is None:
            raise ConfigError(f"{where}: {element!r} cannot be expected: {reason}")
        candidates.append(candidate)
    if not candidates:
        raise ConfigError(f"{where}: expect is empty; DIRECT is how no proxy is written")
    return ProxyList(candidates)


def _world(table: Mapping[str, Any], outer: World, where: str) -> World:
    """What ``table`` sets over what holds outside it; hosts are added to those outside."""
    hosts = dict(outer.hosts)
    added = table.get("hosts", {})
    if not isinstance(added, Mapping):
        raise ConfigError(f"{where}: hosts must be a table of names and addresses")
    for name, addresses in added.items():
        if "://" in name:
            raise ConfigError(f"{where}: {_shown(name)} stands among the hosts; in TOML put URLs above [hosts]")
        hosts[name] = _addresses(addresses, f"{where}: the host {name!r}")
    my_ip = _addresses(table["my_ip"], f"{where}: my_ip") if "my_ip" in table else outer.my_ip
    now = _moment(table["now"], where) if "now" in table else outer.now
    return World(tuple(hosts.items()), my_ip, now)


def _addresses(value: Any, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
        try:
            return tuple(str(ipaddress.ip_address(item.strip())) for item in listed)
        except ValueError as exc:
            raise ConfigError(f"{where}: {exc}") from None
    raise ConfigError(f"{where} must be an address such as '10.0.0.1', or an array of addresses")


def _moment(value: Any, where: str) -> dt.datetime:
    """Read TOML's date and time or a string in that form; without an offset it is local time."""
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, dt.datetime):
            moment.timestamp()
            return moment
    except (ValueError, OverflowError, OSError) as exc:
        raise ConfigError(f"{where}: now: {exc}") from None
    raise ConfigError(f"{where}: now must be a date and time such as 2026-03-01T09:30:00")


def _shown(key: str) -> str:
    return repr(redact_url(key) if "://" in key else key)
