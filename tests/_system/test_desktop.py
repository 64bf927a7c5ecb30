"""Which desktop's settings count."""

from __future__ import annotations

import pytest

from pacaware._system.desktop import desktop, kde_version


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "other"),
        ({"XDG_CURRENT_DESKTOP": "GNOME"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "Unity", "DESKTOP_SESSION": "gnome-fallback"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "X-Cinnamon"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "Pantheon"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "Deepin"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "UKUI"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "KDE"}, "kde"),
        ({"XDG_CURRENT_DESKTOP": "foo: KDE"}, "kde"),
        ({"XDG_CURRENT_DESKTOP": "XFCE", "DESKTOP_SESSION": "gnome"}, "other"),
        ({"XDG_CURRENT_DESKTOP": "LXQt", "KDE_FULL_SESSION": "true"}, "other"),
        ({"XDG_CURRENT_DESKTOP": "foo", "DESKTOP_SESSION": "mate"}, "gnome"),
        ({"DESKTOP_SESSION": "gnome"}, "gnome"),
        ({"DESKTOP_SESSION": "kde-plasma"}, "kde"),
        ({"DESKTOP_SESSION": "kde"}, "kde"),
        ({"DESKTOP_SESSION": "xfce4", "GNOME_DESKTOP_SESSION_ID": "x"}, "other"),
        ({"DESKTOP_SESSION": "xubuntu", "GNOME_DESKTOP_SESSION_ID": "x"}, "other"),
        ({"DESKTOP_SESSION": "default", "GNOME_DESKTOP_SESSION_ID": "x"}, "gnome"),
        ({"DESKTOP_SESSION": "default", "KDE_FULL_SESSION": "true"}, "kde"),
    ],
    ids=str,
)
def test_the_rule_of_chromium(environ, expected):
    """The first name that is known decides, then the session, then what older sessions set."""
    assert desktop(environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "6"}, 6),
        ({"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5"}, 5),
        ({"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "7"}, 4),
        ({"XDG_CURRENT_DESKTOP": "KDE"}, 4),
        ({"DESKTOP_SESSION": "kde4"}, 4),
        ({"DESKTOP_SESSION": "kde", "KDE_SESSION_VERSION": "4"}, 4),
        ({"DESKTOP_SESSION": "kde"}, 3),
        ({"KDE_FULL_SESSION": "true"}, 3),
        ({"KDE_FULL_SESSION": "true", "KDE_SESSION_VERSION": "4"}, 4),
        ({"XDG_CURRENT_DESKTOP": "GNOME"}, 5),
        ({}, 5),
    ],
    ids=str,
)
def test_the_version_of_kde(environ, expected):
    """The session says which KDE it is; outside of KDE the newest folders are looked into."""
    assert kde_version(environ) == expected
