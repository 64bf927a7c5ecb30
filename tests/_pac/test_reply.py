"""Replies of the process are believed only if they are exactly of the right shape."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._pac.reply import Reply, read_reply
from pacaware.errors import PacEngineError

GOOD = {"text": "DIRECT", "missing": [], "used": [], "alerts": [], "clock": False, "random": False, "too_many": False}


def data(**changes):
    return json.dumps({key: value for key, value in {**GOOD, **changes}.items() if value is not ...}).encode()


def test_good_reply():
    """An answer with what it used."""
    reply = read_reply(data(used=["4 a"], missing=["m", "a b"], alerts=["x\ud800\x07"], clock=True), {"4 a": ""})
    assert reply == Reply("DIRECT", None, False, ("m", "a b"), ("4 a",), ("x??",), True, False, False)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_calls(separators):
    """The helpers that were called, in the order given; there are none where nothing is said."""
    for calls in ({"shExpMatch": 3, "isInNet": 1}, {"isInNet": 1 << 53}):
        reply = read_reply(json.dumps({**GOOD, "calls": calls}, separators=separators).encode(), {})
        assert (reply.text, reply.calls) == ("DIRECT", tuple(calls.items()))
    assert read_reply(json.dumps(GOOD, separators=separators).encode(), {}).calls == ()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    "calls",
    [
        None, [], {}, "isInNet", 1, True, ["isInNet"], {"": 1}, {"alert": 1}, {"eval": 1}, {"isInNet ": 1},
        {"isInNet": 1, "x": 1}, {"isInNet": None}, {"isInNet": True}, {"isInNet": "1"}, {"isInNet": 1.0},
        {"isInNet": 0}, {"isInNet": -1}, {"isInNet": (1 << 53) + 1}, {"isInNet": [1]}, {"isInNet": {"a": 1}},
        {"isInNet": float("nan")}, {"isInNet": 10**2000}, {"x" * 2000: 1}, {"\ud800": 1},
    ],
)  # fmt: skip
def test_malformed_calls(calls, separators):
    """Only names of helpers, and how often: once or more, as far as JavaScript counts."""
    with pytest.raises(PacEngineError, match="malformed"):
        read_reply(json.dumps({**GOOD, "calls": calls}, separators=separators).encode(), {})


@pytest.mark.parametrize(
    "calls",
    [
        b"{isInNet:1}",
        b"{,}",
        b'{"isInNet":1,}',
        b'{"isInNet":1e999999}',
        b"{\xff}",
        b'{"isInNet":' + b"9" * 9999 + b"}",
    ],
)
def test_calls_that_are_not_json(calls):
    """They are refused like any other text."""
    with pytest.raises(PacEngineError, match=r"not JSON|malformed"):
        read_reply(json.dumps(GOOD, separators=(",", ":"))[:-1].encode() + b',"calls":' + calls + b"}", {})


@pytest.mark.parametrize(
    "reply",
    [
        b"", b"null", b"[]", b"{}", b'"DIRECT"', b"{", b"\xff", b"NaN", b"[" * 100_000,
        data(text=5), data(text=None), data(text=...), data(text="x" * 65_537), data(type="number"), data(length=5),
        data(text=..., error=5), data(text=..., length="5"), data(text=..., loaded=1), data(text=..., type=[]),
        data(missing=None), data(missing="m"), data(missing=[1]), data(missing=["x"]), data(missing=["4 "]),
        data(missing=["z name"]), data(missing=["4 " + "x" * 1025]), data(missing=["m"] * 101), data(missing=["4 a"]),
        data(used=["4 never.given"]), data(used={}), data(alerts=[None]), data(alerts=["x"] * 101),
        data(clock=1), data(clock=None), data(random="no"), data(too_many=...),
    ],
)  # fmt: skip
def test_malformed(reply):
    """Anything else is an error of the process."""
    with pytest.raises(PacEngineError):
        read_reply(reply, {"4 a": ""})


KEYS = st.sampled_from([*GOOD, "error", "stack", "type", "calls", "isInNet"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_reply_makes_it_fail_otherwise(reply):
    """A reply is read or refused; nothing else can happen."""
    try:
        assert isinstance(read_reply(reply, {}), Reply)
    except PacEngineError as exc:
        assert str(exc)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("stack", "place"),
    [
        ("    at FindProxyForURL (<input>:2:11)\n    at find (<input>:300:1)\n", (2, 11)),
        ("    at isPlainHostName (<input>:150:3)\n    at FindProxyForURL (<input>:4:5)\n", (4, 5)),
        ("    at addressOf (<input>:139:3)\n    at isResolvable (<input>:160:3)\n    at f (<input>:7:8)\n", (7, 8)),
        ("    at <input>:3:13\n", (3, 13)),
        ("    at FindProxyForURL (PAC script:7)\n", (7, None)),
        ("    at eval (native)\n    at f (<input>:9:1)", (9, 1)),
        ("nonsense", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
        (5, (None, None)),
        ("    at f (<input>:" + "9" * 4000 + ":1)", (999999999, 1)),
    ],
)
def test_place_of_an_error(stack, place):
    """The line and column are those of the innermost frame in the PAC file."""
    error = read_reply(data(text=..., error="TypeError: x", stack=stack), {}).error
    assert (error.line, error.column) == place


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"type": "number"}, "did not return a string, but a number"),
        ({"type": "undefined"}, "did not return a string, but undefined"),
        ({"type": "null"}, "but null"),
        ({"type": "Promise"}, "must not be async"),
        ({"length": 99999}, "a string of 99999 characters"),
        ({"text": "PROXY b\u00fccher:1"}, "not plain ASCII"),
        ({"text": "PROXY \ud800:1"}, "not plain ASCII"),
        ({"error": "ReferenceError: x is not defined"}, "ReferenceError: x is not defined"),
    ],
)
def test_no_answer(outcome, words):
    """Why there is no answer is said in words."""
    reply = read_reply(data(**{"text": ..., **outcome}), {})
    assert reply.text is None
    assert words in str(reply.error)


@pytest.mark.parametrize("reply", ['{"memory":true}', '{"memory":true}\n'])
def test_memory_that_is_used_up(reply):
    """A process that has had too much memory says nothing else, and that is no answer."""
    read = read_reply(reply.encode(), {})
    assert (read.out_of_memory, read.text, read.error) == (True, None, None)


@pytest.mark.parametrize("reply", ['{"memory":false}', '{"memory":true,"text":"DIRECT"}', '{"memory":"yes"}', "{}"])
def test_memory_is_said_in_one_way(reply):
    """What merely looks like it is malformed."""
    with pytest.raises(PacEngineError, match="malformed"):
        read_reply(reply.encode(), {})


def test_failure_of_the_engine():
    """What the worker could not make a report of is an error of the engine."""
    with pytest.raises(PacEngineError, match="SystemError: x"):
        read_reply(json.dumps({"failed": "SystemError: x"}).encode(), {})
