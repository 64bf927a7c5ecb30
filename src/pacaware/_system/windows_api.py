"""Windows itself, asked through winreg and ctypes; what the answers mean is decided in windows.py."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import os
    import winreg
    from ctypes import wintypes
    from typing import TYPE_CHECKING, Final

    from pacaware._system.windows import IEConfig

    if TYPE_CHECKING:
        from pacaware._system.windows import Value

    _HIVES: Final = {"HKCU": winreg.HKEY_CURRENT_USER, "HKLM": winreg.HKEY_LOCAL_MACHINE}
    # A 32-bit Python would otherwise see another half of HKLM than browsers do.
    _ACCESS: Final = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    _MODEM: Final = 1

    class _UserConfig(ctypes.Structure):
        _fields_ = (
            ("fAutoDetect", wintypes.BOOL),
            ("lpszAutoConfigUrl", ctypes.c_void_p),
            ("lpszProxy", ctypes.c_void_p),
            ("lpszProxyBypass", ctypes.c_void_p),
        )

    class Windows:
        """The machine that this process runs on."""

        def value(self, hive: str, key: str, name: str) -> Value:
            """Return a value of the registry, or None if there is none that can be read."""
            try:
                with winreg.OpenKey(_HIVES[hive], key, 0, _ACCESS) as opened:
                    value, _ = winreg.QueryValueEx(opened, name)
            except OSError:
                return None
            return value if isinstance(value, int | str | bytes) else None

        def ie_config(self) -> IEConfig | None:
            """Return the answer of WinHttpGetIEProxyConfigForCurrentUser, or None if there is none."""
            config = _UserConfig()
            try:
                function = ctypes.WinDLL("winhttp").WinHttpGetIEProxyConfigForCurrentUser
            except (OSError, AttributeError):
                return None
            function.argtypes = (ctypes.POINTER(_UserConfig),)
            function.restype = wintypes.BOOL
            if not function(ctypes.byref(config)):
                return None
            texts = (
                _taken(pointer) for pointer in (config.lpszAutoConfigUrl, config.lpszProxy, config.lpszProxyBypass)
            )
            return IEConfig(bool(config.fAutoDetect), *texts)

        def connection(self) -> str | None:
            """Return the name of the active dial-up or VPN connection, or None for the LAN."""
            try:
                function = ctypes.WinDLL("wininet").InternetGetConnectedStateExW
            except (OSError, AttributeError):
                return None
            function.argtypes = (ctypes.POINTER(wintypes.DWORD), wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD)
            function.restype = wintypes.BOOL
            flags, name = wintypes.DWORD(), ctypes.create_unicode_buffer(512)
            if not function(ctypes.byref(flags), name, len(name), 0) or not flags.value & _MODEM:
                return None
            return name.value or None

        def is_service(self) -> bool:
            """Whether this process runs in session 0, where services are and nobody logs on."""
            session = wintypes.DWORD()
            function = ctypes.WinDLL("kernel32").ProcessIdToSessionId
            function.argtypes = (wintypes.DWORD, ctypes.POINTER(wintypes.DWORD))
            function.restype = wintypes.BOOL
            return bool(function(os.getpid(), ctypes.byref(session))) and session.value == 0

        def build(self) -> int:
            """Return the build number of Windows."""
            return sys.getwindowsversion().build

    def _taken(pointer: int | None) -> str | None:
        """Copy a text that the caller has to free, and free it."""
        if not pointer:
            return None
        try:
            return ctypes.wstring_at(pointer)
        finally:
            free = ctypes.WinDLL("kernel32").GlobalFree
            free.argtypes = (ctypes.c_void_p,)
            free.restype = ctypes.c_void_p
            free(pointer)
