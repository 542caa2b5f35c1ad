from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.invoke_provider.providers.retry_after import MAX_WAIT_S, told_wait_s

HEADERS = [
    "retry-after",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-tokens-reset",
]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.2"}, 1.2),
        ({"retry-after": "2s"}, 2),
        ({"retry-after-ms": "0"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ms-retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "", "retry-after": "9"}, 9),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1e308"}, MAX_WAIT_S),
        ({"retry-after": "1e999"}, MAX_WAIT_S),
        ({"retry-after": "9" * 5_000}, MAX_WAIT_S),
        ({"retry-after-ms": "99999999999999"}, MAX_WAIT_S),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "1_0"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00"}, 0),
        ({"retry-after": "Wed, 21 Oct 9999 07:28:00 GMT"}, MAX_WAIT_S),
        ({"retry-after": "2015-10-21T07:28:00Z"}, 0),
    ],
)
def test_zero_is_now_and_what_cannot_be_read_is_untold(headers, seconds):
    assert told_wait_s(headers) == seconds


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2s", 2),
        ("6ms", 0.006),
        ("1m30.5s", 90.5),
        ("1h2m", 3_720),
        ("6m0s", 360),
        ("12.5µs", 0),
        ("3", 3),
        ("0", 0),
        ("0s", 0),
        ("2015-10-21T07:28:00Z", 0),
        ("1445412480", 0),
        ("1445412480000", 0),
        ("later", None),
    ],
)
def test_what_is_used_up_says_when_it_is_there_again(told, seconds):
    openai = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": told}
    anthropic = {"anthropic-ratelimit-tokens-remaining": "0"}
    assert told_wait_s(openai) == pytest.approx(seconds)
    assert told_wait_s(anthropic | {"anthropic-ratelimit-tokens-reset": told}) == pytest.approx(
        seconds
    )


def test_only_what_is_used_up_counts_and_all_of_it():
    told = {
        "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "9s",
    }  # fmt: skip
    assert told_wait_s(told) == 2
    assert told_wait_s(told | {"x-ratelimit-remaining-tokens": "0"}) == 9
    assert told_wait_s(told | {"x-ratelimit-remaining-requests": "5"}) is None
    assert told_wait_s(told | {"x-ratelimit-remaining-requests": "few"}) is None


def test_without_a_remainder_the_first_that_may_be_there_again_counts():
    told = {"x-ratelimit-reset-requests": "2s", "anthropic-ratelimit-tokens-reset": "9"}
    assert told_wait_s(told) == 2
    assert told_wait_s(told | {"anthropic-ratelimit-tokens-remaining": "0"}) == 9
    assert told_wait_s(told | {"x-ratelimit-remaining-requests": "5"}) == 9


@pytest.mark.parametrize(
    "written",
    [
        lambda moment: ("retry-after", format_datetime(moment, usegmt=True)),
        lambda moment: ("retry-after", moment.isoformat()),
        lambda moment: ("anthropic-ratelimit-requests-reset", moment.isoformat()),
        lambda moment: ("anthropic-ratelimit-requests-reset", str(int(moment.timestamp()))),
        lambda moment: ("x-ratelimit-reset", str(int(moment.timestamp() * 1000))),
    ],
)
def test_a_moment_is_a_wait_until_then(written):
    name, told = written(datetime.now(UTC) + timedelta(seconds=300))
    none_left = {"anthropic-ratelimit-requests-remaining": "0", "x-ratelimit-remaining": "0"}
    assert 290 < told_wait_s(none_left | {name: told}) <= 300


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.2s. Visit https://x.test to learn more.", 1.2),
        ("Limit 3, Used 3, Requested 1. Please try again in 20s.", 20),
        ("Please retry after 26 seconds.", 26),
        ("Please try again in 350ms.", 0.35),
        ("Please wait 20 minutes before you go on.", 1_200),
        ("Please retry in 36.593741158s.", 36.593741158),
        ("Try again in 1 hour and 5 minutes", 3_900),
        ("Please try again in 6m0s.", 360),
        ("Try again in 2 days, or pay", MAX_WAIT_S),
        ("Quota will be replenished in 3 hours.", 10_800),
        ("Too many requests, please wait before trying again.", None),
        ("Please retry with fewer than 5 messages.", None),
        ("Limit 30000, Requested 40000.", None),
        ("The value 'try again in 5 minutes' is bad", None),
    ],
)
def test_a_body_may_name_the_wait_in_words(reason, seconds):
    assert told_wait_s({}, reason) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"details": [{"reason": "x"}, {"retryDelay": "13s"}]}, 13),
        ({"details": [{"retryDelay": "0.5s"}]}, 0.5),
        ({"retry_after": 4}, 4),
        ({"retryAfterSeconds": 4}, 4),
        ({"retry_after_ms": 1500}, 1.5),
        ({"metadata": {"retry-after": "7"}}, 7),
        ({"details": {"retryDelay": "13s"}}, 13),
        ({"retry": 13, "after": 13}, None),
        ({"details": [None, "x", {"retryDelay": None}]}, None),
        ({"details": [{"retryDelay": {"seconds": 3}}]}, None),
        ([], None),
        ("13s", None),
    ],
)
def test_a_body_may_name_the_wait_in_a_field(body, seconds):
    assert told_wait_s({}, "", body) == seconds


def test_the_most_specific_word_counts():
    told = {
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "50s",
        "retry-after": "30",
        "x-ms-retry-after-ms": "20000",
        "retry-after-ms": "10000",
    }
    reason, body = "Try again in 40s.", {"retry_after": 35}
    waits = []
    for name in ("retry-after-ms", "x-ms-retry-after-ms", "retry-after"):
        waits.append(told_wait_s(told, reason, body))
        del told[name]
    waits += [told_wait_s(told, reason, body), told_wait_s(told, reason), told_wait_s(told)]
    assert waits == [10, 20, 30, 35, 40, 50]


@given(st.dictionaries(st.sampled_from(HEADERS), st.text() | st.floats().map(str)), st.text())
def test_nothing_that_is_told_breaks_the_reading(headers, reason):
    left = {"x-ratelimit-remaining-requests": "0", "anthropic-ratelimit-tokens-remaining": "0"}
    wait_s = told_wait_s(left | headers, reason, {"retry_after": reason})
    assert wait_s is None or 0 <= wait_s <= MAX_WAIT_S


@given(st.floats(min_value=0, max_value=MAX_WAIT_S))
def test_a_plain_number_is_kept(seconds):
    assert told_wait_s({"retry-after": repr(seconds)}) == pytest.approx(seconds)
