"""Runs on Windows in place of a worker: sends what it was given as if an engine could not be loaded."""

import ctypes
import json
import msvcrt
import os
import struct

given = {
    "variables": sorted(os.environ),
    "window": ctypes.WinDLL("kernel32").GetConsoleWindow(),
    "folder": os.getcwd(),  # noqa: PTH109 - as text
}
msvcrt.setmode(1, os.O_BINARY)
data = json.dumps({"pacaware": 2, "error": json.dumps(given)}).encode()
os.write(1, struct.pack(">I", len(data)) + data)
