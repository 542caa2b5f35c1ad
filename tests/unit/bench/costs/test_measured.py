"""One request, really run."""

import pytest

from bench.costs.measured import Measured, measure, measured


@pytest.fixture(scope="module")
def found() -> Measured:
    return measure()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_each_function_writes_at_most_one_line_of_a_request(found, mode):
    lines = {name: len(one.lines) - one.metric_lines for name, one in found.functions[mode].items()}
    assert {"Classify", "Score", "Invoke", "RecordMetrics", "Tally"} <= lines.keys()
    assert max(lines.values()) == 1


def test_a_line_says_nothing_that_is_the_same_in_all_lines_of_its_function(found):
    # With its function's name, ARN and memory it would have twice as many.
    names = ("Classify", "Score", "RecordMetrics")
    assert max(max(found.functions["sync"][name].lines) for name in names) < 400


def test_only_a_request_and_its_attempt_leave_metrics(found):
    metric_lines = {name: one.metric_lines for name, one in found.functions["sync"].items()}
    assert metric_lines.pop("Tally") == 2
    assert set(metric_lines.values()) == {0}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_is_committed_is_what_a_request_still_takes(found, mode):
    # But for times, and for numbers that have a digit more or less.
    committed = measured().functions[mode]
    assert committed.keys() == found.functions[mode].keys()
    for name, one in found.functions[mode].items():
        told = [(call.operation, call.table, call.read_items) for call in one.calls]
        assert [
            (call.operation, call.table, call.read_items) for call in committed[name].calls
        ] == told
        assert len(committed[name].lines) == len(one.lines)
        assert sum(committed[name].lines) == pytest.approx(sum(one.lines), rel=0.05)
        for kept, new in zip(committed[name].calls, one.calls, strict=True):
            assert kept.attributes.keys() == new.attributes.keys()
            sizes = [sum(call.attributes.values()) for call in (kept, new)]
            assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
