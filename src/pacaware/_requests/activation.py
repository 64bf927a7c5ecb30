"""Patch requests in place, so that programs which know nothing of pacaware use it; and undo that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, Literal

from pacaware._auth.store import ProxyAuth, ProxyAuthArgument
from pacaware._requests import build
from pacaware._requests._dispatch import Dispatcher
from pacaware._requests._manager import RouteName
from pacaware._requests._merge import recording
from pacaware._resolver import ProxyResolver, default_resolver
from pacaware.errors import PacawareError, PacFetchError

__all__ = ["install"]

_log: Final = logging.getLogger("pacaware")
_ATTRIBUTE: Final = "_pacaware_dispatcher"


def install(
    module: ModuleType,
    *,
    resolver: ProxyResolver | None = None,
    proxy_auth: ProxyAuthArgument = None,
    trust: Literal["system"] | None = None,
) -> Callable[[], None]:
    """Make every HTTPAdapter of a requests module (also pip's copy) choose its proxies by pacaware; returns the undo.

    Adapters that override ``get_connection()`` or ``get_connection_with_tls_context()`` lead somewhere of their own and
    are left alone, as are URLs other than http and https. ``resolver`` is the process's default one if it is not given.
    ``trust="system"`` checks origins against the operating system's certificates where ``verify`` is left at its
    default. Raises ImportError where urllib3 is not the real one.
    """
    find = default_resolver if resolver is None else lambda: resolver
    shell = build(module)
    adapter_class, session_class = module.adapters.HTTPAdapter, module.sessions.Session
    plain_send, plain_manager_for = adapter_class.send, adapter_class.proxy_manager_for
    plain_merge = session_class.merge_environment_settings
    own_ways = [name for name in ("get_connection", "get_connection_with_tls_context") if hasattr(adapter_class, name)]
    plain_ways = [getattr(adapter_class, name) for name in own_ways]
    # One for all sessions, so that what a proxy has accepted or rejected once is known to all.
    auth = ProxyAuth(proxy_auth)
    lock = threading.Lock()
    active = True
    # It does not say why a page could not be had, only that there is none.
    for_pip, propagated = module.__name__.startswith("pip."), _log.propagate

    def dispatcher_of(adapter: Any) -> Dispatcher:
        dispatcher: Dispatcher | None = getattr(adapter, _ATTRIBUTE, None)
        if dispatcher is None:
            with lock:
                dispatcher = getattr(adapter, _ATTRIBUTE, None)
                if dispatcher is None:
                    dispatcher = Dispatcher(
                        shell.pair,
                        shell.factory,
                        find,
                        proxy_auth=auth,
                        heeds_trust_env=resolver is None,
                        system_trust=trust == "system",
                    )
                    setattr(adapter, _ATTRIBUTE, dispatcher)
        return dispatcher

    def is_ours(adapter: Any, url: str) -> bool:
        ways = [getattr(type(adapter), name) for name in own_ways]
        return active and ways == plain_ways and url.lower().startswith(("http:", "https:"))

    def send(
        self: Any,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        if not is_ours(self, request.url):
            return plain_send(self, request, stream, timeout, verify, cert, proxies)
        try:
            return dispatcher_of(self).send(self, request, stream, timeout, verify, cert, proxies)
        except Exception as exc:
            if for_pip:
                warn_of(exc)
            raise

    said: set[str] = set()

    def warn_of(error: BaseException | None) -> None:
        while error is not None and not isinstance(error, PacawareError):
            error = error.__cause__
        # That the PAC file was not obtained, the resolver has said.
        if error is not None and str(error) not in said and not isinstance(error, PacFetchError):
            said.add(str(error))
            _log.warning("%s", error)

    def proxy_manager_for(self: Any, proxy: str, **proxy_kwargs: Any) -> Any:
        if isinstance(proxy, RouteName):
            return dispatcher_of(self).new_manager(self, proxy, **proxy_kwargs)
        return plain_manager_for(self, proxy, **proxy_kwargs)

    merge = recording(plain_merge)
    patches = [
        (adapter_class, "send", plain_send, send),
        (adapter_class, "proxy_manager_for", plain_manager_for, proxy_manager_for),
        (session_class, "merge_environment_settings", plain_merge, merge),
    ]
    for owner, name, _, ours in patches:
        setattr(owner, name, ours)
    if for_pip:
        # What loggers say at INFO it prints among what other programs read. Warnings go to stderr all the same.
        _log.propagate = False

    def undo() -> None:
        nonlocal active
        active = False
        if for_pip:
            _log.propagate = propagated
        for owner, name, plain, ours in patches:
            if getattr(owner, name) is ours:  # else somebody has patched after us, and calls us
                setattr(owner, name, plain)

    return undo
