"""Programs that know nothing of pacaware, started with PACAWARE=1 in an environment where it is installed."""

from __future__ import annotations

import os

import pytest

from pacaware.testing import BasicUsers, Certificates, DeadProxy, Origin, PacServer, Proxy, pac_returning

LIBRARIES = ["requests", "httpx", "httpx2"]
GET = "import sys, LIBRARY; print(LIBRARY.get(sys.argv[1], timeout=20).status_code)"
IN_CODE = """
import sys, pacaware, LIBRARY
pacaware.activate(pac_url=sys.argv[2], proxy_auth=("alice", "wonder:land"))
print(LIBRARY.get(sys.argv[1], timeout=20).status_code)
pacaware.deactivate()
"""
# The commonest line of scripts that bring an adapter or transport of their own.
OWN = {
    "requests": "s = L.Session(); s.mount('http://', L.adapters.HTTPAdapter(max_retries=0)); get = s.get",
    "httpx": "get = L.Client(transport=L.HTTPTransport(retries=0)).get",
    "httpx2": "get = L.Client(transport=L.HTTPTransport(retries=0)).get",
}
# What may not differ after deactivate(): everything that the libraries' classes hold.
REVERSIBLE = """
import LIBRARY as L, pacaware

def everything():
    names = ("Session", "Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport")
    classes = [getattr(L, name) for name in names if hasattr(L, name)]
    classes += [L.adapters.HTTPAdapter] if hasattr(L, "adapters") else []
    return [dict(vars(one)) for one in classes]

before = everything()
pacaware.activate()
print(everything() == before)
pacaware.deactivate()
print(everything() == before)
"""


@pytest.fixture
def origin():
    with Origin() as origin:
        yield origin


@pytest.fixture
def secure_origin():
    with Origin(tls=True) as origin:
        yield origin


@pytest.fixture
def proxy():
    with Proxy(BasicUsers({"alice": "wonder:land"})) as proxy:
        yield proxy


@pytest.fixture
def settings(proxy: Proxy):
    """The variables of a user behind a PAC file whose first proxy is dead and whose second wants a logon."""
    with DeadProxy() as dead, PacServer(pac_returning(dead.pac_text, proxy.pac_text)) as pac:
        ca = str(Certificates.shared().ca_path)
        yield {
            "PACAWARE": "1",
            "PACAWARE_PAC_URL": pac.url,
            "PACAWARE_PROXY_USERNAME": "alice",
            "PACAWARE_PROXY_PASSWORD": "wonder:land",
            "REQUESTS_CA_BUNDLE": ca,
            "SSL_CERT_FILE": ca,
        }


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_script_goes_by_the_pac_file(run, library: str, origin, proxy, settings):
    """An http page comes through the second proxy, with its logon, and the password stays there."""
    done = run("-c", GET.replace("LIBRARY", library), origin.url_for("www.origin.test"), **settings)
    assert (done.stdout, done.stderr) == ("200\n", "")
    assert [seen.status for seen in proxy.requests][-1] == 200
    assert proxy.requests[-1].authorization == "Basic"
    assert [seen.header("Proxy-Authorization") for seen in origin.requests] == [None]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_script_goes_through_a_tunnel(run, library: str, secure_origin, proxy, settings):
    """An https page comes through CONNECT, with the logon on the CONNECT alone."""
    done = run("-c", GET.replace("LIBRARY", library), secure_origin.url_for("www.origin.test"), **settings)
    assert (done.stdout, done.stderr) == ("200\n", "")
    assert (proxy.requests[-1].method, proxy.requests[-1].status) == ("CONNECT", 200)
    assert [seen.header("Proxy-Authorization") for seen in secure_origin.requests] == [None]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_variable_may_be_the_pac_file(run, library: str, origin):
    """PACAWARE=<url> is all that is needed where the proxy wants no logon."""
    with Proxy() as proxy, PacServer(pac_returning(proxy.pac_text)) as pac:
        done = run("-c", GET.replace("LIBRARY", library), origin.url_for("www.origin.test"), PACAWARE=pac.url)
        assert (done.stdout, done.stderr) == ("200\n", "")
        assert [seen.status for seen in proxy.requests] == [200]


@pytest.mark.parametrize("library", LIBRARIES)
def test_own_adapters_and_transports_are_reached(run, library: str, origin, proxy, settings):
    """A script with its own plain adapter or transport goes the same way."""
    code = f"import sys, {library} as L; {OWN[library]}; print(get(sys.argv[1], timeout=20).status_code)"
    done = run("-c", code, origin.url_for("www.origin.test"), **settings)
    assert (done.stdout, done.stderr) == ("200\n", "")
    assert proxy.requests[-1].status == 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_log_says_what_happened(run, library: str, origin, proxy, settings):
    """PACAWARE_LOG=1 writes the decision and the fail-over on stderr, without the password."""
    url = origin.url_for("www.origin.test")
    done = run("-c", GET.replace("LIBRARY", library), url, PACAWARE_LOG="1", **settings)
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith(f"pacaware: {url} goes by PROXY ")]
    assert [line for line in lines if f"failed, {proxy.pac_text} is used instead" in line]
    assert "wonder" not in done.stderr


@pytest.mark.parametrize("library", LIBRARIES)
def test_deactivate_puts_everything_back(run, library: str):
    """activate() changes the library's classes, deactivate() leaves them as they were."""
    done = run("-c", REVERSIBLE.replace("LIBRARY", library))
    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


@pytest.mark.parametrize("library", LIBRARIES)
def test_activate_takes_options(run, library: str, origin, proxy):
    """In code the PAC file and the logon are arguments; with warnings as errors nothing is left open at the end."""
    with PacServer(pac_returning(proxy.pac_text)) as pac:
        code = IN_CODE.replace("LIBRARY", library)
        done = run("-W", "error", "-c", code, origin.url_for("www.origin.test"), pac.url)
    assert (done.stdout, done.stderr) == ("200\n", "")
    assert (proxy.requests[-1].authorization, proxy.requests[-1].status) == ("Basic", 200)


def test_pip_is_reached(run, origin, proxy, settings):
    """Pip's own copy of requests goes the same way: the proxy is asked for the page of the package."""
    index = origin.url_for("index.test", "/simple")
    options = ["--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0", "--timeout", "20"]
    options += ["--index-url", index, "--trusted-host", "index.test"]
    done = run("-m", "pip", "download", *options, "no-such-thing", PIP_CONFIG_FILE=os.devnull, **settings)
    assert done.returncode == 1
    assert [(seen.target, seen.status) for seen in proxy.requests][-1] == (f"{index}/no-such-thing/", 200)
