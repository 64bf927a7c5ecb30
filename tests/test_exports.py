"""The public names, all of them, and what it costs to import them."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import pacaware

SOURCE = str(Path(pacaware.__file__).parent.parent)

ERRORS = [
    "ConfigError",
    "NoProxyWorked",
    "PacEngineError",
    "PacError",
    "PacFetchError",
    "PacScriptError",
    "PacTimeout",
    "PacawareError",
    "ProxyAuthError",
    "WpadError",
]
NAMES = {
    "pacaware": [
        "DIRECT",
        "BypassRules",
        "CachePolicy",
        "Decision",
        "ProxyConfig",
        "ProxyList",
        "ProxyResolver",
        "ProxyServer",
        "activate",
        "deactivate",
        "freeze_support",
        *ERRORS,
    ],
    "pacaware.errors": ERRORS,
    "pacaware.auth": [
        "AmbientCredentials",
        "AuthScheme",
        "BasicAuth",
        "CredentialProvider",
        "DigestAuth",
        "EnvironCredentials",
        "KeyringCredentials",
        "NTLMAuth",
        "NegotiateAuth",
        "NetrcCredentials",
        "StaticCredentials",
        "chain",
    ],
    "pacaware.requests": ["PacAdapter", "mount"],
    "pacaware.httpx": ["AsyncPacTransport", "PacTransport"],
    "pacaware.httpx2": ["AsyncPacTransport", "PacTransport"],
    "pacaware.pac": ["PacEvaluator", "PacResult"],
    "pacaware.testing": [
        "BasicUsers",
        "BlackHole",
        "Certificates",
        "ClosingProxy",
        "ConnectionState",
        "DeadProxy",
        "DigestUsers",
        "GarbageProxy",
        "HalfAnswerProxy",
        "HugeHeadersProxy",
        "NegotiateUsers",
        "NtlmUsers",
        "Offer",
        "Origin",
        "PacServer",
        "Proxy",
        "ProxyEndpoint",
        "RefusingProxy",
        "SeenProxyRequest",
        "SeenRequest",
        "SeenSocksRequest",
        "Server",
        "SilentProxy",
        "SlowProxy",
        "SocksProxy",
        "Verifier",
        "dead_port",
        "pac_returning",
    ],
}


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_these(name: str):
    """Each public module offers exactly the names of the contract, and ``__all__`` says so in isort's order."""
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(NAMES[name])
    assert all(getattr(module, public) is not None for public in module.__all__)
    assert module.__all__ == sorted(
        module.__all__, key=lambda public: (not public.isupper(), public[0].islower(), public)
    )


def test_no_public_module_is_missing_above():
    """Every module without an underscore is in the table."""
    modules = [module.name for module in pkgutil.iter_modules(pacaware.__path__, "pacaware.")]
    assert {name for name in modules if not name.partition(".")[2].startswith("_")} == set(NAMES) - {"pacaware"}


def test_dir_lists_the_public_names():
    """Completion in a shell shows the public names before any was used."""
    assert set(pacaware.__all__) <= set(dir(pacaware))
    assert not [name for name in dir(pacaware) if name.startswith("_") and not name.startswith("__")]


def test_a_name_that_is_not_there_is_an_attribute_error():
    """hasattr() and completion rely on the usual error, which names the module and the name."""
    with pytest.raises(AttributeError, match=r"module 'pacaware' has no attribute 'nothing'"):
        pacaware.nothing  # noqa: B018 - looking it up is the test


def test_names_are_looked_up_once():
    """A name is found by __getattr__ the first time, in the module's own dictionary afterwards."""
    first = pacaware.ProxyServer
    assert vars(pacaware)["ProxyServer"] is first


def run_python(code: str, *options: str) -> str:
    """The output of a fresh interpreter that finds this package, and with -S nothing that is installed."""
    command = [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {SOURCE!r}); {code}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_importing_pacaware_imports_nothing_else():
    """``import pacaware`` brings no module with it that a bare interpreter lacks: that is what keeps it fast."""
    code = "before = set(sys.modules); import pacaware; print(*set(sys.modules) - before)"
    assert set(run_python(code, "-S").split()) == {"pacaware"}


@pytest.mark.parametrize("module", ["pacaware", "pacaware._models"])
def test_the_system_readers_are_plugged_in_with_the_config(module: str):
    """from_environ() and from_system() work wherever ProxyConfig comes from, as out of a pickle."""
    code = (
        f"from {module} import ProxyConfig; print(ProxyConfig.from_system().origin); "
        "print(ProxyConfig.from_environ({'PACAWARE_PAC_URL': 'http://w.test/p'}).pac_url)"
    )
    assert run_python(code).split() == ["none", "http://w.test/p"]


def test_freeze_support_does_nothing_in_an_ordinary_program():
    """Only a frozen program started with the worker's flag becomes the worker."""
    code = "sys.argv = ['app', '--pacaware-worker']; import pacaware; pacaware.freeze_support(); print('went on')"
    assert run_python(code).strip() == "went on"


def test_freeze_support_becomes_the_worker_in_a_frozen_program(tmp_path: Path):
    """Started again with the worker's flag, a frozen program runs the worker with its arguments, and exits."""
    code = (
        "import types; worker = types.ModuleType('pacaware._pac.worker'); package = types.ModuleType('pacaware._pac'); "
        "worker.main = lambda: print('worker', sys.argv); import pacaware; "
        "sys.modules.update({'pacaware._pac': package, 'pacaware._pac.worker': worker}); "
        "sys.frozen = True; sys.argv = ['app', '--pacaware-worker', 'quickjs']; "
        "pacaware.freeze_support(); print('not here')"
    )
    assert run_python(code).strip() == "worker ['app', 'quickjs']"
