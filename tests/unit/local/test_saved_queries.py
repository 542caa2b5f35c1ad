import asyncio
import inspect
import json

import pytest
from ministack.services import cloudwatch_logs as logs
from ministack.services.cloudformation import provisioners

from local.emulator import saved_queries


@pytest.fixture(autouse=True)
def empty():
    saved_queries._queries.clear()
    yield
    saved_queries._queries.clear()


def call(action, **request):
    headers = {"x-amz-target": f"Logs_20140328.{action}"}
    body = json.dumps(request).encode()
    status, _headers, answer = asyncio.run(saved_queries._handle("POST", "/", headers, body, {}))
    return status, json.loads(answer)


def definitions(**request):
    return call("DescribeQueryDefinitions", **request)[1]["queryDefinitions"]


def test_other_actions_are_upstreams():
    assert call("DescribeLogGroups")[1].keys() == {"logGroups"}


def test_a_template_creates_changes_and_deletes_what_is_listed_by_name():
    props = {"Name": "f/b", "QueryString": "limit 1", "LogGroupNames": ["g"]}
    physical_id, attributes = saved_queries._create("Query", props, "stack")
    assert attributes == {"QueryDefinitionId": physical_id}
    saved_queries._create("Another", {"Name": "f/a", "QueryString": "limit 5"}, "stack")
    changed = {**props, "QueryString": "limit 2"}
    assert saved_queries._update(physical_id, props, changed, "stack")[0] == physical_id
    assert [one["queryString"] for one in definitions()] == ["limit 5", "limit 2"]
    (found,) = definitions(queryDefinitionNamePrefix="f/b")
    assert (found["queryString"], found["logGroupNames"]) == ("limit 2", ["g"])
    saved_queries._delete(physical_id, changed)
    assert [one["name"] for one in definitions()] == ["f/a"]


def test_upstream_still_knows_no_saved_queries():
    assert "QueryDefinition" not in inspect.getsource(logs)
    assert "AWS::Logs::QueryDefinition" not in provisioners._RESOURCE_HANDLERS
