"""A script that uses up its memory is an error of ours, whatever it makes of that, and never an answer of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacaware import ProxyConfig, ProxyResolver
from pacaware._pac import confine, engines, process
from pacaware.errors import PacEngineError, PacScriptError

ROOM = Path(confine.__file__).parent
# So small that in the end nothing is left to make an error of: engines throw null then.
SMALL = "var a = []; for (;;) a.push(new Array(100).fill('x' + a.length));"
LARGE = "var a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1));"


def entry(body):
    return f"function FindProxyForURL(url, host) {{ if (host === 'good.test') return 'PROXY good:1'; {body} }}"


GREEDY = {
    "small pieces": entry(SMALL),
    "small pieces, swallowed": entry(f"try {{ {SMALL} }} catch (e) {{}} return 'DIRECT';"),
    "small pieces, thrown again": entry(f"try {{ {SMALL} }} catch (e) {{ throw e }}"),
    "small pieces, another error": entry(f"try {{ {SMALL} }} catch (e) {{ throw new Error('mine') }}"),
    "small pieces, finally": entry(f"try {{ {SMALL} }} finally {{ return 'DIRECT' }}"),
    "small pieces, let go": entry(f"try {{ {SMALL} }} catch (e) {{ a = null }} throw null;"),
    "large pieces, swallowed": entry(f"try {{ {LARGE} }} catch (e) {{}} return 'DIRECT';"),
    "a list of objects": entry("var o = null; try { for (;;) o = {o: o} } catch (e) {} return 'DIRECT';"),
    "a list of closures": entry(
        "var f = null; try { for (;;) f = (function (g) { return function () { return g } })(f) }"
        "catch (e) {} return 'DIRECT';"
    ),
    "strings": entry("var s = '', a = []; try { for (;;) a.push(s += a.length) } catch (e) {} return 'DIRECT';"),
    "numbers by name": entry("var o = {}, i = 0; try { for (;;) o['n' + i++] = i } catch (e) {} return 'DIRECT';"),
    "in an alert": entry(f"alert({{toString: function () {{ {SMALL} }}}}); return 'DIRECT';"),
    "in a helper": entry(
        "try { for (var i = 0;; i++) shExpMatch('x', '(' + i + 'y'.repeat(5e4) + ')') } catch (e) {} return 'DIRECT';"
    ),
    "while loading": SMALL + entry("return 'DIRECT';"),
    "while loading, swallowed": f"try {{ {SMALL} }} catch (e) {{ a = null }}" + entry("return 'DIRECT';"),
}
# Refused at once, with room left for everything else.
AT_ONCE = {
    "one buffer": entry("return 'PROXY n' + new ArrayBuffer(1e9).byteLength + ':1';"),
    "one buffer, swallowed": entry("try { new ArrayBuffer(1e9) } catch (e) {} return 'DIRECT';"),
    "one string, swallowed": entry("try { ('x'.repeat(5e8) + host).split('') } catch (e) {} return 'DIRECT';"),
}
# What a script throws of its own accord is an error of the script.
THROWN = {
    "null": entry("throw null;"),
    "undefined": entry("throw undefined;"),
    "a string": entry("throw 'out of memory';"),
    "null from a helper": "isPlainHostName = function () { throw null };" + entry("isPlainHostName(host);"),
    "null from a getter": entry("({get x() { throw null }}).x;"),
    "null while loading": "throw null;" + entry("return 'DIRECT';"),
    "null again": entry("try { throw null } catch (e) { throw e }"),
}

needs_ceiling = pytest.mark.skipif(not engines.filter_expected(), reason="the cap is kept by the filter of Linux")


@pytest.fixture
def little(monkeypatch):
    """A quarter of the memory, so that it is used up sooner."""
    monkeypatch.setattr(process, "MEMORY_MEGABYTES", 64)


@needs_ceiling
@pytest.mark.parametrize("name", {**GREEDY, **AT_ONCE})
def test_used_up_memory_is_always_an_error(make_script, engine, name, little):
    """The process ends where the cap is reached, and no catch or finally of the script has a say in it."""
    script = make_script({**GREEDY, **AT_ONCE}[name], engine=engine, time_limit=20)
    with pytest.raises(PacEngineError, match="used up the memory it may have"):
        script.find_proxy("http://bad.test/", "bad.test", timeout=30)
    if not name.startswith("while loading"):
        assert script.find_proxy("http://good.test/", "good.test").text == "PROXY good:1"


@needs_ceiling
def test_the_cap_itself(make_script, engine):
    """It is 256 MiB; half of it can be used and given back, again and again."""
    half = "new Uint8Array(128 << 20).fill(1).length"
    script = make_script(
        entry(f"if (host === 'half.test') return 'PROXY n' + {half} + ':1'; {SMALL}"), engine=engine, time_limit=20
    )
    for _ in range(3):
        assert script.find_proxy("http://half.test/", "half.test", timeout=30).text == f"PROXY n{128 << 20}:1"
    with pytest.raises(PacEngineError, match=r"used up the memory it may have \(256 MiB\)"):
        script.find_proxy("http://bad.test/", "bad.test", timeout=30)


@pytest.mark.parametrize("name", THROWN)
def test_thrown_null_is_the_script_s_own(make_script, engine, name):
    """A script that throws null, as engines do that have no memory left, has failed itself."""
    with pytest.raises(PacScriptError):
        make_script(THROWN[name], engine=engine).find_proxy("http://bad.test/", "bad.test")


@needs_ceiling
@pytest.mark.parametrize("mandatory", [True, False], ids=["in code", "desktop"])
@pytest.mark.parametrize("name", ["small pieces", "small pieces, swallowed", "while loading, swallowed"])
def test_neither_direct_nor_the_manual_proxy(pac_server, engine, name, mandatory, little):
    """For settings of any origin a script out of memory is an error, also while it loads."""
    pac_server.set(GREEDY[name])
    config = ProxyConfig(pac_url=pac_server.url, proxy_server="m.test:1", pac_mandatory=mandatory)
    with ProxyResolver(config, engine=engine, resolve_timeout=60) as resolver:
        resolver._situation.script_seconds = 20
        with pytest.raises(PacEngineError, match="used up the memory"):
            resolver.resolve("http://bad.test/")


@pytest.fixture(params=["no filter", "another malloc"])
def without_ceiling(request, monkeypatch, tmp_path):
    """Workers on a system that does not keep the cap itself."""
    (tmp_path / "start.py").write_text(
        f"import sys\nsys.path.append({str(ROOM)!r})\nimport confine, worker\n"
        "confine.heap_ceiling = lambda megabytes: None\n"
        + ("confine.filter_system_calls = lambda ceiling: 'an old kernel'\n" if request.param == "no filter" else "")
        + "worker.main()\n"
    )
    monkeypatch.setattr(engines, "_START", tmp_path / "start.py")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no other way")
@pytest.mark.parametrize("name", GREEDY)
def test_without_a_ceiling_the_peak_is_looked_at(make_script, engine, name, without_ceiling, little):
    """Where the kernel does not keep the cap, a process that has ever had half of it answers nothing more."""
    script = make_script(GREEDY[name], engine=engine, time_limit=20)
    with pytest.raises(PacEngineError, match="used up the memory it may have"):
        script.find_proxy("http://bad.test/", "bad.test", timeout=30)
    if not name.startswith("while loading"):
        assert script.find_proxy("http://good.test/", "good.test").text == "PROXY good:1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no other way")
def test_without_a_ceiling_thrown_null_is_the_script_s_own(make_script, engine, without_ceiling):
    """There too a script may throw null, and use some memory before it does."""
    script = make_script(entry("new Uint8Array(64 << 20).fill(1); throw null;"), engine=engine)
    with pytest.raises(PacScriptError, match="null"):
        script.find_proxy("http://bad.test/", "bad.test")
    assert script.find_proxy("http://good.test/", "good.test").text == "PROXY good:1"


@pytest.mark.parametrize(
    "attributes", [{"platform": "darwin"}, {"platform": "win32"}, {"platform": "linux", "abiflags": "t"}], ids=str
)
def test_where_there_is_no_ceiling(monkeypatch, attributes):
    """Other systems, and a Python that maps its objects in large pieces, have none."""
    for name, value in attributes.items():
        monkeypatch.setattr(confine.sys, name, value, raising=False)
    assert confine.heap_ceiling(256) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is what is in use")
def test_the_peak_is_remembered():
    """What a process had and gave back counts."""
    peak = confine.peak_of_memory()
    before = peak()
    bytearray(before + (32 << 20))
    assert peak() >= before + (32 << 20)
