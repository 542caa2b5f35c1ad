import pytest

from bench.ratios import growth, ratio_spread, rounded, spread
from bench.side_by_side import Measured, _told


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.12345, 0.123), (12.345, 12.3), (1_234.5, 1_230), (2.0, 2), (0, 0), (0.0004567, 0.000457)],
)
def test_three_digits_of_a_figure_count(value, said):
    assert rounded(value) == said
    assert str(rounded(2.0)) == "2"


def test_one_disturbed_round_moves_the_spread_and_not_the_median():
    assert spread([10, 11, 10.5, 90, 10.2]) == {"median": 10.5, "min": 10, "max": 90}


def test_a_ratio_is_of_figures_of_the_same_round():
    # The whole machine was slow in the second round: the ratio is what it was.
    assert ratio_spread([5, 50, 6], [10, 100, 10]) == {"median": 0.5, "min": 0.5, "max": 0.6}


def test_rounds_without_a_counterpart_are_an_error():
    with pytest.raises(ValueError, match="shorter"):
        ratio_spread([1, 2], [1])


def test_growth_is_over_the_smallest_size():
    assert growth({100: 6.0, 1: 2.0, 10: 3.0}) == {100: 3, 1: 1, 10: 1.5}


STATES = ("Classify", "Score", "InvokeSimulator", "RecordMetrics")


def told(record_ms, peer_ms):
    """Of three rounds, in which every other state takes a millisecond."""
    engine = {name: [1.0] * 3 for name in STATES} | {"RecordMetrics": [record_ms] * 3}
    beside = {"authorize_ms": 3.0, "tally_row_ms": 0.5, "tally_lone_row_ms": 5.0}
    peers = {"litellm": {"gateway": [peer_ms] * 3}}
    return _told(Measured(engine, engine, engine, peers, beside), {"litellm": "1"})


def test_the_sum_has_the_stream_and_the_share_of_a_verdict_that_is_kept():
    engine = told(record_ms=2.0, peer_ms=11.02)["engine"]
    assert engine["states_ms"]["median"] == 5
    assert engine["together_ms"]["median"] == 5.51
    assert engine["alone_ms"]["median"] == 13


@pytest.mark.parametrize(
    ("peer_ms", "held", "aim_held"), [(11.1, True, False), (17, True, True), (10, False, False)]
)
def test_a_goal_is_held_up_to_its_limit(peer_ms, held, aim_held):
    goal = told(record_ms=2.0, peer_ms=peer_ms)["goals"]["litellm"]
    assert (goal["held"], goal["aim_held"]) == (held, aim_held)


def test_goals_of_functions_are_told_with_what_was_measured():
    goals = told(record_ms=4.1, peer_ms=100)["goals"]
    assert goals["record_ms"] == {"is": 4.1, "at_most": 4, "held": False}
    assert goals["together_ms"]["held"] is False
    assert "litellm_with_database" not in goals
