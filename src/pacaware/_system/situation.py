"""Where no settings of a desktop can be expected (container, WSL, ssh session, service), and what to set there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["advice", "situations"]

_VARIABLES: Final = "HTTPS_PROXY and HTTP_PROXY, or PACAWARE_PAC_URL for a PAC file"
_ADVICE: Final = {
    "container": f"this is a container, which has no desktop: pass {_VARIABLES} to it",
    "wsl": (
        f"this is WSL, which does not see the settings of Windows: set {_VARIABLES} "
        "(on Windows 11, autoProxy=true in .wslconfig does it)"
    ),
    "ssh": f"this is an ssh session, which belongs to no desktop: set {_VARIABLES}",
    "service": f"this is a service, which belongs to no desktop: set {_VARIABLES} in its unit or configuration",
}
_CONTAINER_FILES: Final = (".dockerenv", "run/.containerenv", "run/systemd/container")
_CONTAINER_GROUPS: Final = ("docker", "kubepods", "containerd", "libpod", "/lxc/")
_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP")


def situations(environ: Mapping[str, str], root: Path = Path("/")) -> tuple[str, ...]:
    """Return those of ``container``, ``wsl``, ``ssh`` and ``service`` in which this program runs, often none.

    ``root`` is the folder that holds ``proc`` and ``run``.
    """
    groups = _text(root / "proc/1/cgroup")
    in_container = (
        environ.get("container")
        or "KUBERNETES_SERVICE_HOST" in environ
        or any((root / name).exists() for name in _CONTAINER_FILES)
        or any(group in groups for group in _CONTAINER_GROUPS)
    )
    in_wsl = "WSL_DISTRO_NAME" in environ or "microsoft" in _text(root / "proc/sys/kernel/osrelease").lower()
    by_ssh = any(name in environ for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
    # systemd sets the first two for what it starts, a session's own programs among them.
    is_service = any(name in environ for name in ("INVOCATION_ID", "JOURNAL_STREAM"))
    is_service = is_service and not by_ssh and not any(map(environ.get, _SCREENS))
    # A container of Docker Desktop runs on the kernel of WSL, without any of its ways to Windows.
    found = {"container": in_container, "wsl": in_wsl and not in_container, "ssh": by_ssh, "service": is_service}
    return tuple(kind for kind, here in found.items() if here)


def advice(kind: str) -> str:
    """Return the line for a person who wonders why no proxy is found."""
    return _ADVICE[kind]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
