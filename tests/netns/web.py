"""The program that plays the web server and the proxy of a test network: ``web.py ADDRESS FOLDER``.

It answers on ports 80 and 3128 as ``reply.json`` in its folder says at the time of each request, and writes each
request as a line of JSON to ``requests.log``. What arrives by LLMNR, mDNS or NetBIOS is written to ``multicast.log``.
"""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
from pathlib import Path

ADDRESS, FOLDER = sys.argv[1], Path(sys.argv[2])
GROUPS = {5355: "224.0.0.252", 5353: "224.0.0.251", 137: None}


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self):
        seen = {"port": self.server.server_address[1], "target": self.path, "headers": dict(self.headers)}
        note("requests.log", json.dumps(seen))
        reply = json.loads((FOLDER / "reply.json").read_text())[str(seen["port"])]
        self.send_response(reply["status"])
        for name, value in reply["headers"].items():
            self.send_header(name, value)
        body = reply["body"].encode()
        if not reply["endless"]:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        while reply["endless"]:
            self.wfile.write(b"/" * 65536)

    def do_CONNECT(self):
        self.do_GET()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that have had enough are what some tests are about


def note(name, line):
    with (FOLDER / name).open("a") as log:
        log.write(line + "\n")


def listen(port, group):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", port))
    if group:
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton(ADDRESS)
        )
    while True:
        data, peer = sock.recvfrom(4096)
        note("multicast.log", f"{port} {peer} {data!r}")


if __name__ == "__main__":
    for port, group in GROUPS.items():
        threading.Thread(target=listen, args=(port, group), daemon=True).start()
    servers = [Server((ADDRESS, port), Handler) for port in (80, 3128)]
    threading.Thread(target=servers[0].serve_forever, daemon=True).start()
    note("ready", "")
    servers[1].serve_forever()
