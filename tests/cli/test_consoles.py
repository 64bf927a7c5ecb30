"""Any console will do: control characters, closed and full outputs, readers that leave, and Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware.testing import DeadProxy, PacServer, RefusingProxy, SilentProxy
from tests._system.machines import GNOME, linux

SOURCE = str(Path(pacaware.__file__).parent.parent)
ESCAPE = "\x1b[31m"
#: What would move a cursor, ring a bell, end a line or turn the direction of writing.
EVIL = f"a{ESCAPE}\x07\r\nok  all is well\u202e\x9b2J"
EVIL_PAC = """function FindProxyForURL(url, host) {
    alert(EVIL);
    dnsResolve("n" + EVIL + ".test");
    ANSWER;
}"""
TYPICAL = [["explain", "https://h.test/"], ["settings"], ["doctor"], ["--help"], ["doctor", "--help"], ["--version"]]


def environment(**variables: str) -> dict[str, str]:
    """Return variables for a process without a desktop."""
    return {"PYTHONPATH": SOURCE, "HOME": "/nonexistent", "PATH": "", "LANG": "C", **variables}


def start(*words: str, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pacaware", *words],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def evil_pac(answer: str) -> str:
    return EVIL_PAC.replace("ANSWER", answer).replace("EVIL", json.dumps(EVIL))


@pytest.fixture
def said(monkeypatch, capsys):
    """Run a command here; returns all it wrote, checked for characters that a console must not get."""

    def run(*words: str, **environ: str) -> str:
        monkeypatch.setattr("os.environ", {"HOME": "/nonexistent", "PATH": "", "LANG": "C", **environ})
        with contextlib.suppress(SystemExit):
            _cli.main(words)
        out, err = capsys.readouterr()
        assert out + err
        assert [char for char in out + err if not char.isprintable() and char != "\n"] == []
        assert not any(line.startswith("ok  all is well") for line in (out + err).splitlines())
        return out + err

    return run


@pytest.mark.parametrize("answer", ["return 'PROXY p.test:1; ' + EVIL", "throw new Error(EVIL)", "return EVIL"])
def test_what_a_script_says_moves_no_cursor(said, tmp_path: Path, answer: str):
    """Its alerts, answers, errors and the names it looks up are shown without control characters, by every command."""
    text = evil_pac(answer)
    file = tmp_path / "evil.pac"
    file.write_text(text)
    cases = tmp_path / "cases.toml"
    cases.write_text('"http://h.test/" = "PROXY q.test:1"\n')
    said("pac", "check", str(file))
    assert "h.test" in said("pac", "eval", str(file), "http://h.test/")
    assert "FAILED" in said("pac", "test", str(file), "--cases", str(cases))
    with PacServer(text) as pac:
        assert "pac-fetch" in said("explain", "http://h.test/", PACAWARE_PAC_URL=pac.url)
        assert "PAC file" in said("doctor", PACAWARE_PAC_URL=pac.url)


def test_what_a_server_says_moves_no_cursor(said, monkeypatch):
    """Nor do the status lines and fields of proxies."""
    fields = {"Location": "http://login.test/\x9b2J", "X-Squid-Error": "ERR_\x9b2J 0", "Server": "\x9b31m"}
    for status in (302, 403, 407, 503):
        with RefusingProxy(status, fields) as proxy:
            assert proxy.netloc in said("doctor", "http://h.test/", PACAWARE_PROXY=proxy.url)


def test_what_settings_say_moves_no_cursor(said, monkeypatch):
    """The texts of settings, of a desktop and of the environment, are shown with escapes."""
    monkeypatch.setattr(
        "pacaware._system.sources.platform", lambda: linux(mode="manual", http_host=f"p{ESCAPE}", http_port=1)
    )
    assert "is not a proxy" in said("settings", **GNOME)
    assert "\\x1b" in said("settings", https_proxy="p.test:1", no_proxy=f"{ESCAPE}.test")
    assert "\\x1b" in said("doctor", https_proxy=f"http://p{ESCAPE}:1")
    assert "is not a proxy" in said("explain", "https://h.test/", https_proxy=f"http://p{ESCAPE}:1")


@pytest.mark.parametrize(
    "words",
    [
        ["explain", f"http://h.test/{EVIL}"],
        ["explain", f"http://h{EVIL}.test/"],
        ["explain", f"ftp://{EVIL}"],
        ["explain", EVIL],
        ["doctor", f"http://h.test/{EVIL}"],
        ["doctor", "http://h.test/", f"--{EVIL}"],
        ["pac", "check", f"/nonexistent/{EVIL}"],
        ["pac", "eval", f"data:,{EVIL}", "http://h.test/"],
        ["run", f"/nonexistent/{EVIL}"],
        [EVIL],
    ],
)
def test_what_arguments_say_moves_no_cursor(said, words: list[str]):
    """They are shown with escapes where they are shown."""
    said(*words, https_proxy="p.test:1")


def test_a_doctor_on_a_terminal_shows_no_foreign_escapes(monkeypatch, capsys):
    """Where rich draws, what a script says is still plain text."""
    from pacaware._cli.doctor.findings import fail
    from pacaware._cli.doctor.show import screen_for
    from tests.cli.doctor.test_console import Terminal

    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    screen = screen_for(stream, "en")
    screen.show(fail("pac", "pac-throws", f"it said {EVIL}", url=EVIL))
    screen.close()
    text = stream.getvalue()
    assert "\x07" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert ESCAPE + "\\x07" not in text


@pytest.mark.parametrize("words", TYPICAL, ids=" ".join)
def test_a_reader_that_leaves(words: list[str]):
    """After ``| head -1`` there is no traceback, no matter where the command was."""
    with DeadProxy() as dead, start(*words, PACAWARE_PROXY=dead.url) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(60)
    assert errors == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
@pytest.mark.parametrize("words", TYPICAL, ids=" ".join)
def test_a_full_disk(words: list[str]):
    """It is one line and exit status 1."""
    with DeadProxy() as dead, Path("/dev/full").open("wb") as full:
        process = start(*words, stdout=full.fileno(), PACAWARE_PROXY=dead.url)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors.startswith(b"pacaware: ")
    assert errors.count(b"\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the outputs")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "status"), [("explain https://h.test/", 0), ("settings --json", 0), ("doctor", 13)])
def test_outputs_that_are_closed(closed: str, words: str, status: int):
    """The command does its work and returns its status."""
    with DeadProxy() as dead:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" -m pacaware {words} {closed}', sys.executable],
            env=environment(PACAWARE_PROXY=dead.url),
            check=False,
            capture_output=True,
            timeout=60,
        )
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "latin-1", "utf-16"])
@pytest.mark.parametrize("words", [["explain", "https://h\u00fc\u65e5.test/"], ["settings"], ["doctor"]], ids=" ".join)
def test_characters_that_a_console_lacks(encoding: str, words: list[str]):
    """They are written as escapes, in what is redirected too."""
    given = {"PYTHONIOENCODING": encoding, "NO_PROXY": "\u00fc\u65e5.test", "PYTHONUTF8": "0"}
    with DeadProxy() as dead, start(*words, https_proxy=dead.url, **given) as process:
        out, errors = process.communicate(timeout=60)
    assert dead.netloc in out.decode(encoding)
    assert errors == b""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signal for one process")
@pytest.mark.parametrize("command", ["explain", "doctor", "doctor --json"])
def test_an_interrupt(command: str):
    """Ctrl-C while a server keeps it waiting ends it with 130, and no traceback."""
    # A job in the background of a shell begins with this signal ignored.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from pacaware.__main__ import main; sys.exit(main())"
    )
    with SilentProxy() as silent:
        given = {"PACAWARE_PAC_URL": f"{silent.url}/p.pac"} if command == "explain" else {"PACAWARE_PROXY": silent.url}
        words = [*command.split(), "http://h.test/"]
        with subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=environment(**given),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            silent.wait_for_data(60)
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1]
    assert (process.returncode, errors) == (130, b"")
