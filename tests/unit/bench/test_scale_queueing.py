import math

import pytest

from bench.scale.queueing import TokenBucket, busy, grows_s, lasts_s, ramp_s, rate_of


def test_what_is_busy_is_the_rate_times_the_time():
    assert busy(100, 20) == 2_000
    assert busy(475, 2.1) == pytest.approx(997.5)


def test_places_take_a_rate_by_the_same_law():
    assert rate_of(1_000, 2) == 500
    assert rate_of(1_000, busy(1, 20)) == 50
    assert rate_of(10, 0) == math.inf


def test_a_full_bucket_lasts_as_long_as_more_is_taken_than_comes_in():
    # StartExecution: 1,300 and 300 a second. At 1,000 a second 700 of them come out of the bucket.
    assert lasts_s(1_300, 300, 1_000) == pytest.approx(1.857, abs=0.001)
    assert lasts_s(1_300, 300, 300) == math.inf


def test_a_ramp_climbs_from_what_is_there_at_once():
    # 20,000 environments: 1,000 at once, then 1,000 each 10 s.
    assert ramp_s(20_000, 1_000, 100) == 190
    assert ramp_s(900, 1_000, 100) == 0


def test_a_table_on_demand_doubles_each_half_hour():
    # 30,000 units from 4,000: 8,000, 16,000, 32,000.
    assert grows_s(30_000, 4_000) == 3 * 1_800
    assert grows_s(4_000, 4_000) == 0


def test_a_bucket_gives_what_is_in_it_and_then_what_comes_in():
    bucket = TokenBucket(refill=3, burst=13)
    assert bucket.take(20, 1, 0) == 13
    assert bucket.take(20, 1, 0) == 0
    assert bucket.take(20, 1, 1) == 3
    assert bucket.take(20, 1, 100) == 13


def test_a_bucket_gives_whole_ones_only():
    bucket = TokenBucket(refill=10, burst=10)
    assert bucket.take(5, 3, 0) == 3
    assert bucket.tokens == 1
    assert bucket.take(5, 3, 0.2) == 1


def test_time_does_not_fill_a_bucket_beyond_its_size():
    bucket = TokenBucket(refill=100, burst=1)
    assert bucket.take(9, 1, 3_600) == 1
