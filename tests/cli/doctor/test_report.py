"""The report for the help desk: what it holds, what it must not hold, and who may read it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._cli.doctor.findings import fail, ok, warn
from pacaware._cli.doctor.redact import Placeholders, names_in_list
from pacaware._cli.doctor.report import Report, make_report, write_report
from pacaware._models import ProxyConfig
from pacaware._system.sources import Source
from pacaware.errors import ConfigError
from pacaware.testing import BasicUsers, Origin, PacServer, Proxy, pac_returning
from tests.cli.doctor.looks import NOW

# Each stands for a name that must not leave the company.
CANARIES = (
    *("kanaria-proxy", "kanaria-wpad", "kanaria-target", "kanaria-kk", "kanaria-user", "kanaria-domain"),
    *("kanaria-intra", "kanaria-path", "kanaria-query", "kanaria-signer", "kanaria-password", "kanariashort"),
)
HIDDEN = re.compile("kanaria", re.IGNORECASE)


def sources() -> list[Source]:
    """Settings full of names."""
    config = ProxyConfig(
        pac_url="http://kanaria-wpad.kanaria-kk.co.jp/kanaria-path/x.pac?key=kanaria-query",
        proxy_server="http=kanaria-proxy.kanaria-kk.co.jp:8080;https=kanariashort:3128",
        bypass="*.kanaria-intra.local;kanariashort2;10.1.2.3;<local>",
    )
    why = "HKCU, as KANARIA-DOMAIN\\kanaria-user set it"
    return [Source("windows", "HKCU\\Software\\Settings", "wins", why, config), Source("winhttp", "HKLM", "empty", "-")]


def findings() -> list:
    """Findings full of names, in each place where one can be."""
    proxy = "http://kanaria-proxy.kanaria-kk.co.jp:8080"
    return [
        ok(
            "settings",
            "settings-found",
            where="HKCU",
            what="PAC http://kanaria-wpad.kanaria-kk.co.jp/kanaria-path/x.pac",
        ),
        fail("settings", "settings-broken", "HKCU: 'kanaria-proxy .kanaria-kk.co.jp' is not a proxy", where="HKCU"),
        fail("address", "address-blank", "'kanaria-proxy .kanaria-kk:80'", where="HTTPS_PROXY"),
        warn("address", "address-repaired", "'\uff4banaria-proxy' is read as kanariashort:3128", where="HKCU"),
        ok("network", "network-ok", address="10.9.8.7, 2001:db8::9"),
        fail(
            "pac",
            "pac-throws",
            "ReferenceError: kanaria-proxy.kanaria-kk.co.jp is not defined",
            url="http://kanaria-wpad.kanaria-kk.co.jp/kanaria-path/x.pac",
        ),
        ok(
            "route", "route-proxy", proxies="PROXY kanaria-proxy.kanaria-kk.co.jp:8080; PROXY kanariashort:3128; DIRECT"
        ),
        ok("name", "name-ok", host="kanaria-proxy.kanaria-kk.co.jp", addresses="10.1.2.4"),
        fail("port", "port-refused", "refused by 10.1.2.4", proxy="kanariashort:3128", port="3128"),
        ok("speaks", "speaks-ok", "TRACE: 407 at kanaria-proxy.kanaria-kk.co.jp", proxy=proxy),
        ok("credentials", "credentials-found", user="KANARIA-DOMAIN\\kanaria-user", origin="/home/kanaria-user/.netrc"),
        fail(
            "accepted",
            "accepted-rejected",
            f"the proxy {proxy} refused us: kanaria-user@kanaria-kk.co.jp",
            user="KANARIA-DOMAIN\\kanaria-user",
            origin="/home/kanaria-user/.netrc",
            scheme="basic",
        ),
        fail("origin", "origin-down", "502 (kanaria-target)", url="https://kanaria-target:8443"),
        warn("certificate", "certificate-interceptor", signer="Kanaria-Signer K.K., Root"),
    ]


def report(lang: str = "en") -> Report:
    """The report on these."""
    return make_report(findings(), sources(), "https://kanaria-target:8443/a?kanaria-query", lang, NOW)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_name_is_in_it(lang: str):
    """No user, host, domain, company, path or query, whether known from the settings or just looking like one."""
    text = report(lang).text
    assert not HIDDEN.search(text), [line for line in text.splitlines() if HIDDEN.search(line)]
    assert "co.jp" not in text
    for address in ("10.9.8.7", "10.1.2.4", "10.1.2.3", "2001:db8"):
        assert address not in text


def test_placeholders_are_stable():
    """The same name has the same placeholder everywhere, and hosts of one domain share its half."""
    made = report()
    names = {name.lower(): placeholder for placeholder, name in made.names}
    proxy = names["kanaria-proxy.kanaria-kk.co.jp"]
    assert made.text.count(proxy) >= 4
    wpad = names["kanaria-wpad.kanaria-kk.co.jp"]
    assert proxy.partition(".")[2] == wpad.partition(".")[2] == names["kanaria-kk.co.jp"]
    assert proxy != wpad
    assert len(dict(made.names)) == len(made.names)


def test_what_helps_is_in_it():
    """Causes, ports, schemes and the places of settings stay readable."""
    text = report().text
    for useful in ("8080", "3128", "DIRECT", "HKCU", "refused", "pacaware", "Python", "2026-11-22 14:30 +0900"):
        assert useful in text
    assert "The machine of host" in text


def test_public_names_stay():
    """The signer that everybody has, this machine itself and the documentation's names are no secret."""
    made = make_report(
        [ok("certificate", "certificate-ok", signer="Example Trust"), ok("route", "route-bypass", rule="localhost")],
        [],
        "https://example.com/",
        "en",
        NOW,
    )
    assert "Example Trust" in made.text
    assert "localhost" in made.text


def test_a_whole_walk(doctor):
    """The report on a real run with a logon holds neither user nor password."""
    secret = {"PACAWARE_PROXY_USERNAME": "kanaria-user", "PACAWARE_PROXY_PASSWORD": "kanaria-password"}
    with Origin() as origin, Proxy(BasicUsers({})) as proxy, PacServer(pac_returning(proxy.pac_text)) as pac:
        url = origin.url_for("kanaria-target.origin.test", "/kanaria-path?kanaria-query=1")
        found = doctor(url, PACAWARE_PAC_URL=f"{pac.url}?kanaria-query", **secret)
    made = make_report(found, [], url, "en", NOW)
    assert not HIDDEN.search(made.text)
    assert "kanaria-password" not in repr(made)
    assert any(name == "kanaria-user" for _, name in made.names)


def test_only_its_owner_can_read_it(tmp_path: Path):
    """Mode 0600, also where a file with another mode was; nothing else is left in the folder."""
    file = tmp_path / "report.txt"
    file.write_text("old")
    file.chmod(0o644)
    write_report(report(), str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text("utf-8") == report().text
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]


def test_a_link_is_replaced(tmp_path: Path):
    """What a link points to is not written to."""
    (tmp_path / "other.txt").write_text("mine")
    (tmp_path / "report.txt").symlink_to(tmp_path / "other.txt")
    write_report(report(), str(tmp_path / "report.txt"))
    assert (tmp_path / "other.txt").read_text() == "mine"
    assert not (tmp_path / "report.txt").is_symlink()


def test_a_place_that_cannot_be_written(tmp_path: Path):
    """The error names the file."""
    with pytest.raises(ConfigError, match=r"missing.report\.txt was not written"):
        write_report(report(), str(tmp_path / "missing" / "report.txt"))


def test_control_characters_do_not_get_into_it():
    """What a server sends cannot move a cursor later on."""
    made = make_report(
        [fail("speaks", "speaks-error", "418 \x1b[2J", proxy="p.test:1", status="418")], [], None, "en", NOW
    )
    assert "\x1b" not in made.text
    assert "\\x1b[2J" in made.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p.corp:8080", ["p.corp"]),
        ("http=a:1;https=http://u:p@b.corp:2", ["a", "b.corp"]),
        ("*.corp.example, .intra <local> 10.0.0.1 [::1]:80", ["corp.example", "intra"]),
        ("<-loopback>;localhost;DIRECT", []),
        (None, []),
    ],
)
def test_names_in_a_list(text: str | None, expected: list[str]):
    """Schemes, ports, wildcards and addresses are no names."""
    assert names_in_list(text) == expected


@settings(deadline=None)
@given(st.from_regex(r"[a-z]{3,8}(-[a-z0-9]{1,5})?(\.[a-z]{3,8}){1,3}", fullmatch=True))
def test_any_host_with_a_dot_is_hidden(host: str):
    """Nobody has to have named it before; files, and the names of documentation, are none."""
    if re.search(r"(\.|^)(pac|dat|txt|json|html?|crt|pem|exe|conf|plist)$|example\.|gnome|^(pacaware|python)\.", host):
        return
    assert host not in Placeholders()(f"the answer of {host}:8080 (PROXY {host}); see http://{host}/x")


@pytest.mark.parametrize(
    "text",
    [
        *("12:30:45", "Python 3.11.4", "org.gnome.system.proxy", "127.0.0.1", "::1", "proxy.pac", "the proxy settings"),
        "pass HTTPS_PROXY and HTTP_PROXY to it",
    ],
)
def test_what_is_no_name(text: str):
    """Times, versions, schemas, this machine, files and what stands behind the name of a variable stay."""
    assert Placeholders()(text) == text
