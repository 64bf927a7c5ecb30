"""The command as a user types it: on any console, as JSON, with a report."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware._cli.doctor import english, japanese
from pacaware._cli.doctor.findings import Started, fail, ok, warn
from pacaware._cli.doctor.show import can_show, finding_lines, result_lines, screen_for, width
from pacaware.testing import DeadProxy, Proxy

SOURCE = str(Path(pacaware.__file__).parent.parent)


def run(*words: str, encoding: str = "utf-8", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``pacaware doctor`` with its output redirected."""
    # No PATH: the programs of a desktop are not asked.
    keep = ("SYSTEMROOT", "LD_LIBRARY_PATH")
    clean = {name: os.environ[name] for name in keep if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "pacaware", "doctor", *words],
        env={
            **clean,
            "PYTHONPATH": SOURCE,
            "PYTHONIOENCODING": encoding,
            "PATH": "",
            "HOME": "/nonexistent",
            **variables,
        },
        check=False,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_japanese_on_a_console_that_has_it(encoding: str):
    """By --lang or by the locale, with no character replaced."""
    with DeadProxy() as dead:
        asked = run("--lang", "ja", encoding=encoding, PACAWARE_PROXY=dead.url)
        located = run(encoding=encoding, PACAWARE_PROXY=dead.url, LANG="ja_JP.UTF-8")
    text = asked.stdout.decode(encoding)
    assert "プロキシが止まっています" in text
    assert "\\u" not in text
    assert "次にすること:" in text
    assert (asked.returncode, asked.stderr) == (13, b"")
    assert located.stdout.decode(encoding).partition("port")[0] == text.partition("port")[0]


def test_japanese_on_a_console_that_lacks_it():
    """English, with a word about it where Japanese was asked for."""
    with DeadProxy() as dead:
        asked = run("--lang", "ja", encoding="ascii", PACAWARE_PROXY=dead.url)
        located = run(encoding="ascii", PACAWARE_PROXY=dead.url, LANG="ja_JP.UTF-8")
    first, _, rest = asked.stdout.decode("ascii").partition("\n")
    assert first == english.WORDS["cannot-show"]
    assert "nobody listens at port" in rest.replace("\n      ", " ")
    assert "nobody listens at port" in located.stdout.decode("ascii").replace("\n      ", " ")
    assert first not in located.stdout.decode("ascii")
    assert (asked.returncode, located.returncode) == (13, 13)


def test_a_bad_address_on_an_ascii_console():
    """Characters that the console lacks are written as escapes."""
    done = run(encoding="ascii", https_proxy="http://\uff50roxy.test:\uff18\uff10", LANG="C")
    assert b"warn  address: There are characters in https_proxy that look right and are not." in done.stdout
    assert b"FULLWIDTH" in done.stdout
    assert b"is read as http://proxy.test:80" in done.stdout.replace(b"\n      ", b" ")
    assert done.returncode == 13
    assert done.stderr == b""


def test_json_is_the_list_of_steps():
    """On stdout alone, in ASCII, with the texts of the language; the report's contents go to stderr."""
    with Proxy() as proxy:
        done = run("--json", "--lang", "ja", encoding="ascii", PACAWARE_PROXY=proxy.url)
    record = json.loads(done.stdout.decode("ascii"))
    assert (record["url"], record["status"], record["exit"]) == (None, "ok", 0)
    assert done.returncode == 0
    for step in record["steps"]:
        assert list(step) == ["name", "status", "cause", "found", "likely", "next", "detail", "ms"]
        assert step["cause"] in english.CAUSES
    [port] = [step for step in record["steps"] if step["name"] == "port"]
    assert port["found"] == japanese.CAUSES["port-ok"][0].format(proxy=proxy.netloc)


def test_a_report(tmp_path: Path):
    """The console lists what it holds, and which placeholder is which; the file does not say."""
    file = tmp_path / "report.txt"
    done = run("--report", str(file), PACAWARE_PROXY="http://kanaria.kaisha.invalid:8080", LANG="C")
    out = done.stdout.decode()
    assert done.returncode == 13
    assert f"The report is in {file}" in out
    assert " = kanaria.kaisha.invalid\n" in out
    assert "no password" in out
    text = file.read_text("utf-8")
    assert "kanaria" not in text
    assert "kaisha" not in text
    assert file.stat().st_mode & 0o777 == 0o600
    beside = run("--json", "--report", str(file), PACAWARE_PROXY="http://kanaria.kaisha.invalid:8080", LANG="C")
    assert json.loads(beside.stdout)["exit"] == 13
    assert "The report is in" in beside.stderr.decode()


def test_a_report_that_cannot_be_written():
    """One line on stderr, status 1."""
    with DeadProxy() as dead:
        done = run("--report", "/dev/null/report.txt", PACAWARE_PROXY=dead.url, LANG="C")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("pacaware: the report /dev/null/report.txt was not written")


@pytest.mark.parametrize(
    "arguments", [["doctor", "example.com"], ["doctor", "--lang", "de"], ["doctor", "http://a/", "b"]]
)
def test_wrong_usage_is_2(capsys, arguments: list[str]):
    """As every command's."""
    with pytest.raises(SystemExit) as ended:
        _cli.main(arguments)
    assert ended.value.code == 2


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


EVENTS = [
    Started("port"),
    ok("port", "port-ok", proxy="[p]:1", port="1"),
    Started("speaks"),
    fail("speaks", "speaks-silent", "timed out", proxy="[p]:1"),
]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_terminal_shows_what_is_being_looked_at(monkeypatch, lang: str):
    """With rich the lines come in colour, whole, and with brackets as they are."""
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    screen = screen_for(stream, lang)
    for event in EVENTS:
        screen.show(event)
    screen.close()
    text = stream.getvalue()
    assert "\x1b[" in text
    assert "[p]:1" in text
    assert {"en": "Looking at: proxy's port", "ja": "確認中: プロキシのポート"}[lang] in text


def test_without_rich_a_terminal_shows_plain_lines(monkeypatch):
    """Nothing is missing but the colour."""
    monkeypatch.setattr("pacaware._cli.doctor.show.find_spec", lambda name: None)
    stream = Terminal()
    screen = screen_for(stream, "en")
    for event in EVENTS:
        screen.show(event)
    screen.close()
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().splitlines()[0] == "ok    proxy's port: Somebody listens at [p]:1."


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_lines_fit_into_100_columns(lang: str):
    """Japanese characters take two."""
    names = {name for texts in english.CAUSES.values() for name in re.findall(r"{(\w+)}", "".join(texts))}
    for key in english.CAUSES:
        values = dict.fromkeys(names, "x")
        for line in finding_lines(fail(key.partition("-")[0].replace("wpad", "pac"), key, "detail", **values), lang):
            assert width(line) <= 102  # a full stop may hang over
            assert line == line.rstrip()


def test_what_the_findings_come_to():
    """All well, warnings, the end of the way, and that something before it may be the reason."""
    good, odd, bad = ok("clock", "clock-ok"), warn("clock", "clock-skew", minutes="9"), fail("network", "network-down")
    assert list(result_lines([good], "en")) == [english.WORDS["all-ok"]]
    assert list(result_lines([good, odd], "en")) == ["The way is open; look at the lines marked warn."]
    lines = list(result_lines([bad, odd], "en"))
    assert lines[0] == "The way ends at: network"
    assert "something before" not in " ".join(lines).lower()
    assert "Something before that" in " ".join(result_lines([odd, bad], "en"))
    assert "pacaware doctor --report" in " ".join(result_lines([bad], "ja"))


def test_a_stream_of_unknown_encoding():
    """Nothing is known of it, so nothing is risked."""
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert not can_show(stream, "日本語")
    assert can_show(stream, "plain")


@pytest.fixture
def here(monkeypatch):
    """This process as a console without a desktop, in the C locale, with one dead proxy set."""
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("LC_ALL", raising=False)
    with DeadProxy() as dead:
        monkeypatch.setenv("PACAWARE_PROXY", dead.url)
        yield


def test_the_command_in_this_process(here, capsys, tmp_path):
    """Lines, the result, the report's contents, and the status, through the program's own entry."""
    assert _cli.main(["doctor", "https://www.origin.test/a?b=c", "--report", str(tmp_path / "r.txt")]) == 13
    out = capsys.readouterr().out
    assert "FAIL  proxy's port: " in out
    assert "The way ends at: proxy's port" in out
    assert "The report is in" in out


def test_json_in_this_process(here, capsys):
    """The URL is redacted, and the steps end where the way does."""
    assert _cli.main(["doctor", "https://www.origin.test/a?b=c", "--json", "--lang", "ja"]) == 13
    record = json.loads(capsys.readouterr().out)
    assert (record["url"], record["status"], record["exit"]) == ("https://www.origin.test/a?b=...", "fail", 13)
    assert record["steps"][-1]["cause"] == "port-refused"


def test_japanese_asked_for_on_ascii_in_this_process(here, monkeypatch):
    """The first line says why it is English."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    assert _cli.main(["doctor", "--lang", "ja"]) == 13
    assert raw.getvalue().decode().startswith(english.WORDS["cannot-show"])


def test_no_line_begins_or_ends_badly():
    """A full stop stays with its sentence and an opening bracket with what it opens, wherever the line ends."""
    for length in range(60, 110):
        finding = ok("route", "route-bypass", rule="\u3042" * (length // 2) + "x" * (length % 2) + " (\u3042)\u3002")
        lines = list(finding_lines(finding, "ja"))
        assert not any(line.lstrip()[:1] in ("\u3002", "\u3001", ")") for line in lines)
        assert not any(line.endswith("(") for line in lines)


def on_a_terminal(*words: str, columns: int = 0, **variables: str) -> tuple[int, str]:
    """Run ``pacaware doctor`` on a pseudo-terminal; returns the status and everything that was written to it."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "pacaware", "doctor", *words],
            env={"PYTHONPATH": SOURCE, "PATH": "", "HOME": "/nonexistent", "LANG": "C.UTF-8", **variables},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            theirs = -1
            written = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
                while piece := os.read(ours, 65_536):
                    written += piece
            return process.wait(60), written.decode("utf-8").replace("\r\n", "\n")
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_real_terminal(lang: str):
    """With rich: colour, what is being looked at, the same lines as elsewhere, the cursor back at the end."""
    pytest.importorskip("rich")
    with DeadProxy() as dead:
        status, text = on_a_terminal("--lang", lang, PACAWARE_PROXY=dead.url, TERM="xterm-256color")
        redirected = run("--lang", lang, PACAWARE_PROXY=dead.url).stdout.decode("utf-8")
    assert status == 13
    assert {"en": "Looking at: proxy's port", "ja": "確認中: プロキシのポート"}[lang] in text
    assert "\x1b[32m" in text
    assert text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l") >= 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for line in redirected.splitlines():
        assert line in shown


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_without_colours(variables: dict[str, str]):
    """No colour is sent where none is wanted or understood."""
    with DeadProxy() as dead:
        status, text = on_a_terminal("--lang", "en", PACAWARE_PROXY=dead.url, **variables)
    assert status == 13
    assert "FAIL  proxy's port: " in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", text)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_narrow_terminal(lang: str):
    """Lines are broken where the terminal ends, between words, not by the terminal within them."""
    with DeadProxy() as dead:
        _, text = on_a_terminal("--lang", lang, columns=72, PACAWARE_PROXY=dead.url, TERM="xterm")
    # What moves is drawn over; what stays are the lines.
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split("\n")
    assert len(lines) > 10
    assert max(width(line.rpartition("\r")[2]) for line in lines) <= 74  # a full stop may hang over
