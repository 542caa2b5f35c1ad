import pytest

from local.emulator.validation import MALFORMED, TOO_DEEP, problem_of

SCHEMA = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "maxLength": 5},
        "task": {"enum": ["chat", "code"]},
        "limit": {"type": "number", "minimum": 0},
    },
}


def test_a_valid_body_has_no_problem():
    assert problem_of(b'{"text": "a", "limit": 0}', SCHEMA) is None


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b'"\xff"', b'{"text": "a"}, 1'])
def test_what_is_not_json_in_utf8_is_malformed(body):
    assert problem_of(body, SCHEMA) == MALFORMED


def test_a_deeply_nested_body_is_refused_instead_of_exhausting_the_stack():
    nested = b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert problem_of(nested, SCHEMA) in {MALFORMED, TOO_DEEP}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{}", 'object has missing required properties (["text"])'),
        (
            b'{"text": "a", "b": 1}',
            'object instance has properties which are not allowed by the schema: ["b"]',
        ),
        (
            b'{"text": 1}',
            "text: instance type (integer) does not match any allowed primitive type "
            '(allowed: ["string"])',
        ),
        (
            b'{"text": "a", "task": "secret"}',
            'task: instance value not found in enum (possible values: ["chat","code"])',
        ),
        (b'{"text": "a secret"}', "text: instance does not satisfy maxLength: 5"),
        (b'{"text": "a", "limit": -1}', "limit: instance does not satisfy minimum: 0"),
    ],
)
def test_a_problem_names_the_rule_and_never_the_value(body, problem):
    assert problem_of(body, SCHEMA) == f"[{problem}]"
