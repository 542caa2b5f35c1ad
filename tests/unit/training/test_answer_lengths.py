import math
import random

import pytest

from tests.support.jsonl import written
from training.data import MalformedRows
from training.routing.answer_lengths import fit_lengths


def test_lengths_that_are_log_normal_have_their_spread_and_their_99th_percentile_found(tmp_path):
    draw, sigma = random.Random(7), math.sqrt(math.log1p(0.5))
    rows = [
        {"out_chars": {"a": round(draw.lognormvariate(6, sigma)), "b": 100}} for _ in range(20_000)
    ]
    written(tmp_path / "router_zeroeval_x.jsonl.gz", [{"out_chars": {"a": 400}}, *rows])
    found = fit_lengths(tmp_path)
    assert (found["models"], found["answers"]) == (2, 40_001)
    # The median of two models, of which one always answers alike.
    assert found["variation_squared"] == pytest.approx(0.25, rel=0.05)
    assert found["p99_over_counted"] == pytest.approx(1, rel=0.03)


def test_a_row_without_lengths_is_named(tmp_path):
    path = written(tmp_path / "router_zeroeval_x.jsonl", [{"out_chars": {"a": 1}}, {"correct": {}}])
    with pytest.raises(MalformedRows) as caught:
        fit_lengths(tmp_path)
    assert str(caught.value) == f"{path}:2: needs `out_chars`"
