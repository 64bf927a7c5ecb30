"""What a person reads when a logon fails: which proxy, what it offers, whose credentials, why, and what to do next.

One test a cause, through requests and httpx; those that need a key server are in tests/real/test_logons.py.
"""

from __future__ import annotations

import pickle
import sys
import traceback

import pytest
import requests

from pacaware.auth import StaticCredentials
from pacaware.errors import ProxyAuthError
from pacaware.requests import mount
from pacaware.testing import BasicUsers, Certificates, DigestUsers, NegotiateUsers, NtlmUsers, Offer, Proxy
from tests.drivers import ALL_DRIVERS, ListResolver

USERS = {"alice": "s3cret"}
ALICE = ("alice", "s3cret")
WRONG = ("alice", "wr0ng-s3cret")


@pytest.fixture(params=ALL_DRIVERS[:2], ids=lambda driver: driver.library)
def read(request, tls_origin):
    """Return what a failed request says: ours, after a look at what a script prints that catches nothing."""
    driver = request.param

    def read(proxy, logon=None, source="manual"):
        resolver = ListResolver(proxy.pac_text, source=source)
        with driver.client(resolver=resolver, proxy_auth=logon) as client, pytest.raises(driver.proxy_error) as caught:
            client.get(tls_origin.url_for("origin.test"))
        cause = caught.value.__cause__
        assert isinstance(cause, ProxyAuthError)
        text = str(cause)
        # The library's own error says it too, as its text or as a note.
        said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
        assert text in said
        assert text in "".join(traceback.format_exception(caught.value))
        assert str(proxy.server) in text
        assert "s3cret" not in said
        return text

    return read


def test_no_credentials(read):
    """Where to put them."""
    with Proxy([DigestUsers(USERS), BasicUsers(USERS)]) as proxy:
        text = read(proxy, {"elsewhere.test": ALICE})
    assert "it asks for a logon (Digest, Basic), and no credentials were found for it; " in text
    assert text.endswith("give proxy_auth=(user, password), or set PACAWARE_PROXY_USERNAME and PACAWARE_PROXY_PASSWORD")


@pytest.mark.parametrize(
    ("verifiers", "tried", "offers"),
    [
        ([BasicUsers], "Basic", "Basic"),
        ([DigestUsers, BasicUsers], "Digest", "Digest, Basic"),
        ([NtlmUsers, BasicUsers], "NTLM", "NTLM, Basic"),
    ],
)
def test_rejected(read, verifiers, tried, offers):
    """Whose password, where it came from, and what people get wrong most."""
    with Proxy([make(USERS) for make in verifiers]) as proxy:
        text = read(proxy, WRONG)
    assert "it rejected the user or password that came from proxy_auth= for the user 'alice'" in text
    assert f"(tried with {tried})" in text
    assert f"it offers {offers}; " in text
    assert text.endswith("check both; in a URL, write @ : # % of a password percent-encoded")


def test_out_of_scope(read, monkeypatch):
    """The exact line that lets this proxy have them; with it the logon goes on."""
    monkeypatch.setenv("PACAWARE_PROXY_USERNAME", "alice")
    monkeypatch.setenv("PACAWARE_PROXY_PASSWORD", "s3cret")
    with Proxy([DigestUsers(USERS), BasicUsers(USERS)]) as proxy:
        text = read(proxy, source="wpad-dns")
        assert "(Digest, Basic), which is not possible here with PACAWARE_PROXY_PASSWORD for the user 'alice'" in text
        assert "the proxy was named by automatic detection, which anybody on the network can forge" in text
        assert text.endswith(f"; if you trust it: PACAWARE_AUTH_PROXIES={proxy.netloc}")
        assert [seen.authorization for seen in proxy.requests] == [None]


def test_scheme_unsupported(read):
    """What it offers, what there is here, and that somebody else must act."""
    with Proxy([Offer("Kerberos"), Offer("Digital x=y")]) as proxy:
        text = read(proxy, ALICE)
    assert "it offers Kerberos, Digital, and of these none can be used here" in text
    assert "(usable: Negotiate, NTLM, Digest, Basic)" in text
    assert text.endswith("ask those who run the proxy for a logon by one of these")


def test_scheme_not_allowed(read):
    """Where the program itself forbids what the proxy offers, that is what to change."""
    with Proxy([DigestUsers(USERS), BasicUsers(USERS)]) as proxy:
        text = read(proxy, StaticCredentials(*ALICE, schemes=["ntlm"]))
    assert "it offers Digest, Basic, and of these none can be used here (usable: NTLM)" in text
    assert text.endswith("schemes= or PACAWARE_AUTH_SCHEMES allows no other: add one that it offers")


@pytest.mark.parametrize(("verifier", "extra"), [(NtlmUsers, "ntlm"), (NegotiateUsers, "kerberos")])
def test_package_missing(read, monkeypatch, verifier, extra):
    """The command that installs it."""
    with Proxy(verifier(USERS)) as proxy:
        monkeypatch.setitem(sys.modules, "spnego", None)
        text = read(proxy, ALICE)
    assert f"it asks for a logon ({'NTLM' if extra == 'ntlm' else 'Negotiate'}), which is not possible here" in text
    assert text.endswith(f'it needs the package pyspnego: pip install "pacaware[{extra}]"')


def test_closed_in_the_middle(read):
    """That it is the proxy's doing, and nobody's password."""
    with Proxy(NtlmUsers(USERS), close_after_407=True) as proxy:
        text = read(proxy, ALICE)
    assert "(NTLM), which is not possible here with proxy_auth= for the user 'alice'. NTLM: " in text
    assert "it closes the connection in the middle of the logon, which this scheme cannot survive" in text
    assert text.endswith("ask those who run the proxy")


def test_too_many_legs(read):
    """Who has to mend it."""
    with Proxy(DigestUsers(USERS, uses=0)) as proxy:
        text = read(proxy, ALICE)
    assert "it offers Digest, and still asked for more after 8 legs of the logon" in text
    assert text.endswith("its logon does not work, which is not for you to mend: tell those who run it")


def test_guard(read):
    """That nothing was sent this time, for how long, and how to go on at once."""
    with Proxy(BasicUsers(USERS)) as proxy:
        read(proxy, WRONG)
        text = read(proxy, WRONG)
        assert [seen.authorization for seen in proxy.requests] == [None, "Basic", None]
    assert "(Basic), and the user or password that came from proxy_auth= for the user 'alice' was rejected" in text
    assert "before; it is not offered again for 15 minutes, so that the account is not locked" in text
    assert text.endswith("correct it to try at once")


def test_dropped_by_pickling(tls_origin):
    """Why they are gone, and that they must be given again."""
    with Proxy(BasicUsers(USERS)) as proxy, requests.Session() as session:
        session.verify = str(Certificates.shared().ca_path)
        session.trust_env = False
        mount(session, proxy=proxy.url, proxy_auth=ALICE)
        data = pickle.dumps(session)
        assert b"s3cret" not in data
        with pickle.loads(data) as again, pytest.raises(requests.exceptions.ProxyError) as caught:
            again.get(tls_origin.url_for("origin.test"), timeout=10)
    text = str(caught.value.__cause__)
    assert "it asks for a logon (Basic), and no credentials were found for it" in text
    assert text.endswith("credentials given in code are dropped when a session is pickled: give proxy_auth= again")
