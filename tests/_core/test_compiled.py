"""Settings, parsed once: the answers that need no script."""

from __future__ import annotations

import pytest

from pacaware._core.compiled import _MOST_TOLD, compile_settings
from pacaware._core.selection import Setting
from pacaware._core.target import parse_target
from pacaware._models import ProxyConfig
from pacaware.errors import ConfigError

PAC = "http://pac.test/p.pac"


def answer(config: ProxyConfig, url: str, no_proxy: str | None = None):
    choice = compile_settings(config, no_proxy).without_script(parse_target(url))
    return choice and (str(choice.proxies), choice.source, choice.rule)


@pytest.mark.parametrize(
    ("config", "url", "expected"),
    [
        (ProxyConfig(), "http://h.test/", ("DIRECT", "no-proxy", None)),
        (ProxyConfig(proxy_server="p:1"), "http://h.test/", ("PROXY p:1", "manual", None)),
        (ProxyConfig(proxy_server="http=p:1"), "https://h.test/", ("DIRECT", "manual", None)),
        (ProxyConfig(proxy_server="p:1", bypass="*.test"), "http://h.test/", ("DIRECT", "bypass", "*.test")),
        (ProxyConfig(pac_url=PAC), "http://h.test/", None),
        (ProxyConfig(auto_detect=True), "http://h.test/", None),
        (ProxyConfig(pac_url=PAC, proxy_server="p:1", bypass="*.test"), "http://h.test/", None),
        (ProxyConfig(pac_url=PAC), "http://127.0.0.1/", ("DIRECT", "implicit-bypass", "implicit: 127.0.0.0/8")),
        (ProxyConfig(proxy_server="p:1"), "http://[::1]/", ("DIRECT", "implicit-bypass", "implicit: ::1")),
        (ProxyConfig(pac_url=PAC, bypass="<-loopback>"), "http://127.0.0.1/", None),
        (ProxyConfig(proxy_server="p:1", bypass="<-loopback>"), "http://127.0.0.1/", ("PROXY p:1", "manual", None)),
        (ProxyConfig(proxy_server="p:1"), "http://loopback/", ("DIRECT", "implicit-bypass", "implicit: loopback")),
        (ProxyConfig(proxy_server="p:1", bypass_dialect="gnome"), "http://loopback/", ("PROXY p:1", "manual", None)),
    ],
    ids=str,
)
def test_answers_without_a_script(config, url, expected):
    """Implicit rules come first; the bypass list is for the manual setting alone; a script is asked last."""
    assert answer(config, url) == expected


@pytest.mark.parametrize(
    ("config", "url", "expected"),
    [
        (ProxyConfig(pac_url=PAC), "http://h.test/", ("DIRECT", "bypass", "NO_PROXY: *.test")),
        (ProxyConfig(proxy_server="p:1"), "http://h.test/", ("DIRECT", "bypass", "NO_PROXY: *.test")),
        (ProxyConfig(proxy_server="p:1"), "http://h.example/", ("PROXY p:1", "manual", None)),
        (ProxyConfig(), "http://h.test/", ("DIRECT", "bypass", "NO_PROXY: *.test")),
        (ProxyConfig(proxy_server="p:1", bypass="<-loopback>"), "http://127.0.0.1/", ("PROXY p:1", "manual", None)),
        (ProxyConfig(pac_url=PAC, bypass="<-loopback>"), "http://localhost/", None),
    ],
    ids=str,
)
def test_no_proxy(config, url, expected):
    """NO_PROXY is for scripts, too; it does not bring back implicit rules that ``<-loopback>`` has removed."""
    assert answer(config, url, no_proxy=".test") == expected


def test_a_reversed_list_without_entries_uses_no_proxy():
    """A list that names what uses the proxy and is empty names nothing (KDE)."""
    assert answer(ProxyConfig(proxy_server="p:1", reverse_bypass=True, bypass_dialect="kde"), "http://h.test/")[:2] == (
        "DIRECT",
        "bypass",
    )


def test_the_order_is_compiled():
    """The settings that are switched on, in order."""
    settings = compile_settings(ProxyConfig(pac_url=PAC, proxy_server="p:1"))
    assert settings.order == (Setting.PAC_URL, Setting.MANUAL, Setting.DIRECT)


def test_the_manual_setting_stands_in_for_a_script():
    """What is used when no script was obtained: the manual setting with its bypass list, else DIRECT."""
    target = parse_target("http://h.test/")
    both = compile_settings(ProxyConfig(pac_url=PAC, proxy_server="p:1", bypass="h.test"))
    assert both.manual(target)[1:] == ("bypass", "h.test")
    assert compile_settings(ProxyConfig(pac_url=PAC)).manual(target).source == "no-proxy"


def test_what_is_left_out_is_a_warning():
    """An entry that cannot be read changes nothing else and is said once, with its place."""
    config = ProxyConfig(proxy_server="p:1;q:99999", bypass="10.0.0.0/8;h.test", origin="windows")
    settings = compile_settings(config, no_proxy="a b:0")
    assert [step.name for step in settings.warnings] == ["proxy server", "bypass list", "NO_PROXY"]
    assert {step.status for step in settings.warnings} == {"warning"}
    assert "'10.0.0.0/8' is left out: " in settings.warnings[1].detail


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"proxy_server": "ｐ：8080"}, {"proxy_server": "p:8080"}),
        ({"proxy_server": "http//p:8080/"}, {"proxy_server": "http://p:8080"}),
        ({"proxy_server": "p:8080:8080"}, {"proxy_server": "p:8080"}),
        ({"proxy_server": "p,8080"}, {"proxy_server": "p:8080"}),
        ({"proxy_server": "p"}, {"proxy_server": "p:80"}),
        ({"proxy_server": "例え.jp:8080"}, {"proxy_server": "xn--r8jz45g.jp:8080"}),
        ({"pac_url": "http//pac.test/p.pac"}, {"pac_url": PAC}),
        ({"bypass": "＊．corp；１０．＊"}, {"bypass": "*.corp;10.*"}),
    ],
    ids=str,
)
def test_settings_in_code_are_read_as_they_are_meant(given, meant):
    """What a program was given is often typed by somebody; each repair is a warning that names the argument."""
    settings = compile_settings(ProxyConfig(**given))
    assert {name: getattr(settings.config, name) for name in meant} == meant
    (warning,) = settings.warnings
    assert warning.status == "warning"
    assert warning.detail.startswith(f"{next(iter(given))}: ")


def test_a_user_beside_a_proxy_that_was_repaired():
    """User and password stay with the proxy as it is used; beside one that is left out they do no harm."""
    settings = compile_settings(ProxyConfig(proxy_server="http://me:secret@p:8080:8080/;you:secret@q:x"))
    assert settings.config.proxy_credentials == (("p:8080", "me", "secret"), ("q:x", "you", "secret"))
    assert str(settings.rules) == "http://p:8080"
    assert "secret" not in str(settings.warnings)


def test_addresses_of_pac_files_that_are_none():
    """What is no web address is left as it is: the one who fetches says what is wrong with it."""
    for url in ("p.pac", "/etc/p.pac", "wpad"):
        settings = compile_settings(ProxyConfig(pac_url=url, allow_file=True))
        assert (settings.config.pac_url, settings.warnings) == (url, ())


def test_no_proxy_in_full_width():
    """It is read in plain characters, with one warning."""
    settings = compile_settings(ProxyConfig(proxy_server="p:1"), no_proxy="１０．0.0.0/8，h.test")
    assert settings.no_proxy.rules == ("10.0.0.0/8", "*h.test")
    assert [step.detail.partition(":")[0] for step in settings.warnings] == ["NO_PROXY"]


def test_no_proxy_is_not_reported_twice():
    """What the proxy variables select has NO_PROXY for its bypass list: one warning, not two."""
    config = ProxyConfig(proxy_server="p:1", bypass="a:0", bypass_dialect="no_proxy", origin="environment")
    assert [step.name for step in compile_settings(config, no_proxy="a:0").warnings] == ["NO_PROXY"]


@pytest.mark.parametrize(
    "config",
    [
        ProxyConfig(proxy_server="p:99999"),
        ProxyConfig(proxy_server="p:1:2"),
        ProxyConfig(bypass="x", bypass_dialect="os2"),
    ],
)
def test_settings_that_cannot_be_used(config):
    """A proxy setting without a usable proxy, and an unknown dialect, are errors."""
    with pytest.raises(ConfigError):
        compile_settings(config)


def test_steps_are_kept_for_a_bounded_number_of_rules():
    """URLs to which the same rule applies share their steps; of more rules than are kept, each gets its own anew."""
    hosts = [f"h{number}.test" for number in range(_MOST_TOLD + 1)]
    settings = compile_settings(ProxyConfig(proxy_server="p:1", bypass=";".join(hosts)))

    def steps(host: str):
        target = parse_target(f"http://{host}/")
        choice = settings.without_script(target)
        assert choice is not None
        return settings.steps_without_script(choice, target)

    for host in hosts:
        assert [(step.name, step.detail) for step in steps(host)][-2] == ("bypass", host)
    assert steps(hosts[0]) is steps(hosts[0])
    assert steps(hosts[-1]) is not steps(hosts[-1])
    assert steps(hosts[-1]) == steps(hosts[-1])
