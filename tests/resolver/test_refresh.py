"""A PAC file over time: used while it is fresh, asked for again in the background."""

from __future__ import annotations

import pytest

from pacaware._models import ProxyConfig
from pacaware.testing import PacServer
from tests.resolver.conftest import by, eventually, fail_over, refreshed, script

URL = "https://h.test/"
MINUTE = {"Cache-Control": "max-age=60"}
OLD = "return 'PROXY old.test:1; PROXY b.test:1'"
NEW = "return 'PROXY new.test:1; PROXY b.test:1'"


def is_old(decision) -> bool:
    return by(decision).startswith("PROXY old.test")


def test_a_fresh_script_is_not_asked_for_again(with_script, pac_server, clock):
    """Within max-age the server is left alone."""
    resolver = with_script(OLD, headers=MINUTE)
    for number in range(5):
        assert is_old(resolver.resolve(f"https://h{number}.test/"))
        clock.advance(11)
    assert len(pac_server.requests) == 1


def test_a_stale_script_still_answers_at_once(with_script, pac_server, clock):
    """The request that finds it stale gets the old answer while the server has not even answered."""
    resolver = with_script(OLD, headers=MINUTE)
    assert is_old(resolver.resolve(URL))
    clock.advance(60)
    pac_server.set(script(NEW), delay=0.3)
    assert is_old(resolver.resolve(URL))
    assert is_old(resolver.resolve("https://other.test/"))
    assert len(pac_server.requests) == 1  # the log has a request when it is answered
    eventually(lambda: not is_old(resolver.resolve(URL)))
    assert len(pac_server.requests) == 2


def test_a_new_text_drops_answers_and_routes(with_script, pac_server, clock):
    """What the old script answered, and which of its proxies worked, is forgotten; bad proxies stay bad."""
    resolver = with_script(OLD, headers=MINUTE)
    fail_over(resolver, URL)
    before = resolver.stats()
    assert (before["answers"], before["routes"], before["bad_proxies"]) == (1, 1, 1)
    pac_server.set(script(NEW))
    clock.advance(60)
    resolver.resolve(URL)
    refreshed(resolver, pac_server, 2)
    assert by(resolver.resolve(URL)) == "PROXY new.test:1; PROXY b.test:1"
    after = resolver.stats()
    assert (after["answers"], after["routes"], after["bad_proxies"]) == (1, 0, 1)
    assert (after["invalidations_pac"], after["fetches"], after["evaluations"]) == (1, 2, 2)


def test_what_was_handed_out_before_is_not_handed_out_again(with_script, pac_server, clock):
    """A decision known for another second ends with the script it came from, for its URL and its origin."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve("https://h.test/a")
    pac_server.set(script(NEW))
    clock.advance(60)
    resolver.resolve("https://other.test/")
    refreshed(resolver, pac_server, 2)
    for url in ("https://h.test/a", "https://h.test/b", "https://other.test/c"):
        assert by(resolver.resolve(url)).startswith("PROXY new.test")


def test_not_modified_drops_nothing(with_script, pac_server, clock):
    """A 304 makes the script fresh again: same answers, same routes, no run."""
    resolver = with_script(OLD, headers=MINUTE)
    fail_over(resolver, URL)
    clock.advance(60)
    resolver.resolve(URL)
    refreshed(resolver, pac_server, 2)
    assert pac_server.requests[-1].status == 304
    assert by(resolver.resolve(URL)) == "PROXY b.test:1; PROXY old.test:1"
    stats = resolver.stats()
    assert (stats["invalidations_pac"], stats["evaluations"], stats["routes"]) == (0, 1, 1)
    clock.advance(59)
    resolver.resolve(URL)
    assert len(pac_server.requests) == 2


def test_not_modified_keeps_the_header_fields_it_leaves_out(with_script, pac_server, clock):
    """A 304 without Cache-Control holds as long as the 200 before it said (RFC 9111, section 4.3.4)."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve(URL)
    pac_server.set(headers={})
    for requests in (2, 3):
        clock.advance(60)
        resolver.resolve(URL)
        refreshed(resolver, pac_server, requests)
    assert {request.status for request in pac_server.requests[1:]} == {304}


def test_the_same_text_sent_again_drops_answers_but_not_the_process(make_resolver, clock):
    """A full answer is a reload, which ends what is remembered; the process that has the text goes on."""
    with PacServer(script(OLD), headers=MINUTE, etag=False) as server:
        resolver = make_resolver(ProxyConfig(pac_url=server.url))
        fail_over(resolver, URL)
        process = resolver._situation.basis.source.known().script._process
        clock.advance(60)
        resolver.resolve(URL)
        refreshed(resolver, server, 2)
        resolver.resolve(URL)
        assert resolver._situation.basis.source.known().script._process is process
    stats = resolver.stats()
    assert (stats["invalidations_pac"], stats["evaluations"], stats["routes"]) == (1, 2, 0)


@pytest.mark.parametrize(
    "reply",
    [{"status": 503}, {"status": 404}, {"text": "<html>log on</html>"}, {"text": "function FindProxyForURL( {"}],
    ids=["503", "404", "captive portal", "does not parse"],
)
def test_the_last_good_script_stays_in_use(with_script, pac_server, clock, caplog, reply):
    """While its server has nothing better, the script answers; the server is asked after 8 s, 32 s, 2 and 5 minutes."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve(URL)
    clock.advance(60)
    pac_server.set(**reply)
    resolver.resolve(URL)
    refreshed(resolver, pac_server, 2)
    assert "the script in use is kept; the next try is in 8 s" in caplog.text
    for number, delay in enumerate((8, 32, 120, 300), start=2):
        clock.advance(delay - 0.5)
        assert is_old(resolver.resolve(URL))
        assert resolver.cached(URL) is not None
        assert len(pac_server.requests) == number
        clock.advance(1)
        assert is_old(resolver.resolve(URL))
        refreshed(resolver, pac_server, number + 1)
    assert resolver.stats()["evaluations"] == 1
    pac_server.set(script(NEW), status=200)
    clock.advance(300)
    resolver.resolve(URL)
    refreshed(resolver, pac_server, 7)
    assert not is_old(resolver.resolve(URL))


def test_what_goes_wrong_unexpectedly_changes_nothing(with_script, pac_server, clock, caplog, monkeypatch):
    """Even a fault of ours in the background leaves the script in use, is logged, and is not repeated at once."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve(URL)

    def fault(*arguments, **options):
        raise RuntimeError("our own fault")

    monkeypatch.setattr("pacaware._pac.source.fetch_pac", fault)
    clock.advance(60)
    resolver.resolve(URL)
    eventually(lambda: "our own fault" in caplog.text)
    eventually(lambda: not resolver._situation.basis.source._lock.locked())
    assert is_old(resolver.resolve(URL))
    assert resolver.stats()["fetches"] == 2


def test_no_thread_no_refresh(with_script, clock, monkeypatch):
    """Where no thread can be started any more, as at the end of the interpreter, the script in use will do."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve(URL)

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    clock.advance(60)
    monkeypatch.setattr("threading.Thread.start", refuse)
    assert is_old(resolver.resolve(URL))
    monkeypatch.undo()
    assert not resolver._situation.basis.source._lock.locked()


def test_a_file_is_looked_at_every_half_minute(make_resolver, clock, tmp_path):
    """A PAC file on disk, where allowed, is read again after 30 s; only another text drops what is remembered."""
    file = tmp_path / "proxy.pac"
    file.write_text(script(OLD))
    resolver = make_resolver(ProxyConfig(pac_url=str(file), allow_file=True))
    resolver.resolve(URL)
    clock.advance(30)
    resolver.resolve(URL)
    eventually(lambda: not resolver._situation.basis.source._lock.locked())
    assert is_old(resolver.resolve(URL))
    assert resolver.stats()["evaluations"] == 1
    file.write_text(script(NEW))
    clock.advance(30)
    resolver.resolve(URL)
    eventually(lambda: not is_old(resolver.resolve(URL)))


def test_closed_while_the_server_is_asked(with_script, pac_server, clock):
    """What comes after close() leaves no process behind."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve(URL)
    source = resolver._situation.basis.source
    clock.advance(60)
    pac_server.set(script(NEW), delay=0.2)
    resolver.resolve(URL)
    resolver.close()
    eventually(lambda: not source._lock.locked())
    assert source._loaded.script._process is None


def test_an_answer_that_comes_late_is_not_kept(with_script, pac_server, clock, monkeypatch):
    """A slow run of the old script, ended after a new one is in use, is given to who asked and to nobody else."""
    resolver = with_script(OLD, headers=MINUTE)
    resolver.resolve("https://other.test/")
    loaded = resolver._situation.basis.source.known()
    run = loaded.script.find_proxy

    def slow(*arguments, **options):
        raw = run(*arguments, **options)
        monkeypatch.undo()
        pac_server.set(script(NEW))
        clock.advance(60)
        resolver.resolve("https://other.test/")
        refreshed(resolver, pac_server, 2)
        assert not is_old(resolver.resolve("https://other.test/"))
        return raw

    monkeypatch.setattr(loaded.script, "find_proxy", slow)
    assert is_old(resolver.resolve(URL))
    assert resolver.cached(URL) is None
    assert not is_old(resolver.resolve(URL))
