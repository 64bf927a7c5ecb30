"""What a known answer costs: no run of the script, no system call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware

PROGRAM = """
import os, sys
from pacaware._models import ProxyConfig
from pacaware._resolver import ProxyResolver

resolver = ProxyResolver(ProxyConfig(pac_url=sys.argv[1]))
now = resolver._clock()
resolver._clock = lambda: now  # between two looks; the clock itself costs a call on some machines
urls = ["https://h.test/", "https://h.test/other", "http://h.test/a?b"]
for url in urls * 100:
    resolver.resolve(url)
before = resolver.stats()["evaluations"]
os.write(2, b"BEGIN\\n")
for _ in range(33_334):
    for url in urls:
        resolver.resolve(url)
os.write(2, b"END\\n")
assert resolver.stats()["evaluations"] == before
resolver.close()
"""
# What the interpreter asks the kernel for when it wants memory.
MEMORY = {"brk", "mmap", "munmap", "mremap", "madvise"}


def test_known_answers_need_no_system_call(world, tmp_path):
    """A hundred thousand of them, counted by strace: between two looks a resolver reads memory and nothing else."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, timeout=60, check=False)
    if tried.returncode:
        pytest.skip("no program can be traced here")
    world.script("return 'PROXY a.test:1'")
    program, log = tmp_path / "resolving.py", tmp_path / "calls"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [strace, "-o", str(log), sys.executable, str(program), world.pac.url],
        env={"PYTHONPATH": str(Path(pacaware.__file__).parent.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "BEGIN\nEND\n")
    traced = log.read_text()
    assert traced.index('write(2, "BEGIN') < traced.index('write(2, "END')
    between = traced.partition('write(2, "BEGIN')[2].partition('write(2, "END')[0]
    calls = {match[1] for line in between.splitlines()[1:] if (match := re.match(r"(\w+)\(", line))}
    assert calls - MEMORY == set()
