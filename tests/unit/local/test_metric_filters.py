import inspect
import json

import pytest
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.emulator import metric_filters
from local.emulator.metric_filters import matcher_of

EVENT = {
    "status": "429",
    "bytes": 1024,
    "share": 0.25,
    "error": True,
    "nothing": None,
    "user": {"name": "ann-1", "ids": [7, 8]},
    "a.b": "dotted",
}


def matches(pattern, event=EVENT):
    return matcher_of(pattern)(event if isinstance(event, str) else json.dumps(event))


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.status = "429" }',
        '{$.status="4*"}',
        "{ $.status = 4* }",
        '{ $.status != "500" }',
        "{ $.bytes = 1024 }",
        "{ $.bytes >= 1.024e3 && $.share < 0.3 }",
        "{ $.bytes != 5 }",
        "{ $.error IS TRUE }",
        "{ $.nothing IS NULL }",
        "{ $.missing NOT EXISTS }",
        '{ $.user.name = "ann-*" }',
        "{ $.user.ids[1] = 8 }",
        '{ $.["a.b"] = "dotted" }',
        '{ $.bytes = "*" }',
        '{ ($.status = "200") || ($.error IS TRUE) }',
        '{ $.error IS FALSE && $.bytes = 1 || $.status = "429" }',
        '{ ($.bytes = 1 || $.bytes = 1024) && $.user.name = "ann-1" }',
    ],
)
def test_matches(pattern):
    assert matches(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.status = 429 }",
        "{ $.status >= 400 }",
        '{ $.bytes = "1024" }',
        '{ $.missing = "x" }',
        '{ $.missing != "x" }',
        "{ $.missing != 1 }",
        '{ $.missing = "*" }',
        "{ $.error = 1 }",
        "{ $.error IS FALSE }",
        "{ $.status NOT EXISTS }",
        '{ $.status = "29" }',
        '{ $.status = "429" && $.bytes = 1 }',
        '{ $.error IS FALSE && ($.bytes = 1 || $.status = "429") }',
    ],
)
def test_does_not_match(pattern):
    assert not matches(pattern)


def test_a_pattern_of_fields_matches_json_objects_only():
    assert not matches("{ $.a NOT EXISTS }", "no json")
    assert not matches("{ $.a NOT EXISTS }", "[1]")


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = %regex% }",
        "{ $.a }",
        "{ }",
        "{ $.a = 1",
        "{ ($.a = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ a = 1 }",
        "{ $.a IS ODD }",
        "{ $.a < x }",
        "{ $.a = ? & }",
    ],
)
def test_what_cannot_be_evaluated_is_logged_and_matches_nothing(pattern, caplog):
    assert not matches(pattern, {"a": 1, "b": 2})
    assert pattern in caplog.text


def test_words_are_sought_in_the_text():
    assert matches("ERROR", "an ERROR")
    assert not matches("ERROR", "fine")


@pytest.fixture
def published(monkeypatch):
    """What a filter of group `g` publishes: (namespace, name, value, unit, dimensions)."""
    published = []
    monkeypatch.setattr(logs, "_log_groups", {"g": {}})
    monkeypatch.setattr(logs, "_metric_filters", {})
    monkeypatch.setattr(cloudwatch, "record_metric", lambda *metric: published.append(metric))
    return published


def put_filter(**transformation):
    request = {
        "logGroupName": "g",
        "filterName": "f",
        "filterPattern": '{ $.status = "429" }',
        "metricTransformations": [
            {"metricNamespace": "N", "metricName": "M", "metricValue": "1", **transformation}
        ],
    }
    assert logs._put_metric_filter(request)[0] == 200


def test_a_filter_publishes_its_value_for_each_event_that_matches(published):
    put_filter(unit="Count", defaultValue=0)
    metric_filters.publish("g", json.dumps(EVENT), 0)
    metric_filters.publish("g", json.dumps({"status": "200"}), 0)
    metric_filters.publish("another", json.dumps(EVENT), 0)
    assert published == [("N", "M", 1.0, "Count", {})]


def test_value_and_dimensions_may_come_from_fields(published):
    put_filter(metricValue="$.share", dimensions={"User": "$.user.name"})
    metric_filters.publish("g", json.dumps(EVENT), 0)
    assert published == [("N", "M", 0.25, "None", {"User": "ann-1"})]


@pytest.mark.parametrize(
    "transformation",
    [
        {"metricValue": "$.missing"},
        {"metricValue": "$.user.name"},
        {"dimensions": {"User": "$.missing"}},
    ],
)
def test_without_its_value_or_a_dimension_nothing_is_published(published, transformation):
    put_filter(**transformation)
    metric_filters.publish("g", json.dumps(EVENT), 0)
    assert published == []


def test_upstream_still_applies_no_metric_filter():
    assert "record_metric" not in inspect.getsource(logs)
    assert "treat as match-all" in inspect.getsource(logs._compile_filter_pattern)
