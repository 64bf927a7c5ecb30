"""NTLM (version 2 only) and Negotiate (RFC 4559: Kerberos, or NTLM inside) by pyspnego.

pyspnego takes a tenth of a second to import, so that is left until a proxy asks for one of these schemes.
"""

from __future__ import annotations

import abc
import base64
import binascii
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pacaware._auth.binding import tls_server_end_point
from pacaware._auth.kerberos import Tickets, explain
from pacaware._core.auth import AuthExchange, AuthScheme, Credentials, CredentialsRejected, SchemeUnavailable
from pacaware._hosts import is_address

if TYPE_CHECKING:
    import spnego

    from pacaware._core.challenge import Challenge
    from pacaware._models import ProxyServer

__all__ = ["NTLMAuth", "NegotiateAuth"]

_WINDOWS: Final = sys.platform == "win32"
_NO_TICKET: Final = "MEMORY:pacaware-none"
_NTLM_ADVICE: Final = "LM_COMPAT_LEVEL in the environment asks for NTLM version 1, which is not used: set it to 3"


class NTLMAuth(AuthScheme):
    r"""Log on with NTLM version 2 only, as ``user`` (``DOMAIN\user``) with ``password``.

    On Windows the login of this machine will do. Needs ``pip install "pacaware[ntlm]"``.
    """

    name: ClassVar[str] = "ntlm"
    strength: ClassVar[int] = 3
    connection_bound: ClassVar[bool] = True
    takes_ambient: ClassVar[bool] = _WINDOWS

    def __init__(self, user: str | None = None, password: str = "") -> None:
        if user is not None:
            self.credentials = Credentials(user, password, origin="proxy_auth=")

    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable without pyspnego."""
        return _NTLMExchange(_package("ntlm"), "NTLM", credentials, f"HTTP/{_name(proxy)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return NTLMAuth, ()  # the secret stays in this process


class NegotiateAuth(AuthScheme):
    """Log on with Negotiate only: with the login of this machine, or as ``user`` with ``password``.

    Kerberos is tried first, for the proxy as ``spn`` (default: PACAWARE_SPN, else ``HTTP/`` and the proxy's name as
    configured), then NTLM inside Negotiate. Nothing is delegated. Needs ``pip install "pacaware[kerberos]"``.
    """

    name: ClassVar[str] = "negotiate"
    strength: ClassVar[int] = 4
    connection_bound: ClassVar[bool] = True
    takes_ambient: ClassVar[bool] = True

    def __init__(self, user: str | None = None, password: str = "", *, spn: str | None = None) -> None:
        if user is not None:
            self.credentials = Credentials(user, password, origin="proxy_auth=")
        self._spn = spn
        self._tickets = Tickets()

    def start(self, proxy: ProxyServer, credentials: Credentials) -> AuthExchange:
        """Begin a logon; raises SchemeUnavailable without pyspnego."""
        package = _package("kerberos")
        named = self._spn or os.environ.get("PACAWARE_SPN")
        spn = named or f"HTTP/{_name(proxy)}"
        by_address = not named and is_address(proxy.host)
        return _NegotiateExchange(package, credentials, spn, None if by_address else self._tickets)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._spn,)  # the secret stays in this process


def _again(spn: str | None) -> NegotiateAuth:
    return NegotiateAuth(spn=spn)


def _package(extra: str) -> Any:
    try:
        import spnego
        import spnego.channel_bindings
        import spnego.exceptions
    except ImportError:
        raise SchemeUnavailable(f'it needs the package pyspnego: pip install "pacaware[{extra}]"') from None
    log = logging.getLogger("spnego")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)  # at DEBUG it writes whole tokens
    return spnego


def _name(proxy: ProxyServer) -> str:
    return proxy.host.removesuffix(".")


class _TokenExchange(AuthExchange):
    """Tokens of one pyspnego context, to and fro."""

    waits = False  # only for the first token a key server may have to be asked

    def __init__(self, package: Any, title: str, credentials: Credentials, spn: str) -> None:
        if not credentials.ambient and not credentials.user:
            raise SchemeUnavailable("it needs a user")
        self._spnego = package
        self._title = title
        self._credentials = credentials
        self._spn = spn
        self._context: spnego.ContextProxy | None = None
        self._secret_shown = False  # has a token gone out that proves knowledge of the secret?

    def step(self, challenge: Challenge, method: str, target: str) -> str:
        if self._context is None:
            token = self._first()
        elif challenge.token is None:
            raise SchemeUnavailable("it broke off the logon before it had seen a password")
        else:
            token = self._next(self._context, challenge.token)
            self._secret_shown = True
        if not token:
            raise CredentialsRejected("the logon is over for us, and it still asks")
        return f"{self._title} {base64.b64encode(token).decode('ascii')}"

    def rejects(self, challenge: Challenge) -> bool:
        """Once the secret is shown, a challenge without a token ends the logon; before that nothing was refused."""
        return self._secret_shown and (challenge.token is None or self._context is None or self._context.complete)

    @abc.abstractmethod
    def _first(self) -> bytes | None:
        """Return the first token, with which ``_context`` is made."""

    def _next(self, context: spnego.ContextProxy, text: str) -> bytes | None:
        try:
            return context.step(base64.b64decode(text, validate=True))
        except binascii.Error:
            raise SchemeUnavailable("its token is not base64") from None
        except self._spnego.exceptions.SpnegoError as exc:
            raise self._understood(exc) from None
        except Exception as exc:  # noqa: BLE001  # a token that cannot be read fails in pyspnego's parsers in many ways
            raise SchemeUnavailable(f"its token cannot be read ({type(exc).__name__})") from None

    def _understood(self, error: Exception) -> Exception:
        if self._secret_shown and isinstance(error, self._spnego.exceptions.InvalidTokenError):
            return CredentialsRejected("it ended the logon")
        return explain(error, self._spn)

    def _client(self, credentials: Any, protocol: str, option: str) -> spnego.ContextProxy:
        service, _, host = self._spn.partition("/")
        requirements, options = self._spnego.ContextReq, self._spnego.NegotiateOptions
        context: spnego.ContextProxy = self._spnego.client(
            credentials,
            hostname=host,
            service=service,
            channel_bindings=self._binding(),
            # No delegation. That the proxy prove itself too is asked for, since pyspnego would otherwise leave the
            # ticket out of Negotiate's first token, but not insisted on: many never send the token that does.
            context_req=requirements.mutual_auth | requirements.sequence_detect | requirements.integrity,
            protocol=protocol,
            options=options.none if _WINDOWS else options[option],
        )
        return context

    def _binding(self) -> Any:
        data = None if self.certificate is None else tls_server_end_point(self.certificate)
        return None if data is None else self._spnego.channel_bindings.GssChannelBindings(application_data=data)

    def _login(self) -> list[Any]:
        """Return the user and password as pyspnego takes them; nothing stands for the login of this machine."""
        if self._credentials.ambient:
            return []
        if not _WINDOWS and not _version_2_only():
            raise SchemeUnavailable(_NTLM_ADVICE)
        return [self._spnego.Password(username=self._credentials.user, password=self._credentials.password)]

    def _open(self, credentials: list[Any], protocol: str, option: str) -> bytes | None:
        try:
            context = self._client(credentials or None, protocol, option)
            token = context.step()
        except (self._spnego.exceptions.SpnegoError, ImportError) as exc:
            raise explain(exc, self._spn, self._credentials.user) from None
        self._context = context
        return token


class _NTLMExchange(_TokenExchange):
    def _first(self) -> bytes | None:
        return self._open(self._login(), "ntlm", "use_ntlm")


class _NegotiateExchange(_TokenExchange):
    """``tickets`` is None where the proxy has no name that Kerberos could know."""

    def __init__(self, package: Any, credentials: Credentials, spn: str, tickets: Tickets | None) -> None:
        super().__init__(package, "Negotiate", credentials, spn)
        self._tickets = tickets

    def _first(self) -> bytes | None:
        if _WINDOWS:
            return self._open(self._login(), "negotiate", "none")
        try:
            ticket = self._ticket()
        except SchemeUnavailable as exc:
            if self._credentials.ambient:
                raise
            self.note = f"without Kerberos: {exc}"
            # A cache without a ticket, so that pyspnego does not ask the key server with the password once more.
            return self._open([self._cache(_NO_TICKET), *self._login()], "negotiate", "use_negotiate")
        self._secret_shown = True
        self.note = f"with a Kerberos ticket for {self._spn}"
        login = [] if self._credentials.ambient or not _version_2_only() else self._login()
        return self._open([ticket, *login], "negotiate", "use_negotiate")

    def _ticket(self) -> Any:
        """Return a cache that holds a ticket for this proxy; may ask the key server."""
        if self._tickets is None:
            raise SchemeUnavailable(
                "Kerberos knows proxies by name, and this one is given by its address: "
                "write its name in the settings, or set PACAWARE_SPN=HTTP/name"
            )
        cache = self._cache(self._tickets.cache(self._credentials, self._spn))
        try:
            # pyspnego falls back to NTLM without saying why, so it is asked for Kerberos alone first. The proxy's
            # ticket then is in the cache, and asking again costs no round trip.
            self._client([cache], "kerberos", "use_gssapi").step()
        except (self._spnego.exceptions.SpnegoError, ImportError) as exc:
            raise explain(exc, self._spn) from None
        return cache

    def _cache(self, name: str) -> Any:
        return self._spnego.KerberosCCache(ccache=name)


def _version_2_only() -> bool:
    level = os.environ.get("LM_COMPAT_LEVEL", "3")  # pyspnego and gss-ntlmssp both heed it
    return level.isdecimal() and int(level) >= 3
