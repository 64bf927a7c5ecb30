"""Settings from environment variables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._core.bypass import BypassRules
from pacaware._core.proxy_rules import ProxyRules
from pacaware._core.selection import is_strict
from pacaware._models import ProxyConfig
from pacaware._system.environ import fingerprint, no_proxy, read_config
from pacaware.errors import ConfigError
from tests.data import rows

PAC = "http://pac.test/p.pac"


@pytest.mark.parametrize("row", rows("environment"), ids=lambda row: str(row["env"]))
def test_what_chromium_reads(row):
    """The variables that Chromium reads select the same proxies and exceptions."""
    config, expected = read_config(row["env"]), row["expected"]
    assert (config.auto_detect, config.pac_url) == (expected["auto_detect"], expected["pac_url"])
    wanted = expected["proxy_rules"]
    if wanted["type"] == "none":
        assert config.proxy_server is None
        return
    rules = ProxyRules.parse(config.proxy_server)
    names = {"http": "http", "https": "https", "ftp": "ftp", "socks": "socks", "single": ""}
    for name, key in names.items():
        uris = [str(item) for item in dict(rules.entries).get(key, ())]
        assert uris == [uri if "://" in uri else f"http://{uri}" for uri in [wanted[name]] if uri]
    assert list(BypassRules.parse(config.bypass or "", config.bypass_dialect).rules) == wanted["bypass"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PACAWARE": ""},
        {"PACAWARE": "0"},
        {"PACAWARE": "Off"},
        {"PACAWARE": "1"},
        {"PACAWARE": "system"},
        {"NO_PROXY": "*"},
        {"PACAWARE_BYPASS": "*"},
        {"PACAWARE_AUTO_DETECT": "no"},
        {"http_proxy": "", "HTTP_PROXY": "p:1"},
        {"HTTPS_PROXY": "  "},
        {"SOCKS_VERSION": "4"},
        {"REQUEST_METHOD": "GET", "HTTP_PROXY": "p:1"},
    ],
    ids=str,
)
def test_what_selects_nothing(environ):
    """Switches, exceptions and empty values are no settings; an empty lower-case name hides the upper-case one."""
    assert read_config(environ) is None
    assert ProxyConfig.from_environ(environ) == ProxyConfig(origin="environment")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PACAWARE": PAC}, {"pac_url": PAC}),
        ({"PACAWARE": f" {PAC} ", "PACAWARE_PAC_URL": "http://other.test/"}, {"pac_url": PAC}),
        ({"PACAWARE": "1", "PACAWARE_PAC_URL": PAC}, {"pac_url": PAC}),
        ({"PACAWARE_PAC_URL": "data:text/plain,function"}, {"pac_url": "data:text/plain,function"}),
        ({"PACAWARE_AUTO_DETECT": "yes"}, {"auto_detect": True}),
        (
            {"PACAWARE_PAC_URL": "file:///p.pac", "PACAWARE_ALLOW_FILE": "1"},
            {"pac_url": "file:///p.pac", "allow_file": True},
        ),
        ({"PACAWARE": "/etc/p.pac", "PACAWARE_ALLOW_FILE": "on"}, {"pac_url": "/etc/p.pac", "allow_file": True}),
        ({"PACAWARE": r"C:\p.pac", "PACAWARE_ALLOW_FILE": "1"}, {"pac_url": r"C:\p.pac", "allow_file": True}),
        ({"PACAWARE": "p.pac", "PACAWARE_ALLOW_FILE": "1"}, {"pac_url": "p.pac", "allow_file": True}),
        ({"PACAWARE_PROXY": "p:1", "PACAWARE_BYPASS": "a.test"}, {"proxy_server": "http://p:1", "bypass": "a.test"}),
        ({"PACAWARE_PROXY": "socks5h://p/"}, {"proxy_server": "socks5://p:1080"}),
        ({"PACAWARE_PROXY": "http=a:1;https=b:2"}, {"proxy_server": "http=a:1;https=b:2"}),
        ({"PACAWARE_PROXY": "a:1 https=b:2"}, {"proxy_server": "a:1;https=b:2"}),
        (
            {"PACAWARE": PAC, "PACAWARE_AUTO_DETECT": "1", "PACAWARE_PROXY": "p", "http_proxy": "q"},
            {"pac_url": PAC, "auto_detect": True, "proxy_server": "http://p:80"},
        ),
    ],
    ids=str,
)
def test_our_own_variables(environ, expected):
    """They make one source together, win over all others, and are strict; the bypass list is in NO_PROXY's form."""
    config = read_config(environ)
    assert config == ProxyConfig(**expected, bypass_dialect="no_proxy", origin="environment")
    assert is_strict(config)


@pytest.mark.parametrize(
    ("environ", "expected", "origin"),
    [
        ({"auto_proxy": "", "http_proxy": "p"}, {"auto_detect": True}, "environment"),
        ({"AUTO_PROXY": PAC, "WSL_PAC_URL": "http://other.test/"}, {"pac_url": PAC}, "environment"),
        ({"WSL_PAC_URL": PAC, "http_proxy": "p"}, {"pac_url": PAC}, "wsl"),
        ({"PACAWARE": "system", "WSL_PAC_URL": PAC, "auto_proxy": ""}, {"pac_url": PAC}, "wsl"),
    ],
    ids=str,
)
def test_scripts_that_the_desktop_names(environ, expected, origin):
    """auto_proxy comes before WSL_PAC_URL, both before the proxy variables; trouble with them is no error."""
    config = read_config(environ)
    assert config == ProxyConfig(**expected, pac_mandatory=False, origin=origin)
    assert not is_strict(config)


@pytest.mark.parametrize(
    ("environ", "proxy_server"),
    [
        ({"http_proxy": "p:1"}, "http=http://p:1"),
        ({"HTTP_PROXY": "p:1"}, "http=http://p:1"),
        ({"http_proxy": "p:1", "HTTP_PROXY": "q:1"}, "http=http://p:1"),
        ({"https_proxy": "https://p:1/"}, "https=https://p:1"),
        ({"https_proxy": "p", "ALL_PROXY": "socks5://q"}, "https=http://p:80;socks5://q:1080"),
        ({"http_proxy": "p", "SOCKS_SERVER": "s"}, "http=http://p:80"),
        ({"SOCKS_SERVER": "s:1", "SOCKS_VERSION": "5"}, "socks5://s:1"),
        ({"SOCKS_SERVER": "s", "SOCKS_VERSION": "4"}, "socks4://s:1080"),
        ({"socks_server": "s:1", "socks_version": "4"}, "socks4://s:1"),
        ({"SOCKS_SERVER": "s:1", "socks_server": "t:1"}, "socks5://s:1"),
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": "p:1", "http_proxy": "q:1"}, "http=http://q:1"),
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": "p:1", "HTTPS_PROXY": "q:1"}, "https=http://q:1"),
        ({"PACAWARE": "1", "https_proxy": "p"}, "https=http://p:80"),
    ],
    ids=str,
)
def test_the_proxy_variables(environ, proxy_server):
    """Lower case comes first, all_proxy fills the gaps, SOCKS_SERVER comes last, and a CGI header is no setting."""
    config = read_config(environ)
    assert config == ProxyConfig(proxy_server=proxy_server, bypass_dialect="no_proxy", origin="environment")


def test_no_proxy_goes_with_the_proxy_variables():
    """The list of exceptions belongs to the proxies beside it and can be asked for alone."""
    assert read_config({"http_proxy": "p", "NO_PROXY": "a.test"}).bypass == "a.test"
    assert no_proxy({"NO_PROXY": "a.test", "no_proxy": "b.test"}) == "b.test"
    assert no_proxy({"PACAWARE": "system", "NO_PROXY": "a.test"}) == "a.test"
    assert no_proxy({}) is None


def test_system_skips_the_proxy_variables():
    """PACAWARE=system leaves the choice to the desktop; our own variables still count."""
    assert read_config({"PACAWARE": "System", "http_proxy": "p", "all_proxy": "q", "SOCKS_SERVER": "s"}) is None
    assert read_config({"PACAWARE": "system", "PACAWARE_PROXY": "p"}).proxy_server == "http://p:80"


@pytest.mark.parametrize(
    ("environ", "server", "credentials"),
    [
        ({"http_proxy": "http://u:p%40w@p:1/"}, "http=http://p:1", ("p:1", "u", "p@w")),
        ({"https_proxy": "u:a;b,c/d@e@P"}, "https=http://p:80", ("p:80", "u", "a;b,c/d@e")),
        ({"PACAWARE_PROXY": "https://u:x=y@p"}, "https://p:443", ("p:443", "u", "x=y")),
        ({"PACAWARE_PROXY": "http=http://u:pw@p:1"}, "http=http://p:1", ("p:1", "u", "pw")),
    ],
    ids=["escaped", "unescaped", "equals", "list"],
)
def test_a_user_in_a_proxy_url(environ, server, credentials):
    """User and password are kept beside the proxy, escaped or not, and no repr shows them."""
    config = read_config(environ)
    assert config.proxy_server == server
    assert config.proxy_credentials == (credentials,)
    assert credentials[2] not in repr(config)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PACAWARE", "tru", "nor 1, 0 or system"),
        ("PACAWARE", "http://", "not an absolute URL"),
        ("PACAWARE", "/etc/p.pac", "PACAWARE_ALLOW_FILE=1 would allow it"),
        ("PACAWARE_PAC_URL", "ftp://h/p", "not the URL of a PAC file"),
        ("PACAWARE_PAC_URL", r"C:\temp\proxy.pac", "not read from disk"),
        ("PACAWARE_PROXY", "p:x", "'x' is not a port"),
        ("PACAWARE_PROXY", "http=p:x", "'x' is not a port"),
        ("PACAWARE_AUTO_DETECT", "maybe", "either 1 or 0"),
        ("PACAWARE_ALLOW_FILE", "/etc", "either 1 or 0"),
        ("http_proxy", "p:8080x", "'8080x' is not a port"),
        ("https_proxy", "ftp://p:21", "scheme must be"),
        ("all_proxy", "http://p:1/path", "without a path"),
        ("all_proxy", "http://p/proxy.pac", "looks like the address of a PAC file"),
        ("http_proxy", "8080", "a port without a host"),
        ("SOCKS_SERVER", "s:0", "not a port"),
        ("https_proxy", "p:8080:3128", "two ports, 8080 and 3128"),
        ("PACAWARE_PROXY", "http=p:8080:3128", "two ports"),
        ("PACAWARE_PAC_URL", "wpad", "not the URL of a PAC file"),
    ],
)
def test_a_broken_value(variable, value, said):
    """A value that cannot be used is an error that names the variable and shows the text."""
    with pytest.raises(ConfigError, match=said) as caught:
        read_config({variable: value})
    assert variable in str(caught.value)
    assert repr(value.rpartition("=")[2])[1:-1] in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "proxy"),
    [
        ("http_proxy", "http//p:8080", "http=http://p:8080"),
        ("https_proxy", "https:/p:8080", "https=https://p:8080"),
        ("https_proxy", "http://p:8080:8080", "https=http://p:8080"),
        ("all_proxy", "ｐ：８０８０", "http://p:8080"),
        ("http_proxy", '"http://p:8080"', "http=http://p:8080"),
        ("SOCKS_SERVER", "s:", "socks5://s:1080"),
        ("PACAWARE_PROXY", "p 8080", "http://p:8080"),
        ("http_proxy", "http//me:secret@p:8080", "http=http://p:8080"),
        ("http_proxy", "http://me:secret@p:8080:8080/", "http=http://p:8080"),
        ("http_proxy", "http://p", "http=http://p:80"),
        ("https_proxy", "http://例え.jp:8080", "https=http://xn--r8jz45g.jp:8080"),
        ("https_proxy", "http://ｐ:8080/", "https=http://p:8080"),
        ("PACAWARE_PROXY", "http = ｐ：8080；https=q 1", "http=p:8080;https=q:1"),
    ],
)
def test_what_was_typed_wrongly(variable, value, proxy):
    """What has one meaning only is read as it was meant, and a note names the variable."""
    config = read_config({variable: value})
    assert config.proxy_server == proxy
    assert config.notes[0].detail.startswith(f"{variable}: ")
    assert "secret" not in str(config.notes)


@pytest.mark.parametrize("variable", ["PACAWARE_PAC_URL", "auto_proxy", "WSL_PAC_URL"])
@pytest.mark.parametrize("value", ["http//pac.test/p.pac", "ｈttp：／／pac.test／p.pac", '"http://pac.test/p.pac"'])
def test_the_address_of_a_pac_file_typed_wrongly(variable, value):
    """What has one meaning only is read as it was meant, and a note names the variable."""
    config = read_config({variable: value})
    assert config.pac_url == PAC
    assert config.notes[0].detail.startswith(f"{variable}: ")
    assert "is read as 'http://pac.test/p.pac'" in config.notes[0].detail


@pytest.mark.parametrize(("variable", "origin"), [("auto_proxy", "environment"), ("WSL_PAC_URL", "wsl")])
@pytest.mark.parametrize("value", ["wpad.dat", "wpad", "ftp://user:top-secret@h/p.pac", "http://user:top-secret@h:x/"])
def test_a_script_of_the_desktop_that_is_none(variable, origin, value):
    """As in browsers it means no proxy, with a note that names the variable; other variables have no turn."""
    config = read_config({variable: value, "http_proxy": "p:1"})
    assert config == ProxyConfig(pac_mandatory=False, origin=origin)
    assert "is not the URL of a PAC file, so it is ignored" in config.notes[0].detail
    assert variable in config.notes[0].detail
    assert "top-secret" not in config.notes[0].detail


def test_a_script_of_the_desktop_on_disk():
    """Whether it may be read is for the one who fetches: it is refused there, and that is no error."""
    assert read_config({"WSL_PAC_URL": "file:///p.pac"}).pac_url == "file:///p.pac"


@pytest.mark.parametrize(
    "environ",
    [
        {"PACAWARE_PROXY": "p:1", "PACAWARE_BYPASS": "＊．corp，１０.*"},
        {"http_proxy": "p:1", "no_proxy": "＊．corp，１０.*"},
    ],
)
def test_exceptions_in_full_width(environ):
    """They are read in plain characters, with a note."""
    config = read_config(environ)
    assert config.bypass == "*.corp,10.*"
    assert "are read as plain ones" in config.notes[0].detail


@pytest.mark.parametrize("variable", ["PACAWARE", "PACAWARE_PAC_URL", "PACAWARE_PROXY", "http_proxy"])
@pytest.mark.parametrize("value", ["http://user:top-secret@h:x/", "user:top-secret@h:x", "ftp://user:top-secret@h/"])
def test_errors_keep_passwords_to_themselves(variable, value):
    """The text that an error shows has no user and password."""
    with pytest.raises(ConfigError, match=variable) as caught:
        read_config({variable: value})
    assert "top-secret" not in str(caught.value)


VALUES = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.sampled_from(["", "1", "system", "http://u:p@h:1/", "h", "http=a;b", "/p.pac", "a=b@c"]),
)
NAMES = ["PACAWARE", "PACAWARE_PAC_URL", "PACAWARE_PROXY", "PACAWARE_BYPASS", "PACAWARE_ALLOW_FILE", "auto_proxy"]
NAMES += ["http_proxy", "HTTPS_PROXY", "all_proxy", "SOCKS_SERVER", "no_proxy", "REQUEST_METHOD", "WSL_PAC_URL"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_environment_reads_or_is_refused(environ):
    """No environment crashes the reader, and a manual proxy that it selects can be used."""
    try:
        config = read_config(environ)
    except ConfigError:
        return
    if config is not None and config.proxy_server is not None:
        assert ProxyRules.parse(config.proxy_server).entries


@pytest.mark.parametrize("name", ["PACAWARE", "PACAWARE_BYPASS", "no_proxy", "NO_PROXY", "http_proxy", "WSL_PAC_URL"])
def test_changes_are_noticed(name):
    """The fingerprint changes with every variable that is read here, and with no other."""
    before = {"PATH": "/bin", "https_proxy": "p"}
    assert fingerprint({**before, name: "x"}) != fingerprint(before)
    assert fingerprint({**before, "PATH": "/sbin"}) == fingerprint(before)
