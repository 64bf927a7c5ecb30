"""How to log on to a proxy: schemes and sources of credentials, for ``proxy_auth=``."""

from pacaware._auth.basic import BasicAuth
from pacaware._auth.credentials import CredentialProvider, EnvironCredentials, StaticCredentials, chain
from pacaware._auth.digest import DigestAuth
from pacaware._auth.spnego import NegotiateAuth, NTLMAuth
from pacaware._auth.stored import AmbientCredentials, KeyringCredentials, NetrcCredentials
from pacaware._core.auth import AuthScheme

__all__ = [
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
]
