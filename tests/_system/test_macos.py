"""The settings of macOS: one dictionary, from the system or from the text of scutil."""

from __future__ import annotations

import ctypes
import plistlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.bypass import BypassRules
from pacaware._core.selection import is_strict
from pacaware._models import ProxyConfig
from pacaware._system.macos import ask, copy_proxies, parse_scutil, read_config, settings_from
from pacaware.errors import ConfigError
from tests._system.expected import notes

PAC = "http://pac.test/p.pac"
DEFAULT = {"ExceptionsList": ["*.local", "169.254/16"], "FTPPassive": 1}


def scutil(value, depth=0):
    """The text that scutil prints for a dictionary."""
    pad = "  " * (depth + 1)
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        kind = "dictionary" if isinstance(value, dict) else "array"
        lines = "".join(f"{pad}{key} : {scutil(item, depth + 1)}\n" for key, item in pairs)
        return f"<{kind}> {{\n{lines}{'  ' * depth}}}"
    return str(value)


CASES = [
    ({}, {}),
    (DEFAULT, {"bypass": "*.local,169.254/16"}),
    ({"ProxyAutoDiscoveryEnable": 1}, {"auto_detect": True}),
    ({"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": PAC}, {"pac_url": PAC}),
    ({"ProxyAutoConfigEnable": 0, "ProxyAutoConfigURLString": PAC}, {}),
    ({"ProxyAutoConfigEnable": 1}, {}),
    ({"HTTPEnable": 1, "HTTPProxy": "p.test", "HTTPPort": 8080}, {"proxy_server": "http=http://p.test:8080"}),
    ({"HTTPEnable": 0, "HTTPProxy": "p.test", "HTTPPort": 8080}, {}),
    ({"HTTPProxy": "p.test", "HTTPPort": 8080}, {}),
    ({"HTTPEnable": 1}, {}),
    ({"HTTPSEnable": 1, "HTTPSProxy": "p", "HTTPSPort": 443}, {"proxy_server": "https=http://p:443"}),
    ({"SOCKSEnable": 1, "SOCKSProxy": "s", "SOCKSPort": 9}, {"proxy_server": "socks5://s:9"}),
    (
        {
            "HTTPEnable": 1,
            "HTTPProxy": "a",
            "HTTPPort": 1,
            "HTTPSEnable": 1,
            "HTTPSProxy": "b",
            "HTTPSPort": 2,
            "FTPEnable": 1,
            "FTPProxy": "c",
            "FTPPort": 3,
            "SOCKSEnable": 1,
            "SOCKSProxy": "d",
            "SOCKSPort": 4,
        },
        {"proxy_server": "http=http://a:1;https=http://b:2;ftp=http://c:3;socks=socks5://d:4"},
    ),
    ({"ExcludeSimpleHostnames": 1}, {"bypass": "<local>"}),
    ({**DEFAULT, "ExcludeSimpleHostnames": 1}, {"bypass": "<local>,*.local,169.254/16"}),
    ({"HTTPEnable": 1, "HTTPProxy": "2001:db8::1", "HTTPPort": 80}, {"proxy_server": "http=http://[2001:db8::1]:80"}),
    (
        {"HTTPEnable": 1, "HTTPProxy": "p", "HTTPPort": 1, "__SCOPED__": {"en0": {"HTTPEnable": 0, "HTTPProxy": "q"}}},
        {"proxy_server": "http=http://p:1"},
    ),
]


@pytest.mark.parametrize(("proxies", "expected"), CASES, ids=str)
def test_the_dictionary(proxies, expected):
    """What is switched on counts: detection, PAC file, a proxy for each scheme, exceptions."""
    config = settings_from(proxies)
    assert config == ProxyConfig(**expected, bypass_dialect="macos", origin="macos")
    assert not is_strict(config)


@pytest.mark.parametrize(("proxies", "expected"), CASES, ids=str)
def test_the_text_of_scutil(proxies, expected):
    """The same settings are read from the text that scutil prints."""
    found = parse_scutil(scutil(proxies) + "\n")
    assert settings_from(found) == ProxyConfig(**expected, bypass_dialect="macos", origin="macos")


@pytest.mark.parametrize("text", ["", "No proxies\n", "{\n"])
def test_what_is_no_dictionary(text):
    """Anything else that is printed is no answer."""
    assert parse_scutil(text) is None


def test_exceptions():
    """Short address ranges and simple host names are exceptions."""
    config = settings_from({**DEFAULT, "ExcludeSimpleHostnames": 1})
    rules = BypassRules.parse(config.bypass, config.bypass_dialect)
    assert all(map(rules.matches, ["http://printer.local/", "http://169.254.7.7/", "http://intranet/"]))
    assert not rules.matches("http://a.test/")


def test_what_cannot_be_made_out():
    """It is an error where it decides, and left out with a note where a script comes first."""
    broken = {"HTTPEnable": 1, "HTTPProxy": "p:1", "HTTPPort": 2}
    with pytest.raises(ConfigError, match="System Settings: HTTPProxy: 'p:1' names port 1, the field for the port 2"):
        settings_from(broken)
    config = settings_from({**broken, "ProxyAutoDiscoveryEnable": 1})
    assert (config.auto_detect, config.proxy_server) == (True, None)
    assert "left out" in notes(config)


def test_where_it_looked():
    """A reading names the source and says what was found."""
    assert read_config(lambda: ("scutil --proxy", None)) == ("scutil --proxy", None, "the system gives no settings")
    assert read_config(lambda: ("x", {})).why == "no proxy is switched on"
    assert read_config(lambda: ("x", {"ProxyAutoDiscoveryEnable": 1})).why == "a proxy is switched on"


class Function:
    """A function of a C library, played by Python."""

    def __init__(self, does):
        self.does = does
        self.restype, self.argtypes = None, ()

    def __call__(self, *arguments):
        assert len(arguments) == len(self.argtypes)
        return self.does(*arguments)


class Libraries:
    """CoreFoundation and SystemConfiguration with one dictionary; counts what was not released."""

    def __init__(self, dictionary=7, xml=b""):
        self.buffer = ctypes.create_string_buffer(xml, len(xml))
        self.held = set()
        self.SCDynamicStoreCopyProxies = Function(lambda store: self.hold(dictionary))
        self.CFPropertyListCreateData = Function(lambda a, plist, form, o, e: self.hold(9 if xml else None))
        self.CFDataGetLength = Function(lambda data: len(xml))
        self.CFDataGetBytePtr = Function(lambda data: ctypes.addressof(self.buffer))
        self.CFRelease = Function(self.held.remove)

    def hold(self, pointer):
        if pointer:
            self.held.add(pointer)
        return pointer


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        (Libraries(xml=plistlib.dumps(DEFAULT)), DEFAULT),
        (Libraries(xml=plistlib.dumps([1])), None),
        (Libraries(), None),
        (Libraries(dictionary=None), None),
    ],
    ids=["dictionary", "list", "no data", "no dictionary"],
)
def test_what_the_system_hands_out(libraries, expected):
    """The dictionary comes over whole, and everything that the system handed out is released."""
    assert copy_proxies(libraries, libraries) == expected
    assert libraries.held == set()


def test_another_system():
    """Where there is no macOS to ask, the answer is nothing, without an error."""
    where, proxies = ask()
    assert "scutil" in where or "SCDynamicStore" in where
    assert proxies is None or isinstance(proxies, dict)


@settings(deadline=None)
@given(st.text(st.sampled_from("<dictionary> {array}:01 \nab"), max_size=80))
def test_any_text_is_read(text):
    """No text crashes the parser."""
    assert isinstance(parse_scutil("<dictionary> {\n" + text), dict)
