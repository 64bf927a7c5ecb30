"""``pacaware pac``: tools for those who write PAC files. What a command needs is imported when it is called."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from typing import Any

__all__ = ["add_parser", "run"]

_FILE_HELP = "the PAC file: a path, an http or https URL, or - for standard input"


def add_parser(commands: Any) -> None:
    """Add the arguments of ``pacaware pac`` to those of the program."""
    pac = commands.add_parser(
        "pac", help="check, try and test a PAC file", description="Tools for those who write PAC files."
    )
    tools = pac.add_subparsers(dest="tool", required=True, metavar="TOOL")

    check = tools.add_parser(
        "check",
        help="say what is wrong with a PAC file",
        description="Load a PAC file and say what is wrong with it. Exit status: 0 no error, 1 errors, 2 not read.",
    )
    check.add_argument("--strict", action="store_true", help="let warnings count as errors")

    evaluate = tools.add_parser(
        "eval",
        help="ask a PAC file about URLs",
        description="Ask a PAC file about URLs. Exit status: 0 a list for each, 1 not for each, 2 not read.",
    )
    test = tools.add_parser(
        "test",
        help="compare a PAC file with a table of URLs",
        description="Compare a PAC file with a table of cases. Exit status: 0 all as expected, 1 not, 2 not read.",
    )
    for tool in (check, evaluate, test):
        tool.add_argument("file", metavar="FILE", help=_FILE_HELP)
        tool.add_argument("--engine", choices=("auto", "quickjs", "pacparser"), default="auto", help="default: auto")
        tool.add_argument("--json", action="store_true", help="print JSON")
    evaluate.add_argument("urls", nargs="+", metavar="URL", help="what FindProxyForURL is asked about")
    evaluate.add_argument(
        "--host",
        action="append",
        type=_host,
        dest="hosts",
        metavar="NAME=ADDR",
        help="let NAME resolve to ADDR, other names not at all; repeatable; without any, names are looked up for real",
    )
    evaluate.add_argument("--my-ip", type=_address, metavar="ADDR", help="what myIpAddress() returns")
    evaluate.add_argument("--now", type=_moment, metavar="ISO", help="the clock, such as 2026-03-01T09:30 or ...09:30Z")
    test.add_argument(
        "--cases", required=True, metavar="TABLE", help="a .toml or .json file of URLs and expected lists"
    )


def run(options: argparse.Namespace) -> int:
    """Run one of the tools and return the exit status; 2 where its files cannot be read or no engine is there."""
    from pacaware._cli.pac.source import read_pac
    from pacaware._cli.say import say
    from pacaware.errors import ConfigError, PacEngineError, PacFetchError

    try:
        source = read_pac(options.file)
        if options.tool == "check":
            from pacaware._cli.pac.check import check

            return check(source, engine=options.engine, as_json=options.json, strict=options.strict)
        if options.tool == "eval":
            from pacaware._cli.pac.evaluate import evaluate

            return evaluate(source, options)
        from pacaware._cli.pac.compare import compare

        return compare(source, options.cases, engine=options.engine, as_json=options.json)
    except (ConfigError, PacEngineError, PacFetchError) as exc:
        say(f"pacaware: {' '.join(str(exc).split())}", sys.stderr)
        return 2


def _host(text: str) -> tuple[str, list[str]]:
    name, mark, addresses = text.partition("=")
    if not mark or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=ADDRESS")
    return name.strip(), [_address(address) for address in addresses.split(",") if address.strip()]


def _address(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 or IPv6 address") from None


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-03-01T09:30 or 2026-03-01T09:30Z"
        ) from None
    return moment
