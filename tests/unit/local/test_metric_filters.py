import inspect
import json

import pytest
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as logs

from local.emulator import metric_filters
from local.emulator.metric_filters import FORM, UnsupportedPattern, matcher_of

EVENT = {"status": "429", "bytes": 1024, "user": {"name": "ann-1"}}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.status = "429" }', True),
        ('{$.status="429"}', True),
        ('{ $.user.name = "ann-1" }', True),
        ('{ $.status = "42" }', False),
        ('{ $.bytes = "1024" }', False),
        ('{ $.missing = "x" }', False),
        ('{ $.status.code = "429" }', False),
        (FORM, False),
    ],
)
def test_a_field_matches_its_text(pattern, matches):
    assert matcher_of(pattern)(json.dumps(EVENT)) is matches


@pytest.mark.parametrize("message", ["no json", '["429"]', "429"])
def test_a_pattern_of_a_field_matches_json_objects_only(message):
    assert matcher_of('{ $.status = "429" }')(message) is False


def test_words_are_sought_in_the_text():
    assert matcher_of("ERROR")("an ERROR")
    assert not matcher_of("ERROR")("fine")


UNSUPPORTED = [
    "{ $.status = 429 }",
    '{ $.status = "4*" }',
    "{ $.status = %4% }",
    '{ $.status != "429" }',
    "{ $.bytes >= 400 }",
    "{ $.error IS TRUE }",
    "{ $.status NOT EXISTS }",
    '{ $.user.ids[0] = "8" }',
    '{ ($.status = "429") }',
    '{ $.status = "429" && $.bytes = "1" }',
    '{ $.status = "429"',
    "{ }",
]


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_another_pattern_of_fields_is_refused(pattern):
    with pytest.raises(UnsupportedPattern) as refused:
        matcher_of(pattern)
    assert str(refused.value).endswith(pattern)


@pytest.fixture
def published(monkeypatch):
    """What a filter of group `g` publishes: (namespace, name, value, unit)."""
    published = []
    monkeypatch.setattr(logs, "_log_groups", {"g": {"streams": {}}})
    monkeypatch.setattr(logs, "_metric_filters", {})
    monkeypatch.setattr(logs, "_compile_filter_pattern", matcher_of)
    monkeypatch.setattr(cloudwatch, "record_metric", lambda *metric: published.append(metric))
    return published


def put_filter(pattern='{ $.status = "429" }', **transformation):
    request = {
        "logGroupName": "g",
        "filterName": "f",
        "filterPattern": pattern,
        "metricTransformations": [
            {"metricNamespace": "N", "metricName": "M", "metricValue": "1", **transformation}
        ],
    }
    status, _headers, body = metric_filters.put(request)
    return status, json.loads(body)


def test_a_filter_publishes_its_value_for_each_event_that_matches(published):
    assert put_filter(unit="Count", defaultValue=0) == (200, {})
    metric_filters.publish("g", json.dumps(EVENT), 0)
    metric_filters.publish("g", json.dumps({"status": "200"}), 0)
    metric_filters.publish("another", json.dumps(EVENT), 0)
    assert published == [("N", "M", 1.0, "Count")]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"pattern": "{ $.bytes >= 400 }"}, "{ $.bytes >= 400 }"),
        ({"metricValue": "$.bytes"}, "$.bytes"),
        ({"dimensions": {"User": "$.user.name"}}, "dimensions"),
    ],
)
def test_a_filter_that_cannot_be_applied_is_refused_and_says_why(published, changed, named):
    status, error = put_filter(**changed)
    assert (status, error["__type"]) == (400, "InvalidParameterException")
    assert named in error["message"]
    assert logs._metric_filters == {}


def test_events_are_not_searched_by_a_pattern_that_cannot_be_applied(published):
    request = {"logGroupName": "g", "filterPattern": "{ $.bytes >= 400 }"}
    status, _headers, body = metric_filters._filter_events(request)
    assert (status, json.loads(body)["__type"]) == (400, "InvalidParameterException")


def test_upstream_still_applies_no_metric_filter():
    assert "record_metric" not in inspect.getsource(logs)
    assert "treat as match-all" in inspect.getsource(metric_filters._compile_terms)
