import inspect
import json

import pytest
from ministack.services import cloudwatch_logs as logs

from local.emulator import insights
from local.emulator.insights import query_logs
from local.emulator.insights_query import MalformedQuery
from stacks.monitoring.queries import SAVED_QUERIES

NOW = 1_795_600_000
GROUPS = ("insights-a", "insights-b")
EVENTS = {
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


def test_without_fields_there_is_the_time_and_the_message():
    (row,) = rows('filter @message like "no JSON"')
    assert row["@message"] == "START of no JSON"
    assert row.keys() == {"@timestamp", "@message"}


def test_display_chooses_among_computed_fields():
    query = "fields LatencyMs / 4 as quarter, n | filter quarter > 5 | display quarter"
    assert rows(query) == [{"quarter": "7.5"}]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('level = "ERROR"', ["1"]),
        ('level = "ERROR" or outcome = "success" and model = "m1"', ["1", "2"]),
        ('(level = "ERROR" or outcome = "success") and model = \'m1\'', ["1", "2"]),
        ('ispresent(outcome) and outcome != "success"', ["3"]),
        ('outcome != "success"', [None, "1", "3"]),
        ("ispresent(`gen_ai.request.model`)", ["3", "4"]),
        ('`gen_ai.request.model` = "nested"', ["4"]),
        ("not ispresent(model)", [None, "4"]),
        ("LatencyMs >= 10 and LatencyMs < 30.5", ["1", "2"]),
        ("LatencyMs = '30'", ["2"]),
        ("model like /M1/i", ["1", "2"]),
        ("model like 'm2'", ["3"]),
        ("ispresent(model) and model not like /1$/", ["3"]),
        ("n in [1, 4]", ["1", "4"]),
        ("ispresent(n) and n not in [1, 4]", ["2", "3"]),
        ("cold = true", ["1"]),
        ("tags.0 = 'x'", ["4"]),
        ("n - 1 = 2 * 1", ["3"]),
        ("strcontains(@log, '-b') and ispresent(n)", ["4"]),
        (f"toMillis(@timestamp) > {(NOW - 100) * 1000 + 10}", ["3"]),
    ],
)
def test_conditions(condition, found):
    assert numbers(condition) == found


def test_statistics_by_field():
    query = (
        "filter ispresent(model)"
        " | stats count(*) as n, sum(CostUsd) as usd, pct(LatencyMs, 95) as p95, avg(LatencyMs)"
        " by model | sort n desc"
    )
    assert rows(query) == [
        {"model": "m1", "n": "2", "usd": "0.3", "p95": "30", "avg(LatencyMs)": "20"},
        {"model": "m2", "n": "1", "usd": "0"},
    ]


def test_statistics_of_everything_and_of_nothing():
    query = "stats min(n), max(n), count_distinct(outcome), count(outcome), sum(n) / count(n) as m"
    names = ("min(n)", "max(n)", "count_distinct(outcome)", "count(outcome)", "m")
    assert rows(query) == [dict(zip(names, ("1", "4", "2", "3", "2.5"), strict=True))]
    assert rows("filter n > 9 | stats count(*) as n") == [{"n": "0"}]


def test_statistics_by_time():
    found = rows("stats count(*) as n by bin(1w) as week")
    assert sum(int(row["n"]) for row in found) == 5
    assert all(row["week"].endswith("00:00:00.000") for row in found)


def test_only_the_groups_and_the_time_that_are_asked_for_are_searched():
    assert rows("fields n | filter ispresent(n)", ["insights-b"]) == [{"n": "4"}]
    assert query_logs(GROUPS, "fields n", NOW - 50, NOW) == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "fields",
        "fields a b",
        "find a",
        'parse @message "*" as a',
        "filter a = ",
        "filter (a = 1",
        'filter a = "open',
        "filter a like 5",
        "filter a like /(/",
        "filter a not = 1",
        "filter nothing_known(a)",
        "stats a",
        "stats mode(a)",
        "stats count(*) by bin(5)",
        "limit many",
        "fields a |",
        "fields a; b",
    ],
)
def test_what_is_no_query_is_malformed(query):
    with pytest.raises(MalformedQuery, match=r".+"):
        query_logs(GROUPS, query, NOW - 200, NOW)
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
