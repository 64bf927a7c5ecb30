"""The challenges of a 407."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.challenge import Challenge, parse_challenges
from tests.data import rows

STRENGTH = {"negotiate": 4, "ntlm": 3, "digest": 2, "basic": 1}
ANY_TEXT = st.text(st.characters(exclude_categories=[]))
LIKE_A_CHALLENGE = st.lists(
    st.sampled_from(["Basic", "Digest", "NTLM", "realm", "=", '"', ",", " ", "\t", "\\", "abc==", "/+", "?", "é"])
).map("".join)


def read(*values):
    """Return the challenges as (scheme, token or parameters)."""
    return [(one.scheme, dict(one.params) if one.token is None else one.token) for one in parse_challenges(values)]


@pytest.mark.parametrize(
    ("value", "challenges"),
    [
        # RFC 9110, section 11.6.1
        (
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [("basic", {"realm": "simple"}), ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'})],
        ),
        # RFC 7616, section 3.9.1
        (
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXw="',
            [
                (
                    "digest",
                    {
                        "realm": "http-auth@example.org",
                        "qop": "auth, auth-int",
                        "algorithm": "SHA-256",
                        "nonce": "7ypf/xlj9XXw=",
                    },
                )
            ],
        ),
        # RFC 7617, section 2.1
        ('Basic realm="foo", charset="UTF-8"', [("basic", {"realm": "foo", "charset": "UTF-8"})]),
        # RFC 4559, section 4
        ("Negotiate a87421000492aa874209af8bc028==", [("negotiate", "a87421000492aa874209af8bc028==")]),
        ("Negotiate, NTLM", [("negotiate", {}), ("ntlm", {})]),
        ("NTLM TlRMTVNT+/=, Basic realm=x", [("ntlm", "TlRMTVNT+/="), ("basic", {"realm": "x"})]),
        ("NTLM , Basic realm=x", [("ntlm", {}), ("basic", {"realm": "x"})]),
    ],
)
def test_what_the_standards_write(value, challenges):
    """Scheme, token68 or parameters; several challenges in a line; commas and escapes inside quotes."""
    assert read(value) == challenges


@pytest.mark.parametrize(
    ("value", "challenges"),
    [
        ("", []),
        (" , ,\t, ", []),
        ("basic", [("basic", {})]),
        ("BASIC REALM=x", [("basic", {"realm": "x"})]),
        ("Basic ", [("basic", {})]),
        ("Basic ,", [("basic", {})]),
        ('Basic realm = "x"', [("basic", {"realm": "x"})]),
        ('Basic realm="x" charset=y', [("basic", {"realm": "x", "charset": "y"})]),
        ('Basic realm="x" Digest nonce="y"', [("basic", {"realm": "x"}), ("digest", {"nonce": "y"})]),
        ('Basic realm="not closed, Digest nonce=1', [("basic", {"realm": "not closed, Digest nonce=1"})]),
        ('Basic realm="ends in an escape\\', [("basic", {"realm": "ends in an escape"})]),
        ('Basic realm="a", realm="b"', [("basic", {"realm": "a"})]),
        ("Basic ???, NTLM", [("basic", {}), ("ntlm", {})]),
        ("Basic ???", [("basic", {})]),
        ("Basic=x, NTLM", [("ntlm", {})]),
        ("realm=x", []),
        ('"Basic", NTLM', [("ntlm", {})]),
        ('"Basic"', []),
        ("Ünicode realm=x, NTLM", [("ntlm", {})]),
        ('Basic realm="\xe9"', [("basic", {"realm": "\xe9"})]),
    ],
)
def test_what_proxies_write_carelessly(value, challenges):
    """What cannot be read is passed over up to the next comma; everything else counts."""
    assert read(value) == challenges


def test_several_lines():
    """Each Proxy-Authenticate line adds its challenges, in order."""
    assert read("NTLM", "", 'Basic realm="a", Digest realm="b"') == [
        ("ntlm", {}),
        ("basic", {"realm": "a"}),
        ("digest", {"realm": "b"}),
    ]
    assert read() == []


def test_realm():
    """The realm is an empty string where there is none; a token is not shown, as it may be worth stealing."""
    with_realm, without = parse_challenges(['Basic realm="x", NTLM abc='])
    assert (with_realm.realm, without.realm) == ("x", "")
    assert "abc" not in repr(without)
    assert with_realm == Challenge("basic", params={"realm": "x"})


@pytest.mark.parametrize(
    "row", [row for row in rows("auth_choose") if "headers" in row], ids=lambda row: " / ".join(row["headers"])
)
def test_what_chromium_chooses(row):
    """The strongest scheme that the header lines offer is the one that Chromium chooses."""
    lines = [line.partition(":") for line in row["headers"]]
    offered = parse_challenges([value for name, _, value in lines if name.lower() == "www-authenticate"])
    known = [one for one in offered if one.scheme in STRENGTH]
    best = max(known, key=lambda one: STRENGTH[one.scheme], default=None)
    assert (best and best.scheme, best.realm if best else "") == (row["scheme"], row["realm"])


@given(st.lists(st.one_of(ANY_TEXT, LIKE_A_CHALLENGE), max_size=4))
def test_any_text_is_challenges(values):
    """No text crashes the parser; names come in lower case and at most 32 challenges come back."""
    challenges = parse_challenges(values)
    assert len(challenges) <= 32
    for one in challenges:
        assert one.scheme == one.scheme.lower() != ""
        assert all(name == name.lower() != "" for name in one.params)


@given(LIKE_A_CHALLENGE, LIKE_A_CHALLENGE)
def test_lines_do_not_touch_each_other(first, second):
    """However broken one line is, the next is read as if it stood alone."""
    assert read(first, second) == [*read(first), *read(second)]


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        " ",
        ",",
        "=",
        '"',
        "\\",
        "a=",
        "a ",
        "a,",
        "a b ",
        'a="',
        "a=b,",
        "a \t",
        'a "\\',
        "a =",
        "Basic a=b c",
        "a==,",
    ],
)
def test_a_line_of_a_megabyte_takes_no_long_time(unit):
    """Time grows no faster than the line, and only 32 KiB of it and 32 challenges are read at all."""
    line = "Basic " + unit * (1024 * 1024 // len(unit))
    started = time.perf_counter()
    challenges = parse_challenges([line] * 3)
    assert time.perf_counter() - started < 2
    assert 0 < len(challenges) <= 32
    assert all(len(value) <= 32 * 1024 for one in challenges for value in [one.token or "", *one.params.values()])
