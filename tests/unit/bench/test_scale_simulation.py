import pytest

from bench.scale.demand import Workload
from bench.scale.limits import Limit
from bench.scale.simulation import Simulation, order

INSTANT = {"Classify": 0.0, "Score": 0.0, "Invoke": 0.0, "RecordMetrics": 0.0, "Api": 0.0}


def load(mode="sync", answer_s=2.0):
    return Workload(mode, answer_s, INSTANT)


def limits(*told):
    return {one.key: one for one in told}


PLACES = Limit("concurrency", "places", 100)
DAY = Limit("day", "rate", 80, 80, spared=True)
GATEWAY = Limit("gateway", "rate", 200, 50)


def test_nothing_is_refused_below_every_limit():
    assert Simulation(load(), limits(PLACES, DAY, GATEWAY)).run(30, 60) == {}


def test_places_refuse_what_is_over_littles_law():
    # 100 places of 2 s take 50 a second.
    refused = Simulation(load(), limits(PLACES), evenly=True).run(100, 200)
    assert refused["concurrency"].share == pytest.approx(0.5, abs=0.01)
    assert refused["concurrency"].first_s == pytest.approx(1.0, abs=0.1)


def test_a_bucket_refuses_once_it_is_empty():
    # 50 in it, and 100 a second more than it gets.
    refused = Simulation(load(), limits(GATEWAY), evenly=True).run(300, 30)
    assert refused["gateway"].first_s == pytest.approx(0.5, abs=0.1)
    assert refused["gateway"].share == pytest.approx(1 / 3, abs=0.02)


def test_what_is_refused_at_the_door_troubles_nothing_behind_it():
    door = Limit("gateway", "rate", 40, 10)
    assert Simulation(load(), limits(door, PLACES, DAY)).run(1_000, 30).keys() == {"gateway"}


def test_a_row_that_is_refused_leaves_its_answer_given():
    told = Simulation(load("jobs"), limits(DAY, Limit("look_ups", "rate", 1e9, 1e9)))
    assert told.run(100, 30).keys() == {"day"}


def test_a_crowd_waits_for_the_environments_of_a_function():
    # 300 a second for 20 s are 6,000 environments; 1,000 are there at once and 100 more each second.
    ramp = Limit("environments", "ramp", 100, 1_000, young=True)
    simulation = Simulation(load(answer_s=20.0), limits(ramp), evenly=True)
    refused = simulation.run(300, 20)["environments"]
    assert refused.first_s == pytest.approx(1_000 / 200, abs=0.3)
    assert simulation.run(300, 60)["environments"].refused > 0
    assert simulation.run(300, 60) == {}


def test_the_same_load_ends_the_same_each_time():
    first, again = (Simulation(load(), limits(PLACES)).run(60, 30) for _ in range(2))
    assert first == again
    assert first["concurrency"].refused > 0


def test_a_growing_load_breaks_one_limit_after_the_other():
    told = limits(GATEWAY, DAY, PLACES)
    assert order(load(), told, (10, 60, 100, 400), 20) == ["concurrency", "day", "gateway"]


def test_what_was_raised_refuses_no_more():
    assert order(load(), limits(PLACES), (60, 600), 20) == ["concurrency"]
