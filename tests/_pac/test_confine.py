"""What the process of a PAC file can still do once it is confined: compute and answer, nothing else."""

from __future__ import annotations

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pacaware._pac import confine
from pacaware._pac.engines import filter_expected, find_engines

ROOM = Path(confine.__file__).parent
MACHINES = sorted(confine.ARCHITECTURES)
PID = 4711
ALLOW, REFUSE, KILL, TRAP = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000, 0x00030000

needs_filter = pytest.mark.skipif(not filter_expected(), reason="the filter is for Linux on x86_64 and aarch64")

# Numbers on (aarch64, x86_64) of calls that must be refused; None: there is no such call.
REFUSED = {
    "open": (None, 2), "creat": (None, 85), "openat": (56, 257), "openat2": (437, 437), "open_by_handle_at": (265, 304),
    "socket": (198, 41), "socketpair": (199, 53), "connect": (203, 42), "bind": (200, 49), "sendto": (206, 44),
    "sendmsg": (211, 46), "recvmsg": (212, 47), "accept4": (242, 288), "execve": (221, 59), "execveat": (281, 322),
    "fork": (None, 57), "vfork": (None, 58), "clone": (220, 56), "clone3": (435, 435), "ptrace": (117, 101),
    "kill": (129, 62), "tkill": (130, 200), "rt_sigqueueinfo": (138, 129), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "mount": (40, 165), "umount2": (39, 166),
    "pivot_root": (41, 155), "chroot": (51, 161), "bpf": (280, 321), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (0, 206), "memfd_create": (279, 319),
    "memfd_secret": (447, 447), "userfaultfd": (282, 323), "perf_event_open": (241, 298),
    "process_vm_readv": (270, 310), "process_vm_writev": (271, 311), "process_madvise": (440, 440), "kcmp": (272, 312),
    "keyctl": (219, 250), "add_key": (217, 248), "unshare": (97, 272), "setns": (268, 308), "prctl": (167, 157),
    "seccomp": (277, 317), "prlimit64": (261, 302), "setrlimit": (164, 160), "setuid": (146, 105), "dup": (23, 32),
    "pipe2": (59, 293), "stat": (None, 4), "newfstatat": (79, 262), "statx": (291, 332), "getdents64": (61, 217),
    "readlinkat": (78, 267), "unlinkat": (35, 263), "mkdirat": (34, 258), "renameat2": (276, 316), "linkat": (37, 265),
    "symlinkat": (36, 266), "chdir": (49, 80), "ioctl": (29, 16), "sendfile": (71, 40), "splice": (76, 275),
    "vmsplice": (75, 278), "shmget": (194, 29), "msgget": (186, 68), "mq_open": (180, 240), "init_module": (105, 175),
    "finit_module": (273, 313), "kexec_load": (104, 246), "reboot": (142, 169), "arch_prctl": (None, 158),
    "modify_ldt": (None, 154), "personality": (92, 135), "sched_setaffinity": (122, 203), "nanosleep": (101, 35),
    "inotify_init1": (26, 294), "fanotify_init": (262, 300), "timer_create": (107, 222), "syslog": (116, 103),
    "landlock_restrict_self": (446, 446), "pkey_mprotect": (288, 329), "name_to_handle_at": (264, 303),
}  # fmt: skip


def run_filter(code, arch, number, arguments=()):
    """Run a filter as the kernel does (net/core/filter.c) on one call; return its verdict."""
    values = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, arch, 0, *values)
    lines = list(struct.iter_unpack("=HBBI", code))
    accumulator, at = 0, 0
    while True:
        operation, jump_true, jump_false, constant = lines[at]
        at += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, constant)[0]
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += jump_true if accumulator == constant else jump_false
            case 0x25:
                at += jump_true if accumulator > constant else jump_false
            case 0x35:
                at += jump_true if accumulator >= constant else jump_false
            case 0x06:
                return constant
            case _:
                pytest.fail(f"no such operation: {operation:#x}")


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_refuses_what_is_not_listed(machine):
    """Of all call numbers only the listed ones pass; a new kernel's calls are refused without an update."""
    code, column = confine.program(machine, PID), list(confine.ARCHITECTURES).index(machine)
    passing = {number for number in range(1000) if run_filter(code, confine.ARCHITECTURES[machine], number) == ALLOW}
    allowed = {numbers[column] for numbers in confine.ALLOWED.values()} - {None}
    # With arguments of zero mmap and mprotect ask for no code to be run, and brk for the end of the heap.
    tested = {confine.NUMBERS_WITH_ARGUMENTS[name][0][column] for name in ("mmap", "mprotect")}
    assert passing == allowed | tested | {confine.BRK[column]}
    assert len(passing) <= 30
    refused = {numbers[MACHINES.index(machine)] for numbers in REFUSED.values()} - {None}
    assert not refused & passing


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("call", "arguments", "verdict"),
    [
        ("mmap", (0, 4096, 1 | 2), ALLOW),
        ("mmap", (0, 4096, 1 | 4), REFUSE),
        ("mprotect", (0, 4096, 1 | 2), ALLOW),
        ("mprotect", (0, 4096, 4), REFUSE),
        ("fcntl", (4, 3), ALLOW),
        ("fcntl", (4, 4, 0o20000), ALLOW),
        ("fcntl", (4, 8, 1), REFUSE),
        ("fcntl", (4, 0), REFUSE),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (PID - 1, PID - 1, 9), REFUSE),
        ("tgkill", (0, 1, 9), REFUSE),
    ],
)
def test_the_filter_looks_at_arguments(machine, call, arguments, verdict):
    """No memory becomes code, no descriptor is duplicated or given an owner, no other process gets a signal."""
    column = list(confine.ARCHITECTURES).index(machine)
    number = confine.TGKILL[column] if call == "tgkill" else confine.NUMBERS_WITH_ARGUMENTS[call][0][column]
    code = confine.program(machine, PID)
    assert run_filter(code, confine.ARCHITECTURES[machine], number, arguments) == verdict


TOP = 0x5612_9ABC_D000


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("call", "arguments", "verdict"),
    [
        ("brk", (0,), ALLOW),
        ("brk", (TOP - (1 << 32) + 0x1234_5678,), ALLOW),
        ("brk", (TOP - 1,), ALLOW),
        ("brk", (TOP,), ALLOW),
        ("brk", (TOP + 1,), TRAP),
        ("brk", (TOP + (1 << 32) - 0x1234_5678,), TRAP),
        ("brk", ((1 << 64) - 1,), TRAP),
        ("mmap", (0, 1 << 20, 1 | 2), ALLOW),
        ("mmap", (0, 1 << 20, 1 | 4), REFUSE),
        ("mmap", (0, (1 << 20) + 1, 1 | 2), TRAP),
        ("mmap", (0, 1 << 32, 1 | 2), TRAP),
        ("read", (0, 1 << 40, 1 << 40), ALLOW),
    ],
)
def test_the_filter_keeps_the_cap(machine, call, arguments, verdict):
    """The heap does not grow past its ceiling, nothing large is mapped beside it: the attempt ends the process."""
    column = list(confine.ARCHITECTURES).index(machine)
    listed = {"brk": confine.BRK, "mmap": confine.NUMBERS_WITH_ARGUMENTS["mmap"][0], "read": confine.ALLOWED["read"]}
    arch, number = confine.ARCHITECTURES[machine], listed[call][column]
    assert run_filter(confine.program(machine, PID, TOP), arch, number, arguments) == verdict
    if verdict == TRAP:
        assert run_filter(confine.program(machine, PID), arch, number, arguments) == ALLOW


@pytest.mark.parametrize(
    ("machine", "arch", "number"),
    [
        ("x86_64", 0x40000003, 0),  # i386: 0 is restart_syscall there
        ("x86_64", 0xC000003E, 0x40000000),  # x32
        ("x86_64", 0xC000003E, 0x40000000 + 520),  # x32's execve
        ("aarch64", 0x40000028, 1),  # arm
        ("aarch64", 0xC000003E, 0),
    ],
)
def test_other_architectures_end_the_process(machine, arch, number):
    """A call by the numbers of another architecture is not judged but ends the process."""
    assert run_filter(confine.program(machine, PID), arch, number) == KILL


def confined(engine, code, before=""):
    """Run code in a process that did what a worker does before it reads a script."""
    prepared = f"""
        import ctypes, errno, fcntl, json, mmap, os, signal, socket, subprocess, sys, threading, time
        sys.path.append({str(ROOM)!r})
        import confine, worker
        sys.path.append({find_engines(engine)[0].folder!r})
        engine = worker.ENGINES[{engine!r}](256 << 20)
        libc = ctypes.CDLL(None, use_errno=True)
        {before}
        worker.set_time_zone("JST-9")
        confine.limit_resources(256)
        unfiltered = confine.filter_system_calls()
        assert unfiltered is None, unfiltered
        def refusal(action):
            try:
                action()
            except OSError as error:
                return error.errno
            except RuntimeError as error:
                return str(error)
            return "done"
        def raw(number):
            ctypes.set_errno(0)
            return libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6) and ctypes.get_errno()
    """
    source = textwrap.dedent(prepared) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-I", "-c", source], capture_output=True, text=True, timeout=20, check=False, env={}
    )


ATTEMPTS = {
    "open": "open('/etc/hostname')",
    "open to write": "open('/tmp/pacaware-was-here', 'w')",
    "list a folder": "os.listdir('/')",
    "stat": "os.stat('/')",
    "remove a file": "os.unlink('/tmp/pacaware-was-here')",
    "change the folder": "os.chdir('/tmp')",
    "socket": "socket.socket()",
    "datagram socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "unix socket": "socket.socket(socket.AF_UNIX)",
    "socket pair": "socket.socketpair()",
    "exec": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "run": "subprocess.Popen(['/bin/true'], close_fds=False)",
    "signal the parent": "os.kill(os.getppid(), 0)",
    "signal everything": "os.kill(-1, 0)",
    "pipe": "os.pipe()",
    "duplicate": "os.dup(1)",
    "duplicate by fcntl": "fcntl.fcntl(1, fcntl.F_DUPFD, 0)",
    "owner of signals": "fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())",
    "code in memory": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "memory file": "os.memfd_create('x')",
    "new user": "os.setuid(12345)",
    "priority": "os.nice(1)",
}


@needs_filter
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_attempts_are_refused(engine):
    """With the engine loaded no file, socket, program, process, thread or signal to others can be had."""
    attempts = ", ".join(f"{name!r}: lambda: {code}" for name, code in ATTEMPTS.items())
    result = confined(engine, f"""
        found = {{name: refusal(action) for name, action in {{{attempts}}}.items()}}
        found["thread"] = refusal(threading.Thread(target=print).start)
        print(json.dumps(found))
    """)  # fmt: skip
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found.pop("thread") == "can't start new thread"
    assert found == dict.fromkeys(ATTEMPTS, errno.EPERM)


@needs_filter
def test_calls_are_refused():
    """Every call of the list, made by number past all libraries, is refused."""
    machine = MACHINES.index(os.uname().machine)
    numbers = {name: pair[machine] for name, pair in REFUSED.items() if pair[machine] is not None}
    result = confined("quickjs", f"print(json.dumps({{name: raw(n) for name, n in {numbers!r}.items()}}))")
    assert json.loads(result.stdout) == dict.fromkeys(numbers, errno.EPERM)


@needs_filter
@pytest.mark.skipif(os.name != "posix" or os.uname().machine != "x86_64", reason="x86_64 has two more sets of numbers")
@pytest.mark.parametrize("way", ["x32", "i386"])
def test_the_other_doors_end_the_process(way):
    """The 32-bit and x32 entries to the kernel, whose numbers mean other calls, are deadly."""
    # mov eax, 20; int 0x80; ret: getpid of i386. Made before the filter takes such memory away.
    before = (
        "page = mmap.mmap(-1, 4096, prot=7); page.write(bytes.fromhex('b814000000cd80c3'));"
        "enter = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))"
    )
    call = {"x32": "raw(0x40000000 + 39)", "i386": "enter()"}[way]
    result = confined("quickjs", f"print('confined', flush=True); {call}; print('alive')", before)
    assert (result.returncode, result.stdout) == (-signal.SIGSYS, "confined\n")


@needs_filter
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_scripts_run_under_the_filter(engine):
    """Helpers, clock, local time, much memory, errors and a second load all work once the process is confined."""
    prelude = (ROOM / "prelude.js").read_text("utf-8")
    result = confined(engine, f"""
        def run(text, name="h"):
            begin = b'{{"op":"begin","dialect":"chromium","clock":null,"answers":{{}}}}'
            prelude = {prelude!r}.encode()
            frame = worker.LOAD.pack(b"L", 5.0, len(prelude), len(begin)) + prelude + begin + text.encode()
            loaded = json.loads(worker.load(engine, frame))
            if "loaded" not in loaded:
                return loaded["error"]
            ask = {{"op": "find", "url": "http://h/", "host": name, "clock": None, "answers": {{"4 h": "10.0.0.1"}}}}
            reply = json.loads(engine.dispatch(json.dumps(ask)))
            return reply.get("text") or reply.get("error")
        start = "function FindProxyForURL(u, h) {{ "
        print(json.dumps([
            run(start + "return 'PROXY ' + dnsResolve(h) + ':1' }}"),
            run(start + "return '' + new Date(0).getHours() + (Date.now() > 1e12) + (Math.random() < 1) }}"),
            run(start + "return '' + new Array(1e6).fill(1).map(String).join('').length }}"),
            run(start + "return weekdayRange('SUN', 'SAT') && /a(b|c)+/.test('abcb') ? 'yes' : 'no' }}"),
            run(start + "throw new Error('mine') }}"),
            run("nonsense("),
        ]))
    """)  # fmt: skip
    answers = json.loads(result.stdout)
    assert answers[:5] == ["PROXY 10.0.0.1:1", "9truetrue", "1000000", "yes", "Error: mine"]
    assert answers[5].startswith("SyntaxError")


@needs_filter
def test_limits_hold():
    """Memory, core files, written files, processes and descriptors are limited, and the limits are the hard ones."""
    names = ["RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE"]
    # The call that reads limits could set them too, so that it is refused afterwards.
    before = (
        "confine.limit_resources(256); import resource;"
        f"limits = [resource.getrlimit(getattr(resource, name)) for name in {names!r}]"
    )
    assert json.loads(confined("quickjs", "print(json.dumps(limits))", before).stdout) == [
        [limit] * 2 for limit in (256 << 20, 0, 0, 0, 8)
    ]


def status(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(name + ":"))


@needs_filter
@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
def test_the_worker_is_confined(make_script, engine, monkeypatch):
    """The process that runs scripts says so, and the kernel agrees: filter, no new privileges, one thread."""
    monkeypatch.setenv("SECRET_TOKEN", "x")
    script = make_script("function FindProxyForURL(u, h) { return 'DIRECT' }", engine=engine)
    assert script.find_proxy("http://a/", "a").text == "DIRECT"
    pid = script._process.pid
    assert script._process.unfiltered is None
    assert [status(pid, name) for name in ("Seccomp", "NoNewPrivs", "Threads")] == ["2", "1", "1"]
    assert Path(f"/proc/{pid}/environ").read_bytes().replace(b"LC_CTYPE=C.UTF-8\0", b"") == b""
    descriptors = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    kinds = sorted(target.partition(":")[0] for target in descriptors.values())
    assert kinds == ["/dev/null"] * 3 + ["pipe"] * 2


@pytest.mark.parametrize(
    ("platform", "machine", "words"),
    [("darwin", "x86_64", "only Linux"), ("linux", "riscv64", "riscv64"), ("linux", "i686", "i686")],
)
def test_where_there_is_no_filter(monkeypatch, platform, machine, words):
    """Elsewhere the process says why it is not filtered."""
    monkeypatch.setattr(confine.sys, "platform", platform)
    monkeypatch.setattr(confine.os, "uname", lambda: os.uname_result(("", "", "", "", machine)))
    assert words in confine.filter_system_calls()


class Kernel:
    """Stands for a C library whose prctl() fails from a certain call on."""

    def __init__(self, works):
        self.calls, self.works = 0, works

    def prctl(self, *arguments):
        self.calls += 1
        return 0 if self.calls <= self.works else -1


@pytest.mark.parametrize(("works", "words"), [(0, "NO_NEW_PRIVS"), (1, "refused the filter"), (2, "has no effect")])
def test_an_old_kernel_is_said(monkeypatch, works, words):
    """A kernel that refuses, or a filter that does not bite, is never taken for containment."""
    import ctypes

    monkeypatch.setattr(confine.sys, "platform", "linux")
    monkeypatch.setattr(confine.os, "uname", lambda: os.uname_result(("", "", "", "", "x86_64")))
    monkeypatch.setattr(ctypes, "CDLL", lambda *args, **options: Kernel(works))
    assert words in confine.filter_system_calls()


@pytest.mark.parametrize(("choice", "used"), [("auto", "quickjs"), ("pacparser", "pacparser")])
def test_without_a_filter_auto_takes_the_other_engine(make_script, monkeypatch, choice, used, tmp_path):
    """Where the filter turns out to be missing pacparser is used only if it was asked for."""
    for name in ("start.py", "worker.py"):
        (tmp_path / name).write_text((ROOM / name).read_text())
    source = (ROOM / "confine.py").read_text()
    (tmp_path / "confine.py").write_text(source + "\n\ndef filter_system_calls(ceiling):\n    return 'an old kernel'\n")
    monkeypatch.setattr("pacaware._pac.engines._START", tmp_path / "start.py")
    script = make_script("function FindProxyForURL(u, h) { return 'DIRECT' }", engine=choice)
    assert script.find_proxy("http://a/", "a").text == "DIRECT"
    assert (script._engine.name, script._process.unfiltered) == (used, "an old kernel")


@needs_filter
def test_containment_can_be_read(make_script):
    """What runs a script, and whether it is filtered, can be told to a person."""
    script = make_script("function FindProxyForURL(u, h) { return 'DIRECT' }", engine="quickjs")
    assert script.containment == "not running"
    script.load()
    assert script.containment == "quickjs, system calls filtered"
