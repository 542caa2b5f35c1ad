import math
from dataclasses import replace

import pytest

from bench.scale.demand import Workload
from bench.scale.hot_items import (
    Sums,
    budget_attempts,
    history,
    most_callers_an_hour,
    shard_rows_counted,
    shard_rows_written,
    spend,
)
from bench.scale.limits import Limit, default_limits, in_the_way
from bench.scale.measured import measured
from bench.scale.quotas import assumed, known, limit_of, quotas

INSTANT = {"Classify": 0.0, "Score": 0.0, "Invoke": 0.0, "RecordMetrics": 0.0, "Api": 0.0}


def load(mode="sync", answer_s=2.0, **seconds):
    return Workload(mode, answer_s, INSTANT | seconds)


def test_a_request_goes_through_the_states_of_the_definition():
    states = [one.name for one in load().steps]
    expected = ["Classify", "Score", "Invoke Provider", "Answered?", "Record Metrics"]
    assert states == ["gateway", *expected]
    of_a_job = [one.name for one in load("jobs").steps]
    assert [one for one in of_a_job if one in expected] == expected
    assert of_a_job.index("Start Job") < of_a_job.index("Score")


def test_functions_at_once_take_what_littles_law_says():
    places = default_limits()["concurrency"]
    assert places.takes(load(answer_s=2)) == 500
    assert places.takes(load(answer_s=20)) == 50
    assert places.takes(load(answer_s=2, Score=0.3, RecordMetrics=0.2)) == 400


def test_jobs_take_a_start_six_steps_and_their_look_ups():
    jobs = load("jobs")
    assert default_limits()["starts"].takes(jobs) == 300
    assert default_limits()["transitions"].takes(jobs) == pytest.approx(5_000 / 6)
    assert default_limits()["look_ups"].takes(jobs) == 15 / assumed()["polls"]["value"]
    assert default_limits()["gateway"].takes(jobs) == pytest.approx(10_000 / 3)


def test_sync_requests_take_none_of_what_standard_executions_do():
    for key in ("starts", "transitions", "look_ups"):
        assert default_limits()[key].takes(load()) == math.inf


def test_the_index_by_day_takes_a_thousand_rows_whatever_the_load():
    day = default_limits()["day"]
    assert {
        day.takes(load(mode, answer_s)) for mode in ("sync", "jobs") for answer_s in (2, 20)
    } == {1_000}


def test_what_is_outgrown_is_told_by_what_goes_first():
    limits = {"day": Limit("day", "rate", 40), "concurrency": Limit("concurrency", "places", 20)}
    assert [one.key for one, _ in in_the_way(load(), 100, limits)] == ["concurrency", "day"]
    assert [takes for _, takes in in_the_way(load(), 100, limits)] == [10, 40]
    assert [one.key for one, _ in in_the_way(load(), 39, limits)] == ["concurrency"]
    assert in_the_way(load(), 9, limits) == []


def test_a_limit_that_is_just_reached_is_outgrown():
    assert len(in_the_way(load(), 40, {"day": Limit("day", "rate", 40)})) == 1


def test_what_a_load_grows_out_of_by_itself_is_not_in_its_way():
    young = Limit("rows", "rate", 1, young=True)
    assert in_the_way(load(), 100, {"rows": young}) == []
    assert in_the_way(load(), 100, {"rows": replace(young, young=False)}) != []


def test_tally_counts_a_shard_faster_than_its_partition_is_written():
    # 100 rows of 0.35 ms on 512 of 1,769 MB are 120.9 ms, five writes 25 ms.
    assert shard_rows_counted(0.35) == pytest.approx(100 / 0.1459, rel=0.001)
    assert shard_rows_written(3) == pytest.approx(333.3, abs=0.1)
    assert shard_rows_counted(measured().tally_row_ms) > shard_rows_written(measured().row_units)


def test_a_budgets_item_takes_fewer_attempts_the_longer_they_are_open():
    assert budget_attempts(2, stage=False) > budget_attempts(20, stage=False) > 0
    assert budget_attempts(2, stage=True) > budget_attempts(2, stage=False)


def test_the_sums_of_an_hour_grow_with_its_callers():
    # "requests|k7m2x4q9ab" and nine digits are 25 bytes, "cost_nano_usd|k7m2x4q9ab" and nine digits 30.
    assert spend(1).item_bytes == 55
    assert most_callers_an_hour() == 409_600 // 55
    assert history(20).item_bytes == 20 * history(1).item_bytes > 20 * 1_000


def test_an_item_that_is_written_whole_takes_fewer_batches_the_larger_it_is():
    assert Sums(1_024).rows_a_second == 1_000 * 100
    assert Sums(50 * 1_024).rows_a_second == 20 * 100


def test_every_limit_has_words_for_it_and_every_word_a_limit():
    assert known().keys() == default_limits().keys()


def test_every_quota_is_from_a_page_of_aws_and_says_what_it_could_not_confirm():
    for quota in quotas().values():
        assert str(quota.source).startswith(
            ("https://docs.aws.amazon.com/", "https://aws.amazon.com/")
        )
        assert quota.limit or quota.what
    assert {one.quota for one in known().values() if one.quota} <= quotas().keys()
    assert limit_of("concurrency") == 1_000
    with pytest.raises(ValueError, match="no number of express_sync"):
        limit_of("express_sync")
