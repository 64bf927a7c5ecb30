"""Switching httpx over for a whole process, and back.

``HTTPTransport`` and ``AsyncHTTPTransport`` are changed in place, so that programs and SDKs that make their own are
reached. A transport that was given ``proxy=`` or ``uds=``, or ``trust_env=False``, is left alone, and so is one that
was made before.
"""

from __future__ import annotations

import functools
import inspect
import ssl
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from pacaware._httpx.certificates import of_the_system

__all__ = ["install"]

_DELEGATE: Final = "_pacaware_transport"
# What Client and AsyncClient hand on to the transport that they make themselves.
_HANDED_ON: Final = ("verify", "cert", "trust_env", "http1", "http2", "limits")
# What a transport hands on to the PacTransport that does its work.
_TAKEN_OVER: Final = ("verify", "http1", "http2", "limits", "local_address", "retries", "socket_options")


def install(
    module: ModuleType, *, resolver: Any = None, proxy_auth: Any = None, trust: str | None = None
) -> Callable[[], None]:
    """Switch ``module`` over and return the function that undoes it.

    ``resolver`` None is the default resolver. ``trust="system"`` verifies servers against the operating system's
    certificates where ``verify`` was left alone. Transports made in between lose their proxies when it is undone.
    """
    switch = _Switch(module, {"resolver": resolver, "proxy_auth": proxy_auth}, trust)
    switch.transport(module.HTTPTransport, _make_blocking)
    switch.blocking_methods(module.HTTPTransport)
    switch.transport(module.AsyncHTTPTransport, _make_async)
    switch.async_methods(module.AsyncHTTPTransport)
    switch.client(module.Client, module.HTTPTransport)
    switch.client(module.AsyncClient, module.AsyncHTTPTransport)
    return switch.undo


def _make_blocking(**arguments: Any) -> Any:
    from pacaware._httpx._sync.transport import PacTransport  # what it needs is only imported when it is used

    return PacTransport(**arguments)


def _make_async(**arguments: Any) -> Any:
    from pacaware._httpx._async.transport import AsyncPacTransport

    return AsyncPacTransport(**arguments)


def _is_mocked(pool: str, method: str) -> bool:
    """Say whether something (respx) answers in the place of httpcore's pools: then there is nothing to decide.

    Whoever only looks on (vcrpy, instrumentation) wraps the method, and its name stays httpcore's.
    """
    import httpcore  # the transport has imported it; httpx alone does not

    module: str = getattr(getattr(httpcore, pool), method).__module__
    return not module.startswith("httpcore.")


class _Switch:
    """The methods that were replaced, and by what."""

    def __init__(self, module: ModuleType, options: dict[str, Any], trust: str | None) -> None:
        self._module = module
        self._options = options
        self._trust = trust
        self._replaced: list[tuple[type, str, Any]] = []
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()

    def _replace(self, owner: type, name: str, make: Callable[[Any], Callable[..., Any]]) -> None:
        original = getattr(owner, name)
        self._replaced.append((owner, name, original))
        setattr(owner, name, functools.wraps(original)(make(original)))

    def undo(self) -> None:
        """Put the methods back, and drop the idle connections of blocking transports."""
        while self._replaced:
            owner, name, original = self._replaced.pop()
            setattr(owner, name, original)
        for delegate in tuple(self._made):
            delegate.close()

    def transport(self, owner: type, make_delegate: Callable[..., Any]) -> None:
        """Give each new transport that is to be reached a PacTransport to do its work."""

        def make(original: Any) -> Callable[..., None]:
            signature = inspect.signature(original)

            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it becomes that method
                given = signature.bind(self, *args, **kwargs).arguments
                given.pop(next(iter(given)))  # self
                trust_env = given.get("trust_env", True)
                # The certificates are loaded once for both; that is most of what a transport costs.
                given["verify"] = switch._context(given.get("verify", True), given.pop("cert", None), trust_env)
                original(self, **given)
                if given.get("proxy") is None and given.get("uds") is None and trust_env:
                    arguments = {name: given[name] for name in _TAKEN_OVER if name in given}
                    vars(self)[_DELEGATE] = delegate = make_delegate(**switch._options, **arguments)
                    if make_delegate is _make_blocking:
                        switch._made.add(delegate)

            return __init__

        switch = self
        self._replace(owner, "__init__", make)

    def _context(self, verify: Any, cert: Any, trust_env: bool) -> ssl.SSLContext:
        if self._trust == "system":
            verify = of_the_system(verify, trust_env=trust_env)
        context: ssl.SSLContext = self._module.create_ssl_context(verify=verify, cert=cert, trust_env=trust_env)
        return context

    def blocking_methods(self, owner: type) -> None:
        """Hand requests over, and close both."""

        def handle(original: Any) -> Callable[..., Any]:
            def handle_request(self: Any, request: Any) -> Any:
                delegate = vars(self).get(_DELEGATE)
                if delegate is None or _is_mocked("ConnectionPool", "handle_request"):
                    return original(self, request)
                return delegate.handle_request(request)

            return handle_request

        def end(original: Any) -> Callable[..., Any]:
            def close(self: Any, *args: Any, **kwargs: Any) -> Any:
                delegate = vars(self).get(_DELEGATE)
                if delegate is not None:
                    delegate.close()
                return original(self, *args, **kwargs)

            return close

        self._replace(owner, "handle_request", handle)
        self._replace(owner, "close", end)
        self._replace(owner, "__exit__", end)

    def async_methods(self, owner: type) -> None:
        """Do the same for the asynchronous transport."""

        def handle(original: Any) -> Callable[..., Any]:
            async def handle_async_request(self: Any, request: Any) -> Any:
                delegate = vars(self).get(_DELEGATE)
                if delegate is None or _is_mocked("AsyncConnectionPool", "handle_async_request"):
                    return await original(self, request)
                return await delegate.handle_async_request(request)

            return handle_async_request

        def end(original: Any) -> Callable[..., Any]:
            async def aclose(self: Any, *args: Any, **kwargs: Any) -> Any:
                delegate = vars(self).get(_DELEGATE)
                if delegate is not None:
                    await delegate.aclose()
                return await original(self, *args, **kwargs)

            return aclose

        self._replace(owner, "handle_async_request", handle)
        self._replace(owner, "aclose", end)
        self._replace(owner, "__aexit__", end)

    def client(self, owner: type, transport: type) -> None:
        """Keep a client from reading the proxy variables, which the resolver reads itself.

        A client that is given a transport makes none for the environment's proxies: that is the public way. What the
        caller gave (``transport=``, ``proxy=``, ``mounts=``) goes first as always; None among the ``mounts`` is the
        library's word for no proxy.
        """

        def direct(arguments: Mapping[str, Any]) -> Any:
            made = transport(**arguments)
            vars(made).pop(_DELEGATE, None)
            return made

        def make(original: Any) -> Callable[..., None]:
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # it becomes that method
                left_alone = args or not kwargs.get("trust_env", True)
                if not left_alone and kwargs.get("transport") is None:
                    handed_on: dict[str, Any] = {name: kwargs[name] for name in _HANDED_ON if name in kwargs}
                    mounts = kwargs.get("mounts") or {}
                    if None in mounts.values():
                        kwargs["mounts"] = {where: mounts[where] or direct(handed_on) for where in mounts}
                    if kwargs.get("proxy") is None:
                        kwargs["transport"] = transport(**handed_on)
                original(self, *args, **kwargs)

            return __init__

        self._replace(owner, "__init__", make)
