"""The settings of GNOME, from what gsettings lists."""

from __future__ import annotations

import os
import stat

import pytest

from pacaware._core.bypass import BypassRules
from pacaware._core.proxy_rules import ProxyRules
from pacaware._models import ProxyConfig
from pacaware._system.gnome import ask_gsettings, fingerprint, parse_listing, read_config, settings_from
from pacaware.errors import ConfigError
from tests._system.expected import assert_is, notes
from tests.data import rows

PAC = "http://pac.test/p.pac"
LISTING = """org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '::1']
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.ftp host ''
org.gnome.system.proxy.ftp port 0
org.gnome.system.proxy.http authentication-password ''
org.gnome.system.proxy.http enabled false
org.gnome.system.proxy.http host 'proxy.test'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.https host "it's"
org.gnome.system.proxy.https port uint32 5
org.gnome.system.proxy.socks host ''
"""


def values(row):
    """The keys of the schema for a row of the table."""
    given = row["gsettings"]
    schemes = {"http": "http", "https": "secure", "ftp": "ftp", "socks": "socks"}
    found = {f"{scheme}.host": given[f"{name}_host"] for scheme, name in schemes.items()}
    found |= {f"{scheme}.port": given[f"{name}_port"] for scheme, name in schemes.items()}
    found |= {"mode": given["mode"], "autoconfig-url": given["autoconfig_url"], "ignore-hosts": given["ignore_hosts"]}
    return {**found, "use-same-proxy": given["use_same_proxy"], "http.enabled": given["use_http_proxy"]}


# Two rows set switches that Chromium's reader of GSettings never reads, though its tests can set them: see below.
@pytest.mark.parametrize(
    "row",
    [row for row in rows("gsettings") if not row["gsettings"]["use_same_proxy"]],
    ids=lambda row: row["description"],
)
def test_what_chromium_reads(row):
    """The keys select the proxies that Chromium selects."""
    config = settings_from(values(row))
    assert_is(config, row["expected"])
    assert config.origin == "gnome"


def test_two_switches_are_never_looked_at():
    """The settings dialog does not keep "enabled" and "use-same-proxy"; a scheme without a proxy goes direct."""
    found = {"mode": "manual", "http.host": "p", "http.port": 1, "http.enabled": False, "use-same-proxy": True}
    rules = ProxyRules.parse(settings_from(found).proxy_server)
    assert str(rules) == "http=http://p:1"
    assert rules.candidates("https") == ()


def test_the_listing():
    """Texts, numbers, truths and lists are read from GVariant's text form; the schema's children are prefixes."""
    assert parse_listing(LISTING) == {
        "autoconfig-url": "",
        "ignore-hosts": ["localhost", "127.0.0.0/8", "::1"],
        "mode": "manual",
        "use-same-proxy": True,
        "ftp.host": "",
        "ftp.port": 0,
        "http.authentication-password": "",
        "http.enabled": False,
        "http.host": "proxy.test",
        "http.port": 8080,
        "https.host": "it's",
        "https.port": 5,
        "socks.host": "",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("org.gnome.system.proxy ignore-hosts @as []", {"ignore-hosts": []}),
        (r"org.gnome.system.proxy mode 'a\'b\\c\u00e9'", {"mode": "a'b\\cé"}),
        ("org.gnome.system.proxy mode", {}),
        ("org.gnome.system.proxy mode {'a': 1}", {}),
        ("org.gnome.system.proxy mode 'open", {}),
        ("org.gnome.system.proxyfoo mode 'x'", {}),
        ("mode 'x'", {}),
        ("", {}),
    ],
)
def test_odd_lines(line, expected):
    """What is not of the form is left out."""
    assert parse_listing(line) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, None),
        ({"mode": "odd"}, None),
        ({"mode": "manual"}, None),
        ({"mode": "manual", "http.host": " "}, None),
        ({"mode": "none", "http.host": "p"}, ProxyConfig(origin="gnome")),
        ({"mode": "auto"}, ProxyConfig(auto_detect=True, origin="gnome")),
        ({"mode": "auto", "autoconfig-url": "/p.pac"}, ProxyConfig(pac_url="file:///p.pac", origin="gnome")),
    ],
    ids=str,
)
def test_modes(found, expected):
    """Mode none means no proxy, auto without an address asks for detection, and no proxy named is no setting."""
    assert settings_from(found) == expected


def test_exceptions():
    """The list of exceptions is exact: no name stands for those below it."""
    found = {"mode": "manual", "http.host": "p", "ignore-hosts": ["corp.test", "*.lan", "10.0.0.0/8", "::1"]}
    config = settings_from(found)
    rules = BypassRules.parse(config.bypass, config.bypass_dialect)
    assert rules.rules == ("corp.test", "*.lan", "10.0.0.0/8", "[::1]")
    assert not rules.matches("http://a.corp.test/")


def test_a_user_for_the_http_proxy():
    """User and password count while they are switched on, and go to the HTTP proxy alone."""
    found = {"mode": "manual", "http.host": "P", "http.port": 1, "https.host": "q", "https.port": 2}
    found |= {"http.authentication-user": "me", "http.authentication-password": "secret"}
    assert settings_from(found).proxy_credentials == ()
    config = settings_from({**found, "http.use-authentication": True})
    assert config.proxy_credentials == (("p:1", "me", "secret"),)
    assert "secret" not in repr(config)


def test_what_cannot_be_made_out():
    """An error names the key; a repair is a note."""
    with pytest.raises(ConfigError, match=r"org\.gnome\.system\.proxy\.http host: .*the field for the port 8080"):
        settings_from({"mode": "manual", "http.host": "p:1", "http.port": 8080})
    assert "'http//p' is read as" in notes(settings_from({"mode": "manual", "http.host": "http//p", "http.port": 1}))


def test_where_it_looked():
    """A reading says what was asked, and what the answer was."""
    reading = read_config({}, lambda environ: (LISTING, ""))
    assert (reading.where, reading.why) == ("gsettings org.gnome.system.proxy", "mode is 'manual'")
    assert reading.config.proxy_server == "http=http://proxy.test:8080;https=http://it's:5"
    nothing = read_config({}, lambda environ: (None, "the program gsettings is not installed"))
    assert (nothing.config, nothing.why) == (None, "the program gsettings is not installed")
    assert read_config({}, lambda environ: ("", "")).why == "there is no mode"


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo \"org.gnome.system.proxy mode 'none'\"", ("org.gnome.system.proxy mode 'none'\n", "")),
        ("echo 'No such schema' >&2; exit 1", (None, "gsettings failed: No such schema")),
        ("exit 3", (None, "gsettings failed: 3")),
    ],
)
def test_asking_the_program(tmp_path, script, expected):
    """The program is found by PATH; when it fails, its message is the reason."""
    program = tmp_path / "gsettings"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert ask_gsettings({"PATH": str(tmp_path)}) == expected


def test_no_program(tmp_path):
    """A machine without the program, or with one that cannot be run, has no such settings."""
    assert ask_gsettings({"PATH": str(tmp_path)}) == (None, "the program gsettings is not installed")
    program = tmp_path / "gsettings"
    program.write_bytes(b"\0\0")
    program.chmod(0o755)
    listing, why = ask_gsettings({"PATH": str(tmp_path)})
    assert listing is None
    assert "cannot be run" in why


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script")
def test_a_program_that_hangs(tmp_path, monkeypatch):
    """An answer is waited for a short time only."""
    monkeypatch.setattr("pacaware._system.gnome._SECONDS", 0.2)
    program = tmp_path / "gsettings"
    program.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    program.chmod(0o755)
    listing, why = ask_gsettings({"PATH": str(tmp_path)})
    assert (listing, "no answer within" in why) == (None, True)


@pytest.mark.parametrize("name", ["dconf/user", "glib-2.0/settings/keyfile"])
def test_changes_are_noticed(tmp_path, name):
    """A file of either backend that is written shows in the fingerprint."""
    environ = {"HOME": str(tmp_path)}
    before = fingerprint(environ)
    path = tmp_path / ".config" / name
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert fingerprint(environ) != before
    assert fingerprint({"XDG_CONFIG_HOME": str(tmp_path / ".config")}) == fingerprint(environ)
