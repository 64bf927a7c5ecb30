"""The servers that everything is measured against, in a process of their own so that no side shares its interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Lab", "lab"]

RULES = 5000


@dataclass(frozen=True)
class Lab:
    """Where the servers are; ``ca`` is the path of the certificate that signed the https origin."""

    proxy: str
    http: str
    https: str
    ca: str
    pac: str
    big_pac: str


@contextmanager
def lab() -> Iterator[Lab]:
    """Start the servers, and stop them by closing their standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Lab(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=30)


def big_script(proxy: str) -> str:
    """Return a PAC file with many rules, none of which matches."""
    rules = "\n".join(
        f'  if (dnsDomainIs(host, ".d{n}.example") || shExpMatch(host, "*.s{n}.example")) return "DIRECT";'
        for n in range(RULES // 2)
    )
    return f"function FindProxyForURL(url, host) {{\n{rules}\n  return {json.dumps(proxy)};\n}}\n"


def main() -> None:
    from pacaware.testing import Certificates, Origin, PacServer, Proxy, pac_returning

    with Origin() as http, Origin(tls=True) as https, Proxy() as proxy:
        pac = PacServer(pac_returning(proxy.pac_text))
        big = PacServer(big_script(proxy.pac_text))
        with pac, big:
            where = Lab(
                proxy=proxy.url,
                http=http.url_for("origin.test", "/bytes/512"),
                https=https.url_for("origin.test", "/bytes/512"),
                ca=str(Certificates.shared().ca_path),
                pac=pac.url,
                big_pac=big.url,
            )
            print(json.dumps(where.__dict__), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
