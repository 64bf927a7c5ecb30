"""How long a PAC file is used without asking its server (RFC 9111)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.freshness import MAX_HEURISTIC, MIN_INTERVAL, RETRY_DELAYS, fresh_seconds

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
HOUR_LATER = "Sun, 06 Nov 1994 09:49:37 GMT"
DAY_BEFORE = "Sat, 05 Nov 1994 08:49:37 GMT"
FIELDS = {"cache_control": None, "expires": None, "age": None, "date": None, "last_modified": None}


def fresh(now: float = NOW, **fields: str) -> float:
    return fresh_seconds(**{**FIELDS, **fields}, now=now)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        # 5.2.2.1 max-age, 4.2.1 precedence
        ({"cache_control": "max-age=3600"}, 3600),
        ({"cache_control": "public, Max-Age = 3600 , must-revalidate"}, 3600),
        ({"cache_control": 'max-age="600"'}, 600),
        ({"cache_control": "max-age=600", "expires": HOUR_LATER}, 600),
        ({"cache_control": "max-age=600", "expires": "0"}, 600),
        ({"cache_control": "s-maxage=600", "expires": HOUR_LATER, "date": DATE}, 3600),
        ({"cache_control": "max-age=60, max-age=600"}, 60),
        ({"cache_control": "max-age=99999999999999999999"}, 2**31),
        # 5.1 Age
        ({"cache_control": "max-age=3600", "age": "600"}, 3000),
        ({"cache_control": "max-age=3600", "age": " 600 "}, 3000),
        ({"cache_control": "max-age=3600", "age": "soon"}, 3600),
        ({"cache_control": "max-age=3600", "age": "\xb2"}, 3600),
        ({"cache_control": "max-age=3600", "age": "-5"}, 3600),
        ({"expires": HOUR_LATER, "date": DATE, "age": "600"}, 3000),
        # 5.3 Expires: against Date, so that clocks need not agree
        ({"expires": HOUR_LATER, "date": DATE}, 3600),
        ({"expires": HOUR_LATER}, 3600),
        ({"expires": "Sunday, 06-Nov-94 09:49:37 GMT", "date": DATE}, 3600),
        ({"expires": "Sun Nov  6 09:49:37 1994", "date": "Sun Nov  6 08:49:37 1994"}, 3600),
        # 4.2.2 heuristic: a tenth of the age of the file
        ({"last_modified": DAY_BEFORE, "date": DATE}, 8640),
        ({"last_modified": DAY_BEFORE}, 8640),
        ({"last_modified": "Sun, 06 Nov 1904 08:49:37 GMT", "date": DATE}, MAX_HEURISTIC),
        ({"last_modified": DAY_BEFORE, "date": DATE, "age": "640"}, 8000),
        ({}, MAX_HEURISTIC),
        ({"cache_control": "public", "date": DATE}, MAX_HEURISTIC),
    ],
)
def test_how_long(fields, seconds):
    """max-age, else Expires minus Date, else a tenth of the time since Last-Modified; less what a cache has spent."""
    assert fresh(**fields) == seconds


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": "no-cache"},
        {"cache_control": "NO-STORE, max-age=600"},
        {"cache_control": 'no-cache="set-cookie", max-age=600'},
        {"cache_control": "max-age=0"},
        {"cache_control": "max-age=-1", "expires": HOUR_LATER},
        {"cache_control": "max-age=", "expires": HOUR_LATER},
        {"cache_control": "max-age=soon"},
        {"cache_control": "max-age=600", "age": "600"},
        {"expires": "0"},
        {"expires": "-1"},
        {"expires": "tomorrow"},
        {"expires": "Sun, 06 Nov 99999999999 09:49:37 GMT"},
        {"expires": DAY_BEFORE},
        {"expires": DATE, "date": DATE},
        {"last_modified": HOUR_LATER, "date": DATE},
        {"last_modified": "yesterday"},
    ],
)
def test_stale_at_once(fields):
    """What is stale, or not understood, is asked for again, but not more often than every 30 seconds."""
    assert fresh(**fields) == MIN_INTERVAL == 30


def test_clocks_need_not_agree():
    """A server whose clock is a day off says how long a file holds as well as another."""
    assert fresh(now=NOW + 86400, expires=HOUR_LATER, date=DATE) == 3600


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
def test_dates_without_a_zone_are_utc(monkeypatch):
    """The oldest date format, and a zone of -0000, mean UTC wherever this machine stands."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert fresh(expires="Sun Nov  6 09:49:37 1994", date=DATE) == 3600
        assert fresh(expires="Sun, 06 Nov 1994 09:49:37 -0000", date=DATE) == 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_when_to_try_again():
    """After a failure: 8 s, 32 s, 2 minutes, then every 5 minutes."""
    assert RETRY_DELAYS == (8, 32, 120, 300)


TEXT = st.none() | st.text(max_size=40) | st.sampled_from([DATE, "max-age=5", "no-cache", "0", "Sun, 32 Nov 1994 99:9"])


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_no_header_does_harm(cache_control, expires, age, date, last_modified):
    """Whatever a server sends, the result is a time of at least 30 seconds."""
    assert fresh_seconds(cache_control, expires, age, date, last_modified, NOW) >= MIN_INTERVAL
