"""Reach the network behind a corporate proxy as the browser on the same machine does.

The names below are looked up when they are first used (PEP 562): importing pacaware imports no HTTP library, no
JavaScript engine and no networking module, so that a program pays only for what it uses.
"""

__version__ = "0.1.0"

__all__ = [
    "DIRECT",
    "BypassRules",
    "CachePolicy",
    "ConfigError",
    "Decision",
    "NoProxyWorked",
    "PacEngineError",
    "PacError",
    "PacFetchError",
    "PacScriptError",
    "PacTimeout",
    "PacawareError",
    "ProxyAuthError",
    "ProxyConfig",
    "ProxyList",
    "ProxyResolver",
    "ProxyServer",
    "WpadError",
    "activate",
    "deactivate",
    "freeze_support",
]

# Type checkers take any name TYPE_CHECKING for true; importing typing would cost more than all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pacaware._activate import activate, deactivate
    from pacaware._core.bypass import BypassRules
    from pacaware._freeze import freeze_support
    from pacaware._models import DIRECT, CachePolicy, Decision, ProxyConfig, ProxyList, ProxyServer
    from pacaware._resolver import ProxyResolver
    from pacaware.errors import (
        ConfigError,
        NoProxyWorked,
        PacawareError,
        PacEngineError,
        PacError,
        PacFetchError,
        PacScriptError,
        PacTimeout,
        ProxyAuthError,
        WpadError,
    )

_HOMES = {
    "BypassRules": "_core.bypass",
    "DIRECT": "_models",
    "CachePolicy": "_models",
    "Decision": "_models",
    "ProxyConfig": "_models",
    "ProxyList": "_models",
    "ProxyServer": "_models",
    "ProxyResolver": "_resolver",
    "activate": "_activate",
    "deactivate": "_activate",
    "freeze_support": "_freeze",
}


def __getattr__(name: str) -> object:
    """Import the module in which a public name lives, once."""
    if name not in __all__:
        raise AttributeError(f"module 'pacaware' has no attribute {name!r}")
    from importlib import import_module

    if name == "ProxyConfig":
        import_module("pacaware._system")  # plugs in what from_system() and from_environ() read with
    value: object = getattr(import_module("pacaware." + _HOMES.get(name, "errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and what every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
