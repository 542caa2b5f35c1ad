from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter

from functions.shared.times import restamped, stamp
from functions.shared.vocabulary import Stamped

MOMENT = datetime(2026, 11, 27, 6, 47, 37, 123_999, UTC)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-9, minutes=-30))])
def test_a_time_has_one_form_whatever_its_zone(zone):
    told = "2026-11-27T06:47:37.123Z"
    assert stamp(MOMENT.astimezone(zone)) == told
    assert TypeAdapter(Stamped).dump_json(MOMENT.astimezone(zone)).decode() == f'"{told}"'


def test_a_whole_second_has_its_milliseconds():
    assert stamp(MOMENT.replace(microsecond=0)) == "2026-11-27T06:47:37.000Z"


def test_a_time_of_an_earlier_version_is_told_in_the_form_of_today():
    old, new = "2026-11-24T10:00:00.000+00:00", "2026-11-24T10:00:00.000Z"
    nested = {"left": [{"renews_at": old}, {"renews_at": None}]}
    assert restamped({"created_at": old, **nested}) == {
        "created_at": new,
        "left": [{"renews_at": new}, {"renews_at": None}],
    }


def test_what_a_caller_wrote_is_told_as_it_was_written():
    old = "2026-11-24T10:00:00.000+00:00"
    row = {"prompt": old, "profile": {"metadata": {"created_at": old}}, "noted_at": f"{old} or so"}
    assert restamped(row) == row
