"""A network for one test: a client's machine and a gateway with DHCP, DNS, a web server and a proxy.

Both are network namespaces, so that nothing reaches the machine that the tests run on, nor its files: the client's
/run, /var/lib/dhcp and the few files of /etc are folders of the test, mounted for its processes alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.real.servers import Missing, program

ROOT = Path(__file__).parents[2]
GATEWAY = "192.0.2.1"
CLIENT = "192.0.2.10"
SECONDS = 20.0
PAC_TYPE = "application/x-ns-proxy-autoconfig"
PAC = f"function FindProxyForURL(url, host) {{ return 'PROXY {GATEWAY}:3128'; }}"

# Nothing is mounted unless the machine around is left behind for certain.
_MOUNTS = """
set -e
folder=$1; outside=$2; shift 2
test "$(readlink /proc/self/ns/mnt)" != "$outside"
mount --bind "$folder/run" /run
mount --bind "$folder/leases" /var/lib/dhcp
for file in resolv.conf hosts nsswitch.conf; do mount --bind "$folder/$file" "/etc/$file"; done
mount -o remount,ro,bind /sys
exec "$@"
"""
# What a distribution's own script does, without a look at the machine around.
_DHCLIENT_SCRIPT = f"""#!/bin/sh
case "$reason" in
BOUND|RENEW|REBIND|REBOOT)
    ip address replace "$new_ip_address/24" dev "$interface"
    ip route replace default via {GATEWAY} ;;
esac
"""
_DHCLIENT_CONF = """
option wpad-url code 252 = text;
request subnet-mask, routers, domain-name, wpad-url;
timeout 15;
"""
_NETWORKD = """
[Match]
Name=p0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
RequestOptions=252
"""


class Network:
    """A client without an address, and a gateway that serves nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._name = f"pacaware-{secrets.token_hex(3)}"
        self._stack = contextlib.ExitStack()
        for name in ("run", "leases", "web"):
            (folder / name).mkdir()
        self.resolv_conf(f"nameserver {GATEWAY}\nsearch tokyo.corp.test\n")
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")

    def __enter__(self) -> Self:
        if not sys.platform.startswith("linux") or os.geteuid() != 0:
            raise Missing("network namespaces are made by root on Linux")
        ip = program("ip", "iproute2")
        with contextlib.ExitStack() as stack:
            for name in (self._name, self._gateway):
                try:
                    _run(ip, "netns", "add", name)
                except subprocess.CalledProcessError as exc:
                    raise Missing(f"no network namespace can be made here: {exc.output}") from exc
                stack.callback(_run, ip, "netns", "del", name)
            _run(ip, "link", "add", "p0", "netns", self._name, "type", "veth", "peer", "p1", "netns", self._gateway)
            for command in ("link set lo up", f"address add {GATEWAY}/24 dev p1", "link set p1 up"):
                _run(ip, "-netns", self._gateway, *command.split())
            for command in ("link set lo up", "link set p0 up"):
                _run(ip, "-netns", self._name, *command.split())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def _gateway(self) -> str:
        return f"{self._name}-gw"

    # The gateway

    def serve_names(self, *options: str) -> None:
        """Start dnsmasq as a DNS server, and as a DHCP server too; ``options`` are its own."""
        command = (
            *(program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"),
            *("--no-hosts", "--interface=p1", "--bind-interfaces", "--pid-file=", "--user=root", "--log-queries"),
            *("--dhcp-range=192.0.2.100,192.0.2.150,10m", "--dhcp-authoritative", "--dhcp-option=15,tokyo.corp.test"),
            *(f"--dhcp-leasefile={self.folder}/dnsmasq.leases", f"--log-facility={self.folder}/dnsmasq.log"),
            *("--local=/test/", *options),
        )
        self._start(self._server(*command))
        self.wait_for(lambda: "started" in self.log("dnsmasq.log"), "dnsmasq did not start")

    def serve_web(self, **reply: Any) -> None:
        """Start the web server and the proxy; ``reply`` is the first for port 80."""
        self.reply(**reply)
        web = (sys.executable, str(Path(__file__).with_name("web.py")), GATEWAY, f"{self.folder}/web")
        self._start(self._server(*web))
        self.wait_for((self.folder / "web/ready").exists, "the web server did not start")

    def reply(
        self, body: str = PAC, *, port: int = 80, status: int = 200, endless: bool = False, **headers: str
    ) -> None:
        """Set what the web server (port 80) or the proxy (port 3128) answers to everybody from now on."""
        named = {"Content-Type": PAC_TYPE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        file = self.folder / "web/reply.json"
        replies = json.loads(file.read_text()) if file.exists() else {}
        replies[str(port)] = {"body": body, "status": status, "endless": endless, "headers": named}
        file.with_suffix(".new").write_text(json.dumps(replies))
        file.with_suffix(".new").rename(file)

    def requests(self, port: int = 80) -> list[dict[str, Any]]:
        """Return what was asked of the web server or the proxy."""
        seen = [json.loads(line) for line in self.log("web/requests.log").splitlines()]
        return [request for request in seen if request["port"] == port]

    def serve_silence(self) -> None:
        """Take the DNS questions and answer none."""
        code = (
            f"import socket, time; s = socket.socket(2, 2); s.bind(({GATEWAY!r}, 53)); "
            "print(flush=True); time.sleep(300)"
        )
        silent = self._start(self._server(sys.executable, "-c", code), stdout=subprocess.PIPE)
        assert silent.stdout is not None
        silent.stdout.readline()

    def names_asked(self) -> set[str]:
        """Return the names that were asked of DNS."""
        return {line.split()[-3] for line in self.log("dnsmasq.log").splitlines() if "query[" in line}

    def log(self, name: str) -> str:
        """Return what a server wrote; nothing if it did not."""
        file = self.folder / name
        return file.read_text(errors="replace") if file.exists() else ""

    # The client

    def resolv_conf(self, text: str) -> None:
        """Write the client's resolv.conf; in place, as it is mounted somewhere."""
        (self.folder / "resolv.conf").write_text(text)

    def connect(self, address: str = CLIENT) -> None:
        """Give the client an address without DHCP."""
        self.run("ip", "address", "add", f"{address}/24", "dev", "p0")
        self.run("ip", "route", "replace", "default", "via", GATEWAY)

    def dhclient(self) -> None:
        """Let ISC dhclient get a lease."""
        script, config = self.folder / "dhclient-script", self.folder / "dhclient.conf"
        script.write_text(_DHCLIENT_SCRIPT)
        script.chmod(0o755)
        config.write_text(_DHCLIENT_CONF)
        command = (
            *(program("dhclient", "isc-dhcp-client"), "-d", "-1", "-cf", str(config), "-sf", str(script)),
            *("-lf", "/var/lib/dhcp/dhclient.p0.leases", "-pf", "/run/dhclient.pid", "p0"),
        )
        self._start(self._client(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The lease and the address do not come at the same moment.
        self.wait_for(lambda: "}" in self.log("leases/dhclient.p0.leases"), "dhclient got no lease")
        show = ("ip", "-4", "address", "show", "dev", "p0")
        self.wait_for(lambda: "192.0.2.1" in self.run(*show).stdout, "dhclient set no address")

    def networkd(self) -> None:
        """Let systemd-networkd get a lease."""
        daemon = Path("/lib/systemd/systemd-networkd")
        if not daemon.exists():
            raise Missing("systemd-networkd is not installed: apt-get install systemd")
        run = self.folder / "run/systemd"
        (run / "network").mkdir(parents=True)
        (run / "network/p0.network").write_text(_NETWORKD)
        for name in ("", "leases", "links"):
            (run / "netif" / name).mkdir()
            shutil.chown(run / "netif" / name, "systemd-network")
        # Its user has to reach that folder, whatever the one around it is.
        for parent in (self.folder, *self.folder.parents[:3]):
            parent.chmod(parent.stat().st_mode | 0o011)
        self._start(self._client(str(daemon)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(lambda: any((run / "netif/leases").iterdir()), "systemd-networkd got no lease")

    def run(self, *command: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program on the client's machine."""
        done = subprocess.run(
            self._client(*command),
            env=_environ(environ),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done

    def python(self, code: str, **environ: str) -> str:
        """Run a Python program on the client's machine, and return what it printed."""
        return self.run(sys.executable, "-c", code, **environ).stdout

    def interact(self, code: str, **environ: str) -> subprocess.Popen[str]:
        """Start a Python program on the client's machine that is talked to line by line."""
        return self._start(
            self._client(sys.executable, "-c", code),
            env=_environ(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    # How it is done

    def _client(self, *command: str) -> tuple[str, ...]:
        inside = ("sh", "-c", _MOUNTS, "sh", str(self.folder), str(Path("/proc/self/ns/mnt").readlink()), *command)
        return _in_namespace(self._name, *inside)

    def _server(self, *command: str) -> tuple[str, ...]:
        return _in_namespace(self._gateway, *command)

    def _start(self, command: tuple[str, ...], **options: Any) -> subprocess.Popen[Any]:
        started = subprocess.Popen(command, **options)
        self._stack.callback(_stop, started)
        return started

    @staticmethod
    def wait_for(condition: Any, message: str) -> None:
        """Poll until a condition holds."""
        until = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < until, message
            time.sleep(0.02)


def _in_namespace(name: str, *command: str) -> tuple[str, ...]:
    return (program("ip", "iproute2"), "netns", "exec", name, *command)


def _environ(more: dict[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "error", **more}


def _run(*command: str) -> None:
    output = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    subprocess.run(command, check=True, timeout=30, text=True, **output)


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
