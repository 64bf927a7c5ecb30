"""A machine that reaches nothing but the company's proxy: what its user types there, run in a namespace of its own.

Called with a folder of wheels and an empty folder; prints what each command ended with, as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from pacaware.testing import Certificates, NtlmUsers, PacServer, Proxy, pac_returning

USER, PASSWORD = "CORP\\alice", "s3cret"
WHEEL = "sample-1.0-py3-none-any.whl"
INSTALLED = "pacaware[requests,ntlm]"


def wheel() -> bytes:
    """A package of one line."""
    about = "sample-1.0.dist-info"
    files = {
        "sample.py": "ANSWER = 42\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in {**files, f"{about}/RECORD": record}.items():
                archive.writestr(name, text)
        return file.getvalue()


def main(wheelhouse: str, folder: Path) -> None:
    home = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    home |= {"HOME": str(folder), "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ended: dict[str, tuple[int, str]] = {}

    def run(step: str, *command: str | Path, **environ: str) -> None:
        done = subprocess.run(
            command, cwd=folder, env={**home, **environ}, capture_output=True, text=True, timeout=300, check=False
        )
        ended[step] = (done.returncode, done.stdout + done.stderr)

    python = folder / ".venv/bin/python"
    secret = folder / "proxy-password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    with contextlib.ExitStack() as stack:
        page = f'<!DOCTYPE html><a href="/{WHEEL}">{WHEEL}</a>'
        files = {"/simple/sample/": page, f"/{WHEEL}": wheel()}
        index = stack.enter_context(PacServer(files, content_type="text/html", tls=True))
        proxy = stack.enter_context(Proxy(NtlmUsers({USER: PASSWORD})))
        pac = stack.enter_context(PacServer(pac_returning(proxy.pac_text)))
        # No DNS server can be asked here: only the proxy knows this name.
        url = f"https://pypi.origin.test:{index.port}/simple/"
        source = ("--index-url", url, "--cert", Certificates.shared().ca_path, "--retries", "0", "--timeout", "60")
        install = (python, "-m", "pip", "install", *source, "sample")
        run("venv", sys.executable, "-m", "venv", ".venv")
        run("nothing set", *install)
        run(
            "https_proxy",
            *install,
            "--verbose",
            "--verbose",
            https_proxy=proxy.url.replace("//", f"//CORP%5Calice:{PASSWORD}@"),
        )
        find = ("--no-index", "--find-links", wheelhouse)
        run("first install", python, "-m", "pip", "install", *find, "--report", "report.json", INSTALLED)
        here = {
            "PACAWARE_PAC_URL": pac.url,
            "PACAWARE_PROXY_USERNAME": USER,
            "PACAWARE_PROXY_PASSWORD_FILE": str(secret),
        }
        run("PACAWARE=1", *install, PACAWARE="1", **here)
        run("sample", python, "-c", "import sample; print(sample.ANSWER)")
        doctor = (python, "-m", "pacaware", "doctor", f"{url}sample/", "--lang", "en")
        run("doctor", *doctor, PACAWARE="1", SSL_CERT_FILE=str(Certificates.shared().ca_path), **here)
        seen = [(seen.method, int(seen.status or 0), seen.authorization) for seen in proxy.requests]
    report = folder / "report.json"
    names = [item["metadata"]["name"] for item in json.loads(report.read_text())["install"]] if report.exists() else []
    print(json.dumps({"ended": ended, "installed": names, "proxy": seen}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
