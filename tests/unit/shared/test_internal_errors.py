import json

import pytest

from functions.shared import errors
from functions.shared.gateway.rest import new_resolver
from functions.shared.telemetry.series import NAMESPACE
from functions.shared.telemetry.state_handler import state_handler
from tests.support.gateway_events import LambdaStub, ask

UNEXPECTED = [KeyError("x"), RecursionError(), ZeroDivisionError(), errors.EngineError("x")]
EXPECTED = [
    kind("x") for name, kind in errors.ERRORS_BY_NAME.items() if kind is not errors.EngineError
]


def named(error):
    return type(error).__name__


@pytest.fixture
def counted(capsys):
    """The series that were counted up, each with its value."""

    def read():
        lines = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
        return [
            (tuple(line[name] for name in names), line["InternalErrors"])
            for line in lines
            if "InternalErrors" in line
            for directive in line["_aws"]["CloudWatchMetrics"]
            if directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]
        ]

    return read


def of_a_state(error):
    @state_handler
    def fails(_event, _context):
        raise error

    with pytest.raises(errors.EngineError):
        fails({"request_id": "req_1"}, LambdaStub("score"))


def behind_the_gateway(error):
    app = new_resolver()

    @app.get("/v1/fails")
    def fails():
        raise error

    status, _answer = ask(app.resolve, "GET", "/v1/fails")
    return status


@pytest.mark.parametrize("error", UNEXPECTED, ids=named)
def test_a_state_counts_what_it_should_not_have_met_in_all_and_by_function(error, counted):
    of_a_state(error)
    found = counted()
    (service,), (same, function) = (series for series, _ in found)
    assert (same, function) == (service, "score")
    assert [value for _, value in found] == [[1.0], [1.0]]


@pytest.mark.parametrize("error", EXPECTED, ids=named)
def test_an_error_that_steers_the_state_machine_is_no_internal_one(error, counted):
    of_a_state(error)
    assert counted() == []


@pytest.mark.parametrize("error", UNEXPECTED, ids=named)
def test_a_path_that_fails_inside_counts_it(error, counted):
    assert behind_the_gateway(error) == 500
    assert [series[1:] for series, _ in counted()] == [(), ("api",)]


@pytest.mark.parametrize("error", EXPECTED, ids=named)
def test_a_path_that_refuses_counts_nothing(error, counted):
    assert behind_the_gateway(error) == errors.HTTP_STATUS[error.code]
    assert counted() == []
