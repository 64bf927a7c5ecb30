"""What ``pacaware settings`` knows: every source, which one wins and why, and the policies of browsers."""

from __future__ import annotations

import json
import plistlib

import pytest

from pacaware._system.sources import survey
from pacaware._system.windows import IEConfig
from pacaware._system.windows_blob import WinHttpSettings
from tests._system.machines import CONNECTIONS, GNOME, KDE, linux, macos, windows, write_kioslaverc

PAC = "http://pac.test/p.pac"
KEYS = ["origin", "auto_detect", "pac_url", "proxy_server", "bypass", "bypass_dialect", "reverse_bypass"]
WINHTTP = {("HKLM", CONNECTIONS, "WinHttpSettings"): WinHttpSettings(flags=3, proxy_server="svc:1").encode()}


def statuses(found):
    return {source.origin: source.status for source in found.sources}


def hints(found, origin):
    return "\n".join(next(source.hints for source in found.sources if source.origin == origin))


def test_the_desktop_wins(tmp_path):
    """The running desktop's settings win; another desktop's are shown with the reason why they do not count."""
    write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=k 1\n")
    machine = linux(tmp_path, mode="manual", http_host="g", http_port=1)
    found = survey(KDE, machine)
    assert found.winner.origin == "kde"
    assert statuses(found) == {"environment": "empty", "gnome": "unused", "kde": "wins"}
    assert "not GNOME" in next(source.why for source in found.sources if source.origin == "gnome")


def test_the_environment_wins():
    """A variable comes before the desktop, and the report names it."""
    found = survey({**GNOME, "https_proxy": "e:1"}, linux(mode="none"))
    assert statuses(found) == {"environment": "wins", "gnome": "unused", "kde": "empty"}
    assert found.sources[0].where == "https_proxy"
    assert found.sources[1].why.startswith("environment comes first")


def test_exceptions_alone():
    """NO_PROXY alone selects nothing, and the report says what it is good for."""
    found = survey({**GNOME, "NO_PROXY": "a.test"}, linux(mode="none"))
    assert statuses(found)["environment"] == "empty"
    assert "NO_PROXY selects no proxy" in found.sources[0].why
    assert found.sources[0].hints == ()


@pytest.mark.parametrize(
    "variables", [{}, {"PACAWARE_PROXY": "p:1", "PACAWARE_BYPASS": "b.test"}, {"http_proxy": "p:1"}]
)
def test_exceptions_of_the_environment_are_judged(variables):
    """Broad and broken entries of NO_PROXY are pointed out once, whatever they are for."""
    found = survey({**variables, "NO_PROXY": "*.jp,a:0"}, linux(mode="none"))
    said = hints(found, "environment").splitlines()
    assert [line.partition(": ")[2] for line in said if "broad" in line or "left out" in line] == [
        "'a:0' is left out: '0' is not a port (1 to 65535)",
        "'*.jp' is broad: it covers every host under .jp, whoever owns it",
    ]


def test_a_reversed_list_is_not_broad(tmp_path):
    """It names what does use the proxy."""
    text = "[Proxy Settings]\nProxyType=1\nhttpProxy=k 1\nNoProxyFor=*\nReversedException=true\n"
    write_kioslaverc(tmp_path, text)
    assert "broad" not in hints(survey(KDE, linux(tmp_path)), "kde")


def test_windows():
    """The user's settings win; those of WinHTTP are for services."""
    found = survey({}, windows(answer=IEConfig(False, PAC, None, None), registry=WINHTTP))
    assert statuses(found) == {"environment": "empty", "windows": "wins", "winhttp": "unused"}
    assert "services" in found.sources[2].why
    service = survey({}, windows(registry=WINHTTP, service=True))
    assert (service.winner.origin, service.sources[1].status) == ("winhttp", "wins")


def test_macos():
    """MacOS has one source."""
    assert statuses(survey({}, macos(ProxyAutoDiscoveryEnable=1))) == {"environment": "empty", "macos": "wins"}


def test_nothing_at_all():
    """Without settings the winner is none, with the advice for the situation."""
    found = survey({"SSH_TTY": "x"}, linux())
    assert (found.winner.origin, statuses(found)) == (
        "none",
        {"environment": "empty", "gnome": "empty", "kde": "empty"},
    )
    assert "ssh session" in found.winner.notes[0].detail


@pytest.mark.parametrize(
    ("environ", "machine", "origin"),
    [
        ({"https_proxy": "p:x"}, linux(mode="none"), "environment"),
        (GNOME, linux(mode="manual", http_host="p:1:2"), "gnome"),
        ({}, windows(answer=IEConfig(False, None, "p:1:2", None)), "windows"),
    ],
)
def test_settings_that_cannot_be_used(environ, machine, origin):
    """Broken settings that would be in force leave no winner, and the error says where they are."""
    found = survey(environ, machine)
    assert (found.winner, statuses(found)[origin]) == (None, "broken")
    assert found.to_dict()["winner"] is None


def test_broken_settings_of_another_desktop(tmp_path):
    """What does not count may be broken."""
    write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=p:1:2\n")
    found = survey({**GNOME, "XDG_CONFIG_DIRS": "/nonexistent"}, linux(tmp_path, mode="none"))
    assert statuses(found) == {"environment": "empty", "gnome": "wins", "kde": "unused"}


@pytest.mark.parametrize(
    ("bypass", "said"),
    [
        ("*", "'*' is broad: it covers every host"),
        ("www.*.com;*.corp", "'www.*.com' is broad"),
        ("*.co.jp", "'*.co.jp' is broad"),
        ("10.0.0.0/8", "'10.0.0.0/8' is left out"),
        ("a" * 3000, "2064 bytes"),
    ],
)
def test_exceptions_that_deserve_a_look(bypass, said):
    """Broad and broken entries of a bypass list are pointed out."""
    found = survey({}, windows(answer=IEConfig(False, None, "p:1", bypass)))
    assert said in hints(found, "windows")
    assert "*.corp" not in hints(found, "windows")


def test_repairs_are_told():
    """What was repaired is a hint."""
    found = survey({}, windows(answer=IEConfig(False, None, "http//p:1", None)))
    assert "'http//p:1' is read as http://p:1" in hints(found, "windows")


def test_the_record():
    """The JSON record has the keys of the contract for the winner and every source, and no secrets."""
    answer = IEConfig(False, "http://me:secret@h/p.pac?key=secret", "me:secret@p:1", "<local>")
    record = survey({}, windows(answer=answer)).to_dict()
    assert list(record) == ["winner", "sources"]
    assert list(record["winner"]) == KEYS
    assert [list(source) for source in record["sources"]] == [[*KEYS, "where", "status", "why"]] * 3
    assert record["winner"]["pac_url"] == "http://h/p.pac?key=..."
    assert record["winner"]["proxy_server"] == "p:1"
    assert "secret" not in json.dumps(record)


def policy(name, **values):
    key = {"chrome": r"Software\Policies\Google\Chrome", "edge": r"Software\Policies\Microsoft\Edge"}[name]
    return {("HKLM", key, value): data for value, data in values.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"ProxyMode": "fixed_servers", "ProxyServer": "p:1", "ProxyBypassList": "a.test", "ProxyPacUrl": PAC},
            {"proxy_server": "p:1", "bypass": "a.test"},
        ),
        ({"ProxyMode": "pac_script", "ProxyPacUrl": PAC, "ProxyServer": "p:1"}, {"pac_url": PAC}),
        ({"ProxyMode": "auto_detect"}, {"auto_detect": True}),
        ({"ProxyMode": "direct", "ProxyServer": "p:1"}, {}),
        ({"ProxyServerMode": 1}, {"auto_detect": True}),
        ({"ProxyServer": "p:1"}, {"proxy_server": "p:1"}),
        ({"ProxyServerMode": b"x", "ProxyServer": "p:1"}, {"proxy_server": "p:1"}),
        ({"ProxySettings": json.dumps({"ProxyMode": "pac_script", "ProxyPacUrl": PAC})}, {"pac_url": PAC}),
    ],
    ids=str,
)
@pytest.mark.parametrize("browser", ["chrome", "edge"])
def test_policies_in_the_registry(browser, values, expected):
    """The proxy policy of a browser is shown, never used, in whatever form it was set."""
    machine = windows(registry=policy(browser, **values))
    found = survey({}, machine, every=True)
    shown = found.sources[-1]
    assert (shown.origin, shown.status, found.winner.origin) == (f"{browser}-policy", "shown", "none")
    record = shown.to_dict()
    assert {
        name: record[name] for name in ("auto_detect", "pac_url", "proxy_server", "bypass") if record[name]
    } == expected
    assert "not used" in shown.why
    assert statuses(survey({}, machine)).keys() == {"environment", "windows", "winhttp"}


def test_a_policy_that_cannot_be_used():
    """A broken policy is shown with the reason, and breaks nothing."""
    found = survey({}, windows(registry=policy("edge", ProxyServer="http=p:x")), every=True)
    assert (found.sources[-1].status, found.winner.origin) == ("shown", "none")
    assert "'x' is not a port" in found.sources[-1].why


@pytest.mark.parametrize("setting", [None, "{", "[1]", 5, b"x"])
def test_no_policy(setting):
    """A browser without a proxy policy, or with one that cannot be read, adds nothing."""
    machine = windows(registry=policy("chrome", ProxySettings=setting))
    assert len(survey({}, machine, every=True).sources) == 3


def test_policies_in_files(tmp_path):
    """Linux keeps policies in JSON files, several a folder."""
    texts = {
        "etc/opt/chrome/policies/managed/a.json": json.dumps({"ProxySettings": {"ProxyMode": "direct"}}),
        "etc/chromium/policies/recommended/b.json": json.dumps({"ProxyServer": "me:secret@p:1"}),
        "etc/opt/edge/policies/managed/c.json": json.dumps({"HomepageLocation": "x"}),
        "etc/opt/edge/policies/managed/d.json": "{",
        "etc/opt/edge/policies/managed/e.json": "[]",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = survey({}, linux(root=tmp_path), every=True)
    shown = {source.where.removeprefix(f"{tmp_path}/"): source.config.proxy_server for source in found.sources[3:]}
    assert shown == {
        "etc/opt/chrome/policies/managed/a.json": None,
        "etc/chromium/policies/recommended/b.json": "p:1",
    }
    assert "secret" not in json.dumps(found.to_dict())


def test_policies_in_property_lists(tmp_path):
    """MacOS keeps policies in property lists, for the machine and for users."""
    folder = tmp_path / "Library/Managed Preferences"
    (folder / "me").mkdir(parents=True)
    (folder / "com.google.Chrome.plist").write_bytes(plistlib.dumps({"ProxyMode": "pac_script", "ProxyPacUrl": PAC}))
    (folder / "me/com.microsoft.Edge.plist").write_bytes(plistlib.dumps({"ProxyServer": "p:1"}))
    (folder / "com.microsoft.Edge.plist").write_bytes(b"broken")
    found = survey({}, macos()._replace(root=tmp_path), every=True)
    assert [(source.origin, source.config.pac_url or source.config.proxy_server) for source in found.sources[2:]] == [
        ("chrome-policy", PAC),
        ("edge-policy", "p:1"),
    ]
