"""Which desktop's settings count: the rule of Chromium (base/nix/xdg_util.cc, proxy_config_service_linux.cc)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["desktop", "kde_version"]

_BY_CURRENT: Final = {
    **dict.fromkeys(("Unity", "Deepin", "GNOME", "X-Cinnamon", "Pantheon", "UKUI"), "gnome"),
    "KDE": "kde",
    **dict.fromkeys(("XFCE", "LXQt"), "other"),
}
_BY_SESSION: Final = {
    **dict.fromkeys(("deepin", "gnome", "mate", "ukui"), "gnome"),
    **dict.fromkeys(("kde", "kde4", "kde-plasma"), "kde"),
    "xubuntu": "other",
}


def desktop(environ: Mapping[str, str]) -> str:
    """Return ``gnome`` or ``kde``, the two kinds of settings, or ``other`` where browsers read neither.

    ``XDG_CURRENT_DESKTOP`` decides, then ``DESKTOP_SESSION``, then what older sessions set.
    """
    for name in environ.get("XDG_CURRENT_DESKTOP", "").split(":"):
        if kind := _BY_CURRENT.get(name.strip()):
            return kind
    session = environ.get("DESKTOP_SESSION", "")
    if "xfce" in session:
        return "other"
    if kind := _BY_SESSION.get(session):
        return kind
    if "GNOME_DESKTOP_SESSION_ID" in environ:
        return "gnome"
    return "kde" if "KDE_FULL_SESSION" in environ else "other"


def kde_version(environ: Mapping[str, str]) -> int:
    """Return the KDE whose folders hold the settings: 3, 4, 5 or 6; outside of a session of KDE those of 5 and 6."""
    version = environ.get("KDE_SESSION_VERSION")
    if "KDE" in (name.strip() for name in environ.get("XDG_CURRENT_DESKTOP", "").split(":")):
        return int(version) if version in ("5", "6") else 4
    if desktop(environ) != "kde":
        return 5
    return 4 if environ.get("DESKTOP_SESSION") in ("kde4", "kde-plasma") or version is not None else 3
