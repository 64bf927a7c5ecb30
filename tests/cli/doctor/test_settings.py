"""The settings and addresses as somebody typed them, and the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pacaware._cli.doctor.address import judge_pac_address, judge_proxy_address
from pacaware._cli.doctor.findings import exit_status
from pacaware._cli.doctor.settings import judge_addresses, judge_settings
from pacaware._cli.doctor.stored import switched_off
from pacaware._models import ProxyConfig
from pacaware._system.sources import Source, Survey, survey
from pacaware._system.system import Platform
from pacaware.testing import Proxy
from tests._system.machines import GNOME, blob, linux, macos, plain, windows, write_kioslaverc
from tests.cli.doctor.looks import by_step, keys, settings, told


@pytest.mark.parametrize(
    ("text", "key", "status"),
    [
        ("http://proxy .test:8080", "address-blank", "fail"),
        ("http://proxy.test: 8080", "address-blank", "fail"),
        ("http://proxy\u3000.test:8080", "address-blank", "fail"),
        ("http://\uff50roxy.test:8080", "address-wide", "fail"),
        ("http://proxy.test:\uff18\uff10\uff18\uff10", "address-wide", "fail"),
        ("http://pr\u043exy.test:8080", "address-wide", "fail"),
        ("http://proxy\u200b.test:8080", "address-wide", "fail"),
        ("http://proxy.test", "address-port", "warn"),
        ("proxy.test", "address-port", "warn"),
        ("http://al@ice:s3cret@proxy.test:8080", "address-escape", "warn"),
        ("http://alice:s3:cret@proxy.test:8080", "address-escape", "warn"),
        ("http://alice:s3#cret@proxy.test:8080", "address-escape", "warn"),
        ("http://alice:s3%cret@proxy.test:8080", "address-escape", "warn"),
        ("http://proxy.test:99999", "address-wrong", "fail"),
        ("ftp://proxy.test:21", "address-wrong", "fail"),
    ],
)
def test_an_address_with_something_odd(text: str, key: str, status: str):
    """It is named, and no password is shown."""
    finding = judge_proxy_address(text, "HTTPS_PROXY")
    assert finding is not None
    assert (finding.key, finding.status) == (key, status)
    assert "s3" not in repr(finding)
    told(finding)


@pytest.mark.parametrize(
    "text",
    [
        "http://proxy.test:8080",
        " proxy.test:8080/ ",
        "http://alice:s3%40cret@proxy.test:8080",
        "socks5://p",
        "http://[::1]:1",
    ],
)
def test_an_address_with_nothing_odd(text: str):
    """Blanks around it and escaped passwords do no harm."""
    assert judge_proxy_address(text, "HTTPS_PROXY") is None


def test_the_address_of_a_pac_file():
    """It is looked at in the same way."""
    assert judge_pac_address("http://wpad.test/proxy.pac?key=geheim", "PACAWARE") is None
    assert judge_pac_address("http://wpad .test/proxy.pac", "PACAWARE").key == "address-blank"


def test_a_bad_address_ends_the_walk(doctor):
    """The settings in force cannot be used: the variable is named, and what is odd in it."""
    findings = doctor(None, https_proxy="http://proxy .test:8080")
    assert keys(findings) == ["settings-broken", "address-blank"]
    assert exit_status(findings) == 10
    assert dict(by_step(findings, "address").values)["where"] == "https_proxy"
    told(findings[0])


def test_several_proxies_in_one_variable(doctor):
    """Each is looked at."""
    with Proxy() as proxy:
        findings = doctor(None, PACAWARE_PROXY=f"http=proxy.test;https={proxy.netloc}")
    assert keys(findings) == ["address-port"]


def test_no_settings(doctor):
    """No proxy is a warning: it may be right."""
    findings = doctor(None)
    assert keys(findings) == ["settings-none"]
    assert exit_status(findings) == 0
    told(findings[0])


def test_no_network(doctor):
    """Without an address Wi-Fi is off, or the cable is out."""
    findings = doctor(None, addresses=list)
    assert keys(findings, "fail") == ["network-down"]
    assert exit_status(findings) == 11
    told(by_step(findings, "network"))


def test_a_network_of_its_own(doctor):
    """Without a way to the Internet all is well where the proxy answers: it is here, or on the same network."""
    with Proxy() as proxy:
        findings = doctor(None, PACAWARE_PROXY=proxy.url, addresses=list)
    assert keys(findings) == []
    assert by_step(findings, "network").key == "network-alone"
    assert [finding.step for finding in findings][:3] == ["settings", "address", "network"]


class TestSwitchedOff:
    """An address that is stored and not used, on each system."""

    def check(self, on: Platform, expected: list[str], **environ: str) -> None:
        found = switched_off(on, settings(**environ))
        assert [what for _, what in found] == expected
        assert all("s3cret" not in what for _, what in found)
        [*_, finding] = judge_settings(survey(settings(**environ), on), found)
        assert finding.key == "settings-off"
        told(finding)

    def test_gnome(self):
        """The mode is none, and the fields hold an address."""
        on = linux(mode="none", http_host="proxy.test", http_port=8080)
        self.check(on, ["http=http://proxy.test:8080"], **GNOME)

    def test_gnome_with_a_script(self):
        """The address of a PAC file too."""
        on = linux(mode="none", **{"autoconfig-url": "http://wpad.test/p.pac"})
        self.check(on, ["http://wpad.test/p.pac"], **GNOME)

    def test_kde(self, tmp_path: Path):
        """ProxyType is 0."""
        text = "[Proxy Settings]\nProxyType=0\nhttpProxy=http://u:s3cret@proxy.test 8080\n"
        kde = write_kioslaverc(tmp_path, text)
        self.check(linux(home=tmp_path), ["http://proxy.test 8080"], **kde)

    def test_macos(self):
        """The tick of the proxy is missing."""
        manual = {"HTTPEnable": 0, "HTTPProxy": "proxy.test", "HTTPPort": 8080}
        script = {"ProxyAutoConfigEnable": "0", "ProxyAutoConfigURLString": "http://wpad.test/p.pac"}
        self.check(macos(**manual, **script), ["proxy.test:8080", "http://wpad.test/p.pac"])

    def test_windows(self):
        """ProxyEnable is 0, or the flag in the binary value is off."""
        registry = plain(ProxyEnable=0, ProxyServer="http://u:s3cret@proxy.test:8080")
        registry |= blob(pac_url="http://wpad.test/p.pac", proxy_server="other.test:8080")
        expected = ["http://proxy.test:8080", "http://wpad.test/p.pac", "other.test:8080"]
        self.check(windows(registry=registry), expected)

    def test_what_is_on_is_not_off(self):
        """Nothing is said of a proxy that is used, nor of another desktop's."""
        on = linux(mode="manual", http_host="proxy.test", http_port=8080)
        assert switched_off(on, settings(**GNOME)) == ()
        assert switched_off(on, settings()) == ()

    def test_nothing_is_said_where_another_setting_is_in_force(self):
        """Whoever sets a variable does not miss the desktop's tick."""
        on = linux(mode="none", http_host="proxy.test", http_port=8080)
        environ = settings(**GNOME, PACAWARE_PROXY="other.test:3128")
        found = judge_settings(survey(environ, on), switched_off(on, environ))
        assert [finding.key for finding in found] == ["settings-found"]


def test_a_repaired_address_of_a_desktop():
    """What its reader repaired is a warning, with the repair."""
    on = linux(mode="manual", http_host=" \uff50roxy.test", http_port=8080)
    environ = settings(**GNOME)
    [finding] = judge_addresses(environ, survey(environ, on))
    assert finding.key == "address-repaired"
    assert "proxy.test" in finding.detail
    told(finding)


def test_a_broad_exception():
    """A pattern that exempts far more than it seems is a warning."""
    source = Source("windows", "HKCU", "wins", "", ProxyConfig(proxy_server="p:1"), ("bypass list: '*.jp' is broad",))
    finding = judge_settings(Survey(source.config, (source,)), ())[-1]
    assert finding.key == "settings-hint"
    told(finding)


def test_the_browser_follows_a_policy_of_its_own(tmp_path: Path):
    """What an administrator told the browser alone is shown where it differs."""
    folder = tmp_path / "etc/opt/chrome/policies/managed"
    folder.mkdir(parents=True)
    (folder / "proxy.json").write_text(json.dumps({"ProxyMode": "fixed_servers", "ProxyServer": "browser.test:8080"}))
    on = linux(root=tmp_path)
    found = judge_settings(survey(settings(PACAWARE_PROXY="p.test:1"), on, every=True), ())
    assert [finding.key for finding in found] == ["settings-found", "settings-policy"]
    assert "browser.test:8080" in found[-1].detail
    told(found[-1])
    (folder / "proxy.json").write_text(json.dumps({"ProxyMode": "system"}))
    found = judge_settings(survey(settings(PACAWARE_PROXY="p.test:1"), on, every=True), ())
    assert [finding.key for finding in found] == ["settings-found"]
