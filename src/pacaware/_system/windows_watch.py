"""Being told by Windows that its settings may have changed (RegNotifyChangeKeyValue), without a thread."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Remembered"]

COMPARE_SECONDS: Final = 10.0
"""How often values are read where nothing says that they have changed (as Chromium's proxy_config_service_win)."""


class Remembered:
    """What ``read`` returned, and read again when ``notifications`` is another number or after 10 seconds.

    Thread-safe.
    """

    def __init__(
        self, read: Callable[[], Any], notifications: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._notifications = notifications
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = -1
        self._until = 0.0
        self._value: Any = None

    def get(self) -> Any:
        """Return what is remembered, at most one change behind."""
        with self._lock:
            now, seen = self._clock(), self._notifications()
            if seen != self._seen or now >= self._until:
                # Counted before it is read, so that a change during the reading is a reason to read again.
                self._seen, self._until, self._value = seen, now + COMPARE_SECONDS, self._read()
            return self._value


if sys.platform == "win32":
    import ctypes
    import winreg
    from ctypes import wintypes

    from pacaware._system import windows
    from pacaware._system.windows import INTERNET_SETTINGS, POLICIES
    from pacaware._system.windows_api import Windows

    __all__ += ["RegistryWatch", "fingerprint"]

    _NAME: Final = 0x1
    _LAST_SET: Final = 0x4
    # Windows 8: otherwise the end of the thread that asked counts as a change, and ends the watch.
    _THREAD_AGNOSTIC: Final = 0x10000000
    _ACCESS: Final = winreg.KEY_NOTIFY | winreg.KEY_WOW64_64KEY
    _KEYS: Final = (
        (winreg.HKEY_CURRENT_USER, INTERNET_SETTINGS),
        (winreg.HKEY_LOCAL_MACHINE, INTERNET_SETTINGS),
        (winreg.HKEY_LOCAL_MACHINE, POLICIES),
    )

    class RegistryWatch:
        """Counts the times that something below a key has changed; a look is one system call a key. Thread-safe.

        A key that cannot be watched, such as one that does not exist yet, is left out.
        """

        def __init__(self, keys: tuple[tuple[int, str], ...] = _KEYS) -> None:
            self._lock = threading.Lock()
            self._count = 0
            kernel, registry = ctypes.WinDLL("kernel32"), ctypes.WinDLL("advapi32")
            create = kernel.CreateEventW
            create.argtypes = (ctypes.c_void_p, wintypes.BOOL, wintypes.BOOL, ctypes.c_void_p)
            create.restype = wintypes.HANDLE
            self._wait = kernel.WaitForSingleObject
            self._wait.argtypes = (wintypes.HANDLE, wintypes.DWORD)
            self._wait.restype = wintypes.DWORD
            self._notify = registry.RegNotifyChangeKeyValue
            self._notify.argtypes = (wintypes.HANDLE, wintypes.BOOL, wintypes.DWORD, wintypes.HANDLE, wintypes.BOOL)
            self._notify.restype = wintypes.LONG
            self._watched: list[tuple[winreg.HKEYType, int]] = []
            for hive, name in keys:
                try:
                    key = winreg.OpenKey(hive, name, 0, _ACCESS)
                except OSError:
                    continue
                event = create(None, False, False, None)  # one that falls back as soon as it has been seen
                if event and self._ask(key, event):
                    self._watched.append((key, event))

        def _ask(self, key: winreg.HKEYType, event: int) -> bool:
            return bool(self._notify(int(key), True, _NAME | _LAST_SET | _THREAD_AGNOSTIC, event, True) == 0)

        def count(self) -> int:
            """Return a number that has grown if there were changes since the last call."""
            with self._lock:
                for key, event in self._watched:
                    if self._wait(event, 0) == 0:
                        # At once, and so before anybody reads: a change during the reading counts as another one.
                        self._ask(key, event)
                        self._count += 1
                return self._count

    class _Shared:
        """What this process remembers; the watch is made at the first use and lives as long as the process."""

        lock: Final = threading.Lock()
        values: Remembered | None = None

    def fingerprint() -> tuple[object, ...]:
        """Return what windows.fingerprint() says of this machine, for the price of asking for the events."""
        with _Shared.lock:
            if _Shared.values is None:
                machine = Windows()
                _Shared.values = Remembered(lambda: windows.fingerprint(machine), RegistryWatch().count)
        found: tuple[object, ...] = _Shared.values.get()
        return found
