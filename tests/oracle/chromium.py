"""Headless Chromium as the judge of PAC files: what it chooses for each URL, read from its network log.

Chromium phones home, so it only ever runs in a namespace of its own that has nothing but the loopback device; the inner
half of this module (``python chromium.py``, standard library only) refuses to start anywhere else. There every address
is local and closed, so that no request waits for anything, and a hosts file gives names their addresses.

One browser serves many PAC files, each loaded as it is. It believes to run on KDE, watches ``kioslaverc``, and loads
the PAC file named there when that is replaced (net/proxy_resolution/proxy_config_service_linux.cc).
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS: Final = 60.0
CALL_SECONDS: Final = 60.0
SWITCH_SECONDS: Final = 20.0
FETCH_MILLISECONDS: Final = 5000
MY_ADDRESSES: Final = ("10.77.0.9", "fd77::9")

_OFF: Final = (
    "Translate,OptimizationHints,MediaRouter,LocalNetworkAccessChecks,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "NetworkTimeServiceQuerying,AutofillServerCommunication,DnsOverHttps"
)
_FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-pings"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-extensions", "--disable-domain-reliability", "--disable-client-side-phishing-detection"),
    *("--disable-crash-reporter", "--disable-breakpad", "--metrics-recording-only", "--disable-dev-shm-usage"),
    *("--password-store=basic", f"--disable-features={_OFF}", "--net-log-capture-mode=Everything"),
    *("--remote-debugging-pipe",),
)
# Fetches all URLs at once and says how Chromium writes each; null for what it takes for no URL.
_FETCH: Final = """(async (urls, ms) => Promise.all(urls.map(async u => {
  let href; try { href = new URL(u).href } catch (e) { return null }
  if (/^wss?:/.test(href)) await new Promise(done => {
    const w = new WebSocket(u); w.onopen = w.onerror = done; setTimeout(done, ms) });
  else try { await fetch(u, {mode: 'no-cors', cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(ms)})
  } catch (e) {}
  return href })))(%s, %d)"""


def missing() -> str | None:
    """Return what to install before anything here can run, or None."""
    packages = {"chromium": "chromium", "unshare": "util-linux", "mount": "mount", "ip": "iproute2"}
    absent = sorted({package for command, package in packages.items() if shutil.which(command) is None})
    return f"the comparison needs: apt-get install {' '.join(absent)}" if absent else None


def ask(
    cases: list[dict[str, Any]], zone: str, hosts: dict[str, list[str]], *, timeout: float = 1800.0
) -> dict[str, Any]:
    """Have Chromium answer ``cases`` ({"text", "urls"}) in one browser: {"version", "answers": a list for each case}.

    An answer is {"list" or "failed" ("load", "run") or "invalid", "alerts"}; None if the request was never seen.
    """
    job = json.dumps({"cases": cases, "zone": zone, "hosts": hosts}).encode()
    command = ["unshare", "-Urnm", "--pid", "--fork", "--kill-child", sys.executable, "-I", str(Path(__file__))]
    done = subprocess.run(command, input=job, stdout=subprocess.PIPE, timeout=timeout, check=True)
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


# ---------------------------------------------------------------- inside the namespace


def _close_the_world(hosts: dict[str, list[str]], folder: Path) -> None:
    """Check that there is only a loopback device; make every address local, and give names their addresses."""
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        raise SystemExit("Chromium phones home: it is only started in a network namespace with nothing but loopback")
    four, six = MY_ADDRESSES
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, found in hosts.items() for address in found)]
    table = folder / "hosts"
    table.write_text("\n".join(lines) + "\n")
    servers = folder / "resolv.conf"
    servers.write_text("nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
    for command in (
        *("ip link set lo up", f"ip addr add {four}/32 dev lo", f"ip route add local default dev lo src {four}"),
        *(f"ip -6 addr add {six}/128 dev lo nodad", f"ip -6 route add local default dev lo src {six}"),
        *(f"mount --bind {table} /etc/hosts", f"mount --bind {servers} /etc/resolv.conf"),
    ):
        subprocess.run(command.split(), check=True, stdout=sys.stderr, timeout=20)


class _PacServer:
    """Serves ``/N.pac`` on loopback and counts who came for it."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}
        self.hits: Counter[str] = Counter()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 20

            def do_GET(self) -> None:
                body = outer.texts[self.path]
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ns-proxy-autoconfig; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                outer.hits[self.path] += 1

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


class _Browser:
    """A Chromium that is spoken to over two pipes (the DevTools protocol, messages end with NUL)."""

    def __init__(self, folder: Path, zone: str) -> None:
        self.log = folder / "netlog.json"
        import fcntl  # here, since the replay of a run works where this module is missing

        from_us, self._out = os.pipe()
        self._in, to_us = os.pipe()
        to_read, to_write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_us, to_us))
        environ = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and key[:4] != "XDG_"}
        environ |= {"HOME": str(folder), "TZ": zone, "XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5"}
        environ["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
        # The browser reads descriptor 3 and writes 4.
        shell = f'exec "$@" 3<&{to_read} 4>&{to_write} {to_read}<&- {to_write}>&-'
        binary = shutil.which("chromium") or "chromium"
        paths = (f"--user-data-dir={folder / 'profile'}", f"--log-net-log={self.log}")
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", binary, *_FLAGS, *paths, "about:blank"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_read, to_write),
            start_new_session=True,
        )
        for end in (from_us, to_us, to_read, to_write):
            os.close(end)
        self._count = 0
        self._buffer = b""

    def call(self, method: str, session: str | None = None, seconds: float = CALL_SECONDS, **params: Any) -> Any:
        """Send one command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            while b"\0" not in self._buffer:
                if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise TimeoutError(f"Chromium did not answer {method} within {seconds:g} s")
                piece = os.read(self._in, 1 << 20)
                if not piece:
                    raise ConnectionError("Chromium is gone")
                self._buffer += piece
            text, self._buffer = self._buffer.split(b"\0", 1)
            reply = json.loads(text)
            if reply.get("id") == self._count:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    @contextlib.contextmanager
    def tab(self) -> Iterator[str]:
        """Open an empty page for a while; gives its session."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        yield self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Target.closeTarget", targetId=target)

    def finish(self) -> None:
        """Close the browser, so that it completes its log; kill what is left of it."""
        with contextlib.suppress(ConnectionError, OSError, TimeoutError):
            self.call("Browser.close", seconds=20)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)


def _switch(folder: Path, server: _PacServer, number: int) -> None:
    """Make the PAC file the desktop's setting."""
    settings = folder / ".config" / "kioslaverc"
    settings.parent.mkdir(exist_ok=True)
    fresh = settings.with_suffix(".new")
    fresh.write_text(f"[Proxy Settings]\nProxyType=2\nProxy Config Script={server.url}/{number}.pac\n")
    fresh.replace(settings)


def _wait_for_fetch(server: _PacServer, number: int) -> None:
    """Wait until the PAC file was fetched: from then on requests wait for it, in all of the browser's contexts."""
    deadline = time.monotonic() + SWITCH_SECONDS
    while not server.hits[f"/{number}.pac"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Chromium did not load PAC file {number}")
        time.sleep(0.004)


def _visit(browser: _Browser, urls: list[str]) -> list[str | None]:
    """Request every URL; return them as Chromium writes them. fetch() refuses a user in a URL, navigation does not.

    Each time in a page of its own: WebSockets of a page that had many failures are held back for seconds.
    """
    with browser.tab() as page, browser.tab() as other:
        return _visit_in(browser, page, other, urls)


def _visit_in(browser: _Browser, page: str, other: str, urls: list[str]) -> list[str | None]:
    plain = [url for url in urls if "@" not in url or url.startswith("ws")]
    expression = _FETCH % (json.dumps(plain), FETCH_MILLISECONDS)
    result = browser.call("Runtime.evaluate", page, expression=expression, awaitPromise=True, returnByValue=True)
    written = dict(zip(plain, result["result"]["value"], strict=True))
    for url in urls:
        if url not in written:
            value = f"(u => {{ try {{ return new URL(u).href }} catch (e) {{ return null }} }})({json.dumps(url)})"
            found = browser.call("Runtime.evaluate", page, expression=value, returnByValue=True)
            written[url] = found["result"].get("value")
            if written[url] is not None:
                browser.call("Page.navigate", other, url=url)
    return [written[url] for url in urls]


def _read_log(path: Path) -> tuple[dict[int, dict[str, dict[str, Any]]], set[int]]:
    """Return what was chosen, by number of the PAC file and URL, and the PAC files that did not load."""
    log = json.loads(path.read_text("utf-8", "replace"))
    types = {value: name for name, value in log["constants"]["logEventTypes"].items()}
    sources = {value: name for name, value in log["constants"]["logSourceType"].items()}
    number = -1
    seen: dict[int, dict[str, dict[str, Any]]] = {}
    of_source: dict[int, dict[str, Any]] = {}
    broken: set[int] = set()
    for event in log["events"]:
        kind, params, source = types.get(event["type"], ""), event.get("params") or {}, event["source"]
        if kind == "PROXY_CONFIG_CHANGED":
            number = int(params["new_config"].get("pac_url", "/-1.pac").rpartition("/")[2].removesuffix(".pac"))
        elif sources[source["type"]] == "HTTP_STREAM_JOB_CONTROLLER":
            records = seen.setdefault(number, {})
            if params.get("url", "") and not params.get("is_preconnect") and params["url"] not in records:
                of_source[source["id"]] = records[params["url"]] = {"alerts": []}
            record = of_source.get(source["id"], {"alerts": []})
            if kind == "PAC_JAVASCRIPT_ALERT":
                record["alerts"].append(params["message"])
            elif kind == "PROXY_RESOLUTION_SERVICE_RESOLVED_PROXY_LIST":
                chosen = params.get("proxy_info")
                record |= {"list": chosen} if isinstance(chosen, str) else {"failed": "run"}
        elif kind == "PAC_JAVASCRIPT_ERROR" and not any(len(one) > 1 for one in seen.get(number, {}).values()):
            # Of no request, and before any was answered.
            broken.add(number)
    return seen, broken


def _without_user(href: str | None) -> str:
    scheme, mark, rest = (href or "").partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + mark + authority.rpartition("@")[2] + slash + path


def _answer(record: dict[str, Any] | None, href: str | None, loads: bool) -> dict[str, Any] | None:
    if href is None:
        return {"invalid": True, "alerts": []}
    # A PAC file that does not load is set aside, and the next setting used: there is none here.
    if not loads and record and record.get("list") == "DIRECT":
        return {"failed": "load", "alerts": []}
    return record


def _run(job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _close_the_world(job["hosts"], folder)
        server = _PacServer()
        for number, case in enumerate(job["cases"]):
            server.texts[f"/{number}.pac"] = case["text"].encode("utf-8", "surrogatepass")
        server.texts["/-1.pac"] = b"function FindProxyForURL() { return 'DIRECT' }"
        _switch(folder, server, -1)
        browser = _Browser(folder, job["zone"])
        try:
            version = browser.call("Browser.getVersion", seconds=START_SECONDS)["product"]
            hrefs = []
            # The first PAC file is loaded when it is first needed, later ones at once.
            _visit(browser, ["http://first.test/"])
            for number, case in enumerate(job["cases"]):
                _switch(folder, server, number)
                _wait_for_fetch(server, number)
                hrefs.append(_visit(browser, case["urls"]))
        finally:
            browser.finish()
        seen, broken = _read_log(browser.log)
    # pac_file_decider.cc takes a text without the name for no PAC file, and logs nothing.
    broken |= {number for number, case in enumerate(job["cases"]) if "FindProxyForURL" not in case["text"]}
    answers = [
        [_answer(seen.get(number, {}).get(_without_user(href)), href, number not in broken) for href in written]
        for number, written in enumerate(hrefs)
    ]
    return {"version": version, "answers": answers}


if __name__ == "__main__":
    print(json.dumps(_run(json.load(sys.stdin))))
