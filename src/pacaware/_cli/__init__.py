"""The command line: each command is a module here, imported when it is called.

Expected errors are one line on stderr and exit status 1; wrong usage, and for ``pac`` what cannot be read, is 2.
Output never fails on a console that lacks a character, and no control character of a server, a script or an argument
gets to one.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from pacaware import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    if sys.stdout is None or sys.stderr is None:  # closed by who started this: pythonw.exe, or >&- in a shell
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for as long as the process lives
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    from pacaware._cli.say import say
    from pacaware.errors import PacawareError

    try:
        try:
            options = _parser().parse_args(arguments)
        except SystemExit:
            sys.stdout.flush()  # --help and --version, too, may be read by head
            raise
        return _call(options)
    except PacawareError as exc:
        say(f"pacaware: {' '.join(str(exc).split())}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        _drop_output()
        return 1
    except OSError as exc:
        _drop_output()  # a full disk is one still at exit
        say(f"pacaware: {exc}", sys.stderr)
        return 1


def _drop_output() -> None:
    """Let nothing be flushed to standard output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments without the control characters that are in them."""

    def error(self, message: str) -> NoReturn:
        from pacaware._models import on_one_line

        super().error(on_one_line(message))


def _call(options: argparse.Namespace) -> int:
    if options.command == "run":
        from pacaware._cli.run import run

        return run(options.words)
    if options.command == "explain":
        from pacaware._cli.explain import explain

        status = explain(options.url, as_json=options.json, pac_url=options.pac_url)
    elif options.command == "pac":
        from pacaware._cli.pac import run as run_pac

        status = run_pac(options)
    elif options.command == "doctor":
        from pacaware._cli.doctor.command import run as run_doctor

        status = run_doctor(options)
    elif options.command == "settings":
        from pacaware._cli.settings import settings

        status = settings(as_json=options.json, every=options.all)
    else:
        from pacaware._cli.demo import demo

        status = demo()
    sys.stdout.flush()
    return status


def _parser() -> argparse.ArgumentParser:
    from pacaware._cli import pac

    parser = _Parser(prog="pacaware", description="Reach the network behind a corporate proxy as the browser does.")
    parser.add_argument("--version", action="version", version=f"pacaware {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run", help="run a command with PACAWARE=1", description="Run a command, and what it starts, with PACAWARE=1."
    )
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD ...", help="for example: python script.py")

    explain = commands.add_parser(
        "explain",
        help="say how a URL is reached, and why",
        description="Say by which proxies a URL is reached, and why.",
    )
    explain.add_argument("url", type=_web_url, metavar="URL")
    explain.add_argument("--json", action="store_true", help="print the decision as JSON")
    explain.add_argument("--pac-url", metavar="URL", help="use this PAC file instead of this machine's settings")

    pac.add_parser(commands)
    doctor = commands.add_parser(
        "doctor",
        help="find out why the proxy does not work, and what to do",
        description="Walk the way of a request, from the settings to the web server, and say where it ends, the likely "
        "cause and what to do. Logs on at most once. Exit status: 0 open, 10 settings, 11 network, 12 PAC file, "
        "13 proxy unreachable, 14 not a working proxy, 15 logon, 16 web server, 17 certificate.",
    )
    doctor.add_argument("url", nargs="?", type=_web_url, metavar="URL", help="where to go (default: just to the proxy)")
    doctor.add_argument("--json", action="store_true", help="print the steps as JSON")
    doctor.add_argument("--lang", choices=("en", "ja"), help="the language (default: the locale's)")
    doctor.add_argument("--report", metavar="FILE", help="also write a report without names, for the help desk")

    settings = commands.add_parser(
        "settings",
        help="show the proxy settings of this machine",
        description="Show every source of proxy settings on this machine, what it says, and which one wins and why.",
    )
    settings.add_argument("--json", action="store_true", help="print them as JSON")
    settings.add_argument("--all", action="store_true", help="show the proxy policies of Chrome and Edge too")

    commands.add_parser(
        "demo",
        help="watch it work with servers on this machine",
        description="Start a PAC server, proxies and origins on loopback, and send requests through them.",
    )
    return parser


def _web_url(text: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        from pacaware._models import redact_url

        raise argparse.ArgumentTypeError(
            f"{redact_url(text)!r} is not an http or https URL such as https://example.com/"
        )
    return text
