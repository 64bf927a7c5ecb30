"""What the process of a PAC file takes away from itself before it reads a script: limits, then system calls.

The filter is an allow-list in the language of BPF (Linux: Documentation/userspace-api/seccomp_filter.rst). What a
script's engine needs to compute and to answer stays; opening files, sockets, programs, processes, threads, tracing,
mounting, io_uring and everything else is refused with EPERM, which libraries take well. A call of another architecture
(its numbers mean other calls) ends the process.

The filter keeps the cap on memory too. An engine that gets no memory tells its script, which may go on as if nothing
were amiss, or, with nothing left to make an error of, throws null. So malloc is made to take all it needs from the
heap, and the call that would move its end too far up ends the process (SIGSYS): what a script answers no longer
matters. Where that cannot be had (musl, macOS, Windows, no filter) the most memory the process ever had is looked at
after each run.
"""

from __future__ import annotations

import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


__all__ = ["filter_system_calls", "heap_ceiling", "limit_resources", "peak_of_memory", "program"]

# AUDIT_ARCH_* of linux/audit.h: the ELF machine, 64 bits, little endian.
ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers on x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h); None: it does not exist there.
ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "pread64": (17, 67),
    "setitimer": (38, 103),
    "futex": (202, 98),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrandom": (318, 278),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "sched_yield": (24, 124),
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
# Allowed if the bits of the argument's lower half that the mask covers have the value: (number, mask, value).
_F_GETFL, _F_SETFL, _PROT_EXEC = 3, 4, 4
NUMBERS_WITH_ARGUMENTS: Final = {
    "mmap": ((9, 222), (2, _PROT_EXEC, 0)),
    "mprotect": ((10, 226), (2, _PROT_EXEC, 0)),
    "fcntl": ((72, 25), (1, 0xFFFFFFFF, _F_SETFL)),
    "fcntl (reading)": ((72, 25), (1, 0xFFFFFFFF, _F_GETFL)),
}
TGKILL: Final = (234, 131)  # abort() sends itself a signal by it
BRK: Final = (12, 214)

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _KILL_PROCESS, _TRAP, _EPERM = 0x7FFF0000, 0x80000000, 0x00030000, 0x00050000 | 1
_LOAD, _EQUAL, _AND, _RETURN, _AT_LEAST, _GREATER = 0x20, 0x15, 0x54, 0x06, 0x35, 0x25
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32: Final = 0x40000000

# Parameters of mallopt() (malloc.h) and their values: no mapping of its own for a large block, no second arena, and not
# a system call for each small change of the heap's end.
_MALLOC: Final = ((-4, 0), (-8, 1), (-1, 4 << 20), (-2, 256 << 10))
_ARENA: Final = 1 << 20  # what Python maps at a time for its own objects
_KEPT: Final = 16 << 20  # of the address space, for what is mapped besides the heap


def limit_resources(megabytes: int) -> None:
    """Take away what a script has no use for; what the system does not offer is left out."""
    try:
        import resource
    except ImportError:
        return
    limits = [("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", 0), ("RLIMIT_NPROC", 0), ("RLIMIT_NOFILE", 8)]
    if sys.platform == "linux":
        limits.append(("RLIMIT_AS", megabytes << 20))
    for name, value in limits:
        try:
            hard = resource.getrlimit(getattr(resource, name))[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue


def heap_ceiling(megabytes: int) -> int | None:
    """Have malloc take all memory from the heap; return the address that its end must not pass, or None.

    None where the C library does otherwise. Three quarters of ``megabytes`` are for the heap, so that it ends before
    the address space does. To be called after ``limit_resources``.
    """
    # Others than CPython with its lock map their objects in large pieces.
    if sys.platform != "linux" or sys.implementation.name != "cpython" or "t" in sys.abiflags:
        return None
    try:
        import ctypes
        import resource

        libc = ctypes.CDLL(None)
        if not all(libc.mallopt(name, value) for name, value in _MALLOC):
            return None
        libc.sbrk.restype = libc.malloc.restype = ctypes.c_void_p
        block, end = libc.malloc(ctypes.c_size_t(_ARENA)), libc.sbrk(ctypes.c_ssize_t(0))
        libc.free(ctypes.c_void_p(block))
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - pathlib takes as long to import as all the rest
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        room = megabytes * 3 << 18
        for limit in (resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_DATA)[0]):
            if limit != resource.RLIM_INFINITY:
                room = min(room, limit - mapped - _KEPT)
    except (ImportError, OSError, AttributeError, ValueError, IndexError):
        return None
    # Another malloc than the C library's (a Python may bring one) has its memory elsewhere.
    heap = block is not None and end is not None and end - (64 << 20) < block < end
    return end + room if heap and room >= _KEPT else None


def peak_of_memory() -> Callable[[], int] | None:
    """Return what tells the most memory this process ever had, in bytes; None where nothing does.

    On Linux it is the address space, elsewhere what was in use.
    """
    try:
        if sys.platform == "linux":
            status = os.open("/proc/self/status", os.O_RDONLY)
            return lambda: int(os.pread(status, 8192, 0).partition(b"VmPeak:")[2].split()[0]) << 10
        if sys.platform == "win32":
            return _peak_on_windows()
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except (ImportError, OSError, AttributeError):
        return None


def _peak_on_windows() -> Callable[[], int]:
    import ctypes

    windll = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore] # there alone
    # PROCESS_MEMORY_COUNTERS (psapi.h): two DWORDs, then eight of the size of a pointer.
    counters = (ctypes.c_size_t * 16)()
    size, process = ctypes.sizeof(ctypes.c_size_t) * 8 + 8, ctypes.c_void_p(-1)
    at = 8 // ctypes.sizeof(ctypes.c_size_t)

    def peak() -> int:
        if not windll.K32GetProcessMemoryInfo(process, ctypes.byref(counters), ctypes.c_ulong(size)):
            return 0
        return max(counters[at], counters[at + 7])  # PeakWorkingSetSize, PeakPagefileUsage

    return peak


def program(machine: str, pid: int, ceiling: int | None = None) -> bytes:
    """Return the filter for an architecture as an array of struct sock_filter.

    ``pid`` may signal itself. ``ceiling`` is the address that the end of the heap must not pass.
    """
    column = list(ARCHITECTURES).index(machine)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL_PROCESS)]
    for numbers in ALLOWED.values():
        number = numbers[column]
        if number is not None:
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    top = (1 << 64) - 1 if ceiling is None else ceiling
    lines += [(_EQUAL, 0, 7, BRK[column]), *_at_most(0, top), (_RETURN, 0, 0, _ALLOW)]
    tested = [(pair[column], test) for pair, test in NUMBERS_WITH_ARGUMENTS.values()]
    if ceiling is not None:
        # Where the heap cannot grow for another reason, malloc would map what it needs.
        mmap = NUMBERS_WITH_ARGUMENTS["mmap"][0][column]
        lines += [(_EQUAL, 0, 7, mmap), *_at_most(1, _ARENA), (_LOAD, 0, 0, _NUMBER)]
    for number, (argument, mask, value) in [*tested, (TGKILL[column], (0, 0xFFFFFFFF, pid))]:
        lines += [
            (_EQUAL, 0, 5, number),
            (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
            (_AND, 0, 0, mask),
            (_EQUAL, 0, 1, value),
            (_RETURN, 0, 0, _ALLOW),
            (_LOAD, 0, 0, _NUMBER),
        ]
    lines.append((_RETURN, 0, 0, _EPERM))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _at_most(argument: int, value: int) -> list[tuple[int, int, int, int]]:
    """Return six lines that end the process if an argument is larger, and else go on after themselves."""
    low, high = _ARGUMENTS + 8 * argument, _ARGUMENTS + 8 * argument + 4
    return [
        (_LOAD, 0, 0, high),
        (_GREATER, 3, 0, value >> 32),
        (_EQUAL, 0, 3, value >> 32),
        (_LOAD, 0, 0, low),
        (_GREATER, 0, 1, value & 0xFFFFFFFF),
        (_RETURN, 0, 0, _TRAP),
    ]


def filter_system_calls(ceiling: int | None = None) -> str | None:
    """Install the filter for the rest of this process's life; return None, or why there is none.

    ``ceiling`` is the address that the end of the heap must not pass. The filter is proved by an attempt to open a
    file. Nothing can be imported afterwards.
    """
    if sys.platform != "linux":
        return "only Linux has a filter of system calls"
    machine = os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 1 << 32:
        return f"there is no filter of system calls for {machine}"
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        instructions = program(machine, os.getpid(), ceiling)
        buffer = ctypes.create_string_buffer(instructions, len(instructions))
        # struct sock_fprog: the count, padding, and where the instructions are.
        header = ctypes.create_string_buffer(struct.pack("@HP", len(instructions) // 8, ctypes.addressof(buffer)))
        number = ctypes.c_ulong
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, number(1), number(0), number(0), number(0)):
            return f"the kernel refused PR_SET_NO_NEW_PRIVS: {os.strerror(ctypes.get_errno())}"
        if libc.prctl(_PR_SET_SECCOMP, number(_SECCOMP_MODE_FILTER), header, number(0), number(0)):
            return f"the kernel refused the filter of system calls: {os.strerror(ctypes.get_errno())}"
    except (ImportError, OSError, AttributeError) as error:
        return f"ctypes cannot be used here: {error}"
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except PermissionError:
        return None
    except OSError as error:
        return f"the filter of system calls is not as expected: {error}"
    return "the filter of system calls has no effect"
