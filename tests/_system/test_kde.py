"""The settings of KDE, from files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacaware._models import ProxyConfig
from pacaware._system.kde import Entry, config_files, fingerprint, parse_kioslaverc, read_config
from pacaware.errors import ConfigError
from tests._system.expected import assert_is, notes
from tests._system.machines import KDE5, write_kioslaverc
from tests.data import rows


@pytest.mark.parametrize(
    "row", [row for row in rows("kioslaverc") if row["kind"] == "kde"], ids=lambda row: row["description"]
)
def test_what_chromium_reads(row, tmp_path):
    """A file selects the proxies and exceptions that Chromium reads from it."""
    write_kioslaverc(tmp_path, row["kioslaverc"], "share/config")
    reading = read_config({**row["env"], "DESKTOP_SESSION": "kde4", "KDEHOME": str(tmp_path)})
    assert_is(reading.config or ProxyConfig(), row["expected"])


@pytest.mark.parametrize(
    "row", [row for row in rows("kioslaverc") if row["kind"] == "kde-files"], ids=lambda row: row["description"]
)
def test_which_files_chromium_reads(row, tmp_path):
    """The folders of each version of KDE are looked into, and merged key by key."""
    for name, text in row["files"].items():
        write_kioslaverc(tmp_path, text, str(Path(name).parent))
    if (tmp_path / ".kde").exists():
        os.utime(tmp_path / ".kde/share/config", (1, 1))
    environ = {name: value.replace("$HOME", str(tmp_path)) for name, value in row["env"].items()}
    reading = read_config(environ)
    assert_is(reading.config, row["expected"])
    assert str(tmp_path) in reading.where


def test_an_older_kde4_folder(tmp_path):
    """KDE 4 uses the one of its two folders that was changed last."""
    write_kioslaverc(tmp_path, "", ".kde/share/config")
    write_kioslaverc(tmp_path, "", ".kde4/share/config")
    environ = {"DESKTOP_SESSION": "kde4", "HOME": str(tmp_path)}
    empty = {**environ, "HOME": str(tmp_path / "none")}
    assert config_files(empty) == [tmp_path / "none/.kde/share/config/kioslaverc"]
    os.utime(tmp_path / ".kde/share/config", (2, 2))
    os.utime(tmp_path / ".kde4/share/config", (1, 1))
    assert config_files(environ) == [tmp_path / ".kde/share/config/kioslaverc"]
    os.utime(tmp_path / ".kde4/share/config", (2, 2))
    assert config_files(environ) == [tmp_path / ".kde4/share/config/kioslaverc"]
    assert config_files({**environ, "DESKTOP_SESSION": "kde"}) == [tmp_path / ".kde/share/config/kioslaverc"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["/etc/xdg", "/home/me/.config"]),
        ({"XDG_CONFIG_HOME": "/c"}, ["/etc/xdg", "/c"]),
        ({"XDG_CONFIG_DIRS": "/a::/b"}, ["/b", "/a", "/home/me/.config"]),
        ({"KDEHOME": "/k"}, ["/k/share/config"]),
    ],
)
def test_the_folders_of_kde5(environ, expected):
    """The user's folder wins over the shared ones, of which the first wins."""
    files = config_files({**KDE5, "HOME": "/home/me", **environ})
    assert files == [Path(folder, "kioslaverc") for folder in expected]


def test_no_home():
    """Without HOME the user's own folder is taken, if there is one."""
    assert config_files(KDE5) == []
    assert config_files(KDE5, Path("/h"))[-1] == Path("/h/.config/kioslaverc")
    assert read_config(KDE5).config is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=b", [("a", "b")]),
        ("a = b = c ", [("a", "b = c")]),
        ("Proxy Config Script[$e]=http://$HOST/${DIR}.pac?$$x", [("Proxy Config Script", "http://h.test/d.pac?$x")]),
        ("a[de][$ie]=$HOST", [("a", "h.test", True)]),
        ("a[$i]=$HOST", [("a", "$HOST", True)]),
        ("a[$d]", [("a", None)]),
        ("a[de]", []),
        ("a[$e]=$MISSING!", [("a", "!")]),
        (r"a=\sx\\y\t", [("a", " x\\y\t")]),
        (r"a=\x41\xe9\x", [("a", "Aé\\x")]),
        ("a", []),
        ("=b", []),
        ("[Proxy Settings][$i]", [("", None, True)]),
        ("[Other]\na=b", []),
        ("[Other][$i]\na=b", []),
        ("[Proxy Settings][Other]\na=b", []),
        ("a=" + "x" * 600, [("a", "x" * 600)]),
    ],
)
def test_lines(line, expected):
    """$e puts variables in, $i locks, $d deletes, other marks are dropped; escapes are undone."""
    text = f"before=1\n[Proxy Settings]\r\n{line}\r\n"
    assert list(parse_kioslaverc(text, {"HOST": "h.test", "DIR": "d"})) == [Entry(*entry) for entry in expected]


@pytest.mark.parametrize(
    ("shared", "proxy_server"),
    [
        ("[Proxy Settings]\nProxyType=2\nhttpProxy=admin 1\n", "http=http://own:1;https=http://own:2"),
        ("[Proxy Settings]\nProxyType=2\nhttpProxy[$i]=admin 1\n", "http=http://admin:1;https=http://own:2"),
        ("[Proxy Settings][$i]\nProxyType=1\nhttpProxy=admin 1\n", "http=http://admin:1"),
        ("[$i]\n[Proxy Settings]\nProxyType=1\nhttpProxy=admin 1\n", "http=http://admin:1"),
        ("[Other][$i]\nx=1\n[Proxy Settings]\nhttpProxy=admin 1\n", "http=http://own:1;https=http://own:2"),
    ],
)
def test_what_an_administrator_has_locked(shared, proxy_server, tmp_path):
    """A key, the group or the whole file that is locked in a shared folder is not changed by the user's own file."""
    environ = write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=own 1\nhttpsProxy=own 2\n")
    write_kioslaverc(tmp_path, shared, "xdg")
    assert read_config(environ).config.proxy_server == proxy_server


def test_what_a_user_has_deleted(tmp_path):
    """A key that is deleted in the user's own file is no longer what the shared one says."""
    environ = write_kioslaverc(tmp_path, "[Proxy Settings]\nhttpsProxy[$d]\n")
    write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=a 1\nhttpsProxy=b 2\n", "xdg")
    assert read_config(environ).config.proxy_server == "http=http://a:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ProxyType=0\nhttpProxy=p 1", {}),
        ("ProxyType=3", {"auto_detect": True}),
        ("ProxyType=2", {"auto_detect": True}),
        ("ProxyType=2\nProxy Config Script=file:///p.pac", {"pac_url": "file:///p.pac"}),
        ("ProxyType=1\nhttpProxy=http://p 8080", {"proxy_server": "http=http://p:8080"}),
        ("ProxyType=1\nhttpProxy=http://p:8080/", {"proxy_server": "http=http://p:8080"}),
        ("ProxyType=1\nhttpsProxy=https://p 443", {"proxy_server": "https=http://p:443"}),
        ("ProxyType=1\nhttpProxy=//:\nsocksProxy=socks://s 9", {"proxy_server": "socks5://s:9"}),
        ("ProxyType=1\nftpProxy=f 1\nsocksProxy=s 9", {"proxy_server": "ftp=http://f:1;socks=socks5://s:9"}),
    ],
    ids=str,
)
def test_modes(text, expected, tmp_path):
    """Each ProxyType reads its own keys; "host port" is parted by a blank; a SOCKS proxy alone is for everything."""
    config = read_config(write_kioslaverc(tmp_path, f"[Proxy Settings]\n{text}\n")).config
    dialect = {"bypass_dialect": "kde"} if "proxy_server" in expected else {}
    assert config == ProxyConfig(**expected, **dialect, origin="kde")


@pytest.mark.parametrize("text", ["", "[Proxy Settings]\nhttpProxy=p 1\n", "[Proxy Settings]\nProxyType=1\n"])
def test_nothing_set(text, tmp_path):
    """A file without a type, or a manual one without a proxy, sets nothing."""
    assert read_config(write_kioslaverc(tmp_path, text)).config is None


@pytest.mark.parametrize(("value", "reverse"), [("1", True), ("True", True), ("-1", True), ("0", False), ("x", False)])
def test_reversed_exceptions(value, reverse, tmp_path):
    """The list may name what does use the proxy."""
    text = f"[Proxy Settings]\nProxyType=1\nhttpProxy=p 1\nNoProxyFor=a.test\nReversedException={value}\n"
    assert read_config(write_kioslaverc(tmp_path, text)).config.reverse_bypass is reverse


def test_variables_named_by_the_file(tmp_path):
    """ProxyType 4 reads the variables that the keys name; a user in one is kept out of sight."""
    environ = write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=4\nhttpProxy=MY_PROXY\nNoProxyFor=MY_LIST\n")
    config = read_config({**environ, "MY_PROXY": "http://me:secret@p:1/", "MY_LIST": "a.test"}).config
    assert (config.proxy_server, config.bypass) == ("http=http://p:1", "a.test")
    assert config.proxy_credentials == (("p:1", "me", "secret"),)


@pytest.mark.parametrize(
    ("named", "variables"),
    [
        ("http_proxy", {"HTTP_PROXY": "p:1"}),
        ("HTTP_PROXY", {"http_proxy": "p:1"}),
        ("http_proxy", {"http_proxy": "p:1", "HTTP_PROXY": "q:1"}),
        ("http_proxy,other", {"http_proxy": "p:1"}),
    ],
)
def test_the_case_of_variables_named_by_the_file(named, variables, tmp_path):
    """Of several names the first counts; it is found in the other case, too, but for a header of a client."""
    environ = write_kioslaverc(tmp_path, f"[Proxy Settings]\nProxyType=4\nhttpProxy={named}\n")
    assert read_config({**environ, **variables}).config.proxy_server == "http=http://p:1"
    header = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "evil:1"}
    assert named != "http_proxy" or read_config({**environ, **header}).config is None


def test_what_cannot_be_made_out(tmp_path):
    """An error names key and file; a repair is a note."""
    with pytest.raises(ConfigError, match=r"httpProxy in .*kioslaverc: 'p:1:2' has two ports"):
        read_config(write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=p:1:2\n"))
    config = read_config(write_kioslaverc(tmp_path, "[Proxy Settings]\nProxyType=1\nhttpProxy=ｐ 8080\n")).config
    assert "is read as http://p:8080" in notes(config)


def test_changes_are_noticed(tmp_path):
    """A file that is written or replaced shows in the fingerprint."""
    environ = {**KDE5, "HOME": str(tmp_path)}
    before = fingerprint(environ)
    write_kioslaverc(tmp_path, "x")
    after = fingerprint(environ)
    assert before != after == fingerprint(environ)


@settings(deadline=None)
@given(st.text(st.sampled_from("[]$e=a{}\\\r\n Proxy"), max_size=60))
def test_any_text_is_read(text):
    """No file crashes the reader."""
    pairs = list(parse_kioslaverc(f"[Proxy Settings]\n{text}", {}))
    assert all(pair.key.strip() == pair.key and (pair.key or pair.locked) for pair in pairs)
