"""requests behind a corporate proxy: mount one adapter, and every request and redirect finds its own proxy.

::

    import requests
    from pacaware.requests import mount

    with requests.Session() as session:
        mount(session, pac_url="http://pac.corp/proxy.pac", proxy_auth=("alice", "s3cret"))
        response = session.get("https://example.com/")
        print(response.pacaware.explain())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    import requests as _requests
except ImportError as exc:
    raise ImportError("pacaware.requests needs requests: pip install 'pacaware[requests]'") from exc

from pacaware._requests import build

if TYPE_CHECKING:
    from pacaware._auth.store import ProxyAuthArgument
    from pacaware._models import Candidate, ProxyConfig
    from pacaware._requests._adapter import PacAdapterBase as PacAdapter
    from pacaware._resolver import ProxyResolver
else:
    PacAdapter = build(_requests).PacAdapter

__all__ = ["PacAdapter", "mount"]


def mount(
    session: _requests.Session,
    resolver: ProxyResolver | None = None,
    *,
    config: ProxyConfig | None = None,
    pac_url: str | None = None,
    proxy: str | Candidate | None = None,
    proxy_auth: ProxyAuthArgument = None,
    **options: Any,
) -> PacAdapter:
    """Mount a PacAdapter on a session for http and https, and return it; the arguments are those of PacAdapter.

    Proxies that the session's user gives (``proxies=``, ``session.proxies``, None or ``""`` for direct) and
    ``trust_env=False`` then count as such. A session that went through pickle has lost that record, as one where
    PacAdapter was mounted by hand: what requests has merged with the environment's proxies counts, if it is another.
    """
    adapter: PacAdapter = build(_requests).mount(
        session, resolver, config=config, pac_url=pac_url, proxy=proxy, proxy_auth=proxy_auth, **options
    )
    return adapter
