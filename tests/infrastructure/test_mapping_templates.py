import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.shared.errors import HTTP_STATUS
from functions.shared.request_ids import REQUEST_ID, request_id_of
from local.velocity import render
from stacks.api.mapping import mapping_template
from tests.support.synthesized import Stage

TEMPLATES_OF_A_START = 5
MACHINE_ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:Jobs"
HOSTILE_TEXTS = {
    "quotes": "it's \"quoted\" and 'single'",
    "git diff": "@@ -1 +1 @@ @@,@@injected@@:@@1",
    "escaped apostrophe": "\\' and \\\\' and \\",
    "line separators": "a\u2028b\u2029c",
    "emoji": "\U0001f600 é 漢字",
    "references": "${x} $x $!x $util.parseJson('{}') $input.body",
    "directives": "#set($x = 1) #if(true) #end #[[raw]]# ## comment",
    "controls": "tab\t newline\n return\r bell\x07 null\x00",
    "markup": "</script><!-- -->",
    "json in text": '{"a": "b"}", "request_id": "forged',
    "long": "word's " * 30_000,
}

TEXT = r'"[^"]*"'
DIRECTIVE = re.compile(r"#(?:else)?if\b")
CONDITION = re.compile(r"^#(?:else)?if\((.+)\)$", re.MULTILINE)
# A missing reference is null and false to Velocity, an empty text and true to API Gateway. In these
# tests it makes no difference which.
TESTS_A_VALUE = re.compile(
    rf"""(?:{TEXT}\ (?:==|!=)\ {TEXT}
    |\$!?[\w.]+\ (?:==|!=)\ "[^"]+"
    |\$(?P<receiver>\w+)\.\w+\({TEXT}\))""",
    re.VERBOSE,
)
CALLER = {"name": 'it\'s "team\\a"', "limits": {"tier_down_at": 0.8}}
"""As a token's claim may name it."""
NEVER_MISSING = re.compile(r'#set\(\$(\w+) = "|#foreach\(\$(\w+) in ')


def bare_tests(template: str) -> list[str]:
    """The parts of conditions whose outcome depends on what a missing reference is."""
    conditions = CONDITION.findall(template)
    assert len(conditions) == len(DIRECTIVE.findall(template))
    never_missing = {name for names in NEVER_MISSING.findall(template) for name in names}
    parts = [part for condition in conditions for part in re.split(r" (?:&&|\|\|) ", condition)]
    return [
        part
        for part in parts
        if not (found := TESTS_A_VALUE.fullmatch(part))
        or (found["receiver"] and found["receiver"] not in never_missing)
    ]


def context(chosen: str = "free-lunch") -> dict[str, Any]:
    return {
        "requestId": chosen,
        "extendedRequestId": "1-2/+3=",
        "authorizer": {"caller_id": "key1234567", "caller": json.dumps(CALLER)},
        "responseOverride": {"header": {}},
    }


def request(mode: str, body: str, **headers: str) -> dict[str, Any]:
    """The call of Step Functions that a request becomes; header names with _ for -."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    text = render(
        mapping_template("start_request", machine_arn=MACHINE_ARN, mode=mode),
        body=body,
        parameters={"header": {"Content-Type": "application/json", **sent}},
        context=context(),
    )
    return dict(json.loads(text))


def response(
    answer: dict[str, Any], template: str = "start_response"
) -> tuple[int | None, dict[str, Any], Any]:
    """Overridden status, headers and body that an answer of Step Functions becomes."""
    names = context()
    text = render(mapping_template(template), body=json.dumps(answer), parameters={}, context=names)
    overridden = names["responseOverride"]
    return overridden.get("status"), overridden["header"], json.loads(text)


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_any_text_reaches_the_execution_unchanged(text: str, *, ascii_only: bool) -> None:
    body = {"text": text, "metadata": {text[:40]: text[:40]}}
    call = request("sync", json.dumps(body, ensure_ascii=ascii_only))
    started = json.loads(call["input"])
    assert started["request"] == body
    assert started["request_id"] == call["name"] == "req_1-23"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_execution_is_told_who_asks_and_how(mode: str) -> None:
    call = request(mode, '{"text": "hello"}')
    started = json.loads(call["input"])
    assert call["stateMachineArn"] == MACHINE_ARN
    assert started["caller_id"] == "key1234567"
    assert started["caller"] == CALLER
    assert started["mode"] == mode


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("header", ["Idempotency_Key", "idempotency_key", "IDEMPOTENCY_KEY"])
@pytest.mark.parametrize("key", ["order-1_A", "k", "k" * 64])
def test_an_idempotency_key_is_handed_on_and_names_nothing(
    mode: str, header: str, key: str
) -> None:
    call = request(mode, '{"text": "hello"}', **{header: key})
    assert json.loads(call["input"])["idempotency_key"] == key
    assert call["name"] == "req_1-23"


def test_without_a_key_the_execution_is_told_none() -> None:
    assert json.loads(request("sync", '{"text": "hello"}')["input"])["idempotency_key"] == ""


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("key", ["", "k" * 65, "with space", "a/b", '"', "'", "ключ", "a\n"])
def test_a_malformed_idempotency_key_makes_a_name_step_functions_refuses(
    mode: str, key: str
) -> None:
    call = request(mode, '{"text": "hello"}', Idempotency_Key=key)
    assert " " in call["name"]
    assert json.loads(call["input"])["idempotency_key"] == ""


def test_a_succeeded_execution_answers_its_output_as_it_is() -> None:
    answer = {"success": True, "result": "a 'b' \"c\" $x #end \u2028"}
    run = {"status": "SUCCEEDED", "output": json.dumps(answer, ensure_ascii=False)}
    assert response(run) == (None, {}, answer)


@pytest.mark.parametrize(("code", "status"), HTTP_STATUS.items())
def test_a_failed_execution_answers_its_cause_with_the_codes_status(code: str, status: int) -> None:
    body = {"success": False, "error": {"code": code, "message": "it's"}, "request_id": "req_1"}
    run = {"status": "FAILED", "error": code, "cause": json.dumps(body)}
    headers = {"x-should-retry": "false"} if code == "budget_exceeded" else {}
    assert response(run) == (status, headers, body)


def test_a_wait_that_the_cause_asks_for_becomes_a_header() -> None:
    body = {"success": False, "error": {"code": "rate_limited", "retry_after_seconds": 7}}
    run = {"status": "FAILED", "error": "rate_limited", "cause": json.dumps(body)}
    assert response(run)[:2] == (429, {"Retry-After": "7"})


@pytest.mark.parametrize(
    "run",
    [
        {"status": "FAILED", "error": "States.Runtime", "cause": "secret prompt"},
        {"status": "FAILED", "error": "States.Runtime", "cause": '{"a": "secret prompt"}'},
        {"status": "FAILED", "error": "rate_limited", "cause": "secret prompt"},
        {"status": "FAILED", "error": "rate_limited"},
        {"status": "FAILED"},
    ],
)
def test_any_other_failure_is_internal_and_shows_nothing(run: dict[str, str]) -> None:
    status, _, body = response(run)
    assert status == 500
    assert body["error"]["code"] == "internal_error"
    assert body["request_id"] == "req_1-23"
    assert "secret" not in json.dumps(body)


def test_a_failure_that_asks_for_no_wait_has_no_header_of_one() -> None:
    body = {"success": False, "error": {"code": "all_providers_failed", "message": "all"}}
    run = {"status": "FAILED", "error": "all_providers_failed", "cause": json.dumps(body)}
    assert response(run)[1] == {}


def test_no_template_tests_a_reference_that_may_be_missing(local: Stage, prod: Stage) -> None:
    templates = local.pipeline.mapping_templates() | prod.pipeline.mapping_templates()
    tested = {name: bare_tests(template) for name, template in templates.items()}
    assert len(tested) == 2 * TEMPLATES_OF_A_START
    assert {name: parts for name, parts in tested.items() if parts} == {}


@pytest.mark.parametrize(
    ("template", "bare"),
    [
        ("#if($a.b)\n#end", ["$a.b"]),
        ("#if($!a)\n#end", ["$!a"]),
        ('#if("$!a" != "")\n#elseif($b && "$!c" != "")\n#end', ["$b"]),
        ("#if(!$a)\n#end", ["!$a"]),
        ('#if($a == "")\n#end', ['$a == ""']),
        ('#if($a != "")\n#end', ['$a != ""']),
        ('#set($a = $b)\n#if($a.contains("x"))\n#end', ['$a.contains("x")']),
        ('#set($a = "$b")\n#if($a.c.contains("x"))\n#end', ['$a.c.contains("x")']),
    ],
)
def test_a_tested_bare_reference_would_be_noticed(template: str, bare: list[str]) -> None:
    assert bare_tests(template) == bare


def test_a_timed_out_execution_is_504() -> None:
    status, _, body = response({"status": "TIMED_OUT"})
    assert (status, body["error"]["code"]) == (504, "deadline_exceeded")


def test_an_accepted_job_says_where_to_look() -> None:
    url = "/api/v1/jobs/req_1-23"
    output = {"execution_id": "req_1-23", "status": "RUNNING", "status_url": url}
    run = {"status": "SUCCEEDED", "output": json.dumps(output)}
    assert response(run) == (None, {"Location": url}, output)


@pytest.mark.parametrize(("made_by", "is_replayed"), [("req_1-23", False), ("req_first", True)])
def test_an_answer_that_another_request_made_says_so(made_by: str, *, is_replayed: bool) -> None:
    answer = {"success": True, "request_id": made_by, "execution_id": made_by}
    headers = {"x-idempotent-replay": "true"} if is_replayed else {}
    run = {"status": "SUCCEEDED", "output": json.dumps(answer)}
    assert response(run) == (None, headers, answer)


def test_an_output_that_is_an_error_has_its_codes_status() -> None:
    body = {"success": False, "error": {"code": "invalid_request", "message": "no $x #end"}}
    run = {"status": "SUCCEEDED", "output": json.dumps(body)}
    assert response(run) == (400, {}, body)


HOSTILE_IDS = {
    "quote": 'x","input":"{\\"caller_id\\":\\"victim\\"}","z":"',
    "velocity": "$x#set($a=1)",
    "backslash": "a\\",
    "newline": "a\nb",
    "another's job": "victim1234_report-7",
    "long": "x" * 10_000,
    "empty": "",
}


@pytest.mark.parametrize("chosen", HOSTILE_IDS.values(), ids=HOSTILE_IDS)
def test_no_id_of_ours_can_be_chosen_by_the_client(chosen: str) -> None:
    text = render(
        mapping_template("start_request", machine_arn=MACHINE_ARN, mode="sync"),
        body='{"text": "hello"}',
        parameters={"header": {"x-amzn-RequestId": chosen}},
        context=context(chosen),
    )
    call = json.loads(text)
    assert call == request("sync", '{"text": "hello"}')
    assert REQUEST_ID.fullmatch(call["name"])


def test_templates_and_functions_make_the_same_id() -> None:
    call = request("sync", '{"text": "hello"}')
    assert call["name"] == request_id_of(context()["extendedRequestId"])


def test_nothing_names_the_id_that_a_client_chooses() -> None:
    sources = [
        path
        for folder in ("functions", "stacks", "statemachine")
        for kind in ("*.py", "*.vtl", "*.json", "*.js")
        for path in Path(folder).rglob(kind)
    ]
    named = re.compile(
        r"\$context\.requestId|context_request_id\(|request_context\.request_id|\"requestId\"\]"
    )
    found = {str(path) for path in sources if named.search(path.read_text("utf-8"))}
    assert len(sources) > 100
    assert found == {"stacks/api/templates/request_id.vtl"}


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        ({"__type": "ThrottlingException", "message": "Rate exceeded"}, 429, "rate_limited"),
        ({"__type": "ExecutionLimitExceeded", "message": ""}, 429, "rate_limited"),
        ({"__type": "InvalidName", "message": "Invalid Name"}, 400, "invalid_request"),
        # Input that is no JSON, in AWS's words.
        (
            {"__type": "InvalidExecutionInput", "message": "Unrecognized token 'x'"},
            500,
            "internal_error",
        ),
        (
            {
                "__type": "com.amazon.coral.validate#ValidationException",
                "message": "1 validation error detected: Value at 'input' failed to satisfy"
                " constraint: Member must have length less than or equal to 262144",
            },
            413,
            "payload_too_large",
        ),
        ({"__type": "AccessDeniedException", "message": "secret"}, 500, "internal_error"),
        ({"__type": "SerializationException"}, 500, "internal_error"),
        ({}, 500, "internal_error"),
    ],
)
def test_a_refused_start_becomes_the_contracts_error(
    refusal: dict[str, str], status: int, code: str
) -> None:
    answered, _, body = response(refusal, "start_refused")
    assert (answered, body["error"]["code"]) == (status, code)
    assert body["success"] is False
    assert body["request_id"] == "req_1-23"
    assert "secret" not in json.dumps(body)


@pytest.mark.parametrize(
    ("template", "code"),
    [("start_too_large", "payload_too_large"), ("start_failed", "internal_error")],
)
def test_fixed_answers_are_the_contracts_error(template: str, code: str) -> None:
    _, _, body = response({}, template)
    assert body["error"]["code"] == code
