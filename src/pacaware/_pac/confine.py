"""What the process of a PAC file takes away from itself before it reads a script: limits, then system calls.

The filter is an allow-list in the language of BPF (Linux: Documentation/userspace-api/seccomp_filter.rst). What a
script's engine needs to compute and to answer stays; opening files, sockets, programs, processes, threads, tracing,
mounting, io_uring and everything else is refused with EPERM, which libraries take well. A call of another architecture
(its numbers mean other calls) ends the process.
"""

from __future__ import annotations

import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


__all__ = ["filter_system_calls", "limit_resources", "program"]

# AUDIT_ARCH_* of linux/audit.h: the ELF machine, 64 bits, little endian.
ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Numbers on x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h); None: it does not exist there.
ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "setitimer": (38, 103),
    "futex": (202, 98),
    "brk": (12, 214),
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

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _KILL_PROCESS, _EPERM = 0x7FFF0000, 0x80000000, 0x00050000 | 1
_LOAD, _EQUAL, _AND, _RETURN, _AT_LEAST = 0x20, 0x15, 0x54, 0x06, 0x35
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32: Final = 0x40000000


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


def program(machine: str, pid: int) -> bytes:
    """Return the filter for an architecture as an array of struct sock_filter; ``pid`` may signal itself."""
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
    tested = [(pair[column], test) for pair, test in NUMBERS_WITH_ARGUMENTS.values()]
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


def filter_system_calls() -> str | None:
    """Install the filter for the rest of this process's life; return None, or why there is none.

    It is proved by an attempt to open a file. Nothing can be imported afterwards.
    """
    if sys.platform != "linux":
        return "only Linux has a filter of system calls"
    machine = os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 1 << 32:
        return f"there is no filter of system calls for {machine}"
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        instructions = program(machine, os.getpid())
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
