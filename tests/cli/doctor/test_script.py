"""The PAC file: every way in which it can fail to name a proxy."""

from __future__ import annotations

import pytest

from pacaware._cli.doctor.findings import exit_status
from pacaware._cli.doctor.script import judge_script, trouble_key
from pacaware._models import ProxyConfig, Step
from pacaware._pac.fetch import fetch_pac
from pacaware.errors import PacEngineError, PacFetchError, PacTimeout, WpadError
from pacaware.testing import DeadProxy, PacServer, Proxy, pac_returning
from tests.cli.doctor.looks import QUICK, by_step, keys, told

SCRIPT = ProxyConfig(pac_url="http://w.test/p")
FAULTS = {
    "404": ({"status": 404}, None, "pac-missing"),
    "403": ({"status": 403}, None, "pac-refused"),
    "500": ({"status": 500}, None, "pac-refused"),
    "redirects for ever": ({"status": 302, "headers": {"Location": "/proxy.pac"}}, None, "pac-refused"),
    "HTML, a captive portal": ({"content_type": "text/html"}, "<!DOCTYPE html><p>Log on", "pac-page"),
    "another file": ({}, "var a = 1;", "pac-not-pac"),
    "empty": ({}, "", "pac-not-pac"),
    "syntax error": ({}, "function FindProxyForURL(url, host) { return 'DIRECT' ", "pac-syntax"),
    "throws": ({}, "function FindProxyForURL(url, host) { return nothing.at.all; }", "pac-throws"),
    "no string": ({}, "function FindProxyForURL(url, host) { return 5; }", "pac-nonsense"),
    "nothing usable": ({}, pac_returning("NONSENSE"), "pac-nonsense"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_and_its_name(doctor, name: str):
    """A PAC file that somebody set for this program and that cannot be used ends the walk, with its cause."""
    options, text, key = FAULTS[name]
    with PacServer(pac_returning("DIRECT") if text is None else text, **options) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url)
        assert pac.url.partition("?")[0] in str(findings[-1].values)
    assert [finding.key for finding in findings if finding.status == "fail"] == [key]
    assert exit_status(findings) == 12
    told(findings[-1])


@pytest.mark.parametrize("name", FAULTS)
def test_trouble_where_there_is_another_way(doctor, name: str):
    """Where the settings allow to go on without the script, the same is a warning, and the way taken is shown."""
    options, text, key = FAULTS[name]
    with PacServer(pac_returning("DIRECT") if text is None else text, **options) as pac:
        findings = doctor(None, auto_proxy=pac.url)
    assert key in keys(findings, "warn")
    assert by_step(findings, "route").key == "route-direct"
    assert exit_status(findings) == 0


def test_its_server_is_down(doctor):
    """Nobody listens there."""
    with DeadProxy() as nobody:
        findings = doctor(None, PACAWARE_PAC_URL=f"{nobody.url}/proxy.pac")
    assert keys(findings) == ["pac-server-down"]
    told(findings[-1])


def test_its_servers_name_is_unknown(doctor):
    """A name that does not exist."""
    findings = doctor(None, PACAWARE_PAC_URL="http://wpad.invalid/proxy.pac")
    assert keys(findings) == ["pac-server-name"]
    told(findings[-1])


def test_its_servers_certificate_is_not_trusted(doctor):
    """PAC files by https are verified against the system's store."""
    with PacServer(pac_returning("DIRECT"), tls=True) as pac:
        # By a name: with an address urllib3 1.26 gives up before it has seen the certificate.
        findings = doctor(None, PACAWARE_PAC_URL=pac.url.replace("127.0.0.1", "localhost"))
    assert keys(findings) == ["pac-certificate"]
    told(findings[-1])


def test_its_server_does_not_speak_tls(doctor):
    """An address with https: of a server that speaks http is told from a certificate that is not trusted."""
    with PacServer(pac_returning("DIRECT")) as pac:
        url = pac.url.replace("http://127.0.0.1", "https://localhost")
        findings = doctor(None, PACAWARE_PAC_URL=url)
    assert keys(findings) == ["pac-tls"]
    told(findings[-1])


def test_what_came_before_is_told_too(doctor, monkeypatch):
    """Detection that found nothing is a warning beside the PAC file that ends the walk."""

    def absent(self: object) -> None:
        raise WpadError("automatic detection found no PAC file (DNS: no wpad.corp.test)")

    monkeypatch.setattr("pacaware._pac.wpad.Detector.detect", absent)
    with PacServer("", status=404) as pac:
        findings = doctor(None, PACAWARE_AUTO_DETECT="1", PACAWARE_PAC_URL=pac.url)
    assert keys(findings) == ["wpad-absent", "pac-missing"]


def test_it_comes_too_late():
    """A server that drips has a cause of its own."""
    with PacServer(pac_returning("DIRECT"), delay=5) as pac, pytest.raises(PacFetchError) as failed:
        fetch_pac(pac.url, timeout=0.2)
    assert trouble_key(failed.value.reason) == "pac-late"


def test_a_script_that_does_not_end(doctor):
    """An endless loop is stopped."""
    finding = judge_script(SCRIPT, SCRIPT.pac_url, (), PacTimeout("it took 5 s"), 1000)[-1]
    assert finding.key == "pac-endless"
    told(finding)


def test_there_is_no_engine():
    """What is missing is in the detail."""
    finding = judge_script(SCRIPT, SCRIPT.pac_url, (), PacEngineError("pip install quickjs-ng"), 1000)[-1]
    assert finding.key == "pac-engine"
    assert "quickjs" in finding.detail
    told(finding)


def test_a_local_file():
    """Files are not read, as in browsers."""
    with pytest.raises(PacFetchError) as failed:
        fetch_pac("file:///etc/proxy.pac")
    assert trouble_key(failed.value.reason) == "pac-file"


def test_what_has_no_name():
    """Anything else is shown as it was said."""
    assert trouble_key(PacFetchError("something new").reason) == "pac-other"


def test_a_slow_one_is_a_warning(doctor):
    """It works, and its time is shown."""
    with Proxy() as proxy, PacServer(pac_returning(proxy.pac_text), delay=0.1) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url, limits=QUICK._replace(slow=0.05))
    assert keys(findings) == ["pac-slow"]
    assert float(dict(by_step(findings, "pac").values)["seconds"]) >= 0.1
    assert exit_status(findings) == 0
    told(by_step(findings, "pac"))


def test_one_that_works(doctor):
    """Its answer is shown, and the walk goes on with it."""
    with Proxy() as proxy, PacServer(pac_returning(proxy.pac_text)) as pac:
        findings = doctor(None, PACAWARE_PAC_URL=pac.url)
    assert keys(findings) == []
    assert by_step(findings, "pac").key == "pac-ok"
    assert dict(by_step(findings, "route").values)["proxies"] == proxy.pac_text


def test_automatic_detection_finds_nothing():
    """No announcement on this network is a warning; the settings behind it are used."""
    steps = (
        Step("auto-detect", "failed", "no answer", 1.0, WpadError.reason),
        Step("fallback", "warning", "the next setting"),
    )
    [finding] = judge_script(ProxyConfig(auto_detect=True), None, steps, None, 1000)
    assert finding.key == "wpad-absent"
    told(finding)


def test_automatic_detection_is_all_there_is(doctor, monkeypatch):
    """Nothing found and nothing else set, for this program: that ends the walk."""

    def absent(self: object) -> None:
        raise WpadError("automatic detection found no PAC file (DNS: no wpad.corp.test)")

    monkeypatch.setattr("pacaware._pac.wpad.Detector.detect", absent)
    findings = doctor(None, PACAWARE_AUTO_DETECT="1")
    assert keys(findings) == ["wpad-absent"]
    assert exit_status(findings) == 12
    told(findings[-1])


def test_a_rule_comes_before_the_script(doctor):
    """A URL that a rule exempts needs no script."""
    with PacServer(pac_returning("PROXY p.test:1")) as pac:
        findings = doctor("http://localhost/", PACAWARE_PAC_URL=pac.url, limits=QUICK)
        assert pac.requests == ()
    assert by_step(findings, "pac").key == "pac-not-asked"
    assert by_step(findings, "route").key == "route-bypass"
