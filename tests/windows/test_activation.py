"""PACAWARE=1, and the command line, on Windows."""

from __future__ import annotations

import json

import pytest

from pacaware.testing import BasicUsers, Origin, PacServer, Proxy, pac_returning
from tests.windows.machine import PROGRAMS, windows_path
from tests.windows.test_settings import blob

GET = "import sys, LIBRARY; print(LIBRARY.get(sys.argv[1], timeout=30).status_code)"
LOGON = {"PACAWARE_PROXY_USERNAME": "alice", "PACAWARE_PROXY_PASSWORD": "wonder:land"}
# A letter of code page 932, one that it lacks, and one beyond 16 bits.
BYPASS = "*.例.test;*.é.test;*.\N{GRINNING FACE}.test"


@pytest.fixture
def use(machine):
    """Make these the settings of the machine."""

    def use(*values: list) -> None:
        done = machine.run(windows_path(PROGRAMS / "registry.py"), stdin=json.dumps(values))
        assert (done.status, done.stderr) == (0, "")

    return use


@pytest.fixture
def japanese(machine) -> dict[str, str]:
    """The variables of a Japanese Windows."""
    variables = machine.use_japanese()
    if variables is None:
        pytest.skip("no Japanese locale can be made here (Debian: apt-get install locales)")
    return variables


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_a_script_that_knows_nothing(machine, use, library):
    """With PACAWARE=1 it goes by the PAC file of the settings, with the logon of the environment."""
    with Origin() as origin, Proxy(BasicUsers({"alice": "wonder:land"})) as proxy:
        with PacServer(pac_returning(proxy.pac_text)) as pac:
            use(blob(flags=5, pac_url=pac.url))
            url = origin.url_for("www.origin.test")
            done = machine.run("-c", GET.replace("LIBRARY", library), url, PACAWARE="1", **LOGON)
        assert (done.status, done.stdout, done.stderr) == (0, "200\n", "")
        assert (proxy.requests[-1].status, proxy.requests[-1].authorization) == (200, "Basic")
        assert [seen.header("Proxy-Authorization") for seen in origin.requests] == [None]


def test_run(machine, use):
    """``pacaware run`` sets the variable for its command, and hands on its exit status."""
    with Origin() as origin, Proxy() as proxy:
        use(blob(flags=3, proxy_server=proxy.netloc))
        code = "import sys, requests; sys.exit(requests.get(sys.argv[1], timeout=30).status_code - 193)"
        url = origin.url_for("www.origin.test")
        done = machine.run("-m", "pacaware", "run", machine.python, "-c", code, url)
        assert (done.status, done.stdout, done.stderr) == (7, "", "")
        assert [seen.status for seen in proxy.requests] == [200]


def test_explain(machine, use):
    """``pacaware explain`` names the settings of Windows and the PAC file."""
    with PacServer(pac_returning("PROXY p.test:8080", "DIRECT")) as pac:
        use(blob(flags=5, pac_url=pac.url))
        done = machine.run("-m", "pacaware", "explain", "http://www.test/", "--json")
    record = json.loads(done.stdout)
    assert (record["source"], record["config_origin"], record["pac_url"]) == ("pac", "windows", pac.url)
    assert record["proxies"] == ["PROXY p.test:8080", "DIRECT"]


def test_settings(machine, use):
    """``pacaware settings`` shows what WinHTTP says, and that services go elsewhere."""
    use(blob(flags=3, proxy_server="p.test:8080", bypass="*.corp;<local>"))
    done = machine.run("-m", "pacaware", "settings", "--json", "--all")
    record = json.loads(done.stdout)
    winner = record["winner"]
    assert (winner["origin"], winner["proxy_server"], winner["bypass"]) == ("windows", "p.test:8080", "*.corp;<local>")
    statuses = {source["origin"]: source["status"] for source in record["sources"]}
    assert (statuses["environment"], statuses["windows"], statuses["winhttp"]) == ("empty", "wins", "empty")


def test_detection(machine, use):
    """Where the network says nothing of a PAC file, the next setting counts, with a warning."""
    use(blob(flags=11, proxy_server="p.test:8080"))
    done = machine.run("-m", "pacaware", "explain", "http://www.test/", "--json")
    record = json.loads(done.stdout)
    assert (record["source"], record["proxies"]) == ("manual", ["PROXY p.test:8080"])
    assert any("no PAC file" in step["detail"] for step in record["steps"])


@pytest.mark.parametrize("command", [["settings"], ["settings", "--all"], ["explain", "http://www.例.test/"]])
def test_a_japanese_console(machine, use, japanese, command):
    """Code page 932: what it has is written in it, what it lacks as an escape; nothing fails."""
    use(
        ["HKCU", "settings", "ProxyServer", "p.test:8080"],
        blob(flags=3, proxy_server="p.test:8080", bypass=BYPASS),
    )
    done = machine.run("-c", "import sys; print(sys.stdout.encoding)", encoding="cp932", **japanese)
    assert done.stdout == "cp932\n"
    done = machine.run("-m", "pacaware", *command, encoding="cp932", **japanese)
    assert (done.status, done.stderr) == (0, "")
    assert "p.test:8080" in done.stdout


def test_the_doctor_in_japanese(machine, use, japanese):
    """The walk comes to its end on a Japanese console, in Japanese."""
    use(blob(flags=9))
    done = machine.run("-m", "pacaware", "doctor", "--lang", "ja", encoding="cp932", **japanese)
    assert (done.status, done.stderr) == (0, "")
    assert "自動検出はオンですが、PAC ファイルは見つかりませんでした" in done.stdout
