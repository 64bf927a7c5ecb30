"""GNOME's and KDE's own programs write the settings, we read them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacaware._models import ProxyConfig
from pacaware._system import gnome, kde

pytestmark = pytest.mark.real
PAC = "http://pac.test/p.pac"


def program(name: str, package: str) -> str:
    """Return where a program is; without it the test is skipped, or fails if it is required."""
    found = shutil.which(name)
    if found is None:
        why = f"{name} is not installed (Debian: {package})"
        if os.environ.get("PACAWARE_REAL") == "required":
            pytest.fail(f"{why} (PACAWARE_REAL=required)", pytrace=False)
        pytest.skip(why)
    return found


def home(path: Path) -> dict[str, str]:
    """The environment of a user whose whole home is below a folder."""
    run = path / "run"
    run.mkdir(mode=0o700, parents=True)
    places = {"HOME": "", "XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".share", "XDG_CACHE_HOME": ".cache"}
    folders = {name: str(path / folder) for name, folder in places.items()}
    return {**folders, "XDG_RUNTIME_DIR": str(run), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@pytest.fixture(params=["keyfile", "dconf"])
def desktop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user with GSettings in each of its backends."""
    program("gsettings", "libglib2.0-bin gsettings-desktop-schemas")
    program("dbus-run-session", "dbus")
    if request.param == "dconf":
        program("dconf", "dconf-cli dconf-gsettings-backend dconf-service")
    return {**home(tmp_path), "GSETTINGS_BACKEND": request.param}


def write(environ: dict[str, str], **values: str) -> None:
    """Set keys as the settings dialog does (``http_host="p"``)."""
    lines = ["set -e"]
    for key, value in values.items():
        child, _, name = key.rpartition("_")
        schema = "org.gnome.system.proxy" + (f".{child}" if child else "")
        lines.append(f'gsettings set {schema} {name} "{value}"')
    subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", "\n".join(lines)],
        env=environ,
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_gnome_manual(desktop):
    """A manual setting is read with its list of exceptions, whatever the backend."""
    write(desktop, mode="manual", http_host="proxy.test", http_port="8080", https_host="söcure.test", https_port="81")
    write(desktop, **{"ignore-hosts": "['localhost', '*.corp.test', '10.0.0.0/8']"})
    assert gnome.read_config(desktop).config == ProxyConfig(
        proxy_server="http=http://proxy.test:8080;https=http://xn--scure-jua.test:81",
        bypass="localhost,*.corp.test,10.0.0.0/8",
        bypass_dialect="gnome",
        origin="gnome",
    )


def test_gnome_changes(desktop):
    """Each change shows in the fingerprint, and each mode is read."""
    seen = [gnome.fingerprint(desktop)]
    assert gnome.read_config(desktop).config == ProxyConfig(origin="gnome")
    write(desktop, mode="auto", **{"autoconfig-url": PAC})
    seen.append(gnome.fingerprint(desktop))
    assert gnome.read_config(desktop).config == ProxyConfig(pac_url=PAC, origin="gnome")
    write(desktop, **{"autoconfig-url": ""})
    seen.append(gnome.fingerprint(desktop))
    assert gnome.read_config(desktop).config == ProxyConfig(auto_detect=True, origin="gnome")
    assert len(set(seen)) == 3


def test_kde(tmp_path):
    """What KDE's own program writes is read, escapes and marks included, and shows in the fingerprint."""
    writer = program("kwriteconfig5", "libkf5config-bin")
    environ = {**home(tmp_path), "XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5", "XDG_CONFIG_DIRS": "/none"}
    before = kde.fingerprint(environ)
    values = {
        "ProxyType": "1",
        "httpProxy": "http://pröxy.test 8080",
        "socksProxy": "socks://s.test 1080",
        "NoProxyFor": " corp.test, 10.0.0.0/8",
        "ReversedException": "true",
    }
    for key, value in values.items():
        words = [writer, "--file", "kioslaverc", "--group", "Proxy Settings", "--key", key, value]
        subprocess.run(words, env=environ, check=True, timeout=60)
    reading = kde.read_config(environ)
    assert kde.fingerprint(environ) != before
    assert reading.where == str(tmp_path / ".config/kioslaverc")
    assert reading.config == ProxyConfig(
        proxy_server="http=http://xn--prxy-6qa.test:8080;socks=socks5://s.test:1080",
        bypass=" corp.test, 10.0.0.0/8",
        bypass_dialect="kde",
        reverse_bypass=True,
        origin="kde",
    )


def test_kde_of_two_files(tmp_path):
    """What KDE's own reader says of an administrator's file below the user's is what is read here, key by key."""
    reader = program("kreadconfig5", "libkf5config-bin")
    writer = program("kwriteconfig5", "libkf5config-bin")
    environ = {**home(tmp_path), "XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5"}
    environ["XDG_CONFIG_DIRS"] = str(tmp_path / "xdg")
    (tmp_path / "xdg").mkdir()
    shared = tmp_path / "xdg/kioslaverc"
    shared.write_text(
        "[Proxy Settings]\nProxyType=1\nhttpProxy[$i]=admin.test 1\nhttpsProxy=admin.test 2\n"
        "ftpProxy[$ie]=$NAMED 3\nsocksProxy=admin.test 4\nNoProxyFor=admin\n"
    )
    environ["NAMED"] = "named.test"
    common = ["--file", "kioslaverc", "--group", "Proxy Settings", "--key"]
    own = {"httpsProxy": "own.test 2", "NoProxyFor": "b,c\\d\x01"}
    for key, value in own.items():
        subprocess.run([writer, *common, key, value], env=environ, check=True, timeout=60)
    subprocess.run([writer, *common, "socksProxy", "--delete"], env=environ, check=True, timeout=60)
    user = tmp_path / ".config/kioslaverc"
    # The writer refuses to write what is locked; a file from before it was locked has it.
    old = "[Proxy Settings]\nhttpProxy=old.test 1\nftpProxy=old.test 3\n"
    user.write_text(user.read_text().replace("[Proxy Settings]\n", old, 1))
    values = kde.merged(kde.config_files(environ), environ)
    keys = ("ProxyType", "httpProxy", "httpsProxy", "ftpProxy", "socksProxy", "NoProxyFor")
    said = {
        key: subprocess.run([reader, *common, key], env=environ, check=True, timeout=60, capture_output=True).stdout
        for key in keys
    }
    assert {key: values[key].text if key in values else "" for key in keys} == {
        key: text.decode().removesuffix("\n") for key, text in said.items()
    }
    assert said["httpProxy"] == b"admin.test 1\n"
    assert said["socksProxy"] == b"\n"
