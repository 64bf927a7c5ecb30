"""``pacaware pac check``, ``eval`` and ``test``: what they print, and the exit status for CI."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware.testing import DeadProxy, PacServer

PAC = """\
function FindProxyForURL(url, host) {
  if (isPlainHostName(host)) return "DIRECT";
  if (dnsDomainIs(host, ".broken.test")) return host.nothing.at.all;
  if (dnsDomainIs(host, ".odd.test")) return "PROXY a.test:1; FOO b.test:2";
  if (isInNet(host, "10.0.0.0", "255.0.0.0")) return "DIRECT";
  if (myIpAddress() == "10.0.0.9") return "PROXY near.test:1";
  if (weekdayRange("SUN")) return "PROXY sunday.test:1";
  return "PROXY p.test:8080; DIRECT";
}
"""


@pytest.fixture
def pac(tmp_path) -> str:
    path = tmp_path / "proxy.pac"
    path.write_text(PAC, "utf-8")
    return str(path)


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "other.pac") -> str:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return str(path)

    return write


def pacaware_pac(*arguments: str, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pacaware", "pac", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(pacaware.__file__).parent.parent), **environ},
        input=stdin,
        check=False,
        capture_output=True,
        timeout=60,
    )


# -- check


def test_a_file_without_fault(capsys, write):
    """Nothing to remark: one line, exit status 0."""
    path = write('function FindProxyForURL(url, host) { return "PROXY p.test:8080; DIRECT"; }')
    assert _cli.main(["pac", "check", path]) == 0
    assert capsys.readouterr().out == f"{path}: nothing to remark\n"


@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_a_syntax_error_is_shown_in_place(capsys, write, engine):
    """Line, column, the line itself and a caret under the place; Japanese letters count twice."""
    path = write("function FindProxyForURL(url, host) {\n  /* 社内 */ return 'DIRECT' ++ ;\n}\n")
    assert _cli.main(["pac", "check", path, "--engine", engine]) == 1
    first, line, caret, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{path}:2:")
    assert ": error: the PAC file does not load: SyntaxError" in first
    assert first.endswith("[syntax]")
    assert line == "      /* 社内 */ return 'DIRECT' ++ ;"
    assert caret.strip() == "^"
    # Two letters that take two columns each: the caret stands two further right than its index says.
    assert caret.index("^") - 2 - 4 == int(first.split(":")[2]) - 1
    assert last == f"{path}: 1 error"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("function findProxyForUrl(u, h) { return 'DIRECT' }", "entry", "findProxyForUrl is not called"),
        ("function FindProxyForURLEx(u, h) { return 'DIRECT' }", "entry", "FindProxyForURLEx is not called"),
        ("var FindProxyForURL = 5;", "entry", "there is no function FindProxyForURL"),
        ("", "entry", "there is no function FindProxyForURL"),
        ("<html>", "syntax", "SyntaxError"),
        ("throw new Error('no luck'); function FindProxyForURL() {}", "load", "no luck"),
        ("function FindProxyForURL(u, h) { return 'nonsense'; }", "result", "no client can use 'nonsense'"),
    ],
)
def test_errors(capsys, write, text, code, said):
    """What no client can run is an error: exit status 1."""
    assert _cli.main(["pac", "check", write(text), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    [error] = [finding for finding in record["findings"] if finding["level"] == "error"]
    assert (record["ok"], error["code"]) == (False, code)
    assert said in error["message"]


def test_warnings_fail_only_when_strict(capsys, write):
    """Advice has its line and leaves the exit status at 0; --strict makes warnings count."""
    path = write("function FindProxyForURL(url, host) {\n  alert(host);\n  return 'DIRECT';\n}\n")
    assert _cli.main(["pac", "check", path]) == 0
    out = capsys.readouterr().out
    assert f"{path}:2:3: warning: alert makes" in out
    assert out.endswith(f"{path}: 1 warning\n")
    assert _cli.main(["pac", "check", path, "--strict"]) == 1


def test_a_long_line_is_cut(capsys, write):
    """Of a minified script only the part around the place is shown."""
    path = write(
        "function FindProxyForURL(u, h) {"
        + "var aa = 1;" * 200
        + "alert(u);"
        + "var aa = 1;" * 200
        + "return 'DIRECT'}"
    )
    assert _cli.main(["pac", "check", path]) == 0
    _, line, caret, _ = capsys.readouterr().out.splitlines()
    assert len(line) <= 104
    assert line[caret.index("^") :].startswith("alert(u)")


def test_an_endless_script_is_an_error(capsys, write):
    """A script that does not end while it is loaded is stopped."""
    path = write("while (true) {} function FindProxyForURL() {}")
    assert _cli.main(["pac", "check", path]) == 1
    assert "was stopped [load]" in capsys.readouterr().out


# -- where the file comes from


def test_standard_input(capsys, monkeypatch):
    """``-`` reads the script from standard input, in any encoding a browser would know by its mark."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PAC.encode("utf-16"))))
    assert _cli.main(["pac", "eval", "-", "http://plain/", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["proxies"] == ["DIRECT"]


def test_no_standard_input(capsys, monkeypatch):
    """A program without a console may have none."""
    monkeypatch.setattr(sys, "stdin", None)
    assert _cli.main(["pac", "check", "-"]) == 2
    assert capsys.readouterr().err == "pacaware: the PAC file <stdin> was not read: there is no standard input\n"


def test_from_a_server(capsys):
    """A URL is fetched; what was odd about it is a note."""
    with PacServer(PAC) as server:
        assert _cli.main(["pac", "check", server.url]) == 0
    assert f"{server.url}: " in capsys.readouterr().out


def test_from_a_dead_server(capsys):
    """A URL that cannot be had is one line on stderr and exit status 2."""
    with DeadProxy() as nobody:
        assert _cli.main(["pac", "eval", f"{nobody.url}/proxy.pac", "http://a.test/"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("pacaware: the PAC file http://")


@pytest.mark.parametrize("tool", [["check"], ["eval", "http://a.test/"], ["test", "--cases", "none.toml"]])
@pytest.mark.parametrize("name", ["missing.pac", ".", "a\0b", "ftp://a.test/x.pac", "data:nothing"])
def test_a_file_that_cannot_be_read(capsys, tmp_path, monkeypatch, tool, name):
    """Exit status 2 and one line that names the file; no traceback."""
    monkeypatch.chdir(tmp_path)
    assert _cli.main(["pac", tool[0], name, *tool[1:]]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("pacaware: the PAC ")


def test_a_file_that_is_too_large(capsys, write):
    """What browsers would refuse for its size is refused."""
    assert _cli.main(["pac", "check", write("//" + "x" * (1 << 20))]) == 2
    assert "larger than 1 MiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["check"],
        ["eval", "-"],
        ["test", "-"],
        ["eval", "-", "http://a/", "--host", "a.test"],
        ["eval", "-", "http://a/", "--host", "a.test=b.test"],
        ["eval", "-", "http://a/", "--my-ip", "me"],
        ["eval", "-", "http://a/", "--now", "yesterday"],
        ["eval", "-", "http://a/", "--now", "2026-13-01T00:00"],
        ["eval", "-", "http://a/", "--engine", "v8"],
    ],
)
def test_wrong_usage_is_2(capsys, arguments):
    """Arguments that mean nothing are explained with the usage."""
    with pytest.raises(SystemExit) as ended:
        _cli.main(["pac", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: pacaware pac")


# -- eval


def test_eval_tells_everything(capsys, pac):
    """The string, the list, what was dropped, lookups and the time, for each URL; userinfo is not shown."""
    status = _cli.main(
        ["pac", "eval", pac, "http://me:geheim@x.odd.test/?token=1", "http://in.test/", "--host", "in.test=10.1.1.1"]
    )
    out = capsys.readouterr().out
    assert status == 0
    assert "geheim" not in out
    first, second = out.split("http://in.test/\n")
    assert "http://x.odd.test/?token=...\n" in first
    assert "  answer   'PROXY a.test:1; FOO b.test:2'\n  proxies  PROXY a.test:1\n  dropped  'FOO b.test:2'" in first
    assert "  proxies  DIRECT\n  lookup   in.test -> 10.1.1.1\n  time     " in second


@pytest.mark.parametrize(
    ("options", "expected", "lookups"),
    [
        (["--host", "a.test=10.0.0.1"], ["DIRECT"], {"a.test": "10.0.0.1"}),
        (["--host", "a.test=fd00::1,10.0.0.1"], ["DIRECT"], {"a.test": "10.0.0.1"}),
        (
            ["--host", "a.test=", "--my-ip", "10.0.0.9"],
            ["PROXY near.test:1"],
            {"a.test": None, "myIpAddress()": "10.0.0.9"},
        ),
        (
            ["--host", "b.test=10.0.0.1", "--now", "2026-03-01T12:00"],
            ["PROXY sunday.test:1"],
            {"a.test": None, "myIpAddress()": "127.0.0.1"},
        ),
        (
            ["--host", "b.test=10.0.0.1", "--now", "2026-03-02T12:00Z"],
            ["PROXY p.test:8080", "DIRECT"],
            {"a.test": None, "myIpAddress()": "127.0.0.1"},
        ),
    ],
)
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_eval_in_a_fixed_world(capsys, pac, options, expected, lookups, engine):
    """Hosts, own address and clock can be given; what was looked up is told with its answer."""
    assert _cli.main(["pac", "eval", pac, "http://a.test/", "--json", "--engine", engine, *options]) == 0
    [record] = json.loads(capsys.readouterr().out)
    assert (record["proxies"], record["lookups"]) == (expected, lookups)
    assert record["ms"] > 0
    assert record["error"] is None


def test_eval_of_a_failing_script(capsys, pac):
    """An error has its place on stderr, one line; the other URLs are answered all the same."""
    assert _cli.main(["pac", "eval", pac, "http://x.broken.test/", "http://plain/"]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert err.startswith(f"pacaware: {pac}: http://x.broken.test/: TypeError")
    assert "(line 3, column " in err
    assert "  proxies  DIRECT\n" in out


def test_eval_of_an_unusable_answer(capsys, write):
    """A string that no client can use is no list: exit status 1."""
    path = write("function FindProxyForURL(u, h) { alert('so\\nit is'); return 'nonsense' }")
    assert _cli.main(["pac", "eval", path, "http://plain/"]) == 1
    out = capsys.readouterr().out
    assert "  proxies  nothing that can be used\n" in out
    assert "  alert    so it is\n" in out


def test_eval_of_what_is_no_url(capsys, pac):
    """A URL without a scheme is one line and exit status 2."""
    assert _cli.main(["pac", "eval", pac, "example.test"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# -- test


TOML = """\
my_ip = "10.0.0.1"
now = 2026-03-02T12:00:00

"http://plain/" = "DIRECT"
"https://www.test/" = ["PROXY p.test:8080", "DIRECT"]
"http://in.test/" = { expect = "DIRECT", hosts = { "in.test" = "10.1.1.1" } }

[[cases]]
name = "on Sunday"
url = "https://www.test/"
now = 2026-03-01T12:00:00
expect = "PROXY sunday.test:1"

[[cases]]
url = "https://www.test/"
my_ip = ["10.0.0.9"]
expect = "PROXY near.test:1"
"""


def test_all_as_expected(capsys, pac, write):
    """One line and exit status 0."""
    assert _cli.main(["pac", "test", pac, "--cases", write(TOML, "cases.toml")]) == 0
    assert capsys.readouterr().out == f"{pac}: 5 of 5 cases passed, 0 failed\n"


def test_json_cases(capsys, pac, write):
    """The same table may be JSON."""
    table = {
        "hosts": {"in.test": ["10.1.1.1"]},
        "http://in.test/": ["DIRECT"],
        "cases": [{"url": "http://x/", "expect": "direct"}],
    }
    assert _cli.main(["pac", "test", pac, "--cases", write(json.dumps(table), "cases.json"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["passed"], record["failed"]) == (2, 0)
    assert record["cases"][0]["lookups"] == {"in.test": "10.1.1.1"}


def test_a_mismatch_is_a_diff(capsys, pac, write):
    """The lists are compared entry by entry, and what the script looked up is said; exit status 1."""
    cases = write('"https://www.test/" = "PROXY q.test:1; DIRECT"\nnow = 2026-03-02T12:00:00', "cases.toml")
    assert _cli.main(["pac", "test", pac, "--cases", cases]) == 1
    assert capsys.readouterr().out == (
        "FAILED case 1: https://www.test/\n"
        "  - PROXY q.test:1\n"
        "  + PROXY p.test:8080\n"
        "    DIRECT\n"
        "  the script returned 'PROXY p.test:8080; DIRECT'\n"
        "  lookup: www.test -> no answer (give it in hosts or my_ip)\n"
        "  lookup: myIpAddress() -> 127.0.0.1\n"
        "\n"
        f"{pac}: 0 of 1 cases passed, 1 failed\n"
    )


def test_a_failing_script_fails_its_cases(capsys, pac, write):
    """An error is a failed case with the line of the script, shown once; the others go on."""
    cases = write(
        '"http://a.broken.test/" = "DIRECT"\n"http://b.broken.test/" = "DIRECT"\n"http://x/" = "DIRECT"', "c.toml"
    )
    assert _cli.main(["pac", "test", pac, "--cases", cases]) == 1
    out = capsys.readouterr().out
    assert out.count("TypeError") == 2
    assert out.count("return host.nothing.at.all;") == 1
    assert "1 of 3 cases passed, 2 failed" in out


def test_a_script_that_does_not_load_fails(capsys, write):
    """A syntax error is a failure of the file under test: exit status 1."""
    cases = write('{"http://x/": "DIRECT"}', "c.json")
    assert _cli.main(["pac", "test", write("function FindProxyForURL( {"), "--cases", cases]) == 1
    assert "SyntaxError" in capsys.readouterr().out


def test_the_same_list_with_something_dropped_passes(capsys, pac, write):
    """What counts is what a client would use."""
    cases = write('{"http://x.odd.test/": "PROXY a.test:1"}', "c.json")
    assert _cli.main(["pac", "test", pac, "--cases", cases, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"][0]["dropped"]


def test_a_table_that_cannot_be_used(capsys, pac, write):
    """A wrong table is one line naming it and exit status 2; nothing is run."""
    cases = write('"http://x/" = "PROXI p:1"', "c.toml")
    assert _cli.main(["pac", "test", pac, "--cases", cases]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"pacaware: the cases {cases}: 'http://x/': 'PROXI p:1' cannot be expected: unknown type 'PROXI'\n"


# -- consoles


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_any_console(write, encoding):
    """Letters that the console lacks are written as escapes: in the excerpt, in answers, on stderr."""
    path = write("function FindProxyForURL(url, host) {\n  alert('社内 €'); throw '社内 €'; // 社内 €\n}\n", "社.pac")
    for arguments in (["check", path], ["eval", path, "http://x/"]):
        done = pacaware_pac(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert done.returncode in (0, 1)
        assert b"Traceback" not in done.stderr
        said = (done.stdout + done.stderr).decode(encoding)
        assert ("€" if encoding == "utf-8" else "\\u20ac") in said
        assert ("\\u793e" if encoding == "ascii" else "社") in said


def test_as_a_program():
    """The exit status reaches the shell, and standard input the script."""
    good = pacaware_pac("eval", "-", "http://x/", stdin=PAC.encode())
    assert (good.returncode, good.stderr) == (0, b"")
    assert b"proxies  DIRECT" in good.stdout
    assert pacaware_pac("check", "-", stdin=b"function").returncode == 1
    assert pacaware_pac("check", "missing.pac").returncode == 2


@pytest.mark.parametrize(
    "tool", [["check", "FILE"], ["eval", "FILE", "http://x/"], ["test", "FILE", "--cases", "CASES"]]
)
def test_without_an_engine(capsys, monkeypatch, pac, write, tool):
    """Where no engine is installed the line says what to install: exit status 2, not a failed test."""
    monkeypatch.setattr("pacaware._pac.engines._folder", lambda name: None)
    names = {"FILE": pac, "CASES": write(TOML, "c.toml")}
    assert _cli.main(["pac", *[names.get(word, word) for word in tool]]) == 2
    assert "pip install 'pacaware[quickjs]'" in capsys.readouterr().err
