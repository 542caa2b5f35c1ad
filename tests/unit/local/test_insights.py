import inspect
import json
from typing import Any

import pytest
from ministack.services import cloudwatch_logs as logs

from local.emulator import insights
from local.emulator.insights import query_logs
from local.emulator.insights_query import MalformedQuery
from stacks.monitoring.queries import SAVED_QUERIES

NOW = 1_795_600_000
GROUPS = ("insights-a", "insights-b")
EVENTS: dict[str, list[Any]] = {
    "insights-a": [
        {"n": 1, "level": "ERROR", "model": "m1", "CostUsd": 0.1, "LatencyMs": 10, "cold": True},
        {"n": 2, "outcome": "success", "model": "m1", "CostUsd": 0.2, "LatencyMs": 30},
        {"n": 3, "outcome": "ProviderTimeout", "model": "m2", "gen_ai.request.model": "flat"},
    ],
    "insights-b": [
        {"n": 4, "outcome": "success", "gen_ai": {"request": {"model": "nested"}}, "tags": ["x"]},
        "START of no JSON",
    ],
}


@pytest.fixture(autouse=True)
def groups():
    for group in GROUPS:
        where = {"logGroupName": group, "logStreamName": "s"}
        logs._create_log_group({"logGroupName": group})
        logs._create_log_stream(where)
        events = [
            {
                "timestamp": (NOW - 100) * 1000 + 10 * number,
                "message": event if isinstance(event, str) else json.dumps(event),
            }
            for number, event in enumerate(EVENTS[group])
        ]
        logs._put_log_events({**where, "logEvents": events})
    yield
    for group in GROUPS:
        logs._delete_log_group({"logGroupName": group})


def rows(query, groups=GROUPS):
    found = query_logs(groups, query, NOW - 200, NOW)
    return [{name: value for name, value in row.items() if name != "@ptr"} for row in found]


def numbers(condition):
    return [row.get("n") for row in rows(f"fields n | filter {condition} | sort n asc")]


def test_a_row_has_the_fields_that_its_event_has():
    assert rows("fields n, model, level | sort n desc | limit 2") == [
        {"n": "4"},
        {"n": "3", "model": "m2"},
    ]


def test_without_sort_the_newest_comes_first():
    assert rows("fields n", ["insights-a"]) == [{"n": "3"}, {"n": "2"}, {"n": "1"}]


def test_a_field_has_the_name_that_it_is_given():
    query = "fields LatencyMs as latency_ms, n | sort latency_ms desc | limit 1"
    assert rows(query) == [{"latency_ms": "30", "n": "2"}]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('level = "ERROR"', ["1"]),
        ('outcome = "success" and model = "m1"', ["2"]),
        ('ispresent(outcome) and model = "m2" and ispresent(n)', ["3"]),
        ("ispresent(`gen_ai.request.model`)", ["3", "4"]),
        ('`gen_ai.request.model` = "nested"', ["4"]),
        ('LatencyMs = "30"', ["2"]),
        ('tags.0 = "x"', ["4"]),
        ('nothing = ""', []),
    ],
)
def test_conditions(condition, found):
    assert numbers(condition) == found


def test_statistics_by_field():
    query = (
        "filter ispresent(model)"
        " | stats count(*) as n, sum(CostUsd) as usd, count(LatencyMs) by model | sort n desc"
    )
    assert rows(query) == [
        {"model": "m1", "n": "2", "usd": "0.3", "count(LatencyMs)": "2"},
        {"model": "m2", "n": "1", "usd": "0", "count(LatencyMs)": "0"},
    ]


def test_statistics_of_everything_and_of_nothing():
    assert rows("stats count(*), sum(n) as total") == [{"count(*)": "5", "total": "10"}]
    assert rows('filter level = "x" | stats count(*) as n') == [{"n": "0"}]


def test_only_the_groups_and_the_time_that_are_asked_for_are_searched():
    assert rows("fields n | filter ispresent(n)", ["insights-b"]) == [{"n": "4"}]
    assert query_logs(GROUPS, "fields n", NOW - 50, NOW) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "a name"),
        ("fields", "a name"),
        ("fields a b", "'b'"),
        ("fields a |", "a name"),
        ("fields a; b", "'; b'"),
        ("fields a / 2", "'/ 2'"),
        ("find a", "find"),
        ("display a", "display"),
        ('parse @message "*" as a', "parse"),
        ("limit many", "'many'"),
        ("filter ispresent(a)", "neither fields nor stats"),
        ("fields a | filter a = ", "a text"),
        ("fields a | filter a = 5", "'5'"),
        ('fields a | filter a = "open', "'\"open'"),
        ('fields a | filter (a = "1")', "'(a ="),
        ("fields a | filter a != 'x'", "!="),
        ("fields a | filter a like /x/", "like /x/"),
        ("fields a | filter not ispresent(a)", "ispresent"),
        ('fields a | filter a = "1" or b = "2"', "or b ="),
        ("fields a | filter strlen(a)", "strlen"),
        ("stats a", "aggregation: a"),
        ("stats avg(a)", "avg"),
        ("stats pct(a, 95)", "pct"),
        ("stats count(*) by bin(5m)", "(5m)"),
    ],
)
def test_what_is_not_supported_is_malformed_and_named(query, named):
    with pytest.raises(MalformedQuery) as malformed:
        query_logs(GROUPS, query, NOW - 200, NOW)
    assert named in str(malformed.value)
    status, _headers, body = insights._start({"logGroupName": GROUPS[0], "queryString": query})
    assert (status, json.loads(body)["__type"]) == (400, "MalformedQueryException")


def test_a_started_query_has_our_rows_and_its_own_limit():
    request = {
        "logGroupNames": list(GROUPS),
        "startTime": NOW - 200,
        "endTime": NOW,
        "queryString": "fields n | filter ispresent(n) | sort n asc",
        "limit": 3,
    }
    query_id = json.loads(insights._start(request)[2])["queryId"]
    answer = json.loads(logs._get_query_results({"queryId": query_id})[2])
    assert [row[0] for row in answer["results"]] == [
        {"field": "n", "value": number} for number in "123"
    ]
    assert [row[1]["field"] for row in answer["results"]] == ["@ptr"] * 3
    found = answer["statistics"]
    assert (found["recordsMatched"], found["recordsScanned"]) == (4, 5)


def test_a_query_of_an_unknown_group_is_upstreams_refusal():
    status, _headers, body = insights._start({"logGroupName": "none", "queryString": "fields a"})
    assert (status, json.loads(body)["__type"]) == (400, "ResourceNotFoundException")


@pytest.mark.parametrize("saved", SAVED_QUERIES, ids=lambda saved: saved.name)
def test_our_saved_queries_can_be_run(saved):
    query_logs(GROUPS, saved.query.to_string(), NOW - 200, NOW)


def test_upstream_still_ignores_conditions_that_it_cannot_read():
    assert "Unsupported filter form" in inspect.getsource(logs._compile_insights_filter)
    assert "stats" not in inspect.getsource(logs._parse_insights_fields)
