"""What people type wrongly is read in the same way wherever it stands: in each system's settings, variables, code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pacaware._core.compiled import compile_settings
from pacaware._core.proxy_rules import ProxyRules
from pacaware._models import ProxyConfig
from pacaware._system.system import from_system
from pacaware._system.windows import IEConfig
from pacaware.errors import ConfigError
from tests._system.machines import GNOME, blob, linux, macos, plain, windows, write_kioslaverc

PAC = "http://pac.test/p.pac"

# What is typed as the proxy for http, by the place it is typed into; ``home`` is an empty folder.
PROXY: dict[str, Callable] = {
    "windows": lambda text, home: from_system(None, {}, windows(answer=IEConfig(False, None, text, None))),
    "windows, binary value": lambda text, home: from_system(
        None, {}, windows(registry=blob(flags=3, proxy_server=text))
    ),
    "windows, plain values": lambda text, home: from_system(
        None, {}, windows(registry=plain(ProxyEnable=1, ProxyServer=text))
    ),
    "macos": lambda text, home: from_system(None, {}, macos(HTTPEnable=1, HTTPProxy=text)),
    "gnome": lambda text, home: from_system(None, GNOME, linux(mode="manual", http_host=text)),
    "kde": lambda text, home: from_system(
        "kde", write_kioslaverc(home, f"[Proxy Settings]\nProxyType=1\nhttpProxy={text}\n"), linux(home)
    ),
    "http_proxy": lambda text, home: ProxyConfig.from_environ({"http_proxy": text}),
    "all_proxy": lambda text, home: ProxyConfig.from_environ({"all_proxy": text}),
    "PACAWARE_PROXY": lambda text, home: ProxyConfig.from_environ({"PACAWARE_PROXY": text}),
    "code": lambda text, home: ProxyConfig(proxy_server=text),
}
PAC_URL: dict[str, Callable] = {
    "windows": lambda text, home: from_system(None, {}, windows(answer=IEConfig(False, text, None, None))),
    "macos": lambda text, home: from_system(None, {}, macos(ProxyAutoConfigEnable=1, ProxyAutoConfigURLString=text)),
    "gnome": lambda text, home: from_system(None, GNOME, linux(mode="auto", **{"autoconfig-url": text})),
    "kde": lambda text, home: from_system(
        "kde", write_kioslaverc(home, f"[Proxy Settings]\nProxyType=2\nProxy Config Script={text}\n"), linux(home)
    ),
    "auto_proxy": lambda text, home: ProxyConfig.from_environ({"auto_proxy": text}),
    "WSL_PAC_URL": lambda text, home: ProxyConfig.from_environ({"WSL_PAC_URL": text}),
    "PACAWARE_PAC_URL": lambda text, home: ProxyConfig.from_environ({"PACAWARE_PAC_URL": text}),
    "code": lambda text, home: ProxyConfig(pac_url=text),
}


@pytest.mark.parametrize("place", PROXY)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("p.test : 8080", "http://p.test:8080"),
        ("p.test\u00a0:\u30008080", "http://p.test:8080"),
        ("\u200bp.test:8080", "http://p.test:8080"),
        ("ｐ．ｔｅｓｔ：８０８０", "http://p.test:8080"),
        ("p。test:8080", "http://p.test:8080"),
        ("p.test:８０８０", "http://p.test:8080"),
        ("p.test:8080/", "http://p.test:8080"),
        ("http//p.test:8080", "http://p.test:8080"),
        ("http//p.test:8080/", "http://p.test:8080"),
        ("http:/p.test:8080", "http://p.test:8080"),
        ("http;//p.test:8080", "http://p.test:8080"),
        ("http：／／p.test：8080／", "http://p.test:8080"),
        ("http://http://p.test:8080", "http://p.test:8080"),
        ("p.test", "http://p.test:80"),
        ("p.test:", "http://p.test:80"),
        ("http://p.test", "http://p.test:80"),
        ("p.test:8080:8080", "http://p.test:8080"),
        ("http://p.test:8080:8080/", "http://p.test:8080"),
        ("例え.test:8080", "http://xn--r8jz45g.test:8080"),
        ("http://プロキシ.test:8080", "http://xn--nckua8gwd.test:8080"),
    ],
)
def test_proxies(place, text, meant, tmp_path):
    """What has one meaning is read as it was meant, with a warning."""
    settings = compile_settings(PROXY[place](text, tmp_path))
    assert list(map(str, settings.rules.candidates("http"))) == [meant]
    assert "warning" in [step.status for step in settings.warnings]


@pytest.mark.parametrize("place", PROXY)
@pytest.mark.parametrize(
    "text", ["p.test:8080:3128", "p.test:80a", "p.test:99999", "http://p.test/p.pac", "8080", "ftp://p.test"]
)
def test_proxies_that_are_none(place, text, tmp_path):
    """What could mean two things, or nothing, is an error that shows the text and the place it came from."""
    named = {
        "windows": "ProxyServer",
        "macos": "HTTPProxy",
        "gnome": "host",
        "kde": "httpProxy",
        "code": "proxy_server",
    }
    with pytest.raises(ConfigError) as caught:
        compile_settings(PROXY[place](text, tmp_path))
    assert repr(text) in str(caught.value)
    assert named.get(place.partition(",")[0], place) in str(caught.value).partition(repr(text))[0]


@pytest.mark.parametrize("place", PAC_URL)
@pytest.mark.parametrize(
    "text",
    [
        "http//pac.test/p.pac",
        "http:/pac.test/p.pac",
        "ｈｔｔｐ：／／pac．test／p.pac",
        "\u200bhttp://pac.test/p.pac",
        '"http://pac.test/p.pac"',
    ],
)
def test_addresses_of_pac_files(place, text, tmp_path):
    """They are repaired in the same way."""
    settings = compile_settings(PAC_URL[place](text, tmp_path))
    assert settings.config.pac_url == PAC
    assert [step.status for step in settings.warnings].count("warning") == 1


@pytest.mark.parametrize("text", ["http=ｐ．test：8080；https=q 81", "http = p.test : 8080 ;\nhttps = q:81 ;"])
@pytest.mark.parametrize("place", ["windows", "windows, binary value", "PACAWARE_PROXY", "code"])
def test_lists(place, text, tmp_path):
    """So are lists for several schemes."""
    settings = compile_settings(PROXY[place](text, tmp_path))
    rules: ProxyRules = settings.rules
    assert str(rules) == "http=http://p.test:8080;https=http://q:81"
    assert [step.status for step in settings.warnings].count("warning") == 1
