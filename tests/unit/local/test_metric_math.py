import statistics
from typing import Any

import pytest

from local.emulator import metric_math
from local.emulator.metric_math import TWO_WEEKS_S, ExpressionFailed, Series
from local.emulator.metric_search import FORM, Candidate, search_for

PERIOD_S = 60
START = 1_000_020


def evaluate(expression, source) -> Any:
    return metric_math.evaluate(expression, source)


def series(*values, label=""):
    points = {START + i * PERIOD_S: float(v) for i, v in enumerate(values) if v is not None}
    return Series(points, PERIOD_S, label)


class Given:
    """The series of a request, four periods long unless said otherwise."""

    def __init__(self, count=4, history=None, **ids):
        self._ids, self._count, self._history = ids, count, history
        self.searched = []

    def value(self, query_id):
        try:
            return self._ids[query_id]
        except KeyError:
            raise ExpressionFailed(query_id) from None

    def metrics(self):
        return {name: one for name, one in self._ids.items() if isinstance(one, Series)}

    def search(self, query, stat):
        self.searched.append((query, stat))
        return list(self.metrics().values())

    def times(self, period_s):
        return range(START, START + self._count * period_s, period_s)

    def since(self, seconds):
        assert seconds >= TWO_WEEKS_S
        return Given(self._count, m=self._history or self._ids["m"])


def values(result, count=4):
    return [result.points.get(START + i * PERIOD_S) for i in range(count)]


A = series(30, 20, 0, 0)
B = series(20, None, 20, None)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a - 1", [29, 19, -1, -1]),
        ("100 - a * 2", [40, 60, 100, 100]),
        ("a - b", [10, 20, -20, 0]),
        ("b / a", [20 / 30, 0, None, None]),
        ("b / 0", [None] * 4),
        ("1 / b", [1 / 20, None, 1 / 20, None]),
        ("a >= b", [1, 1, 0, 1]),
        ("a >= 30", [1, 0, 0, 0]),
        ("a * (7 - 2 * 3)", [30, 20, 0, 0]),
        ("FILL(b, 0)", [20, 0, 20, 0]),
        ("FILL(b, 7)", [20, 7, 20, 7]),
        ("FILL(nothing, 0)", [0, 0, 0, 0]),
        ("IF(a >= 25, 1, 2)", [1, 2, 2, 2]),
        ("IF(a >= 25, b, a)", [20, 20, 0, 0]),
        ("IF(a, b, 5)", [20, 0, 5, 5]),
        ("IF(a > 20, a)", [30, None, None, None]),
        ("0 * a + FILL(b, 0)", [20, 0, 20, 0]),
        ("IF(b, 1, 0)", [1, None, 1, None]),
        ("a * PERIOD(a)", [1800, 1200, 0, 0]),
        ("SUM(METRICS())", [50, 20, 29, 0]),
        ("a - 1e1 * 0.1", [29, 19, -1, -1]),
    ],
)
def test_an_expression_means_what_it_means_on_aws(expression, expected):
    ids = {"a": A, "b": B, "c": series(None, None, 9), "nothing": series()}
    result = evaluate(expression, Given(**ids))
    assert values(result) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("NO_SUCH(a)", "function NO_SUCH"),
        ("AVG(a)", "function AVG"),
        ("a % 2", "a % 2"),
        ("a ** 2", "a ** 2"),
        ("-a", "-a"),
        ("a < 1", "a < 1"),
        ("a < b < a", "a < b < a"),
        ("a and b", "a and b"),
        ("a AND b", "a AND b"),
        ("a.b", "a.b"),
        ("a[0]", "a[0]"),
        ("[a, b]", "[a, b]"),
        ("a, b", "(a, b)"),
        ("unknown - 1", "unknown"),
        ("__import__('os')", "function __import__"),
        ("[x for x in a]", "[x for x in a]"),
        ("a ==", "a =="),
        ("SUM(a)", "SUM of a"),
        ("SUM(METRICS(), 1)", "arguments of SUM"),
        ("METRICS('b')", "arguments of METRICS"),
        ("SUM(METRICS()) - METRICS()", "an array"),
        ("5", "'5'"),
        ("'text'", "'text'"),
        ("'text' - a", "a text"),
        ("FILL(b, REPEAT)", "REPEAT"),
        ("FILL(b, a)", "a where a number"),
        ("FILL(METRICS(), 0)", "METRICS() where a time series"),
        ("IF(a)", "arguments of IF"),
        ("IF(1, a, b)", "1 where a time series"),
        ("SEARCH(a, 'Sum')", "SEARCH"),
        ("SEARCH('x', 'Sum', 60)", "arguments of SEARCH"),
        ("ANOMALY_DETECTION_BAND(a)", "arguments of ANOMALY_DETECTION_BAND"),
        ("(" * 500 + "a" + ")" * 500, "nested"),
    ],
)
def test_what_is_not_supported_is_named_and_never_guessed(expression, named):
    with pytest.raises(ExpressionFailed) as failed:
        evaluate(expression, Given(a=A, b=B))
    assert named in str(failed.value)


def test_a_search_is_handed_over_as_it_is_written():
    source = Given(a=A)
    assert evaluate("""SEARCH('{N,d} MetricName="X" d="a-b"', 'p99')""", source) == [A]
    assert source.searched == [('{N,d} MetricName="X" d="a-b"', "p99")]


def _history(*values_before):
    count = len(values_before)
    points = {START - (count - i) * PERIOD_S: v for i, v in enumerate(values_before)}
    return Series(points, PERIOD_S)


def test_a_band_is_as_wide_as_the_deviations_of_what_came_before():
    before = [10.0, 12.0, 11.0, 15.0]
    source = Given(count=1, m=series(99), history=_history(*before))
    upper, lower = evaluate("ANOMALY_DETECTION_BAND(m, 3)", source)
    mean, deviation = statistics.fmean(before), statistics.pstdev(before)
    assert upper.points == pytest.approx({START: mean + 3 * deviation})
    assert lower.points == pytest.approx({START: mean - 3 * deviation})


def test_there_is_no_band_before_three_datapoints():
    source = Given(count=4, m=series(99), history=_history(1.0, 2.0))
    assert [one.points for one in evaluate("ANOMALY_DETECTION_BAND(m, 2)", source)] == [{}, {}]


def test_each_datapoint_widens_the_band_of_later_times_only():
    history = Series({**_history(4.0, 4.0, 4.0).points, START: 8.0}, PERIOD_S)
    upper, _ = evaluate(
        "ANOMALY_DETECTION_BAND(m, 2)", Given(count=2, m=series(8), history=history)
    )
    assert upper.points[START] == 4.0
    assert upper.points[START + PERIOD_S] > 5.0


def test_a_band_forgets_what_is_older_than_two_weeks():
    old = {START - TWO_WEEKS_S - PERIOD_S: 1e6}
    history = Series({**old, **_history(4.0, 4.0, 4.0).points}, PERIOD_S)
    upper, _ = evaluate(
        "ANOMALY_DETECTION_BAND(m, 2)", Given(count=1, m=series(4), history=history)
    )
    assert upper.points[START] == pytest.approx(4.0)


def test_a_band_of_large_values_keeps_its_width():
    before = [1e12 + value for value in (1, 2, 3, 4)]
    source = Given(count=1, m=series(1), history=_history(*before))
    upper, lower = evaluate("ANOMALY_DETECTION_BAND(m, 1)", source)
    width = upper.points[START] - lower.points[START]
    assert width == pytest.approx(2 * statistics.pstdev([1, 2, 3, 4]), rel=1e-3)


FOUND = Candidate("Llm", "InferenceMs", {"service": "llm-dev", "model": "gpt-4.1"})


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ('{Llm,service,model} MetricName="InferenceMs"', True),
        ('{Llm,model,service} MetricName="InferenceMs" service="llm-dev"', True),
        ('{Llm,service} MetricName="InferenceMs"', False),
        ('{Llm,service,model,more} MetricName="InferenceMs"', False),
        ('{Other,service,model} MetricName="InferenceMs"', False),
        ('{Llm,service,model} MetricName="Inference"', False),
        ('{Llm,service,model} service="llm-prod"', False),
        ('{Llm,service,model} other="llm-dev"', False),
        (FORM, False),
    ],
)
def test_a_search_finds_what_its_schema_and_values_say(query, matches):
    assert search_for(query)(FOUND) is matches


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{Llm,service,model}",
        'MetricName="InferenceMs"',
        "{Llm,service} inference",
        "{Llm,service} MetricName=Inference",
        '{Llm,service} NOT MetricName="X"',
        '{Llm,service} MetricName="X" OR MetricName="Y"',
        '{Llm,service} (MetricName="X")',
        '{"Llm","service"} MetricName="X"',
        '{Llm,service} MetricName="a\\"b"',
    ],
)
def test_a_search_of_another_form_is_refused(query):
    with pytest.raises(ExpressionFailed, match="Unsupported search") as failed:
        search_for(query)
    assert str(failed.value).endswith(query)
