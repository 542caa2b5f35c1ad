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


def test_a_definition_is_put_listed_changed_and_deleted():
    _, put = call("PutQueryDefinition", name="f/b", queryString="limit 1", logGroupNames=["g"])
    query_id = put["queryDefinitionId"]
    call("PutQueryDefinition", name="f/a", queryString="limit 2")
    assert [one["name"] for one in definitions()] == ["f/a", "f/b"]
    (found,) = definitions(queryDefinitionNamePrefix="f/b")
    assert (found["queryString"], found["logGroupNames"]) == ("limit 1", ["g"])
    call("PutQueryDefinition", queryDefinitionId=query_id, name="f/b", queryString="limit 3")
    assert definitions(queryDefinitionNamePrefix="f/b")[0]["queryString"] == "limit 3"
    assert call("DeleteQueryDefinition", queryDefinitionId=query_id) == (200, {"success": True})
    assert [one["name"] for one in definitions()] == ["f/a"]


@pytest.mark.parametrize("action", ["PutQueryDefinition", "DeleteQueryDefinition"])
def test_an_unknown_definition_is_not_found(action):
    status, error = call(action, queryDefinitionId="none", name="n", queryString="q")
    assert (status, error["__type"]) == (400, "ResourceNotFoundException")


def test_other_actions_are_upstreams():
    assert call("DescribeLogGroups")[1].keys() == {"logGroups"}


def test_a_template_creates_changes_and_deletes_a_definition():
    props = {"Name": "n", "QueryString": "limit 1", "LogGroupNames": ["g"]}
    physical_id, attributes = saved_queries._create("Query", props, "stack")
    assert attributes == {"QueryDefinitionId": physical_id}
    changed = {**props, "QueryString": "limit 2"}
    assert saved_queries._update(physical_id, props, changed, "stack")[0] == physical_id
    assert [one["queryString"] for one in definitions()] == ["limit 2"]
    saved_queries._delete(physical_id, changed)
    assert definitions() == []


def test_upstream_still_knows_no_saved_queries():
    assert "QueryDefinition" not in inspect.getsource(logs)
    assert "AWS::Logs::QueryDefinition" not in provisioners._RESOURCE_HANDLERS
