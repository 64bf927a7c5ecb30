"""Scripts aimed at the engines themselves, and the forms in which engines of this family have crashed before.

Each ends in a text it may answer, or in the errors it may raise; ``ANY`` is used where engines and versions differ
(quickjs-ng's own regression tests, as far as a PAC file can reach them): there only what surrounds the script counts.
"""

from __future__ import annotations

from pacaware.errors import PacEngineError, PacError, PacScriptError, PacTimeout

GUARD = "if (host === 'good.test') return 'PROXY good:1';"
ANY = (PacError, str)
MEMORY = (PacEngineError, PacTimeout, PacScriptError)


def entry(body):
    return f"function FindProxyForURL(url, host) {{ {GUARD} {body} }}"


CRASHERS = {
    # memory
    "typed array growth": (entry("var a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))"), MEMORY),
    "resizable buffer": (
        entry("var b = new ArrayBuffer(8, {maxByteLength: 1e11}); for (;;) b.resize(b.byteLength * 2 + 8)"), MEMORY),
    "growth, error swallowed": (entry("for (var a = [];;) try { a.push('x'.repeat(1e6) + a) } catch (e) {}"), MEMORY),
    "padding": (entry("return 'x'.padEnd(2 ** 30 - 25).length + ''"), ANY),
    "replacement growth": (entry("return '' + 'a'.repeat(1e6).replace(/a/g, 'b'.repeat(1e6)).length"), MEMORY),
    "sparse array joined": (entry("return new Array(2 ** 32 - 1).join('xx')"), PacError),
    "spread without end": (entry("return '' + [...{*[Symbol.iterator]() { for (;;) yield 'x' }}]"), MEMORY),
    "map without end": (entry("var m = new Map(); for (var i = 0;; i++) m.set(i, m)"), MEMORY),
    "big integer": (entry("return '' + 3n ** (10n ** 8n)"), (PacError,)),
    "huge arguments": (entry("return String.fromCharCode.apply(null, new Array(1e7))"), PacError),
    "arguments of a liar": (entry("return Math.max.apply(null, {length: 2 ** 32})"), PacError),
    "concatenation of a liar": (
        entry("return '' + [].concat({length: 2 ** 53 - 1, [Symbol.isConcatSpreadable]: true})"), PacError),
    # arrays that change while they are worked on
    "length and push": (entry("for (var kept = [], i = 0; i < 500; i++) { var a = [{}]; a.length = 200 + i; a.push({});"
        "kept.push(a) } return 'PROXY n' + kept.length + ':1'"), ANY),
    "length from a valueOf": (entry("var a = [1, 2]; a.length = {valueOf: function () { a.push(3, 4, 5); return 1 }};"
        "for (var i = 0; i < 1e3; i++) a.push({}); return 'DIRECT'"), ANY),
    "push beyond the last index": (entry("var a = [1]; a.length = 2 ** 32 - 1; a.push('x', 'y'); return 'DIRECT'"),
        PacScriptError),
    "push to a fixed length": (entry("var a = [1, 2, 3]; Object.defineProperty(a, 'length', {writable: false});"
        "for (var i = 0; i < 99; i++) try { a.push(i) } catch (e) {} return 'PROXY n' + a.length + ':1'"),
        "PROXY n3:1"),
    "array emptied while sorted": (entry("var a = []; for (var i = 0; i < 999; i++) a[i] = {v: -i};"
        "a.sort(function (x, y) { a.length = 0; a.push('z'); return x.v - y.v }); return 'DIRECT'"), ANY),
    "typed array shrunk while sorted": (
        entry("var b = new ArrayBuffer(8e3, {maxByteLength: 16e3}), t = new Float64Array(b);"
        "for (var i in t) t[i] = -i; t.sort(function (x, y) { b.resize(8); return x - y }); return 'DIRECT'"), ANY),
    "typed array of itself": (entry("var b = new ArrayBuffer(64, {maxByteLength: 1e6}), t = new Uint8Array(b);"
        "Uint8Array.from(t, function () { b.resize(0); return new Uint8Array(t) }); return 'DIRECT'"), ANY),
    "copied within while shrunk": (entry("var b = new ArrayBuffer(4096, {maxByteLength: 8192}), t = new Uint8Array(b);"
        "t.copyWithin(0, {valueOf: function () { b.resize(1); return 9 }}, 4e3); t.fill(1, 0, {valueOf:"
        "function () { b.resize(0); return 4e3 }}); return 'DIRECT'"), ANY),
    "species that lies": (entry("var a = [1, 2, 3]; a.constructor = {}; a.constructor[Symbol.species] ="
        "function () { return new Uint8Array(1) }; a.map(String); a.splice(0, 3); return 'DIRECT'"), ANY),
    "elements with getters": (entry("var a = [1, 2, 3]; Object.defineProperty(a, 1, {get: function () { a.length = 0;"
        "return 'x' }}); return 'PROXY ' + a.concat(a).slice(0).reverse().length + ':1'"), ANY),
    "iterator that never ends well": (
        entry("var [a] = {[Symbol.iterator]() { return {next() { return {} }, return() { throw 1 } } }}; return 'x'"),
        PacScriptError),
    # buffers that are gone
    "detached buffer": (entry("var b = new ArrayBuffer(64), t = new Uint8Array(b), d = new DataView(b); b.transfer();"
        "t[0] = 1; t.fill(7); try { d.setInt8(0, 1) } catch (e) { return 'PROXY n' + t.length + ':1' }"), ANY),
    "detached twice": (entry("var b = new ArrayBuffer(1e6), c = b.transfer(2e6); try { b.transfer() } catch (e) {}"
        "c.transfer(0); return 'DIRECT'"), ANY),
    "detached while copied": (entry("var b = new ArrayBuffer(64), t = new Uint8Array(b); t.set({length: 9, get 0() {"
        "b.transfer(); return 1 }}); return 'DIRECT'"), ANY),
    "shared memory waited for": (
        entry("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); return 'DIRECT'"), ANY),
    # functions that are left in the middle
    "generator that resumes itself": (
        entry("var g; function* f() { yield g.next() } g = f(); g.next(); return 'DIRECT'"), PacScriptError),
    "suspended generators": (entry("for (var i = 0; i < 1e4; i++) (function* () { try { yield i } finally { host = '' }"
        "})().next(); return 'DIRECT'"), "DIRECT"),
    "suspended coroutines": (entry("for (var i = 0; i < 1e4; i++) (async function (o) { await new Promise(function () {"
        "}); return o })({o: []}); return 'DIRECT'"), "DIRECT"),
    "asynchronous generators": (entry("var g = (async function* () { for (;;) yield g })(); g.next(); g.return(g);"
        "g.throw(1); return 'DIRECT'"), ANY),
    "thenable without end": (entry("var t = {then: function (f) { Promise.resolve(t).then(f) }}; Promise.resolve(t);"
        "return 'DIRECT'"), "DIRECT"),
    "finalizers": (entry("var r = new FinalizationRegistry(function () { for (;;); }); for (var i = 0; i < 1e4; i++)"
        "r.register({}, i); return 'DIRECT'"), ANY),
    "import of a module": (entry("import('/etc/passwd'); return 'DIRECT'"), ANY),
    # depth
    "proxies of proxies": (
        entry("var p = {}; for (var i = 0; i < 1e5; i++) p = new Proxy(p, {}); return '' + p.x"), ANY),
    "prototypes without end": (
        entry("var o = {}; for (var i = 0; i < 1e5; i++) o = Object.create(o); return '' + o.x"), ANY),
    "proxy that is its own prototype": (entry("var p = new Proxy({}, {getPrototypeOf: function () { return p }});"
        "return '' + (p instanceof Array) + p.__proto__.__proto__"), ANY),
    "bound functions of bound functions": (
        entry("var f = function () {}; for (var i = 0; i < 1e5; i++) f = f.bind(); return '' + f()"), ANY),
    "recursion in finally": (entry("(function f() { try { f() } finally { f() } })()"), (PacTimeout, PacScriptError)),
    "recursion through sort": (entry("(function f() { [2, 1].sort(f); return 0 })(); return 'DIRECT'"), PacScriptError),
    "recursion through replace": (entry("(function f() { return 'a'.replace(/a/, f) })()"), PacScriptError),
    "deep JSON": (entry("return JSON.parse('['.repeat(1e6))"), PacError),
    "deep JSON written": (
        entry("var o = []; for (var i = 0; i < 1e5; i++) o = [o]; return JSON.stringify(o).length + ''"), ANY),
    "JSON of itself": (entry("var o = {}; o.o = o; return JSON.stringify(o)"), PacScriptError),
    "nested blocks": (entry("{" * 20_000 + "}" * 20_000 + "return 'DIRECT'"), ANY),
    "nested functions": (entry("function f(){" * 5_000 + "}" * 5_000 + "return 'DIRECT'"), ANY),
    "nested templates": (entry("return " + "`${" * 5_000 + "1" + "}`" * 5_000), ANY),
    "labels": (entry("".join(f"l{n}:" for n in range(5_000)) + "for (;;) { break l0 } return 'DIRECT'"), ANY),
    "long sum": (entry("return 'DIRECT' + ''" + "+''" * 100_000), ANY),
    "long chain of else": (entry("".join(f"if (host == 'h{n}') return 'x'; else " for n in range(5_000)) + ";"), ANY),
    "deep pattern": (entry("var " + "[" * 5_000 + "a" + "]" * 5_000 + " = []; return 'DIRECT'"), ANY),
    # regexps
    "nested quantifiers": (entry("/((a{0,100}){0,100}){0,100}b/.test('a'.repeat(5e3)); return 'DIRECT'"), ANY),
    "lookbehind": (entry("/(?<=(a+)+)c/.test('a'.repeat(40) + 'b'); return 'DIRECT'"), ANY),
    "many groups": (entry("return 'PROXY n' + new RegExp('()'.repeat(300)).exec('').length + ':1'"), ANY),
    "backward references": (entry("return '' + /\\2(a)(\\1)\\9*/.exec('aa')"), ANY),
    "regexp compiled while it runs": (entry("var r = /a/g; r.lastIndex = {valueOf: function () {"
        "r.compile('(b)'.repeat(99)); return 0 }}; r.exec('aaa'); return 'DIRECT'"), ANY),
    "case folding": (entry("return '' + /[^\\W]+|\\p{L}{1,9}/iu.test('\u017f\u212a\U0001f600'.repeat(1e4))"), ANY),
    "shExpMatch without end": (entry("shExpMatch('a'.repeat(5e4), '*a'.repeat(5e3) + 'b'); return 'DIRECT'"), ANY),
    "shExpMatch of broken pattern": (entry("shExpMatch('a', '[(*'); return 'DIRECT'"), PacScriptError),
    # forged errors and results
    "stack maker": (entry("Error.prepareStackTrace = function () { throw 'x' }; Error.stackTraceLimit = 1e9;"
        "null.x"), PacScriptError),
    "stack that is a book": (entry("var e = new Error('x'); e.stack = 'at x:1:1\\n'.repeat(1e6); throw e"),
        PacScriptError),
    "stack that lies": (entry("var e = new Error('x'); e.stack = '    at x (<input>:99999999999999:1)'; throw e"),
        PacScriptError),
    "error with getters": (entry("var e = new Error();"
        "Object.defineProperty(e, 'message', {get: function () { throw e }});"
        "Object.defineProperty(e, 'name', {get: function () { throw e }}); throw e"), PacScriptError),
    "answer with a getter": (entry("return {get length() { throw 1 }, toString: function () { return 'DIRECT' }}"),
        PacScriptError),
    "polluted prototype": ("Object.prototype.text = 'PROXY evil:1'; Object.prototype.missing = ['4 x'];"
        + entry("return 'DIRECT'"), "DIRECT"),
    "prototype of the world": ("Object.setPrototypeOf(globalThis, new Proxy({}, {get: function () { return 1 }}));"
        + entry("return 'DIRECT'"), ANY),
    "helpers that hang": (
        "dnsResolve = function () { for (;;); };" + entry("return '' + isResolvable(host)"), PacTimeout),
    "proxy of a function": ("var FindProxyForURL = new Proxy(function (u, host) { " + GUARD + " return 'DIRECT' }, {})",
        "DIRECT"),
    "class": ("class FindProxyForURL { constructor(url, host) { " + GUARD + " } }", PacScriptError),
    "generator": ("function* FindProxyForURL(url, host) { yield 'DIRECT' }", PacScriptError),
    # size
    "one megabyte of statements": (entry("var a = 1;" * 100_000 + "return 'DIRECT'"), ANY),
    "one megabyte of text": (entry("return '" + "x" * (1 << 20) + "'"), PacScriptError),
    "one megabyte of names": (entry("".join(f"var v{n};" for n in range(60_000)) + "return 'DIRECT'"), ANY),
    "one megabyte of numbers": (entry("return '' + [" + "1," * 500_000 + "].length"), ANY),
    "name with a NUL": (entry("return 'PROXY ' + dnsResolve('a\\0b') + ':1'"), "PROXY null:1"),
    "alerts of alerts": (entry("for (var i = 0; i < 1e5; i++) alert('\\ud800\\0' + i); return 'DIRECT'"), "DIRECT"),
}  # fmt: skip
