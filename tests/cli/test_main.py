"""The command line: arguments, exit statuses, and output on any console."""

from __future__ import annotations

import io
import sys

import pytest

import pacaware
from pacaware import _cli
from pacaware.errors import NoProxyWorked


def test_version(capsys):
    """``--version`` names the program and the version."""
    with pytest.raises(SystemExit) as ended:
        _cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pacaware {pacaware.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["explain"], ["explain", "example.com"], ["explain", "ftp://a/"], ["explain", "http://[/"]],
)
def test_wrong_usage_is_2(capsys, arguments: list[str]):
    """A missing or unknown command, or something that is no web URL, is explained on stderr with exit status 2."""
    with pytest.raises(SystemExit) as ended:
        _cli.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pacaware")


def test_a_bad_url_is_shown_without_its_password(capsys):
    """What is echoed is redacted."""
    with pytest.raises(SystemExit):
        _cli.main(["explain", "ftp://me:geheim@a.test/"])
    assert "geheim" not in capsys.readouterr().err


def test_expected_errors_are_one_line_and_1(capsys, monkeypatch):
    """Errors of pacaware are a line on stderr without a traceback."""

    def fail(options: object) -> int:
        raise NoProxyWorked((("PROXY a:1", "timed\nout"),))

    monkeypatch.setattr(_cli, "_call", fail)
    assert _cli.main(["demo"]) == 1
    assert capsys.readouterr().err == f"pacaware: {NoProxyWorked((('PROXY a:1', 'timed out'),))}\n"


def test_an_interrupt_is_130(monkeypatch):
    """Ctrl-C ends a command without a traceback, with the status shells give it."""

    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "_call", interrupt)
    assert _cli.main(["demo"]) == 130


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"\\u30d7 \\u20ac"),
        ("cp932", "\u30d7".encode("cp932") + b" \\u20ac"),
        ("utf-8", "\u30d7 \u20ac".encode()),
    ],
)
def test_any_console_will_do(monkeypatch, encoding: str, expected: bytes):
    """A character that the console or the file lacks is written as an escape."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))

    def say(options: object) -> int:
        print("\u30d7 \u20ac", end="", flush=True)
        return 0

    monkeypatch.setattr(_cli, "_call", say)
    assert _cli.main(["demo"]) == 0
    assert raw.getvalue() == expected
