"""``pacaware explain``: what it says of each kind of settings, as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import pacaware
from pacaware import _cli
from pacaware._pac.dhcp import DhcpAnswer, Lease
from pacaware._pac.wpad import Detector
from pacaware.testing import DeadProxy, PacServer, pac_returning
from tests._system.machines import GNOME, linux, macos, plain, windows, write_kioslaverc

URL = "https://www.origin.test/"
NOTHING = {"HOME": "/nonexistent", "PATH": ""}
KEYS = ["url", "proxies", "source", "config_origin", "pac_url", "cached", "steps"]


@pytest.fixture
def explain(monkeypatch, capsys):
    """Run the command on a machine of our choice; returns its lines, or with ``--json`` the record."""

    def run(url=URL, *words, machine=None, status=0, **environ):
        monkeypatch.setattr("os.environ", {**NOTHING, **environ})
        monkeypatch.setattr("pacaware._system.system.platform", lambda: machine or linux())
        assert _cli.main(["explain", url, *words]) == status
        out, err = capsys.readouterr()
        assert err.count("\n") == (1 if status else 0)
        return json.loads(out) if "--json" in words else (out + err).splitlines()

    return run


def steps_of(lines: list[str]) -> list[tuple[str, str]]:
    """The (status, rest) pairs of the lines about steps."""
    pairs = (line.split(maxsplit=1) for line in lines if line.startswith("  "))
    return [(status, rest) for status, rest in pairs if status not in ("goes", "because", "PAC")]


def test_the_whole_text(explain):
    """A person reads where the request goes, why, by which variable, and what came later."""
    assert explain(https_proxy="http://p.test:8080", no_proxy=".example.com") == [
        "https://www.origin.test/",
        "  goes by  PROXY p.test:8080",
        "  because  this proxy is set (manual; settings from: environment), fresh",
        "  ok       settings: environment: https_proxy",
        "  skipped  settings: system: not read, as the environment comes first",
        "  ok       manual: https=http://p.test:8080",
    ]


def test_json_is_the_decision(explain):
    """--json prints Decision.to_dict() with the keys of the contract, without what is secret in the URL."""
    record = explain("http://me:geheim@a.test/?token=1", "--json", PACAWARE_PROXY="p.test:8080")
    assert list(record) == KEYS
    assert record["url"] == "http://a.test/?token=..."
    assert record["proxies"] == ["PROXY p.test:8080"]
    assert (record["source"], record["config_origin"]) == ("manual", "environment")
    assert [list(step) for step in record["steps"]] == [["name", "status", "detail", "ms"]] * len(record["steps"])


def test_text_and_json_are_one_record(explain):
    """Each step of the JSON is a line of the text; both are those of the decision itself."""
    given = {"PACAWARE_PROXY": "p.test:8080", "http_proxy": "http://q.test:1", "NO_PROXY": "a b:0"}
    record, lines = explain(URL, "--json", **given), explain(URL, **given)
    assert steps_of(lines) == [(step["status"], f"{step['name']}: {step['detail']}") for step in record["steps"]]
    with pacaware.ProxyResolver() as resolver:
        decision = resolver.resolve(URL)
    assert decision.to_dict() == record
    assert decision.explain().splitlines() == lines


ENVIRONMENTS = [
    ({"PACAWARE_PROXY": "p.test:1", "https_proxy": "q.test:1"}, "PACAWARE_PROXY", ["https_proxy: PACAWARE_PROXY"]),
    ({"https_proxy": "p.test:1", "HTTPS_PROXY": "q.test:1"}, "https_proxy", ["HTTPS_PROXY: https_proxy"]),
    ({"http_proxy": "q.test:1", "all_proxy": "p.test:1"}, "all_proxy, http_proxy", []),
    ({"https_proxy": "p.test:1", "SOCKS_SERVER": "q.test"}, "https_proxy", ["SOCKS_SERVER: https_proxy"]),
    ({"SOCKS_SERVER": "p.test:1"}, "SOCKS_SERVER", []),
]


@pytest.mark.parametrize(("environ", "used", "others"), ENVIRONMENTS)
def test_which_variable_won(explain, environ, used, others):
    """The variables that decide are named, and for each other one what comes before it."""
    steps = steps_of(explain(**environ))
    assert ("ok", f"settings: environment: {used}") in steps
    for other in others:
        assert ("skipped", f"settings: environment: {other} comes first") in steps
    assert ("skipped", "settings: system: not read, as the environment comes first") in steps


def test_variables_that_are_left_to_the_system(explain):
    """PACAWARE=system leaves the proxy variables out, and a web server's HTTP_PROXY is its client's."""
    steps = steps_of(explain(PACAWARE="system", https_proxy="q.test:1"))
    assert ("skipped", "settings: environment: https_proxy: PACAWARE=system leaves it out") in steps
    steps = steps_of(explain("http://h.test/", REQUEST_METHOD="GET", HTTP_PROXY="q.test:1"))
    assert any("HTTP_PROXY: where a web server starts programs" in rest for _, rest in steps)


def test_a_pac_file_by_its_url(explain):
    """Fetch with status, size, age and time; the script's answer, its helper calls, lookups with answers, alerts."""
    text = """function FindProxyForURL(url, host) {
        alert("hello " + host);
        if (dnsResolve("localhost") == "127.0.0.1" && isInNet(host, "10.0.0.0", "255.0.0.0")) return "DIRECT";
        return weekdayRange("MON", "SUN") ? "PROXY a.test:1; NONSENSE; DIRECT" : "DIRECT";
    }"""
    with PacServer(text) as pac:
        given = {"PACAWARE_PAC_URL": pac.url + "?key=geheim", "PACAWARE_PROXY": "m.test:1"}
        record, lines = explain(URL, "--json", **given), explain(**given)
    assert (record["source"], record["pac_url"]) == ("pac", f"{pac.url}?key=...")
    assert record["proxies"] == ["PROXY a.test:1", "DIRECT"]
    steps = {step["name"]: step for step in record["steps"]}
    assert steps["pac-fetch"]["detail"] == f"{pac.url}?key=...: status 200, {len(text)} bytes, 0 s old"
    assert steps["pac-run"]["detail"] == "FindProxyForURL returned 'PROXY a.test:1; NONSENSE; DIRECT'"
    for name in ("pac-fetch", "pac-load", "pac-run"):
        assert steps[name]["ms"] > 0
    assert steps["pac-alert"]["detail"] == "hello www.origin.test"
    looked_up = [step["detail"] for step in record["steps"] if step["name"] == "pac-lookup"]
    assert looked_up[0].endswith(" looked up")
    assert looked_up[0].partition(" ")[0] == str(len(looked_up) - 1)
    assert "localhost -> 127.0.0.1" in looked_up
    assert [step["detail"] for step in record["steps"] if step["name"] == "pac-helper"] == [
        "called: dnsResolve once, isInNet once, weekdayRange once",
        "the script asked for the time: its answer is not kept",
    ]
    assert any(line.startswith("  note     pac-helper: called: dnsResolve once, ") for line in lines)
    assert "NONSENSE" in steps["pac-result"]["detail"]
    assert steps["manual"]["detail"] == "http://m.test:1 is set, and not asked: a PAC file was obtained"
    assert "  because  the PAC file says so (pac; settings from: environment), fresh" in lines
    assert f"  PAC      {pac.url}?key=..." in lines
    assert any(line.startswith("  ok       pac-run: ") and line.endswith(" ms]") for line in lines)
    assert "geheim" not in "\n".join(lines) + json.dumps(record)


def test_a_pac_file_on_the_command_line(explain):
    """--pac-url asks that PAC file instead of this machine's settings, which are not read."""
    with PacServer(pac_returning("PROXY a.test:1", "DIRECT")) as pac:
        record = explain(URL, "--json", "--pac-url", pac.url, https_proxy="q.test:1")
    assert (record["pac_url"], record["source"], record["config_origin"]) == (pac.url, "pac", "code")
    assert record["proxies"] == ["PROXY a.test:1", "DIRECT"]
    assert [step["detail"] for step in record["steps"]][:2] == [
        "given in code",
        "environment and system: not read, as settings in code come first",
    ]


@pytest.mark.parametrize("via", ["dhcp", "dns"])
def test_automatic_detection(explain, monkeypatch, via):
    """What DHCP or DNS said, where else was looked, and that the PAC URL and the proxy are not asked any more."""
    with PacServer(pac_returning("PROXY w.test:1")) as pac:
        url = pac.url.replace("127.0.0.1", "wpad.corp.test")
        leases = (Lease("eth0", url),) if via == "dhcp" else ()

        class Found(Detector):
            def __init__(self):
                super().__init__(
                    dhcp=lambda _: DhcpAnswer(leases, ("DHCP: no option 252",)),
                    suffixes=lambda: ["corp.test"],
                    ask=lambda name, _: ("192.0.2.1",),
                    disabled=lambda: False,
                )

            def detect(self):
                return replace(super().detect(), url=url)  # its port; the real one is 80

            def addresses(self, host):
                return ("127.0.0.1",)

        monkeypatch.setattr("pacaware._pac.wpad.Detector", Found)
        given = {"PACAWARE_AUTO_DETECT": "1", "PACAWARE_PAC_URL": "http://other.test/p", "PACAWARE_PROXY": "m.test:1"}
        record = explain(URL, "--json", **given)
    assert record["source"] == f"wpad-{via}"
    details = [(step["name"], step["status"], step["detail"]) for step in record["steps"]]
    assert ("auto-detect", "ok", f"{url}, from {via.upper()}") in details
    note = "DHCP: option 252 of eth0" if via == "dhcp" else "DNS: wpad.corp.test is 192.0.2.1"
    assert ("auto-detect", "note", note) in details
    why = "and not asked: a PAC file was obtained"
    assert ("pac-url", "skipped", f"http://other.test/p is set, {why}") in details
    assert ("manual", "skipped", f"http://m.test:1 is set, {why}") in details


def test_automatic_detection_that_finds_nothing(explain, monkeypatch):
    """It says where was looked, how long that took, and that the next setting has its turn."""

    class Nothing(Detector):
        def __init__(self):
            super().__init__(
                dhcp=lambda _: DhcpAnswer((), ("dhclient: no option 252",)), suffixes=tuple, disabled=lambda: False
            )

    monkeypatch.setattr("pacaware._pac.wpad.Detector", Nothing)
    record = explain(URL, "--json", PACAWARE_AUTO_DETECT="1", PACAWARE_PROXY="m.test:1")
    assert record["proxies"] == ["PROXY m.test:1"]
    names = [(step["name"], step["status"]) for step in record["steps"] if step["name"] != "settings"]
    assert names == [("auto-detect", "failed"), ("fallback", "warning"), ("manual", "ok")]
    [looked] = [step for step in record["steps"] if step["name"] == "auto-detect"]
    assert "dhclient: no option 252" in looked["detail"]
    assert looked["ms"] > 0


RULES = [
    ({"PACAWARE_PROXY": "p.test:1", "PACAWARE_BYPASS": ".origin.test"}, URL, "bypass", "*.origin.test"),
    ({"https_proxy": "p.test:1", "NO_PROXY": "origin.test"}, URL, "bypass", "NO_PROXY: "),
    ({"https_proxy": "p.test:1"}, "https://localhost/", "implicit-bypass", "implicit: localhost"),
    ({"PACAWARE_PAC_URL": "http://w.test/p", "NO_PROXY": "origin.test"}, URL, "bypass", "NO_PROXY: "),
]


@pytest.mark.parametrize(("environ", "url", "source", "rule"), RULES)
def test_the_rule_that_matched(explain, environ, url, source, rule):
    """Manual exceptions, NO_PROXY and the implicit rules are named, and what was not asked because of them."""
    record = explain(url, "--json", **environ)
    assert (record["proxies"], record["source"]) == (["DIRECT"], source)
    [step] = [step for step in record["steps"] if step["name"] == "bypass"]
    assert step["detail"].startswith(rule)
    assert [step["status"] for step in record["steps"] if step["name"] in ("manual", "pac-url")] == ["skipped"]


def test_a_scheme_without_a_proxy(explain):
    """Going direct with a proxy set is explained."""
    lines = explain("http://h.test/", https_proxy="p.test:1")
    assert "  because  proxies are set, and none for this scheme (manual; settings from: environment), fresh" in lines
    assert "  ok       manual: https=http://p.test:1; no proxy for http in it" in lines


class TestDesktops:
    """The settings in force are named with their place, and why others are not."""

    def test_gnome(self, explain):
        """Its mode manual."""
        steps = steps_of(explain(machine=linux(mode="manual", http_host="p", http_port=8080), **GNOME))
        assert ("skipped", "settings: environment: no variable selects a proxy") in steps
        assert ("ok", "settings: gnome: gsettings org.gnome.system.proxy: mode is 'manual'") in steps
        assert ("skipped", "settings: kde: the desktop of this session is not KDE") in steps

    def test_gnome_with_no_proxy(self, explain):
        """NO_PROXY selects nothing and holds all the same."""
        machine = linux(mode="manual", http_host="p", http_port=8080)
        record = explain("http://a.test/", "--json", machine=machine, NO_PROXY="a.test", **GNOME)
        assert record["source"] == "bypass"
        assert "environment: NO_PROXY selects no proxy; its exceptions hold" in [s["detail"] for s in record["steps"]]

    def test_kde(self, explain, tmp_path):
        """Its file is named."""
        environ = write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=http://p.test 8080\n")
        steps = steps_of(explain("http://h.test/", machine=linux(home=tmp_path), **environ))
        assert any(
            status == "ok" and rest.startswith("settings: kde: ") and "kioslaverc" in rest for status, rest in steps
        )

    def test_macos(self, explain):
        """Its system settings."""
        machine = macos(HTTPSEnable=1, HTTPSProxy="p.test", HTTPSPort=8080)
        assert any(rest.startswith("settings: macos: ") for status, rest in steps_of(explain(machine=machine)))

    def test_windows(self, explain):
        """Its registry, and WinHTTP's settings that are not those of a user."""
        machine = windows(registry=plain(ProxyEnable=1, ProxyServer="p.test:8080"))
        steps = steps_of(explain(machine=machine))
        assert any(status == "ok" and rest.startswith("settings: windows: ") for status, rest in steps)
        assert any(rest.startswith("settings: winhttp: services without") for status, rest in steps)

    def test_a_desktop_without_a_proxy(self, explain):
        """What it says instead is shown."""
        steps = steps_of(explain(machine=linux(mode="none"), **GNOME))
        assert ("ok", "settings: gnome: gsettings org.gnome.system.proxy: mode is 'none'") in steps

    def test_a_repaired_address(self, explain):
        """Its repair is a warning."""
        lines = explain("http://h.test/", machine=linux(mode="manual", http_host="\uff50", http_port=8080), **GNOME)
        assert any(line.startswith("  warning  settings: ") and "is read as http://p:8080" in line for line in lines)


@pytest.mark.parametrize(
    ("environ", "files", "said"),
    [
        ({}, [".dockerenv"], "container"),
        ({"SSH_TTY": "/dev/pts/1"}, [], "ssh session"),
        ({"WSL_DISTRO_NAME": "Debian"}, [], "WSL"),
        ({"INVOCATION_ID": "1"}, [], "service"),
    ],
)
def test_nothing_is_set(explain, tmp_path: Path, environ, files, said):
    """The reason why nothing was found where no desktop is, and what to do about it."""
    for name in files:
        (tmp_path / name).touch()
    lines = explain(machine=linux(root=tmp_path), **environ)
    assert "  because  no proxy is set that could be used (no-proxy; settings from: none), fresh" in lines
    assert any(line.startswith("  skipped  settings: ") and said in line for line in lines)


TEXT = "function FindProxyForURL(url, host) { %s }"
TROUBLES = {
    "404": ({"status": 404}, "", "pac-fetch", "status 404"),
    "500": ({"status": 500}, "", "pac-fetch", "status 500"),
    "a page": ({}, "<html>", "pac-fetch", "captive portal"),
    "empty": ({}, "", "pac-fetch", "is empty"),
    "another file": ({}, "var a", "pac-fetch", "is not a PAC file"),
    "too large": ({}, "//FindProxyForURL" + " " * (1 << 20), "pac-fetch", "larger than 1 MiB"),
    "redirect": (
        {"status": 302, "headers": {"Location": "file:///etc/passwd"}},
        "",
        "pac-fetch",
        "only http and https",
    ),
    "syntax": ({}, TEXT % "return (", "pac-fetch", "SyntaxError"),
    "throws": ({}, TEXT % "throw new Error('geheim@x')", "pac-run", "failed: "),
    "no string": ({}, TEXT % "return 5", "pac-run", "a number"),
    "nothing usable": ({}, TEXT % "return 'NONSENSE'", "pac-result", "NONSENSE"),
    "endless": ({}, TEXT % "for (i = 0; i < 200; i++) dnsResolve('n' + i + '.invalid')", "pac-run", "100 names"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_with_a_pac_file(explain, name: str):
    """Set for this program it is an error, behind the steps that led to it; JSON is a decision or nothing."""
    options, text, step, said = TROUBLES[name]
    with PacServer(text, **options) as pac:
        lines = explain(status=1, PACAWARE_PAC_URL=pac.url)
        assert lines[:2] == [URL, "  goes by  nothing: there is no answer"]
        shown = steps_of(lines)
        assert ("ok", "settings: environment: PACAWARE_PAC_URL") in shown
        assert any(rest.startswith(f"{step}: ") and said in rest and status != "ok" for status, rest in shown)
        assert lines[-1].startswith("pacaware: ")
        assert "geheim" not in "\n".join(lines)
        desktop = {**GNOME, "machine": linux(mode="auto", **{"autoconfig-url": pac.url})}
        if name == "endless":
            assert explain(status=1, **desktop)[-1].startswith("pacaware: ")
            return
        record = explain(URL, "--json", **desktop)
        assert record["proxies"] == ["DIRECT"]
        assert [one["status"] for one in record["steps"] if one["name"] == "fallback"] == ["warning"]


def test_json_without_a_decision_is_empty():
    """A program finds nothing on standard output, and one line on the other; no traceback."""
    with DeadProxy() as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "pacaware", "explain", URL, "--json", "--pac-url", f"{nobody.url}/proxy.pac"],
            env={**NOTHING, "PYTHONPATH": str(Path(pacaware.__file__).parent.parent)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    [line] = done.stderr.splitlines()
    assert line.startswith("pacaware: ")
    assert f"{nobody.netloc}/proxy.pac" in line
    assert (done.returncode, done.stdout) == (1, "")


def test_fail_over_and_memory(monkeypatch):
    """A dead proxy is said to come last, a remembered one first, and an answer to be known."""
    monkeypatch.setattr("os.environ", NOTHING)
    with PacServer(pac_returning("PROXY dead.test:1", "PROXY p.test:1")) as pac:
        config = pacaware.ProxyConfig(pac_url=pac.url)
        with pacaware.ProxyResolver(config) as resolver:
            decision = resolver.resolve(URL)
            walk = resolver.start(decision)
            walk.failed("refused")
            resolver.connected(decision, walk)
            lines = resolver.resolve(URL).explain().splitlines()
    assert lines[1] == "  goes by  PROXY p.test:1; PROXY dead.test:1"
    assert lines[2].endswith("(pac; settings from: code), cached")
    assert any("PROXY p.test:1 comes first: www.origin.test was reached by it" in line for line in lines)
    assert any("PROXY dead.test:1 could not be reached lately and comes last" in line for line in lines)
    assert any(line.startswith("  ok       memory: known for ") for line in lines)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://b\u00fccher.test/", "https://xn--bcher-kva.test/"),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("HTTPS://WWW.ORIGIN.TEST", "HTTPS://WWW.ORIGIN.TEST"),
        ("https://www.origin.test./", "https://www.origin.test./"),
    ],
)
def test_urls_of_every_kind(explain, url: str, shown: str):
    """International names, IPv6 and odd spellings are answered, and shown as they were given."""
    lines = explain(url, https_proxy="p.test:1")
    assert lines[0] in (url, shown)
    assert lines[1] == "  goes by  PROXY p.test:1"
