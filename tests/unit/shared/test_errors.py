import json

import pytest

from functions.shared import errors


@pytest.mark.parametrize("name", sorted(errors.ERRORS_BY_NAME))
def test_an_error_survives_lambda_and_the_state_machine(name):
    raised = errors.ERRORS_BY_NAME[name](
        "told", details=[{"field": "a", "problem": "b"}], retry_after_seconds=7
    )
    raised.call = {"elapsed_ms": 12, "cost_nano_usd": 3}
    cause = json.dumps({"errorMessage": str(raised), "errorType": name, "stackTrace": []})
    seen = errors.from_execution(name, cause)
    assert type(seen) is type(raised)
    assert (seen.message, seen.details) == (raised.message, raised.details)
    assert (seen.retry_after_seconds, seen.call) == (7, raised.call)


@pytest.mark.parametrize("cause", ["", "not json", "{}", '{"errorMessage": "plain"}', "[]", "null"])
def test_an_unreadable_cause_keeps_its_class(cause):
    assert isinstance(errors.from_execution("ProviderTimeout", cause), errors.ProviderTimeout)


def test_a_foreign_error_shows_its_name_and_nothing_of_its_cause():
    seen = errors.from_execution("KeyError", '{"errorMessage": "the prompt"}')
    assert seen.code == "internal_error"
    assert "prompt" not in seen.message


def test_every_code_of_the_tree_has_a_status():
    codes = {error.code for error in errors.ERRORS_BY_NAME.values()}
    assert codes <= errors.HTTP_STATUS.keys()


def test_the_body_leaves_out_what_is_empty():
    body = errors.error_body(errors.NotFound("gone"), "req_1")
    assert body == {
        "success": False,
        "error": {"code": "not_found", "message": "gone"},
        "request_id": "req_1",
    }


def test_the_drawn_tree_names_every_class():
    drawn = errors.__doc__ or ""
    assert all(name in drawn for name in errors.ERRORS_BY_NAME)


def test_an_invalid_request_names_its_fields_and_what_is_wrong_with_each():
    problems = [errors.problem_at("text", "is blank"), errors.problem_at("tools", "are missing")]
    for error in (errors.InvalidRequest.at("text", "is blank"), errors.InvalidRequest.of(problems)):
        assert error.message == "The request is not valid."
        assert error.details[0] == {"field": "text", "problem": "is blank"}
    assert (
        errors.InvalidRequest.at("model", "is gone", "No such model.").message == "No such model."
    )
