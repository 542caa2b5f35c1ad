import json

import pytest

from functions.invoke_provider.response_format import check_form
from functions.shared.contracts.request import ResponseFormat
from functions.shared.errors import InvalidRequest, ProviderBadResponse

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^(a+)+$"}, "people": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


def schema(of):
    told = {"type": "json_schema", "json_schema": {"name": "answer", "schema": of}}
    return ResponseFormat.model_validate(told)


@pytest.mark.parametrize("form", [None, ResponseFormat(type="text")])
def test_without_a_form_any_text_will_do(form):
    check_form("no JSON {", form)


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "```json\n{}\n```", "[" * 100_000])
def test_anything_but_a_json_object_is_a_bad_response(text):
    with pytest.raises(ProviderBadResponse):
        check_form(text, ResponseFormat(type="json_object"))


def test_a_json_object_passes():
    check_form('{"a": 1}', ResponseFormat(type="json_object"))


@pytest.mark.parametrize("answer", [{"city": "Bern"}, {"city": "Bern", "people": 134_000}])
def test_an_answer_that_its_schema_accepts_passes(answer):
    check_form(json.dumps(answer), schema(CITY))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "required at the top"),
        ({"city": 1}, "type at city"),
        ({"city": "Bern", "mood": 1}, "additionalProperties"),
        ([], "type at the top"),
    ],
)
def test_an_answer_that_breaks_its_schema_says_where(answer, problem):
    with pytest.raises(ProviderBadResponse, match=problem):
        check_form(json.dumps(answer), schema(CITY))


def test_a_callers_pattern_is_never_run():
    check_form(json.dumps({"city": "a" * 64 + "!"}), schema(CITY))


@pytest.mark.parametrize("closing", ["additionalProperties", "unevaluatedProperties"])
@pytest.mark.parametrize("pattern", ["^(a+)+$", "(", "\\p{L}"])
def test_a_callers_pattern_of_names_is_never_run_nor_read(closing, pattern):
    names = {"type": "object", "patternProperties": {pattern: {"type": "string"}}, closing: False}
    check_form(json.dumps({"a" * 64 + "!": "x"}), schema(names))


@pytest.mark.parametrize("closing", ["additionalProperties", "unevaluatedProperties"])
def test_without_patterns_of_names_a_closed_object_is_held_to_its_names(closing):
    closed = {"type": "object", "properties": {"city": {}}, closing: False}
    check_form('{"city": 1}', schema(closed))
    with pytest.raises(ProviderBadResponse, match=closing):
        check_form('{"city": 1, "mood": 1}', schema(closed))


def test_a_pattern_that_only_other_languages_know_is_no_broken_schema():
    letters = {"type": "object", "properties": {"city": {"type": "string", "pattern": "\\p{L}+"}}}
    check_form('{"city": "Bern"}', schema(letters))
    with pytest.raises(ProviderBadResponse, match="type at city"):
        check_form('{"city": 1}', schema(letters))


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "nonsense"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_is_none_is_the_callers_error_and_nothing_is_fetched(broken):
    with pytest.raises(InvalidRequest, match="not valid"):
        check_form("{}", schema(broken))
