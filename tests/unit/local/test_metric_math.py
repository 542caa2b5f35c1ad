import math
import statistics

import pytest

from local.emulator.metric_math import TWO_WEEKS_S, ExpressionFailed, Series, evaluate
from local.emulator.metric_search import Candidate, search_for

PERIOD_S = 60
START = 1_000_020


def series(*values, label=""):
    points = {START + i * PERIOD_S: float(v) for i, v in enumerate(values) if v is not None}
    return Series(points, PERIOD_S, label)


class Given:
    """The series of a request, four periods long unless said otherwise."""

    period_s = PERIOD_S

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

    def search(self, query, stat, period_s):
        self.searched.append((query, stat, period_s))
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
        ("a + 1", [31, 21, 1, 1]),
        ("100 - a * 2", [40, 60, 100, 100]),
        ("-a", [-30, -20, 0, 0]),
        ("2 ^ 3 * a", [240, 160, 0, 0]),
        ("a + b", [50, 20, 20, 0]),
        ("b / a", [20 / 30, 0, None, None]),
        ("b / 0", [None] * 4),
        ("1 / b", [1 / 20, None, 1 / 20, None]),
        ("(a < b)", [0, 0, 1, 0]),
        ("a >= 30", [1, 0, 0, 0]),
        ("a > 15 AND b > 15", [1, 0, 0, 0]),
        ("a > 15 && b > 15", [1, 0, 0, 0]),
        ("a > 25 || b == 20", [1, 0, 1, 0]),
        ("a > 25 OR b == 20", [1, 0, 1, 0]),
        ("SUM([a, b])", [50, 20, 20, 0]),
        ("AVG([a, b])", [25, 10, 10, 0]),
        ("MIN([a, b])", [20, 20, 0, 0]),
        ("MAX([a, b])", [30, 20, 20, 0]),
        ("a / SUM(a)", [0.6, 0.4, 0, 0]),
        ("a - AVG(b)", [10, 0, -20, -20]),
        ("a * MAX(b) + MIN(b)", [620, 420, 20, 20]),
        ("FILL(b, 0)", [20, 0, 20, 0]),
        ("FILL(b, 7)", [20, 7, 20, 7]),
        ("FILL(b, REPEAT)", [20, 20, 20, 20]),
        ("FILL(b, a)", [20, 20, 20, 0]),
        ("FILL(nothing, 0)", [0, 0, 0, 0]),
        ("FILL(nothing, REPEAT)", [None] * 4),
        ("ABS(-a)", [30, 20, 0, 0]),
        ("CEIL(a / 7)", [5, 3, 0, 0]),
        ("FLOOR(a / 7)", [4, 2, 0, 0]),
        ("IF(a > 25, 1, 2)", [1, 2, 2, 2]),
        ("IF(a > 25, a)", [30, None, None, None]),
        ("IF(a, b, 5)", [20, 0, 5, 5]),
        ("IF(a, b, c)", [20, 0, 9, None]),
        ("IF(b, 1, 0)", [1, None, 1, None]),
        ("IF(1, a, b)", [30, 20, 0, 0]),
        ("IF(0, a)", [None] * 4),
        ("DIFF(a)", [None, -10, -20, 0]),
        ("RATE(b)", [None, None, 0, None]),
        ("FIRST(SORT([b, a], SUM, DESC))", [30, 20, 0, 0]),
        ("LAST(SORT([b, a], AVG, ASC))", [20, None, 20, None]),
        ("TIME_SERIES(PERIOD(a))", [60, 60, 60, 60]),
        ("SUM(METRICS())", [50, 20, 29, 0]),
        ("SUM(METRICS('b'))", [20, None, 20, None]),
        ("in - lambda", [30, 20, 0, 0]),
        ("a\n + 1e1 * 0.1", [31, 21, 1, 1]),
    ],
)
def test_an_expression_means_what_it_means_on_aws(expression, expected):
    ids = {"a": A, "b": B, "c": series(None, None, 9), "nothing": series()}
    if "lambda" in expression:
        ids = {"in": A, "lambda": series(0, 0, 0, 0)}
    result = evaluate(expression, Given(**ids))
    assert values(result) == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "NO_SUCH(a)",
        "a.b",
        "a[0]",
        "unknown + 1",
        "__import__('os')",
        "[x for x in a]",
        "a < b < a",
        "a ==",
        "SUM(a)",
        "5",
        "'text'",
        "'text' + a",
        "[a, b] + [a, b]",
        "SUM(a, b)",
        "SORT([a], P99, ASC)",
        "FILL(b, LINEAR)",
        "IF([a, b], 1, 0)",
        "SEARCH(a, 'Sum', 60)",
        "a, b",
        "(" * 500 + "a" + ")" * 500,
    ],
)
def test_what_has_no_value_is_said_and_never_guessed(expression):
    with pytest.raises(ExpressionFailed):
        evaluate(expression, Given(a=A, b=B))


def test_arithmetic_on_an_array_keeps_its_series_apart():
    one, other = evaluate("[a, b] * 2", Given(a=series(1, 2, label="x"), b=series(3, label="y")))
    assert (values(one), one.label) == ([2, 4, None, None], "x")
    assert (values(other), other.label) == ([6, None, None, None], "y")


def test_functions_of_one_series_take_an_array_one_by_one():
    source = Given(a=A, b=B)
    assert [values(one) for one in evaluate("FILL([a, b], 0)", source)] == [
        [30, 20, 0, 0],
        [20, 0, 20, 0],
    ]
    assert [values(one)[1] for one in evaluate("DIFF([a, a])", source)] == [-10, -10]
    assert len(evaluate("REMOVE_EMPTY([a, IF(0, a)])", source)) == 1


def test_sorting_orders_by_the_function_and_limits():
    source = Given(a=series(1, 1), b=series(5), c=series(3, 3), d=series())
    ordered = evaluate("SORT(METRICS(), SUM, DESC, 2)", source)
    assert [sum(one.points.values()) for one in ordered] == [6, 5]
    assert len(evaluate("SORT(METRICS(), MIN, ASC)", source)) == 3


def test_a_sum_of_nothing_found_has_no_datapoints():
    assert evaluate("SUM(SEARCH('{N} X', 'Sum', 60))", Given()).points == {}


def test_a_search_is_handed_over_as_it_is_written():
    source = Given(a=A)
    evaluate("""SEARCH('{N,d} MetricName="X" NOT d="a\\"b"', 'Sum', 300)""", source)
    evaluate("SEARCH('X', 'p99')", source)
    assert source.searched == [
        ('{N,d} MetricName="X" NOT d="a\\"b"', "Sum", 300),
        ("X", "p99", PERIOD_S),
    ]


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


def test_a_band_is_two_deviations_wide_unless_said():
    source = Given(count=1, m=series(99), history=_history(1.0, 2.0, 3.0))
    upper, _ = evaluate("ANOMALY_DETECTION_BAND(m)", source)
    assert upper.points[START] == pytest.approx(2 + 2 * math.sqrt(2 / 3))


def test_there_is_no_band_before_three_datapoints():
    source = Given(count=4, m=series(99), history=_history(1.0, 2.0))
    assert [one.points for one in evaluate("ANOMALY_DETECTION_BAND(m)", source)] == [{}, {}]


def test_each_datapoint_widens_the_band_of_later_times_only():
    history = Series({**_history(4.0, 4.0, 4.0).points, START: 8.0}, PERIOD_S)
    upper, _ = evaluate("ANOMALY_DETECTION_BAND(m)", Given(count=2, m=series(8), history=history))
    assert upper.points[START] == 4.0
    assert upper.points[START + PERIOD_S] > 5.0


def test_a_band_forgets_what_is_older_than_two_weeks():
    old = {START - TWO_WEEKS_S - PERIOD_S: 1e6}
    history = Series({**old, **_history(4.0, 4.0, 4.0).points}, PERIOD_S)
    upper, _ = evaluate("ANOMALY_DETECTION_BAND(m)", Given(count=1, m=series(4), history=history))
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
        ('{Llm, model, service} MetricName="InferenceMs" service="llm-dev"', True),
        ('{"Llm","service","model"}, MetricName="InferenceMs"', True),
        ("{Llm,service,model}", True),
        ('{Llm,service} MetricName="InferenceMs"', False),
        ('{Llm,service,model,more} MetricName="InferenceMs"', False),
        ('{Other,service,model} MetricName="InferenceMs"', False),
        ('{Llm,service,model} MetricName="Inference"', False),
        ('{Llm,service,model} service="llm-prod"', False),
        ('{Llm,service,model} other="llm-dev"', False),
        ('MetricName="InferenceMs"', True),
        ('Namespace="Llm" "gpt-4.1"', True),
        ('"gpt-4"', False),
        ("inference", True),
        ("MetricName=Inference", True),
        ("MetricName=infer", False),
        ("gpt-4", True),
        ("4.2", False),
        ('NOT MetricName="InferenceMs"', False),
        ('MetricName="X" OR MetricName="InferenceMs"', True),
        ('MetricName="X" OR (inference AND NOT model="gpt-4.1")', False),
        ('(MetricName="InferenceMs") service="llm-dev"', True),
    ],
)
def test_a_search_finds_what_its_schema_and_terms_say(query, matches):
    assert search_for(query)(FOUND) is matches


@pytest.mark.parametrize("query", ["(MetricName=X", "AND", 'a = "', "NOT", "()"])
def test_a_search_that_cannot_be_read_is_refused(query):
    with pytest.raises(ExpressionFailed):
        search_for(query)
