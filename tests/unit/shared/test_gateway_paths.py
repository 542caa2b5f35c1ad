import json
from urllib.parse import unquote

import pytest

from functions.api.handler import lambda_handler as api
from functions.metrics.handler import lambda_handler as metrics
from functions.route.handler import lambda_handler as route
from tests.support.gateway_events import ask

PATHS = [
    (api, "GET", "/v1/models"),
    (api, "GET", "/v1/models/gpt-4o-mini"),
    (api, "GET", "/v1/health"),
    (api, "GET", "/v1/jobs/req_1"),
    (api, "DELETE", "/v1/jobs/req_1"),
    (api, "GET", "/v1/requests/req_1"),
    (api, "POST", "/v1/requests/req_1/feedback"),
    (metrics, "GET", "/v1/metrics/models/gpt-4o-mini"),
    (metrics, "GET", "/v1/metrics/summary"),
    (route, "POST", "/v1/route"),
]


@pytest.fixture(autouse=True)
def _environment(environment, requests_table, state_table):
    environment(REQUESTS_TABLE="Requests", STATE_TABLE="State", MOCK_PROVIDERS="always")
    environment(SYNC_DEADLINE_MS="26000", ASYNC_DEADLINE_MS="240000")
    environment(JOBS_STATE_MACHINE_ARN="arn", POWERTOOLS_SERVICE_NAME="test")


@pytest.mark.parametrize("behind", ["%0a", "%0d", "%0d%0a", "%00", "%09", "%c2%85", "%e2%80%a8"])
@pytest.mark.parametrize(("handler", "method", "path"), PATHS)
def test_a_path_with_a_line_end_or_a_control_character_is_none(handler, method, path, behind):
    status, body = ask(handler, method, path + unquote(behind), '{"text": "a"}')
    assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("behind", [" ", "%20", "!", "é", "..", "%", "x" * 5_000])
def test_an_id_is_its_whole_text(behind):
    for path in ("/v1/models/gpt-4o-mini", "/v1/requests/req_1", "/v1/jobs/req_1:"):
        status, body = ask(api, "GET", path + behind)
        assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "fields",
    [
        {"session_id": "a\n"},
        {"tools": [{"function": {"name": "f\n"}}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a\n", "schema": {}}}},
    ],
    ids=str,
)
def test_a_name_in_a_body_has_no_line_end_either(fields):
    status, _ = ask(route, "POST", "/v1/route", json.dumps({"text": "a", "task": "chat"} | fields))
    assert status == 400


def test_the_same_paths_without_it_are_there():
    assert ask(api, "GET", "/v1/models/gpt-4o-mini")[0] == 200
    assert ask(api, "GET", "/v1/health")[0] == 200
