"""The values that rooms hand to each other."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pacaware._models import (
    DIRECT,
    CachePolicy,
    Decision,
    ProxyConfig,
    ProxyList,
    ProxyServer,
    Step,
    pac_elements,
    redact_url,
)
from pacaware.errors import ConfigError, NoProxyWorked, PacawareError, PacScriptError
from tests.data import rows

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well
LIKE_A_PROXY = st.text(st.sampled_from("aB9.:[]-@/;=, \thtps"), max_size=30)
LIKE_A_RESULT = st.lists(
    st.sampled_from(
        ["PROXY", "socks", "SOCKS5", "DIRECT", " ", "\t", ";", "a", ":8080", "[::1]", "é", "@", "1.2", "\n"]
    )
).map("".join)
HOSTS = st.sampled_from(["p", "proxy.corp", "10.0.0.1", "2001:db8::1", "xn--bcher-kva.example"])
SERVERS = st.builds(ProxyServer, st.sampled_from(["http", "https", "socks4", "socks5"]), HOSTS, st.integers(1, 65535))
SECRET = "s3same"


def shown(candidate):
    return "DIRECT" if candidate is DIRECT else [candidate.scheme, candidate.host, candidate.port]


class TestProxyServer:
    @pytest.mark.parametrize(
        "row", [row for row in rows("proxy_uri") if row["valid"] and "left_out" not in row], ids=lambda row: row["uri"]
    )
    def test_texts_that_chromium_reads(self, row):
        """A URI that Chromium reads as a proxy is the same proxy here; its text and its PAC element are Chromium's."""
        server = ProxyServer.parse(row["uri"])
        assert shown(server) == [row["scheme"], row["host"], row["port"]]
        assert str(server).removeprefix("http://") == row["canonical_uri"]
        assert server.pac_text == row.get("pac_element", server.pac_text)

    @pytest.mark.parametrize("row", [row for row in rows("proxy_uri") if not row["valid"]], ids=lambda row: row["uri"])
    def test_texts_that_chromium_refuses(self, row):
        """What is no proxy URI for Chromium is a ConfigError here."""
        with pytest.raises(ConfigError):
            ProxyServer.parse(row["uri"])

    @pytest.mark.parametrize(
        ("text", "server"),
        [
            ("socks4a://p", ProxyServer("socks4", "p", 1080)),
            ("socks5h://p", ProxyServer("socks5", "p", 1080)),
            ("HTTPS://P", ProxyServer("https", "p", 443)),
            ("bücher.example:1", ProxyServer("http", "xn--bcher-kva.example", 1)),
        ],
    )
    def test_other_names(self, text, server):
        """socks4a and socks5h are other names of the same: the proxy resolves the origin's name in any case."""
        assert ProxyServer.parse(text) == server

    def test_default_scheme(self):
        """A text without scheme takes the one of the place where it stands, with its port."""
        assert ProxyServer.parse("p", default_scheme="socks") == ProxyServer("socks5", "p", 1080)

    @pytest.mark.parametrize(
        "text", ["p:80/", "http://p/x", "http://p?x", "ftp://p", "p;q", "a=1;b", "p:99999", "http://p p"]
    )
    def test_refusals_show_the_text(self, text):
        """A text that names no proxy is shown in the error as it was typed."""
        with pytest.raises(ConfigError) as caught:
            ProxyServer.parse(text)
        assert repr(text) in str(caught.value)

    @pytest.mark.parametrize("userinfo", [SECRET, f"u:{SECRET}", f"u:{SECRET}/x", f"u:{SECRET}#?", f"u:@{SECRET}:"])
    @pytest.mark.parametrize(
        "form", ["http://{}@p:80", "{}@p:80", "ftp://{}@p", "http://{}@", "http://{}@p:x", "{}@p://q"]
    )
    def test_refusals_do_not_show_userinfo(self, form, userinfo):
        """A user or password is refused, with the advice where to give it, and is not in the message."""
        with pytest.raises(ConfigError) as caught:
            ProxyServer.parse(form.format(userinfo))
        assert SECRET not in str(caught.value)

    @given(st.one_of(ANY_TEXT, LIKE_A_PROXY))
    @example("a;b:1")
    def test_any_text_is_a_proxy_or_refused(self, text):
        """No text crashes the parser, and the text of a proxy parses to the same proxy, in a list as well."""
        try:
            server = ProxyServer.parse(text)
        except ConfigError:
            return
        assert ProxyServer.parse(str(server)) == server
        assert ProxyList.parse(server.pac_text) == ProxyList([server])

    @given(ANY_TEXT)
    def test_no_message_shows_userinfo(self, around):
        """Whatever stands around a user and password, the message does not hold them."""
        for text in (f"http://u:{SECRET}{around}@p:80", f"{around}:{SECRET}@p:80"):
            with pytest.raises(ConfigError) as caught:
                ProxyServer.parse(text)
            assert SECRET not in str(caught.value)

    def test_it_cannot_be_changed(self):
        """A proxy is a value: it can be a key, and no attribute can be set."""
        server = ProxyServer.parse("p:1")
        with pytest.raises(AttributeError):
            server.host = "q"
        assert {server: 1}[ProxyServer("http", "p", 1)] == 1


class TestProxyList:
    @pytest.mark.parametrize(
        "row", [row for row in rows("pac_string") if "op" not in row], ids=lambda row: row["pac_result"]
    )
    def test_results_that_chromium_reads(self, row):
        """A PAC result is the list that Chromium makes of it: what is unusable is dropped, nothing usable is DIRECT."""
        assert [shown(candidate) for candidate in ProxyList.parse(row["pac_result"])] == row["expected"]

    @pytest.mark.parametrize(
        "row",
        [row for row in rows("pac_string") if row.get("op") == "single_element"],
        ids=lambda row: row["pac_result"],
    )
    def test_single_elements(self, row):
        """One element is the proxy that Chromium reads, or dropped with a reason."""
        ((_, candidate, reason),) = pac_elements(row["pac_result"])
        assert (None if candidate is None else [shown(candidate)]) == row["expected"]
        assert bool(reason) == (candidate is None)

    @pytest.mark.parametrize(
        ("text", "usable"),
        [
            ("HTTP p:1", "PROXY p:1"),
            ("PROXY a:1; QUIC b:1; SOCKS4 c", "PROXY a:1; SOCKS c:1080"),
            ("PROXY\ta:1", "PROXY a:1"),
            ("DIRECT p; PROXY a", "PROXY a:80"),
            ("PROXY http://a:1; HTTPS b", "HTTPS b:443"),
            ("PROXY u:p@a; PROXY a:; PROXY foopy.111", "DIRECT"),
            (";;", "DIRECT"),
            ("", "DIRECT"),
        ],
    )
    def test_the_grammar(self, text, usable):
        """HTTP is PROXY as in Firefox; unknown types, URLs and userinfo are dropped."""
        assert str(ProxyList.parse(text)) == usable

    @pytest.mark.parametrize(
        ("text", "shown_as"),
        [
            (f"PROXY u:{SECRET}@p:1", "PROXY ...@p:1"),
            (f"PROXY u:{SECRET} {SECRET}@p:1", "PROXY ...@p:1"),
            (f"u:{SECRET}@p:1", "...@p:1"),
            (f"{SECRET}@x PROXY p:1", "...@x PROXY p:1"),
            (f"{SECRET} x@p:1", "...@p:1"),
            (f"DIRECT {SECRET}@p", "...@p"),
        ],
    )
    def test_dropped_elements_do_not_show_userinfo(self, text, shown_as):
        """An element with a user or password is dropped, and neither it nor the reason shows them."""
        ((element, candidate, reason),) = pac_elements(text)
        assert (element, candidate) == (shown_as, None)
        assert SECRET not in reason

    @given(st.one_of(ANY_TEXT, LIKE_A_RESULT))
    def test_any_text_is_a_list(self, text):
        """No text crashes the parser; the list is never empty, and its text parses to the same list."""
        proxies = ProxyList.parse(text)
        assert len(proxies) > 0
        assert ProxyList.parse(str(proxies)) == proxies

    @given(st.lists(st.one_of(SERVERS, st.just(DIRECT)), min_size=1))
    def test_every_list_has_a_text(self, candidates):
        """Any list of candidates can be written and read again."""
        assert list(ProxyList.parse(str(ProxyList(candidates)))) == candidates

    def test_it_is_an_immutable_sequence(self):
        """It has length, order, slices and membership, compares and hashes by its members, and can't be changed."""
        proxies = ProxyList.parse("PROXY a:1; SOCKS5 b; DIRECT")
        assert (len(proxies), proxies[2], proxies[-3].host) == (3, DIRECT, "a")
        assert proxies[1:] == ProxyList.parse("SOCKS5 b; DIRECT")
        assert ProxyServer("socks5", "b", 1080) in proxies
        assert {proxies: "x"}[ProxyList(tuple(proxies))] == "x"
        assert proxies != list(proxies)
        assert repr(proxies) == "ProxyList.parse('PROXY a:1; SOCKS5 b:1080; DIRECT')"
        with pytest.raises(AttributeError):
            proxies._items = ()
        with pytest.raises(AttributeError):
            proxies.more = 1
        with pytest.raises(TypeError):
            proxies[0] = DIRECT

    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    @pytest.mark.parametrize(
        "value",
        [DIRECT, ProxyServer.parse("https://p"), ProxyList.parse("PROXY a; DIRECT"), CachePolicy.ie()],
        ids=repr,
    )
    def test_copies_are_equal(self, value, again):
        """Values survive copying and pickling; DIRECT stays the one and only."""
        assert again(value) == value
        assert (again(DIRECT) is DIRECT) is True


class TestProxyConfig:
    @pytest.mark.parametrize(
        ("given_text", "clean", "found"),
        [
            ("p:8080", "p:8080", ()),
            ("http://u:s3same@p:8080", "http://p:8080", (("p:8080", "u", "s3same"),)),
            ("u:s3same@P:8080", "P:8080", (("p:8080", "u", "s3same"),)),
            ("http=u:s3same@a:1;https=b:2", "http=a:1;https=b:2", (("a:1", "u", "s3same"),)),
            ("http=a:1;https=https://u:s3same@b:2", "http=a:1;https=https://b:2", (("b:2", "u", "s3same"),)),
            ("http://a:1;http://u:s3same@b:2/", "http://a:1;http://b:2/", (("b:2", "u", "s3same"),)),
            ("[::1]:1 http=u:s3same@b", "[::1]:1 http=b", (("b", "u", "s3same"),)),
            ("http://u:p;q,s3same r@b:2", "http://b:2", (("b:2", "u", "p;q,s3same r"),)),
            ("http://u:p@s3same@b:2", "http://b:2", (("b:2", "u", "p@s3same"),)),
            ("http://u:%73%33same%40@b:2", "http://b:2", (("b:2", "u", "s3same@"),)),
            ("http://s3same@b:2", "http://b:2", (("b:2", "s3same", ""),)),
        ],
    )
    def test_credentials_in_a_proxy_url(self, given_text, clean, found):
        """A user and password in proxy_server move to where no repr shows them, separators in them or not."""
        config = ProxyConfig(proxy_server=given_text)
        assert (config.proxy_server, config.proxy_credentials) == (clean, found)
        assert SECRET not in repr(config) + str(config)

    @given(st.one_of(ANY_TEXT, LIKE_A_PROXY))
    def test_any_text_is_taken(self, text):
        """What cannot be read is left for the reader of the rules, which says why; nothing crashes here."""
        config = ProxyConfig(proxy_server=f"http://u:{SECRET}@p;{text}")
        assert SECRET not in repr(config)

    def test_repr_hides_secrets_of_the_pac_url(self):
        """The PAC URL is shown without user, password and query values."""
        config = ProxyConfig(pac_url=f"http://u:{SECRET}@h/p.pac?token={SECRET}", bypass="*.corp")
        assert SECRET not in repr(config)
        assert "pac_url='http://h/p.pac?token=...'" in repr(config)
        assert "bypass='*.corp'" in repr(config)

    def test_pickling_drops_secrets(self):
        """A pickle holds the settings without user and password, and nothing else is lost."""
        config = ProxyConfig(
            proxy_server=f"http=u:{SECRET}@a:1", pac_url=f"http://u:{SECRET}@h/p.pac", bypass="b", auto_detect=True
        )
        data = pickle.dumps(config)
        assert SECRET.encode() not in data
        again = pickle.loads(data)
        assert again == ProxyConfig(proxy_server="http=a:1", pac_url="http://h/p.pac", bypass="b", auto_detect=True)

    def test_copies_are_the_same(self):
        """Within the process nothing is dropped: a copy of a value that can't be changed is itself."""
        config = ProxyConfig(proxy_server=f"u:{SECRET}@a:1")
        assert copy.copy(config) is config
        assert copy.deepcopy([config])[0] is config
        with pytest.raises(AttributeError):
            config.bypass = "x"

    @pytest.mark.parametrize("bad", [{"key": "url"}, {"max_entries": 0}, {"bad_proxy_seconds": -1}])
    def test_policies_that_make_no_sense(self, bad):
        """A cache policy that could never work is refused with the name of its setting."""
        with pytest.raises(ConfigError, match=next(iter(bad))):
            CachePolicy(**bad)


def decision(**other):
    values = {
        "url": f"https://u:{SECRET}@origin.test/a?q={SECRET}#{SECRET}",
        "proxies": ProxyList.parse("PROXY a:1; DIRECT"),
        "source": "pac",
        "config_origin": "code",
        "pac_url": f"http://u:{SECRET}@pac.test/p.pac?key={SECRET}",
        "steps": (Step("PAC", "ok", "FindProxyForURL answered", 1.25),),
    }
    return Decision(**(values | other))


class TestDecision:
    def test_to_dict(self):
        """The record has the keys of the JSON contract, and no secret of either URL."""
        record = decision().to_dict()
        assert record == {
            "url": "https://origin.test/a?q=...",
            "proxies": ["PROXY a:1", "DIRECT"],
            "source": "pac",
            "config_origin": "code",
            "pac_url": "http://pac.test/p.pac?key=...",
            "cached": False,
            "steps": [{"name": "PAC", "status": "ok", "detail": "FindProxyForURL answered", "ms": 1.25}],
        }
        assert json.loads(json.dumps(record)) == record

    def test_explain(self):
        """A person reads where the request goes, by which settings and why."""
        assert decision(cached=True).explain().splitlines() == [
            "https://origin.test/a?q=...",
            "  goes by  PROXY a:1; DIRECT",
            "  because  the PAC file says so (pac; settings from: code), cached",
            "  PAC      http://pac.test/p.pac?key=...",
            "  ok       PAC: FindProxyForURL answered [1.2 ms]",
        ]
        assert "PAC " not in decision(pac_url=None, source="manual", steps=()).explain()

    def test_no_secret_is_shown(self):
        """Neither repr nor str nor explain() show what stands in the URLs."""
        assert SECRET not in repr(decision()) + str(decision()) + decision().explain()

    def test_one_answer_for_several_urls(self):
        """An answer that another URL shares keeps everything but the URL, and is known before."""
        other = decision().for_url("https://origin.test/b")
        assert other == decision(url="https://origin.test/b", cached=True)
        assert pickle.loads(pickle.dumps(other)) == other


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("http://h/p?a=1&b=2#f", "http://h/p?a=...&b=..."),
        ("http://u:p@h:1/p", "http://h:1/p"),
        ("http://h/@scope/pkg", "http://h/@scope/pkg"),
        ("http://[::1]:80/@x", "http://[::1]:80/@x"),
        ("http://h:80?q@x", "http://h:80?..."),
        ("http://u:pa/ss@h/", "http://h/"),
        ("http://u:pa#ss@h/?a=b", "http://h/?a=..."),
        ("http://u:pa?ss@h/", "http://h/"),
        ("u:p@h:80", "h:80"),
        ("u:p@h//x", "h//x"),
        ("//u:p@h/x", "//h/x"),
        ("http://h/p?token", "http://h/p?..."),
        ("http://h/p?", "http://h/p?"),
        ("http://h/p?a=1&&b", "http://h/p?a=...&&..."),
        ("", ""),
    ],
)
def test_redact_url(url, redacted):
    """User, password, fragment and query values go; a path with an @ in it stays."""
    assert redact_url(url) == redacted


@given(ANY_TEXT, ANY_TEXT)
@example("a/", "//")
def test_no_userinfo_survives_redaction(before, after):
    """Whatever characters a password holds unescaped, it is not in the redacted URL; and redaction is stable."""
    redacted = redact_url(f"http://u:x{SECRET}{before}@h/{after.replace('@', '')}?q={SECRET}")
    assert SECRET not in redacted
    assert redact_url(redacted) == redacted


@given(ANY_TEXT)
def test_any_text_can_be_redacted(text):
    """No text crashes the redaction."""
    assert len(redact_url(text)) <= 4 * len(text)


@pytest.mark.parametrize(
    "error",
    [
        PacScriptError("it throws", 3, 7),
        PacScriptError("no string"),
        NoProxyWorked((("PROXY a:1", "refused"),)),
        ConfigError("x"),
    ],
)
def test_errors_survive_pickling(error):
    """An error from another process says the same."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    assert isinstance(again, PacawareError)


def test_what_errors_say():
    """Line and column count for a script, each candidate with its reason for a fail-over list."""
    assert str(PacScriptError("it throws", 3, 7)) == "it throws (line 3, column 7)"
    assert str(PacScriptError("it throws", 3)) == "it throws (line 3)"
    failed = NoProxyWorked((("PROXY a:1", "refused"), ("DIRECT", "timed out")))
    assert (
        str(failed) == "no proxy worked (PROXY a:1: refused; DIRECT: timed out); check their addresses, and the network"
    )
    assert str(NoProxyWorked(())) == "no proxy worked"
