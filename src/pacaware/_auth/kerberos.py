"""Kerberos tickets for the Negotiate scheme: where they are, how a password gets one, and why there is none."""

from __future__ import annotations

import importlib
import re
import threading
import time
from typing import Any, Final

from pacaware._core.auth import Credentials, CredentialsRejected, SchemeUnavailable

__all__ = ["Tickets", "explain"]

_INSTALL: Final = 'Kerberos needs more packages: pip install "pacaware[kerberos]"'
_SPARE: Final = 60.0  # a ticket that ends within so many seconds is replaced
_MAX_CACHES: Final = 64

# Error codes of MIT Kerberos (krb5_err.et and k5e1_err.et), which Heimdal shares.
_BASE: Final = -1765328384
_WRONG_PASSWORD: Final = {_BASE + 24, _BASE + 31}  # PREAUTH_FAILED; BAD_INTEGRITY: the reply cannot be decrypted
_CLOCK: Final = "the clock of this machine and the network's differ by more than five minutes: set the clock"
_TEXTS: Final = {
    _BASE + 1: "the account {user!r} has expired: ask the help desk",  # NAME_EXP
    # C_PRINCIPAL_UNKNOWN
    _BASE + 6: "the key server does not know the user {user!r}: write user@REALM or DOMAIN\\user",
    _BASE + 7: (  # S_PRINCIPAL_UNKNOWN
        "the key server does not know the proxy by the name {spn!r}: use the proxy's full name in the settings, "
        "or set PACAWARE_SPN=HTTP/name to the name it is registered by"
    ),
    _BASE + 18: "the account {user!r} is locked or switched off: ask the help desk",  # CLIENT_REVOKED
    _BASE + 23: "the password of {user!r} has expired: change it, then try again",  # KEY_EXP
    _BASE + 32: "the Kerberos ticket has expired: run kinit to get a new one",  # TKT_EXPIRED
    _BASE + 33: "the Kerberos ticket is not valid yet: is the clock of this machine right?",  # TKT_NYV
    _BASE + 37: _CLOCK,  # SKEW
    _BASE + 141: "there is no Kerberos ticket: run kinit to get one",  # CC_NOTFOUND
    _BASE + 148: _CLOCK,  # KDCREP_SKEW: of the key server's own clock
    _BASE + 154: "the realm is unknown here: look at /etc/krb5.conf",  # REALM_UNKNOWN
    _BASE + 156: "the key server does not answer: is this machine in the company's network (VPN)?",  # KDC_UNREACH
    _BASE + 195: "there is no Kerberos ticket: run kinit to get one",  # FCC_NOFILE
    _BASE + 220: "the realm's key servers cannot be found: is this machine in the company's network (VPN)?",
}
# GSSAPI's own answers, where the mechanism says nothing (RFC 2744, section 3.9.1; the value is shifted by 16 bits).
_MAJOR_TEXTS: Final = {
    7: "there is no Kerberos ticket: run kinit to get one",
    11: "the Kerberos ticket has expired: run kinit to get a new one",
}
_UNPRINTABLE: Final = re.compile(r"[^ -~]+")


def explain(error: BaseException, spn: str, user: str = "") -> SchemeUnavailable | CredentialsRejected:
    """Return what an error of krb5, gssapi or pyspnego means, in words and with the next step."""
    code = _code(error)
    if code in _WRONG_PASSWORD and user:
        return CredentialsRejected("the Kerberos key server says that the password is wrong")
    text = _TEXTS.get(code) if code else None
    if text is None:
        text = _MAJOR_TEXTS.get(_major(error))
    if text is not None:
        return SchemeUnavailable(text.format(user=user, spn=spn))
    said = _UNPRINTABLE.sub(" ", str(getattr(error, "base_error", None) or error))[:200]
    return SchemeUnavailable(f"Kerberos failed ({said})")


def _code(error: BaseException) -> int:
    found = getattr(error, "err_code", None)
    if found is None:
        minor = getattr(getattr(error, "base_error", None) or error, "min_code", 0)
        found = minor - (1 << 32) if minor >= 1 << 31 else minor
    return int(found)


def _major(error: BaseException) -> int:
    return int(getattr(getattr(error, "base_error", None) or error, "maj_code", 0)) >> 16


class Tickets:
    """Names of ticket caches: the default one, or one in memory for each user and password. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._caches: dict[tuple[str, str], tuple[float, str, Any]] = {}

    def cache(self, credentials: Credentials, spn: str) -> str:
        """Return the name of a cache with a ticket of this user; may ask the key server, once for the ticket's life.

        Raises SchemeUnavailable where that is impossible, CredentialsRejected if the password is wrong.
        """
        try:
            krb5: Any = importlib.import_module("krb5")
            importlib.import_module("gssapi")
        except ImportError:
            raise SchemeUnavailable(_INSTALL) from None
        except OSError:  # the Kerberos library of the system, which gssapi looks for as it is imported
            raise SchemeUnavailable("the Kerberos library of the system is missing") from None
        try:
            context = krb5.init_context()
            if credentials.ambient:
                default = krb5.cc_default(context)
                return f"{default.cache_type.decode()}:{default.name.decode()}"
            key = (credentials.user, credentials.password)
            with self._lock:
                until, name, _ = self._caches.get(key, (0.0, "", None))
                if until - time.time() < _SPARE:
                    until, name, keep = _get_ticket(krb5, context, credentials)
                    while len(self._caches) >= _MAX_CACHES:
                        del self._caches[next(iter(self._caches))]
                    self._caches[key] = (until, name, keep)
                return name
        except krb5.Krb5Error as exc:
            raise explain(exc, spn, credentials.user) from None


def _get_ticket(krb5: Any, context: Any, credentials: Credentials) -> tuple[float, str, Any]:
    """Ask the key server for a ticket; returns when it ends, its cache's name, and what keeps the cache alive."""
    user = _principal(credentials.user, krb5, context)
    options = krb5.get_init_creds_opt_alloc(context)
    krb5.get_init_creds_opt_set_canonicalize(options, True)
    password = credentials.password.encode("utf-8", "surrogateescape")
    ticket = krb5.get_init_creds_password(
        context, krb5.parse_name_flags(context, user.encode()), options, password=password
    )
    cache = krb5.cc_new_unique(context, b"MEMORY")
    krb5.cc_initialize(context, cache, ticket.client)
    krb5.cc_store_cred(context, cache, ticket)
    return float(ticket.times.endtime), f"MEMORY:{cache.name.decode()}", (context, cache)


def _principal(user: str, krb5: Any, context: Any) -> str:
    r"""Return the Kerberos name of ``user``, ``user@realm`` or ``DOMAIN\user``.

    A domain's short name counts as the default realm if that begins with it; any other says nothing about the realm.
    """
    domain, slash, name = user.rpartition("\\")
    if not slash:
        return user
    name = name.replace("@", "\\@")
    if "." in domain:
        return f"{name}@{domain.upper()}"
    realm = krb5.get_default_realm(context).decode()
    if domain and realm.partition(".")[0].lower() != domain.lower():
        raise SchemeUnavailable(f"the Kerberos realm of {domain!r} is not known: write the user as {name}@REALM")
    return f"{name}@{realm}"
