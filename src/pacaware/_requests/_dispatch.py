"""The way of one request: the choice of a proxy, the walk along its candidates, the response or the error."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pacaware._auth.store import ProxyAuth, ProxyAuthArgument
from pacaware._core.failover import FailOver
from pacaware._core.route import DIRECT_ROUTE, Route, connect_limit, explicit_decision, failure_notes, route_of
from pacaware._models import DIRECT, Decision, ProxyList
from pacaware._requests._connection import OurLimit
from pacaware._requests._failure import FinalRefusal, RouteFailed, TunnelRefused, translated
from pacaware._requests._manager import ManagerFactory, Managers, RouteKey, RouteName
from pacaware._requests._merge import Given, MergedProxies, given_proxy, read_proxy
from pacaware._requests._pair import Pair
from pacaware._requests._pool_key import OriginTrust, pool_key
from pacaware._requests._retries import Budget
from pacaware._requests._wiring import Wiring
from pacaware.errors import ConfigError, PacawareError

if TYPE_CHECKING:
    from pacaware._resolver import ProxyResolver

__all__ = ["Dispatcher"]

_log: Final = logging.getLogger("pacaware")
_MAX_GIVEN: Final = 64


class _Choice(NamedTuple):
    """What was decided for one request; ``resolver`` is None where the caller gave the proxy."""

    decision: Decision
    auth: ProxyAuth
    resolver: ProxyResolver | None

    def start(self) -> FailOver:
        return FailOver(self.decision.proxies) if self.resolver is None else self.resolver.start(self.decision)

    def connected(self, failover: FailOver) -> None:
        if self.resolver is not None:
            self.resolver.connected(self.decision, failover)

    def reconsider(self, failover: FailOver) -> _Choice | None:
        other = None if self.resolver is None else self.resolver.reconsider(self.decision, failover)
        return None if other is None else self._replace(decision=other)


class _Call(NamedTuple):
    """The arguments of ``send()``, and what is the same for every candidate."""

    request: Any
    timeout: Any
    verify: Any
    cert: Any
    headers: Any
    choice: _Choice
    body_position: Any


class Dispatcher:
    """Sends the requests of one adapter, each over the route that is right for it. Thread-safe.

    ``resolver`` is called when settings are needed. ``forced`` is a proxy (or DIRECT) for everything. With
    ``heeds_trust_env`` a session's ``trust_env=False`` means that there are no settings. ``system_trust`` has origins
    checked against the operating system's certificates where ``verify`` is True.
    """

    def __init__(
        self,
        pair: Pair,
        factory: ManagerFactory,
        resolver: Callable[[], ProxyResolver],
        *,
        proxy_auth: ProxyAuthArgument = None,
        forced: Given | None = None,
        heeds_trust_env: bool = True,
        system_trust: bool = False,
    ) -> None:
        self._pair = pair
        self._factory = factory
        self._resolver = resolver
        self._proxy_auth = proxy_auth
        self._heeds_trust_env = heeds_trust_env
        self._origin_trust = OriginTrust(pair.urllib3) if system_trust else None
        self._managers = Managers()
        self._given: dict[str, tuple[Given, ProxyAuth]] = {}
        self._warned = False
        self._auth = proxy_auth if isinstance(proxy_auth, ProxyAuth) else ProxyAuth(proxy_auth)
        self._auth.with_settings(lambda: self._resolver().embedded_credentials())
        self._forced = None if forced is None else (forced, self._auth_for(forced))

    @property
    def auth(self) -> ProxyAuth:
        """What is known about logging on."""
        return self._auth

    def _auth_for(self, given: Given) -> ProxyAuth:
        if not given.embedded:
            return self._auth
        argument = None if isinstance(self._proxy_auth, ProxyAuth) else self._proxy_auth
        return ProxyAuth(argument, urls=given.embedded)

    # The choice

    def _choose(self, request: Any, proxies: Mapping[str, Any] | None) -> _Choice:
        url = request.url
        value = given_proxy(self._pair, url, proxies)
        known = self._forced if value is None else self._read_given(value, request)
        if known is not None:
            given, auth = known
            return _Choice(explicit_decision(url, given.candidate), auth, None)
        if self._heeds_trust_env and isinstance(proxies, MergedProxies) and not proxies.trust_env:
            return _Choice(Decision(url, ProxyList([DIRECT]), "no-proxy", "none"), self._auth, None)
        try:
            resolver = self._resolver()
            return _Choice(resolver.resolve(url), self._auth, resolver)
        except PacawareError as exc:
            raise self._pair.exceptions.ProxyError(str(exc), request=request) from exc

    def _read_given(self, value: Any, request: Any) -> tuple[Given, ProxyAuth]:
        known = self._given.get(value)
        if known is None:
            try:
                given = read_proxy(value)
            except ConfigError as exc:
                raise self._pair.exceptions.InvalidProxyURL(str(exc), request=request) from exc
            known = given, self._auth_for(given)
            if len(self._given) >= _MAX_GIVEN:
                self._given.clear()
            self._given[value] = known
        return known

    # The walk

    def send(self, adapter: Any, request: Any, stream: bool, timeout: Any, verify: Any, cert: Any, proxies: Any) -> Any:
        """Send a request as ``HTTPAdapter.send`` does, and return its response with the decision in ``pacaware``."""
        if self._factory.is_replaced:
            return self._factory.plain_send(adapter, request, stream, timeout, verify, cert, proxies)
        choice = self._choose(request, proxies)
        adapter.add_headers(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies)
        # Noted here, because a candidate may fail after Retry has sent the body once by the one before.
        position = self._pair.urllib3.util.request.set_file_position(request.body, None)
        call = _Call(request, timeout, verify, cert, self._headers(request, proxies), choice, position)
        budget = Budget(adapter.max_retries)
        while True:
            response = self._walk(adapter, call, choice.start(), budget)
            if response is not None:
                return response

    def _walk(self, adapter: Any, call: _Call, failover: FailOver, budget: Budget) -> Any:
        """Try the candidates in turn; returns None if Retry wants the whole list to be tried again."""
        failures: list[RouteFailed] = []
        alone = failover.is_last
        while True:
            route = route_of(call.choice.decision, failover.current)
            plain = alone and route is DIRECT_ROUTE
            pool, url = self._pool(adapter, call, route, plain=plain)
            try:
                raw = self._open(call, pool, url, budget, is_last=failover.is_last)
            except RouteFailed as exc:
                failures.append(exc)
                if not failover.failed(exc.reason):
                    other = call.choice.reconsider(failover)
                    if other is None:
                        self._exhausted(call, pool, url, failover, failures, budget)
                        return None
                    call = call._replace(choice=other)
            except Exception as exc:
                if not plain and isinstance(exc, (*self._stood, FinalRefusal)):
                    call.choice.connected(failover)
                self._raise(exc, call, pool, url, failover)
                raise
            else:
                call.choice.connected(failover)
                response = adapter.build_response(call.request, raw)
                response.pacaware = call.choice.decision
                return response

    def _open(self, call: _Call, pool: Any, url: str, budget: Budget, *, is_last: bool) -> Any:
        request = call.request
        body = request.body
        options: dict[str, Any] = {}
        if isinstance(call.body_position, int):  # else there is none, or the body cannot tell
            options["body_pos"] = call.body_position
        return pool.urlopen(
            method=request.method,
            url=url,
            body=body,
            headers=call.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=budget.hand_out(),
            timeout=self._timeout(call.timeout, is_last=is_last),
            chunked=not (body is None or "Content-Length" in request.headers),
            **options,
        )

    def _timeout(self, timeout: Any, *, is_last: bool) -> Any:
        timeout_class = self._pair.urllib3.Timeout
        if isinstance(timeout, timeout_class):
            connect = timeout.connect_timeout
            if isinstance(connect, int | float):
                return timeout
            read = timeout.read_timeout
            if connect is not None:  # urllib3's mark for the default of the socket module
                connect = socket.getdefaulttimeout()
        elif isinstance(timeout, tuple):
            try:
                connect, read = timeout
            except ValueError:
                raise ValueError(
                    f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, "
                    "or a single float to set both timeouts to the same value."
                ) from None
        else:
            connect = read = timeout
        if connect is None:
            limit = connect_limit(None, is_last=is_last)
            connect = None if limit is None else OurLimit(limit)
        return timeout_class(connect=connect, read=read)

    # Pools and what is sent

    def _pool(self, adapter: Any, call: _Call, route: Route, *, plain: bool) -> tuple[Any, str]:
        """Return the pool for a route, and the target as it is written in the request line."""
        request = call.request
        proxy = route.proxy
        https = request.url[:6].lower() == "https:"
        stream = proxy is None or proxy.scheme.startswith("socks") or (not https and "Upgrade" in request.headers)
        by_system = self._origin_trust if https and call.verify is True else None
        if plain:
            manager = adapter.poolmanager
        else:
            key = RouteKey(route, call.choice.auth, stream)
            manager = self._managers.get(adapter, key, lambda name: self._make_manager(adapter, name))
        try:
            where, how = pool_key(self._pair.requests, adapter, request, call.verify, call.cert)
            if by_system is not None:
                how = {**how, "ssl_context": by_system.context(call.cert)}
                how.pop("ca_certs", None)
            pool = manager.connection_from_host(**where, pool_kwargs=how)
        except ValueError as exc:  # urllib3's LocationValueError among them
            raise self._pair.exceptions.InvalidURL(exc, request=request) from exc
        if by_system is None:
            adapter.cert_verify(pool, request.url, call.verify, call.cert)
        forward = not (https or stream)
        if type(adapter).request_url is not self._factory.plain_request_url:
            return pool, adapter.request_url(request, {"all": str(proxy)} if forward else {})
        return pool, self._absolute(request.url) if forward else request.path_url

    def _absolute(self, url: str) -> str:
        plain: str = self._pair.requests.utils.urldefragauth(url) if "#" in url or "@" in url else url
        return plain

    def _make_manager(self, adapter: Any, name: RouteName) -> Any:
        if name.key.route.proxy is None:
            return self.new_manager(adapter, name, **adapter.poolmanager.connection_pool_kw)
        return adapter.proxy_manager_for(name)

    def new_manager(self, adapter: Any, name: RouteName, **options: Any) -> Any:
        """Make the manager for a route: what ``proxy_manager_for()`` returns for a RouteName."""
        route, auth, stream = name.key
        context: ssl.SSLContext | None = options.pop("proxy_ssl_context", None)
        headers = adapter.proxy_headers(str(name)) if route.proxy is not None else {}
        wiring = Wiring(
            route,
            auth,
            tls=lambda: context or self._resolver().proxy_ssl_context,
            connect_headers=[(n, v) for n, v in headers.items() if n.lower() != "proxy-authorization"],
            family=self._factory.address_family,
        )
        defaults = {
            "num_pools": adapter._pool_connections,
            "maxsize": adapter._pool_maxsize,
            "block": adapter._pool_block,
        }
        return self._factory.make(wiring, stream=stream, **{**defaults, **options})

    def _headers(self, request: Any, proxies: Any) -> Any:
        """Return the request's headers without a Proxy-Authorization, which may be meant for somebody else."""
        headers = request.headers
        if "Proxy-Authorization" not in headers:
            return headers
        headers = headers.copy()
        value = headers.pop("Proxy-Authorization")
        if not self._warned and not self._is_from_url(request.url, value, proxies):
            self._warned = True
            _log.warning(
                "the header Proxy-Authorization was taken out of a request, because origins and other proxies could "
                "see it there: give proxy_auth=(user, password) to PacAdapter or mount() instead"
            )
        return headers

    def _is_from_url(self, url: str, value: Any, proxies: Any) -> bool:
        """Say whether requests itself made the header, on a redirect, from the userinfo of a proxy URL."""
        requests = self._pair.requests
        proxy = requests.utils.select_proxy(url, proxies)
        user, password = requests.utils.get_auth_from_url(proxy or "")
        return bool(user) and value == requests.auth._basic_auth_str(user, password)

    # Errors

    @property
    def _stood(self) -> tuple[type[BaseException], ...]:
        """The exceptions that come only after the route has come about."""
        errors = self._pair.errors
        return errors.ProtocolError, errors.MaxRetryError, errors.ReadTimeoutError, errors.SSLError, errors.ProxyError

    def _exhausted(
        self, call: _Call, pool: Any, url: str, failover: FailOver, failures: list[RouteFailed], budget: Budget
    ) -> None:
        """Ask Retry whether to go along the list again; if not, raise the error that lists every attempt."""
        errors, reason = self._pair.errors, failures[-1].reason
        error = errors.ConnectTimeoutError(pool, reason)
        if not all(failure.timed_out for failure in failures):
            error = errors.ProxyError("Cannot connect to proxy.", errors.NewConnectionError(pool, reason))
        try:
            budget.spend(call.request.method, url, error, pool, failures[-1].__traceback__)
        except errors.HTTPError as exc:
            seen = translated(self._pair, exc, call.request)
            self._annotate(seen, failover)
            raise seen or exc from failover.error()

    def _raise(self, exc: Exception, call: _Call, pool: Any, url: str, failover: FailOver) -> None:
        """Raise what the caller shall see; return if that is ``exc`` itself."""
        seen: Exception | None
        cause: BaseException | None = None
        if isinstance(exc, FinalRefusal):
            inner = self._pair.errors.ProxyError("Cannot connect to proxy.", OSError(exc.text))
            seen = translated(self._pair, self._pair.errors.MaxRetryError(pool, url, inner), call.request)
            cause = exc.error
        elif isinstance(exc, PacawareError):
            seen, cause = self._pair.exceptions.ProxyError(str(exc), request=call.request), exc
        else:
            seen = translated(self._pair, exc, call.request)
        if seen is None:
            return
        self._annotate(seen, failover)
        if (text := _refusal_in(exc)) is not None:
            seen.add_note(f"pacaware: {failover.current.pac_text} refused: {text}")
        if isinstance(exc, FinalRefusal) and exc.error is not None:
            seen.add_note(f"pacaware: {exc.error}")
        raise seen from cause or exc

    def _annotate(self, exc: Exception | None, failover: FailOver) -> None:
        for note in failure_notes(failover.failures):
            if exc is not None:
                exc.add_note(note)


def _refusal_in(exc: Exception) -> str | None:
    """Return what a proxy said when it refused, if that is what the exception is about."""
    reason = getattr(exc, "reason", None) or exc
    original = getattr(reason, "original_error", reason)
    return str(original) if isinstance(original, FinalRefusal | TunnelRefused) else None
