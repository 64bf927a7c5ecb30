"""Automatic detection in a resolver: its place among the settings, its memory, and how far its script is trusted."""

from __future__ import annotations

import json
import threading

import pytest

from pacaware._core.scope import Trust, trust_of
from pacaware._models import CachePolicy, ProxyConfig, ProxyServer
from pacaware._pac.wpad import Detected
from pacaware.errors import PacFetchError, PacScriptError, WpadError
from tests.data import rows
from tests.resolver.conftest import by, eventually, script
from tests.resolver.test_use import alive

URL = "http://h.test/path?secret=c4n4ry"
NOT_FOUND = "automatic detection found no PAC file"


@pytest.fixture
def found(detector, pac_server):
    """Let detection find a script at the PAC server; returns what sets its body and the way it was found."""

    def find(body="return 'PROXY w.test:1'", via="dns", headers=()):
        pac_server.set(script(body), headers=headers)
        detector.outcome = Detected(pac_server.url.replace("127.0.0.1", "wpad.corp.test"), via, ("a note",))
        return detector.outcome.url

    return find


@pytest.mark.parametrize("via", ["dhcp", "dns"])
def test_found(make_resolver, found, detector, via):
    """The decision says how the script was found, and where; its host was resolved by detection."""
    url = found(via=via)
    decision = make_resolver(ProxyConfig(auto_detect=True)).resolve(URL)
    assert (by(decision), decision.source, decision.pac_url) == ("PROXY w.test:1", f"wpad-{via}", url)
    steps = [step for step in decision.steps if step.name != "settings"]
    assert [step[:2] for step in steps[:3]] == [
        ("auto-detect", "ok"),
        ("auto-detect", "note"),
        ("pac-fetch", "ok"),
    ]
    assert f"{url}, from {via.upper()}" in decision.explain()
    assert json.loads(json.dumps(decision.to_dict()))["source"] == f"wpad-{via}"
    assert detector.hosts == ["wpad.corp.test"]


def test_the_script_sees_origins_only(make_resolver, found):
    """A script that anybody may have put there learns neither paths nor queries; one answer holds for the origin."""
    found("return 'PROXY ' + (url == 'http://h.test/' ? 'origin' : 'more') + '.test:1'")
    resolver = make_resolver(ProxyConfig(auto_detect=True))
    assert by(resolver.resolve(URL)) == "PROXY origin.test:1"
    assert resolver.resolve("http://h.test/other").cached
    assert resolver.stats()["evaluations"] == 1


def test_its_proxies_are_not_trusted(make_resolver, found):
    """No credentials that do not name the proxy go to one that detection named."""
    found(via="dhcp")
    decision = make_resolver(ProxyConfig(auto_detect=True)).resolve(URL)
    assert trust_of(ProxyServer("http", "w.test", 1), decision.source, decision.pac_url) is Trust.NONE


PRIORITY = [row for row in rows("windows_priority") if row["auto_detect"]]


@pytest.mark.parametrize("row", PRIORITY, ids=lambda row: " ".join(row["order"]))
@pytest.mark.parametrize("detected", [True, False])
def test_the_order_of_settings(make_resolver, found, detector, pac_server, row, detected):
    """Automatic detection, PAC URL, manual, direct: the next one if no script was detected."""
    if detected:
        found()
    else:
        pac_server.set(script("return 'PROXY url.test:1'"))
    config = ProxyConfig(
        auto_detect=True,
        pac_url=pac_server.url if row["pac_url"] else None,
        proxy_server="m.test:1" if row["manual"] else None,
        origin="windows",
    )
    following = {"pac_url": "PROXY url.test:1", "manual": "PROXY m.test:1", "direct": "DIRECT"}[row["order"][1]]
    assert by(make_resolver(config).resolve(URL)) == ("PROXY w.test:1" if detected else following)


def test_found_but_not_downloaded(make_resolver, found, pac_server):
    """The next setting is used, too, and the steps say why."""
    found()
    pac_server.set(status=404)
    decision = make_resolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1")).resolve(URL)
    assert (by(decision), decision.source) == ("PROXY m.test:1", "manual")
    assert "404" in decision.explain()


def test_found_and_broken_at_run_time(make_resolver, found):
    """Once obtained the script is all there is."""
    found("throw new Error('boom')")
    with pytest.raises(PacScriptError, match="boom"):
        make_resolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1")).resolve(URL)


def test_not_found_is_an_error_in_code(make_resolver):
    """Settings in code that only detect never end in a DIRECT that nobody asked for."""
    with pytest.raises(WpadError, match=NOT_FOUND):
        make_resolver(ProxyConfig(auto_detect=True)).resolve(URL)


def test_not_found_is_direct_on_a_desktop(make_resolver, caplog):
    """With a warning that says why."""
    decision = make_resolver(ProxyConfig(auto_detect=True, origin="gnome")).resolve(URL)
    assert (by(decision), decision.source) == ("DIRECT", "no-proxy")
    assert ("auto-detect", "failed") in [step[:2] for step in decision.steps]
    assert NOT_FOUND in caplog.text


def test_not_found_is_remembered(make_resolver, detector, clock):
    """For two minutes nothing is looked for again, whatever the URL."""
    resolver = make_resolver(ProxyConfig(auto_detect=True))
    for number in range(20):
        with pytest.raises(WpadError, match=NOT_FOUND):
            resolver.resolve(f"http://h{number}.test/")
        clock.advance(5.9)
    assert detector.runs == 1
    clock.advance(3)
    with pytest.raises(WpadError):
        resolver.resolve(URL)
    assert detector.runs == 2


def test_looking_again_keeps_nobody_waiting(make_resolver, detector, found, clock, pac_server):
    """Where another setting stands in, the second look is in the background; what it finds takes over."""
    resolver = make_resolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1"))
    assert by(resolver.resolve(URL)) == "PROXY m.test:1"
    clock.advance(119)
    assert by(resolver.resolve("http://other.test/")) == "PROXY m.test:1"
    assert detector.runs == 1
    gate, detect = threading.Event(), detector.detect
    detector.detect = lambda: gate.wait(10) and detect()
    found()
    clock.advance(1)
    assert by(resolver.resolve(URL)) == "PROXY m.test:1"
    gate.set()
    eventually(lambda: resolver._situation.basis.known() is not None)
    clock.advance(1)
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"


def test_a_detected_script_takes_over_from_the_pac_url(make_resolver, detector, pac_server, clock):
    """Found later, it comes first, and what the script of the PAC URL answered is forgotten."""
    pac_server.set(script("return 'PROXY url.test:1'"), headers=[("Cache-Control", "max-age=86400")])
    resolver = make_resolver(ProxyConfig(auto_detect=True, pac_url=pac_server.url))
    assert by(resolver.resolve(URL)) == "PROXY url.test:1"
    pac_server.set(script("return 'PROXY w.test:1'"))
    detector.outcome = Detected(pac_server.url.replace("127.0.0.1", "wpad.corp.test"), "dns")
    clock.advance(120)
    assert by(resolver.resolve(URL)) == "PROXY url.test:1"
    eventually(lambda: resolver._situation.basis.detected.known() is not None)
    clock.advance(1)
    decision = resolver.resolve(URL)
    assert (by(decision), decision.source) == ("PROXY w.test:1", "wpad-dns")
    assert resolver.resolve(URL).cached


def test_reset_wpad(make_resolver, detector, found, pac_server):
    """Detection runs again at once; its answers are forgotten, the script of the PAC URL is not fetched again."""
    pac_server.set(script("return 'PROXY url.test:1'"))
    resolver = make_resolver(ProxyConfig(auto_detect=True, pac_url=pac_server.url))
    assert by(resolver.resolve(URL)) == "PROXY url.test:1"
    resolver.reset("wpad")
    assert by(resolver.resolve(URL)) == "PROXY url.test:1"
    assert (detector.runs, len(pac_server.requests)) == (2, 1)
    assert resolver.resolve(URL).cached
    found()
    resolver.reset("wpad")
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"
    detector.outcome = NOT_FOUND
    resolver.reset("wpad")
    assert by(resolver.resolve(URL)) == "PROXY url.test:1"
    assert resolver.resolve(URL).cached


def test_another_network(make_resolver, detector, found, pac_server, clock):
    """Detection runs again, even if the script was good for a day; on the first network it may be another again."""
    found(headers=[("Cache-Control", "max-age=86400")])
    resolver = make_resolver(ProxyConfig(auto_detect=True, proxy_server="m.test:1"))
    networks = iter(range(1, 100))
    resolver._situation.network = type("Watch", (), {"changes": lambda self, now: changes})()
    changes = next(networks)
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"
    detector.outcome = NOT_FOUND
    clock.advance(2)
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"
    changes = next(networks)
    clock.advance(2)
    assert by(resolver.resolve(URL)) == "PROXY m.test:1"
    found("return 'PROXY v.test:1'")
    changes = next(networks)
    clock.advance(2)
    assert by(resolver.resolve(URL)) == "PROXY v.test:1"
    assert detector.runs == 3


def test_detection_is_part_of_every_download(make_resolver, detector, found, clock, pac_server):
    """When the script is no longer fresh it is looked for anew; while that fails it is kept."""
    found(headers=[("Cache-Control", "max-age=60")])
    resolver = make_resolver(ProxyConfig(auto_detect=True))
    resolver.resolve(URL)
    detector.outcome = NOT_FOUND
    clock.advance(60)
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"
    eventually(lambda: detector.runs == 2 and not resolver._situation.basis.detected._lock.locked())
    assert by(resolver.resolve(URL)) == "PROXY w.test:1"
    found("return 'PROXY v.test:1'")
    clock.advance(120)
    resolver.resolve(URL)
    eventually(lambda: detector.runs == 3 and not resolver._situation.basis.detected._lock.locked())
    clock.advance(1)
    assert by(resolver.resolve(URL)) == "PROXY v.test:1"


def test_many_threads_detect_once(make_resolver, detector, found):
    """Those that come while detection runs share its outcome."""
    found()
    resolver = make_resolver(ProxyConfig(auto_detect=True))
    start, detect, answers = threading.Barrier(8), detector.detect, []
    detector.detect = lambda: (eventually(lambda: start.broken or start.n_waiting == 0), detect())[1]

    def ask(number):
        start.wait(10)
        answers.append(by(resolver.resolve(f"http://h{number}.test/")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == ["PROXY w.test:1"] * 8
    assert detector.runs == 1


@pytest.mark.parametrize("key", ["exact", "host"])
def test_without_a_result_cache(make_resolver, found, key):
    """EnableAutoproxyResultCache=0 holds for detected scripts, too."""
    found()
    resolver = make_resolver(ProxyConfig(auto_detect=True), cache=CachePolicy(key=key, result_cache=False))
    resolver.resolve(URL)
    assert resolver.cached(URL) is None
    resolver.resolve(URL)
    assert resolver.stats()["evaluations"] == 2


def test_file_urls_stay_refused(make_resolver, detector):
    """allow_file is for the PAC URL in the settings, not for what a network says."""
    detector.outcome = Detected("file:///etc/hostname", "dhcp")
    with pytest.raises(PacFetchError, match="is a local file, refused"):
        make_resolver(ProxyConfig(auto_detect=True, allow_file=True)).resolve(URL)


def test_it_ends_with_the_resolver(make_resolver, found):
    """The process of a detected script ends when the resolver is closed, and downloads are counted to the end."""
    found()
    resolver = make_resolver(ProxyConfig(auto_detect=True))
    resolver.resolve(URL)
    pid = resolver._situation.basis.detected.known().script._process.pid
    assert alive(pid)
    resolver.close()
    eventually(lambda: not alive(pid))
    assert resolver.stats()["fetches"] == 1
