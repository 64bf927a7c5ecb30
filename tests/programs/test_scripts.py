"""Scripts of every kind, run with PACAWARE=1 and not a word about proxies in them."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import zipapp
from pathlib import Path

import pytest

from tests.programs.cloud import Cloud
from tests.programs.conftest import PROJECT, Run, site_packages

pytestmark = pytest.mark.real

ASKS = {
    "requests": """
        import requests
        print(requests.get(URL, timeout=30).status_code)
        """,
    "requests, a session used twice": """
        import requests
        with requests.Session() as session:
            for _ in range(2):
                status = session.post(URL, data=b"x" * 1000, timeout=30).status_code
        print(status)
        """,
    "requests, retries": """
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry
        session = requests.Session()
        for prefix in ("http://", "https://"):
            session.mount(prefix, HTTPAdapter(max_retries=Retry(3, backoff_factor=0.1, status_forcelist=[503])))
        print(session.get(URL, timeout=30).status_code)
        """,
    "requests, an adapter with its own context": """
        import os, ssl, requests
        from requests.adapters import HTTPAdapter
        from urllib3.util.ssl_ import create_urllib3_context
        class Modern(HTTPAdapter):
            def init_poolmanager(self, *args, **kwargs):
                super().init_poolmanager(*args, **kwargs, ssl_context=self.context())
            def proxy_manager_for(self, *args, **kwargs):
                return super().proxy_manager_for(*args, **kwargs, ssl_context=self.context())
            def context(self):
                context = create_urllib3_context(ssl_minimum_version=ssl.TLSVersion.TLSv1_2)
                context.load_verify_locations(os.environ["SSL_CERT_FILE"])
                return context
        session = requests.Session()
        for prefix in ("http://", "https://"):
            session.mount(prefix, Modern())
        print(session.get(URL, timeout=30).status_code)
        """,
    "httpx": """
        import httpx
        print(httpx.get(URL, timeout=30).status_code)
        """,
    "httpx, its own transport": """
        import httpx
        with httpx.Client(transport=httpx.HTTPTransport(retries=2), timeout=30) as client:
            print(client.get(URL).status_code)
        """,
    "httpx, async": """
        import asyncio, httpx
        async def main():
            async with httpx.AsyncClient(timeout=30) as client:
                answers = await asyncio.gather(*(client.get(URL) for _ in range(4)))
            print(*{answer.status_code for answer in answers})
        asyncio.run(main())
        """,
    "httpx2": """
        import httpx2
        print(httpx2.get(URL, timeout=30).status_code)
        """,
    "httpx2, async": """
        import asyncio, httpx2
        async def main():
            async with httpx2.AsyncClient(timeout=30) as client:
                answers = await asyncio.gather(*(client.get(URL) for _ in range(4)))
            print(*{answer.status_code for answer in answers})
        asyncio.run(main())
        """,
    "a late import": """
        import sys, time, threading, json, urllib.request
        assert not {"requests", "urllib3"} & set(sys.modules)
        def ask():
            from requests import Session
            return Session().get(URL, timeout=30).status_code
        print(ask())
        """,
    "threads, each with the first import": """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        start = threading.Barrier(8)
        def ask(number):
            start.wait(30)
            if number % 2:
                import requests as library
            else:
                import httpx as library
            return library.get(URL, timeout=30).status_code
        with ThreadPoolExecutor(8) as pool:
            print(*set(pool.map(ask, range(8))))
        """,
}

MULTIPROCESSING = """
import multiprocessing, sys

def ask(url):
    import requests
    return requests.get(url, timeout=30).status_code

if __name__ == "__main__":
    method, url = sys.argv[1:]
    if method == "fork":
        ask(url)  # so that the child inherits a resolver, its process and a session's proxy in use
    with multiprocessing.get_context(method).Pool(2) as pool:
        print(*set(pool.map(ask, [url] * 4)))
"""

CHILDREN = """
import os, subprocess, sys
code = "import sys, httpx; print(httpx.get(sys.argv[1], timeout=30).status_code)"
command = [sys.executable, "-c", code, sys.argv[1]]
print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
shell = subprocess.run([sys.executable, "-c", f"import os; os.execv({command[0]!r}, {command!r})"], capture_output=True)
print(shell.stdout.decode().strip())
"""

MAIN = "import sys, requests\nprint(requests.get(sys.argv[1], timeout=30).status_code)\nprint(requests.__file__)\n"
# Says whether pacaware has its hands in requests; asks for a page where there is one.
ALONE = """
import sys, requests
print("pacaware" in sys.modules)
if sys.argv[1]:
    assert requests.get(sys.argv[1], timeout=30).status_code == 200
"""


@pytest.mark.parametrize("what", ASKS)
def test_a_script(what: str, run: Run, cloud: Cloud, through_squid):
    """The script gets its answer, says nothing on stderr, and squid let it through with its logon."""
    done = run("-c", f"URL = {cloud.url + '/echo'!r}\n{textwrap.dedent(ASKS[what])}")
    assert (done.stdout, done.stderr) == ("200\n", "")
    noted = through_squid(cloud)
    assert noted
    assert set(noted) <= {f"{method} alice" for method in ("GET", "POST", "CONNECT")}
    assert not [seen for seen in cloud.seen if "Proxy-Authorization" in seen.headers]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, run: Run, secure_cloud: Cloud, tmp_path: Path):
    """Children of multiprocessing go the same way, however they are started."""
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    done = run("-W", "ignore::DeprecationWarning", script, method, secure_cloud.url + "/echo")
    assert (done.stdout, done.stderr) == ("200\n", "")


def test_children(run: Run, secure_cloud: Cloud, tmp_path: Path):
    """So does a Python that the program starts, or that takes its place."""
    script = tmp_path / "script.py"
    script.write_text(CHILDREN)
    done = run(script, secure_cloud.url + "/echo")
    assert (done.stdout, done.stderr) == ("200\n200\n", "")


def zipapp_of(folder: Path, code: str, *bundled: Path) -> Path:
    """Return an archive that Python runs, with packages in it."""
    source = folder / "app"
    source.mkdir()
    (source / "__main__.py").write_text(code)
    for package in bundled:
        shutil.copytree(package, source / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    zipapp.create_archive(source, folder / "app.pyz")
    return folder / "app.pyz"


@pytest.mark.parametrize("how", ["-m", "script", "zipapp", "zipapp with its own requests"])
def test_ways_to_start(how: str, run: Run, programs: Path, secure_cloud: Cloud, tmp_path: Path):
    """However the program is started, it is reached; the requests inside an archive as well."""
    (tmp_path / "program.py").write_text(MAIN)
    arguments: list[object] = ["-m", "program"] if how == "-m" else [tmp_path / "program.py"]
    if how.startswith("zipapp"):
        names = ("requests", "urllib3", "idna", "certifi", "charset_normalizer") if "own" in how else ()
        arguments = [zipapp_of(tmp_path, MAIN, *(site_packages(programs) / name for name in names))]
    done = run(*arguments, secure_cloud.url + "/echo")
    assert (done.stdout.splitlines()[0], done.stderr) == ("200", "")
    assert (".pyz" in done.stdout) is ("own" in how)


def test_an_editable_installation(run: Run, environment_beside, secure_cloud: Cloud):
    """Who works on pacaware itself has it switched on in the same way."""
    python = environment_beside(["editables==0.5"], ["--no-build-isolation", "--editable", str(PROJECT)])
    done = run("-c", f"import pacaware; print(pacaware.__file__)\n{MAIN}", secure_cloud.url + "/echo", python=python)
    assert done.stderr == ""
    assert done.stdout.splitlines()[:2] == [str(PROJECT / "src" / "pacaware" / "__init__.py"), "200"]


@pytest.mark.parametrize("option", ["-I", "-E"])
def test_isolated(option: str, run: Run):
    """Under -I and -E variables do not count: the program goes its own way, without us."""
    with Cloud() as cloud:
        done = run(option, "-c", ALONE, f"http://127.0.0.1:{cloud.port}/echo")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_without_site(run: Run, programs: Path):
    """Under -S there is no site-packages; what is put on the path by hand is not reached."""
    done = run("-S", "-c", ALONE, "", PYTHONPATH=str(site_packages(programs)))
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can be another user by half")
@pytest.mark.parametrize("become", ["os.setreuid(65534, 0)", "os.setregid(65534, 0)"])
def test_another_user(become: str, run: Run, programs: Path):
    """A program with the rights of somebody else than who started it leaves the starter's variables alone."""
    command = [str(programs), "-c", ALONE, ""]
    started = run("-c", f"import os; {become}; os.execv({command[0]!r}, {command!r})")
    assert (started.stdout, started.stderr) == ("False\n", "")
    assert run("-c", ALONE, "").stdout == "True\n"
