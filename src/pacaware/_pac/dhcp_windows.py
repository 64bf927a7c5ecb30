"""The DHCP client service of Windows (DhcpRequestParams of dhcpcsvc.dll), and the registry values about detection."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

__all__ = ["dhcp_adapters", "request_option", "wpad_is_disabled"]

_SYNCHRONOUS: Final = 2
_MORE_DATA: Final = 124
_FIRST_SIZE: Final = 4096
_MOST_TRIES: Final = 4
_INTERFACES: Final = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces"
_WINHTTP: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\WinHttp"


class Params(ctypes.Structure):
    """DHCPCAPI_PARAMS of dhcpcsdk.h."""

    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("option_id", ctypes.c_uint32),
        ("is_vendor", ctypes.c_int32),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
    )


class ParamsArray(ctypes.Structure):
    """DHCPCAPI_PARAMS_ARRAY of dhcpcsdk.h."""

    _fields_ = (("count", ctypes.c_uint32), ("params", ctypes.POINTER(Params)))


def request_option(adapter: str, code: int, function: Callable[..., int] | None = None) -> bytes:
    """Return the value of a DHCP option as the client service knows it for an adapter, b"" if there is none.

    ``adapter`` is its GUID in braces. Raises OSError with the error of Windows. The steps are Chromium's
    (net/proxy_resolution/win/dhcp_pac_file_adapter_fetcher_win.cc).
    """
    function = function or _request_params()
    size = ctypes.c_uint32(_FIRST_SIZE)
    for _ in range(_MOST_TRIES):
        buffer = ctypes.create_string_buffer(size.value)
        wanted = Params(0, code, 0, None, 0)
        error = function(
            _SYNCHRONOUS,
            None,
            adapter,
            None,
            ParamsArray(0, None),
            ParamsArray(1, ctypes.pointer(wanted)),
            buffer,
            ctypes.pointer(size),
            None,
        )
        if error == 0:
            return ctypes.string_at(wanted.data, wanted.size) if wanted.data and wanted.size else b""
        if error != _MORE_DATA:
            break
    raise OSError(error, f"DhcpRequestParams failed with error {error}")


def _request_params() -> Callable[..., int]:
    library: Any = getattr(ctypes, "WinDLL")("dhcpcsvc")  # noqa: B009 - type checkers elsewhere know no WinDLL
    library.DhcpCApiInitialize(ctypes.byref(ctypes.c_uint32()))
    function = library.DhcpRequestParams
    pointer = ctypes.c_void_p
    function.argtypes = (
        *(ctypes.c_uint32, pointer, ctypes.c_wchar_p, pointer, ParamsArray, ParamsArray),
        *(ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_wchar_p),
    )
    function.restype = ctypes.c_uint32
    return function  # type: ignore[no-any-return] # a function of a DLL has no type


def dhcp_adapters() -> tuple[str, ...]:
    """Return the GUIDs of the adapters that have an address by DHCP."""
    if sys.platform != "win32":
        return ()
    import winreg

    found = []
    # Adapters come and go while this is read, and a machine may have none at all.
    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _INTERFACES) as interfaces:
        for number in range(winreg.QueryInfoKey(interfaces)[0]):
            guid = winreg.EnumKey(interfaces, number)
            try:
                with winreg.OpenKey(interfaces, guid) as adapter:
                    enabled = winreg.QueryValueEx(adapter, "EnableDHCP")[0]
                    address = winreg.QueryValueEx(adapter, "DhcpIPAddress")[0]
            except OSError:
                continue
            if enabled == 1 and address not in ("", "0.0.0.0"):  # noqa: S104 - the text for "none", nothing is bound
                found.append(guid)
    return tuple(found)


def wpad_is_disabled() -> bool:
    """Say whether an administrator switched detection off (DisableWpad; Windows 10 1809 and Server 2019 on)."""
    if sys.platform != "win32":
        return False
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _WINHTTP, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            return bool(winreg.QueryValueEx(key, "DisableWpad")[0] == 1)
    except OSError:
        return False
