from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.metrics.window import Window, WindowQuery
from functions.shared.money.caller_spend import spend_ids

NOW = datetime(2026, 11, 24, 10, 20, 30, 999_000, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))
TEXTS = st.one_of(
    st.integers(5, 43_200).map("{}m".format),
    st.integers(1, 720).map("{}h".format),
    st.integers(1, 30).map("{}d".format),
)


@pytest.mark.parametrize("text", ["5m", "90m", "43200m", "1h", "720h", "1d", "30d"])
def test_a_window_is_five_minutes_to_thirty_days(text):
    assert WindowQuery(window=text).window == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "4m", "0m", "31d", "721h", "43201m", "99999d", "100000m", "9" * 5000 + "m"),
        *("05m", "1w", "1", "h", "1H", "-5m", "1.5h", " 1h", "1h ", "1h\n", "1h1m", "٥m"),
    ],
)
def test_any_other_text_is_no_window(text):
    with pytest.raises(ValidationError, match="5m to 30d"):
        WindowQuery(window=text)
    with pytest.raises(ValueError, match="5m to 30d"):
        Window.before(NOW, text)


def test_a_window_is_an_hour_unless_the_caller_says_how_long():
    assert WindowQuery().window == "1h"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("5m", "2026-11-24T10:15:00", "2026-11-24T10:21:00"),
        ("1h", "2026-11-24T09:20:00", "2026-11-24T10:21:00"),
        ("1d", "2026-11-23T10:20:00", "2026-11-24T10:21:00"),
        ("24h", "2026-11-23T10:20:00", "2026-11-24T10:21:00"),
        ("25h", "2026-11-23T09:00:00", "2026-11-24T11:00:00"),
        ("30d", "2026-10-25T10:00:00", "2026-11-24T11:00:00"),
    ],
)
def test_a_window_has_whole_minutes_up_to_a_day_and_whole_hours_beyond(text, start, end):
    window = Window.before(NOW, text)
    assert window.to_json() == {
        "window": text,
        "from": datetime.fromisoformat(start).replace(tzinfo=UTC),
        "to": datetime.fromisoformat(end).replace(tzinfo=UTC),
    }


def test_a_window_is_told_in_utc_whatever_the_clock_says():
    abroad = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert Window.before(abroad, "30d") == Window.before(NOW, "30d")
    assert Window.before(abroad, "1h") == Window.before(NOW, "1h")


@given(MOMENTS, TEXTS)
def test_one_period_holds_all_of_a_window_wherever_periods_begin(now, text):
    window = Window.before(now, text)
    start_s, end_s = int(window.start.timestamp()), int(window.end.timestamp())
    assert window.start <= now < window.end
    step_s = 60 if end_s - start_s <= 86_460 else 3600
    assert start_s % step_s == end_s % step_s == window.period_s % step_s == 0
    assert window.period_s >= end_s - start_s
    assert start_s // window.period_s == (end_s - 1) // window.period_s


@given(MOMENTS, TEXTS)
def test_the_spend_of_a_window_has_one_item_for_each_of_its_steps(now, text):
    window = Window.before(now, text)
    ids = spend_ids(window.start, window.end)
    assert len(ids) == len(set(ids)) <= 1_441
    first, last = (one.removeprefix("spend#") for one in (ids[0], ids[-1]))
    assert f"{window.start:%Y-%m-%dT%H:%M}".startswith(first)
    assert f"{now:%Y-%m-%dT%H:%M}".startswith(last)
