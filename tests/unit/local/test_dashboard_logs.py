import json
import time
from typing import Any

import pytest
from ministack.services import cloudwatch_logs as logs

from local.dashboard.problem import BadWidget
from local.dashboard.widget_data import DataRequest, data_of

NOW = int(time.time())
GROUPS = ("dashboard-a", "dashboard-b")
EVENTS: tuple[list[dict[str, Any]], ...] = ([{"n": 1}, {"n": 2, "task": "chat"}], [{"n": 3}])


@pytest.fixture
def log_groups():
    for group, events in zip(GROUPS, EVENTS, strict=True):
        where = {"logGroupName": group, "logStreamName": "s"}
        logs._create_log_group({"logGroupName": group})
        logs._create_log_stream(where)
        told = [
            {"timestamp": (NOW - 60 + event["n"]) * 1000, "message": json.dumps(event)}
            for event in events
        ]
        logs._put_log_events({**where, "logEvents": told})
    yield
    for group in GROUPS:
        logs._delete_log_group({"logGroupName": group})


def rows(query):
    widget = {"type": "log", "properties": {"query": query}}
    times = {"start": (NOW - 3600) * 1000, "end": NOW * 1000}
    data = data_of(DataRequest.model_validate({"widget": widget, **times}))
    return data["columns"], data["rows"]


def test_a_log_widget_asks_all_of_its_sources(log_groups):
    sources = " | ".join(f"SOURCE '{group}'" for group in GROUPS)
    assert rows(f"{sources} | fields n | sort n desc") == (["n"], [["3"], ["2"], ["1"]])
    assert rows("SOURCE 'dashboard-b' | fields n\n| filter ispresent(n)") == (["n"], [["3"]])


def test_columns_are_in_the_querys_order_though_a_row_lacks_one(log_groups):
    columns, found = rows("SOURCE 'dashboard-a' | fields @timestamp, task, n | sort n asc")
    assert columns == ["@timestamp", "task", "n"]
    assert [row[1:] for row in found] == [["", "1"], ["chat", "2"]]


def test_a_log_widget_may_find_nothing(log_groups):
    assert rows("SOURCE 'dashboard-a' | fields n | filter task = \"x\"") == ([], [])
    assert rows("SOURCE 'no-such-group' | fields n") == ([], [])


@pytest.mark.parametrize("query", ["", "fields n", "SOURCE 'dashboard-a' | parse @message"])
def test_a_query_that_cannot_be_read_is_said(query):
    with pytest.raises(BadWidget):
        rows(query)
