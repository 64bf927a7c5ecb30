"""What is remembered of answers: never one URL's for another's, and nothing longer than it holds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacaware._core.target import parse_target
from pacaware._models import CachePolicy, ProxyConfig, ProxyList
from pacaware._pac.dns import Lookups, Resolved
from pacaware._pac.source import PacSource
from pacaware._resolver import ProxyResolver
from tests.resolver.conftest import by, fail_over, script

BY_PATH = "return url.indexOf('/a') > 0 ? 'PROXY a.test:1' : 'PROXY b.test:1'"
BY_HOST = "return host == 'a.test' ? 'PROXY a.test:1' : 'PROXY b.test:1'"


def test_the_same_url_twice_is_one_run(with_script):
    """The second time is said to be known before, and is the same otherwise."""
    resolver = with_script(BY_PATH)
    first, second = resolver.resolve("http://h.test/a"), resolver.resolve("http://h.test/a")
    assert (first.cached, second.cached) == (False, True)
    assert first.as_cached() == second
    assert resolver.stats()["evaluations"] == 1


def test_answers_that_depend_on_the_path_are_never_mixed(with_script):
    """For http a script may look at the whole URL: each URL has its own answer."""
    resolver = with_script(BY_PATH)
    for _ in range(2):
        assert by(resolver.resolve("http://h.test/a?x")) == "PROXY a.test:1"
        assert by(resolver.resolve("http://h.test/b?x")) == "PROXY b.test:1"
        assert by(resolver.resolve("http://h.test/b?/a")) == "PROXY a.test:1"
    assert resolver.stats()["evaluations"] == 3


def test_https_is_asked_once_an_origin(with_script):
    """Of https a script sees the origin alone, so one answer serves all of it, and no other."""
    resolver = with_script(BY_PATH)
    for path in ("", "/", "/a", "/b?c", "/a/b#c"):
        assert by(resolver.resolve("https://h.test" + path)) == "PROXY b.test:1"
    assert resolver.stats()["evaluations"] == 1
    resolver.resolve("https://h.test:8443/")
    resolver.resolve("https://i.test/")
    assert resolver.stats()["evaluations"] == 3


def test_a_script_that_ignores_the_url_is_asked_once_an_origin(with_script):
    """Provably: then http needs no more than https."""
    resolver = with_script(BY_HOST)
    for path in ("/", "/a", "/b?c"):
        assert by(resolver.resolve("http://a.test" + path)) == "PROXY a.test:1"
        assert by(resolver.resolve("http://h.test" + path)) == "PROXY b.test:1"
    assert resolver.stats()["evaluations"] == 2


def test_questions_that_turn_out_to_be_one(with_script, monkeypatch):
    """Two paths asked while the script was not known yet: once it is, the second needs no run of its own."""
    resolver = with_script(BY_HOST)
    obtain = PacSource.script

    def slow(source, timeout, **options):
        loaded = obtain(source, timeout, **options)
        monkeypatch.undo()
        assert not resolver.resolve("http://a.test/first").cached
        return loaded

    monkeypatch.setattr(PacSource, "script", slow)
    second = resolver.resolve("http://a.test/second")
    assert (by(second), second.cached, resolver.stats()["evaluations"]) == ("PROXY a.test:1", True, 1)


@pytest.mark.parametrize(
    "body",
    [
        "return new Date().getTime() > 0 ? 'PROXY a.test:1' : 'DIRECT'",
        "return timeRange(0, 23) ? 'PROXY a.test:1' : 'PROXY a.test:1'",
        "return weekdayRange('MON', 'SUN') ? 'PROXY a.test:1' : 'PROXY a.test:1'",
        "return Math.random() < 2 ? 'PROXY a.test:1' : 'DIRECT'",
    ],
)
def test_scripts_that_read_the_clock_or_the_dice_are_asked_each_time(with_script, body):
    """The next answer may be another one: nothing is known before."""
    resolver = with_script(body)
    for count in (1, 2, 3):
        decision = resolver.resolve("https://h.test/")
        assert (by(decision), decision.cached) == ("PROXY a.test:1", False)
        assert resolver.cached("https://h.test/") is None
        assert resolver.stats()["evaluations"] == count
    assert resolver.stats()["answers"] == 0


def test_answers_that_depend_on_dns_expire(with_script, clock):
    """They hold at least 5 s and at most 5 minutes, as long as the lookups they rest on."""
    resolver = with_script("return dnsResolve('localhost') ? 'PROXY a.test:1' : 'DIRECT'")
    assert by(resolver.resolve("https://h.test/")) == "PROXY a.test:1"
    clock.advance(4)
    assert resolver.resolve("https://h.test/").cached
    assert resolver.stats()["evaluations"] == 1
    clock.advance(297)
    assert not resolver.resolve("https://h.test/").cached
    assert resolver.stats()["evaluations"] == 2


def test_as_internet_explorer(with_script):
    """CachePolicy.ie(): the first answer serves the whole host, whatever scheme, port or path (KB271361)."""
    resolver = with_script(BY_PATH, policy=CachePolicy.ie())
    for url in ("http://h.test/a", "http://h.test/b", "https://h.test/", "http://h.test:81/b", "ftp://h.test/"):
        assert by(resolver.resolve(url)) == "PROXY a.test:1"
    assert by(resolver.resolve("http://i.test/b")) == "PROXY b.test:1"
    assert resolver.stats()["evaluations"] == 2


def test_no_result_cache(with_script):
    """result_cache=False: the script is asked each time, and what worked is not remembered either."""
    resolver = with_script("return 'PROXY a.test:1; PROXY b.test:1'", policy=CachePolicy(result_cache=False))
    for _ in range(3):
        assert not resolver.resolve("https://h.test/").cached
    assert resolver.cached("https://h.test/") is None
    fail_over(resolver, "https://h.test/")
    stats = resolver.stats()
    assert (stats["evaluations"], stats["answers"], stats["routes"], stats["bad_proxies"]) == (4, 0, 0, 1)


def test_no_result_cache_is_about_scripts(make_resolver):
    """What needs no script is known all the same: asyncio code needs no thread for it."""
    resolver = make_resolver(ProxyConfig(proxy_server="p.test:1"), cache=CachePolicy(result_cache=False))
    resolver.resolve("https://h.test/")
    assert by(resolver.cached("https://h.test/a")) == "PROXY p.test:1"


def test_failover_is_seen_by_every_url(with_script, clock):
    """After A failed over to B: B first for this host, A last for the others, also where a decision was known."""
    resolver = with_script("return 'PROXY a.test:1; PROXY b.test:1'")
    resolver.resolve("https://h.test/")
    resolver.resolve("https://other.test/")
    fail_over(resolver, "https://h.test/")
    assert resolver.stats()["failovers"] == 1
    for url in ("https://h.test/", "https://h.test/a", "https://other.test/", "https://third.test/"):
        assert by(resolver.resolve(url)) == "PROXY b.test:1; PROXY a.test:1"
    assert resolver.stats()["evaluations"] == 3
    clock.advance(1800)
    assert by(resolver.resolve("https://h.test/")) == "PROXY b.test:1; PROXY a.test:1"
    assert by(resolver.resolve("https://other.test/")) == "PROXY a.test:1; PROXY b.test:1"


def test_a_known_decision_ends_with_the_mark_it_rests_on(with_script, clock):
    """``PROXY a; DIRECT`` with one blip of a does not stay DIRECT."""
    resolver = with_script("return 'PROXY a.test:1; DIRECT'")
    fail_over(resolver, "https://h.test/")
    clock.advance(1799)
    assert by(resolver.resolve("https://h.test/")) == "DIRECT; PROXY a.test:1"
    assert by(resolver.cached("https://h.test/")) == "DIRECT; PROXY a.test:1"
    clock.advance(1)
    assert by(resolver.resolve("https://h.test/")) == "PROXY a.test:1; DIRECT"


def test_success_of_the_first_changes_nothing(with_script):
    """The usual request teaches nothing: what is known stays known."""
    resolver = with_script("return 'PROXY a.test:1; PROXY b.test:1'")
    decision = resolver.resolve("https://h.test/")
    resolver.connected(decision, resolver.start(decision))
    assert resolver.cached("https://h.test/") is not None
    fail_over(resolver, "https://other.test/")
    resolver.resolve("https://h.test/")
    known = resolver.resolve("https://h.test/")
    resolver.connected(known, resolver.start(known))
    assert resolver.cached("https://h.test/") is known


def test_twenty_thousand_urls(make_resolver):
    """However many URLs there are, no memory grows beyond its bound."""
    resolver = make_resolver(ProxyConfig(proxy_server="p.test:1"), cache=CachePolicy(max_entries=500))
    for number in range(20_000):
        resolver.resolve(f"http://h{number}.test/{number}")
    assert len(resolver._memory.recent) == 500
    assert len(resolver._memory.recent._origins) == 500


def test_many_urls_of_a_script(with_script):
    """The answers of a script, and the routes that worked, have the same bound."""
    body = "return 'PROXY a.test:1; PROXY b.test:1; ' + (url ? 'DIRECT' : '')"
    resolver = with_script(body, policy=CachePolicy(max_entries=100))
    for number in range(1000):
        fail_over(resolver, f"http://h{number}.test/{number}", failures=number < 1)
    stats = resolver.stats()
    assert stats["evaluations"] == 1000
    assert (stats["answers"], stats["routes"], len(resolver._memory.recent)) == (100, 100, 100)


ANSWER = "indexOf('/a') > 0 ? 'PROXY a.test:1' : 'PROXY b.test:1'"
BY_LENGTH = "/ url.length / 1 > 0.06 ? 'PROXY a.test:1' : 'PROXY b.test:1'"
CONSTRUCTOR = "['constr' + 'uctor']"
# Makes code of text, by the constructor of functions: another entry point, which looks at the URL.
MAKE = f'("FindProxyForURL = function (u) {{ return u.{ANSWER} }}")()'
IN_THE_BODY = {
    "a division that looks like a regexp": f"var of = 1; return of {BY_LENGTH}",
    "a member called in": f"var o = {{in: 1}}; return o.in {BY_LENGTH}",
    "a regexp that looks like a string": f"return (0 && host instanceof /'/, url + /'/).{ANSWER}",
    "a statement of one word": f"var r; debugger\n/'/.test(host); r = url; /'/.test(host); return r.{ANSWER}",
    "arguments": f"return arguments[0].{ANSWER}",
    "eval": f"return eval('u' + 'rl').{ANSWER}",
    "a template": f"return `${{url}}`.{ANSWER}",
    "an escape": f"return u\\u0072l.{ANSWER}",
}
BESIDE_IT = {
    "?.": f"alert?.{CONSTRUCTOR}{MAKE}",
    "a parameter": f"function g({{{CONSTRUCTOR}: C}}) {{ C{MAKE} }} g(g)",
    "a string as a key": f'for (var {{"constructor": C}} of [alert]) C{MAKE}',
    "??=": f"var i; i ??= 'constr' + 'uctor'; alert[i]{MAKE}",
    "(i)": f"var i = 1; (i) = 'constr' + 'uctor'; alert[i]{MAKE}",
    "a pattern": f"var i = 1; if (1) [i] = ['constr' + 'uctor']; alert[i]{MAKE}",
    "a member called let": f"({{let: alert}}).let{CONSTRUCTOR}{MAKE}",
    "JSON": (
        "JSON.stringify(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(alert)), "
        f"function (k, v) {{ if (typeof v == 'function' && v.name == 'Function') v{MAKE}; return v }})"
    ),
    "this": f"this['FindProxy' + 'ForURL'] = function (u) {{ return u.{ANSWER} }}",
}
HIDDEN = {
    **{how: script(body) for how, body in IN_THE_BODY.items()},
    **{how: script("return 'PROXY b.test:1'") + code for how, code in BESIDE_IT.items()},
}


@pytest.mark.parametrize("engine", ["quickjs", "pacparser"])
@pytest.mark.parametrize("how", HIDDEN)
def test_a_script_that_hides_its_use_of_the_url(pac_server, make_resolver, how, engine):
    """However it gets at the path, no URL of http is given another one's answer."""
    pac_server.set(HIDDEN[how])
    resolver = make_resolver(ProxyConfig(pac_url=pac_server.url), engine=engine)
    for _ in range(2):
        for path, expected in (("bbbbbbbb", "b"), ("a", "a"), ("bbbbbbbbb", "b"), ("a", "a")):
            assert by(resolver.resolve(f"http://h.test/{path}")) == f"PROXY {expected}.test:1"


CONDITIONS = st.sampled_from(
    [
        "isPlainHostName(host)",
        "shExpMatch(host, '*.a.test')",
        "shExpMatch(url, '*b*')",
        "dnsDomainIs(host, '.test')",
        "url.indexOf('/b') > 0",
        "url.length % 2 == 0",
        "url.substring(0, 5) == 'http:'",
        "host == 'a'",
        "localHostOrDomainIs(host, 'x.a.test')",
        "dnsDomainLevels(host) > 1",
        "url.indexOf(':8080') > 0",
        "url.split('/')[3] == 'b'",
        "isInNet(host, '10.0.0.0', '255.255.255.254')",
        "isResolvable('at.times.test')",
        "dnsResolve('moving.test') == '10.0.0.1'",
        "[dnsResolveEx][0]('moving.test') == '10.0.0.2'",
        "isInNet(myIpAddress(), '10.9.9.2', '255.255.255.255')",
        "myIpAddressEx().indexOf('10.9.9.1') == 0",
        "timeRange(0, 0, 0, 12, 0, 0)",
        "weekdayRange('MON', 'WED')",
        "new Date().getTime() / 1000 % 2 == 0",
        "Date.now() / 1000 % 3 == 0",
        "new Date(0).constructor.now() / 1000 % 3 == 0",
        "(function (D) { return new D().getSeconds() % 2; })(Date)",
        "Reflect.construct(Date, []).getTime() / 1000 % 3 < 1",
        "(function (u) { return u.indexOf('q') > 0; })(url)",
        "arguments[0].length % 3 == 0",
        "eval('url').length % 5 == 0",
        "['', url][1].slice(-1) == 'b'",
        "decodeURI(url) > 'http://b'",
    ]
)
ANSWERS = st.sampled_from(["PROXY a:1", "PROXY b:1; DIRECT", "DIRECT", "SOCKS5 c:1", ""])
URLS = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a", "x.a.test", "y.a.test", "b.test"]),
    st.sampled_from(["", ":80", ":8080"]),
    st.sampled_from(["", "b", "bb?q", "c?/b", "b#c"]),
)


def moving(name: str, now: float) -> Resolved:
    """A name whose address is another one every 50 s, and one that is not always there."""
    number = 1 + now // 50 % 2
    return Resolved(() if name == "at.times.test" and number > 1 else (f"10.0.0.{number:.0f}",), 20.0)


@st.composite
def bodies(draw):
    """The body of a FindProxyForURL: a few conditions, some with the URL, some without."""
    lines = [f"if ({draw(CONDITIONS)}) return '{draw(ANSWERS)}';" for _ in range(draw(st.integers(0, 3)))]
    return "\n".join([*lines, f"return '{draw(ANSWERS)}';"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies(), st.lists(st.tuples(URLS, st.sampled_from([0, 1, 7, 26, 3600])), min_size=1, max_size=30))
def test_with_and_without_memory_the_answers_are_the_same(tmp_path, body, visits):
    """The exact cache is never noticed: for any script and any requests each answer is what the script says.

    Also of the clock, of DNS, of the port, and of the path in whatever way it is looked at.
    """
    file = tmp_path / "proxy.pac"
    file.write_text(script(body))
    with ProxyResolver(ProxyConfig(pac_url=str(file), allow_file=True, bypass="<-loopback>")) as resolver:
        now = [0.0]
        resolver._clock = lambda: now[0]
        resolver.embedded_credentials()
        resolver._situation.lookups = lookups = Lookups(
            lambda name, six, seconds: moving(name, now[0]),
            my_addresses=lambda ex: [f"10.9.9.{1 + now[0] // 50 % 2:.0f}"],
            clock=lambda: now[0],
        )
        resolver._situation.renew(resolver._clock)
        resolver.resolve("https://first.test/")
        pac = resolver._situation.basis.source.known().script
        for url, seconds in visits:
            now[0] += seconds
            pac._now = (1_800_000_000 + now[0]) * 1000  # the script's clock goes with the resolver's
            answer = by(resolver.resolve(url))
            target = parse_target(url)
            asked = pac.find_proxy(target.pac_url, target.pac_host)
            assert answer == str(ProxyList.parse(asked.text))
        lookups.close()
        if not any(word in body for word in ("Date", "Range", "esolv", "InNet", "myIp")):
            assert resolver.stats()["evaluations"] <= len({url for url, _ in visits}) + 1
