"""How to log on to a proxy: schemes and sources of credentials, for ``proxy_auth=``."""

from pacaware._auth.basic import BasicAuth
from pacaware._auth.credentials import CredentialProvider, EnvironCredentials, StaticCredentials, chain
from pacaware._core.auth import AuthScheme

__all__ = ["AuthScheme", "BasicAuth", "CredentialProvider", "EnvironCredentials", "StaticCredentials", "chain"]
