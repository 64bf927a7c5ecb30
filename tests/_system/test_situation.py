"""Containers, WSL, ssh sessions and services are told apart, each with what to set there."""

from __future__ import annotations

import pytest

from pacaware._system.situation import advice, situations


@pytest.mark.parametrize(
    ("environ", "files", "expected"),
    [
        ({}, {}, ""),
        ({"DISPLAY": ":0"}, {"proc/1/cgroup": "0::/init.scope\n"}, ""),
        ({}, {".dockerenv": ""}, "container"),
        ({}, {"run/.containerenv": ""}, "container"),
        ({}, {"proc/1/cgroup": "12:cpu:/kubepods/burstable/pod1\n"}, "container"),
        ({"container": "podman"}, {}, "container"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SSH_TTY": "x"}, {}, "container ssh"),
        ({"WSL_DISTRO_NAME": "Ubuntu"}, {}, "wsl"),
        ({}, {"proc/sys/kernel/osrelease": "5.15.0-microsoft-standard-WSL2\n"}, "wsl"),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, {"proc/sys/kernel/osrelease": "6.1.0\n"}, "ssh"),
        ({"INVOCATION_ID": "x"}, {}, "service"),
        ({"WSL_DISTRO_NAME": "Ubuntu", "SSH_CLIENT": "x", "JOURNAL_STREAM": "8:1"}, {}, "wsl ssh"),
        ({"container": "x"}, {"proc/sys/kernel/osrelease": "5.15.0-microsoft-standard-WSL2\n"}, "container"),
        ({"JOURNAL_STREAM": "8:1"}, {}, "service"),
        ({"INVOCATION_ID": "x", "WAYLAND_DISPLAY": "wayland-0"}, {}, ""),
    ],
    ids=str,
)
def test_where_no_desktop_is(tmp_path, environ, files, expected):
    """Files of the system and variables tell where a program runs, which may be several of them at once."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert situations(environ, tmp_path) == tuple(expected.split())


@pytest.mark.parametrize("kind", ["container", "wsl", "ssh", "service"])
def test_advice_names_the_variables(kind):
    """Each line says what to set."""
    assert "HTTPS_PROXY" in advice(kind)
    assert "PACAWARE_PAC_URL" in advice(kind)
    assert kind in advice(kind).lower()
