"""Programs that know nothing of pacaware, started with PACAWARE=1 in an environment where it is installed."""

from __future__ import annotations

import ast
import os

import pytest

from pacaware.testing import PacServer, Proxy, pac_returning

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
# What may not differ after deactivate(): everything that the modules and the classes of the library hold.
REVERSIBLE = """
import importlib, sys, pacaware
library = importlib.import_module(sys.argv[1])

def everything():
    names = [name for name in sys.modules if name == sys.argv[1] or name.startswith(f"{sys.argv[1]}.")]
    modules = {name: vars(sys.modules[name]) for name in names}
    classes = {one: dict(vars(one)) for held in modules.values() for one in held.values() if isinstance(one, type)}
    return {name: dict(held) for name, held in modules.items()} | classes

before = everything()
pacaware.activate()
changed = everything()
pacaware.deactivate()
after = everything()
differing = {getattr(one, "__name__", one): [name for name in before[one] if changed[one].get(name) is not held[name]]
             for one, held in before.items() if any(changed[one].get(name) is not held[name] for name in held)}
print({name: sorted(parts) for name, parts in differing.items()})
print(all(after[one].keys() == held.keys() and all(after[one][name] is held[name] for name in held)
          for one, held in before.items()))
"""
# The same for PACAWARE=1, where nothing of before can be held on to: no function of ours may be left.
LEFT = """
import importlib, sys, types, pacaware
library = importlib.import_module(sys.argv[1])

def ours():
    names = [name for name in sys.modules if name == sys.argv[1] or name.startswith(f"{sys.argv[1]}.")]
    held = [one for name in names for one in vars(sys.modules[name]).values()]
    held += [part for one in held if isinstance(one, type) for part in vars(one).values()]
    functions = [one for one in held if isinstance(one, types.FunctionType)]
    return [one.__name__ for one in functions if "pacaware" in one.__code__.co_filename]

print(bool(ours()))
pacaware.deactivate()
print(ours())
"""
PATCHED = {
    "requests": {
        "HTTPAdapter": ["proxy_manager_for", "send"],
        "Session": ["merge_environment_settings"],
    },
    "httpx": {
        "AsyncClient": ["__init__"],
        "AsyncHTTPTransport": ["__aexit__", "__init__", "aclose", "handle_async_request"],
        "Client": ["__init__"],
        "HTTPTransport": ["__exit__", "__init__", "close", "handle_request"],
    },
}
PATCHED["httpx2"], PATCHED["pip._vendor.requests"] = PATCHED["httpx"], PATCHED["requests"]


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


@pytest.mark.parametrize("library", PATCHED)
def test_deactivate_puts_everything_back(run, library: str):
    """activate() changes these methods and nothing else; after deactivate() each attribute is the very same again."""
    done = run("-c", REVERSIBLE, library)
    changed, restored = done.stdout.splitlines()
    assert (ast.literal_eval(changed), restored, done.stderr) == (PATCHED[library], "True", "")


@pytest.mark.parametrize("library", PATCHED)
def test_deactivate_takes_the_variable_back(run, library: str):
    """After PACAWARE=1 and deactivate() no function of ours is left in the library."""
    done = run("-c", LEFT, library, PACAWARE="1")
    assert (done.stdout, done.stderr) == ("True\n[]\n", "")


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
