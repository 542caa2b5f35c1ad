"""What a function's import loads, and what its initialisation does before its first event."""

import json

import pytest

from tests.conftest import PROJECT
from tests.support.fresh_process import printed_by

HANDLERS = sorted(path.parent.name for path in PROJECT.joinpath("functions").glob("*/handler.py"))
MOST_MODULES = {
    "classify": 268, "score": 285, "record_metrics": 280, "claim": 258, "authorize": 265, "tally": 265,
    "api": 445, "route": 456, "metrics": 430, "openai": 445, "admin": 410, "widgets": 420, "sweep": 268,
    "record_stopped": 260, "invoke_provider": 388, "console": 52, "docs": 52,
}  # fmt: skip
"""A budget each, about a tenth above what there is: what goes over it is loaded by every start."""
SDKS = ("botocore.client", "boto3", "openai", "anthropic", "onnxruntime", "httpx", "genai_prices")


def _loaded(handler, **variables):
    script = (
        f"import json, sys; before = set(sys.modules); import functions.{handler}.handler;"
        " print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    return json.loads(printed_by(script, variables))


def test_every_function_has_a_budget_of_modules():
    assert sorted(MOST_MODULES) == HANDLERS


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_import_keeps_its_budget_and_loads_no_sdk(handler):
    loaded = _loaded(handler)
    assert len(loaded) <= MOST_MODULES[handler]
    assert not set(SDKS) & set(loaded)


INITIALISES = """
import socket, sys
def refused(*_):
    raise AssertionError("a connection that no snapshot could keep")
socket.socket.connect = refused
import functions.{handler}.handler
from functions.shared.storage import clients
print(clients.client.cache_info().currsize, "botocore.client" in sys.modules)
"""


@pytest.mark.parametrize(
    "handler",
    ["score", "claim", "record_metrics", "authorize", "tally", "api", "route", "metrics", "openai"],
)
def test_lambda_has_the_client_made_before_the_first_event_and_no_connection(handler):
    script = INITIALISES.format(handler=handler)
    account = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "STATE_TABLE": "State",
        "SYNC_DEADLINE_MS": "26000",
        "ASYNC_DEADLINE_MS": "240000",
    }
    assert printed_by(script, account | {"AWS_LAMBDA_FUNCTION_NAME": handler}) == "1 True"
    assert printed_by(script, account) == "0 False"


def test_lambda_has_read_catalogue_prices_and_policy_before_the_first_event():
    script = """
import functions.score.handler
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import load_prices
from functions.shared.contracts.states import ScoreInput
from functions.shared.policy.routing_policy import load_policy
read = [one.cache_info().currsize for one in (load_catalogue, load_prices, load_policy)]
print(read, ScoreInput.__pydantic_complete__)
"""
    account = {"AWS_DEFAULT_REGION": "us-east-1", "STATE_TABLE": "State"}
    assert printed_by(script, account | {"AWS_LAMBDA_FUNCTION_NAME": "score"}) == "[1, 1, 1] True"
    assert printed_by(script, account) == "[0, 0, 0] False"
