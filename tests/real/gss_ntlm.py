"""NTLM checked by gss-ntlmssp, an implementation in C that shares nothing with pyspnego; runs as a program.

Speaks squid's helper protocol on a loopback port, which it prints first, until its standard input ends. The users are
in the file that NTLM_USER_FILE names: the library reads no other place, which is why this is a process of its own. The
argument is what a logon must be bound to (hexadecimal; none: nothing).
"""

from __future__ import annotations

import base64
import binascii
import socketserver
import sys
import threading
from typing import Any

import gssapi

_NTLMSSP = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")


class _Handler(socketserver.StreamRequestHandler):
    timeout = 3600  # as in logons.py

    def handle(self) -> None:
        binding = bytes.fromhex(sys.argv[1]) if len(sys.argv) > 1 else b""
        context: Any = None
        for raw in self.rfile:
            command, _, token = raw.decode("ascii").strip().partition(" ")
            if command == "YR":
                context = _new_context(binding)
            try:
                answer = _step(context, base64.b64decode(token.partition(" ")[0], validate=True), binding)
            except (gssapi.exceptions.GSSError, binascii.Error) as exc:
                answer = f"NA {type(exc).__name__}"
            self.wfile.write(f"{answer}\n".encode())


def _new_context(binding: bytes) -> Any:
    credentials = gssapi.Credentials(usage="accept", mechs=[_NTLMSSP])
    bindings = gssapi.raw.ChannelBindings(application_data=binding) if binding else None
    return gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=bindings)


def _step(context: Any, token: bytes, binding: bytes) -> str:
    reply = context.step(token)
    if not context.complete:
        return f"TT {base64.b64encode(reply).decode('ascii')}"
    # A logon without a binding is let in by the library, which says so.
    if binding and gssapi.RequirementFlag.channel_bound not in context.actual_flags:
        return "NA unbound"
    # The name ends in a zero byte. Squid would take a blank for the end of the name.
    return "AF " + str(context.initiator_name).rstrip("\0").replace(" ", "_")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


def main() -> None:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
