import itertools
import json
import time
from contextlib import nullcontext
from unittest.mock import MagicMock

import boto3
import pytest
import requests

from ops import __main__, temporary
from ops.prove import bodies, document, figures, gateway, logs, running, settings
from ops.prove.check import Check, Finding, cannot_tell, held, not_held
from ops.prove.probe import Probe, letters_of, out_of_contract
from ops.prove.table import CHECKS
from ops.stage import NoStage
from ops.temporary import Key


def answer(status, body, **headers):
    made = requests.Response()
    made.status_code = status
    made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made.headers.update(headers)
    return made


def refusal(status, code, **changes):
    error = {"code": code, "message": "No."}
    return answer(status, {"success": False, "error": error, "request_id": "req_1"} | changes)


def test_the_document_is_the_table():
    assert document.PATH.read_text("utf-8") == document.document(), "run `python -m ops document`"


def test_every_check_has_a_name_of_its_own_and_says_what_it_is_for():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names) > 20
    for check in CHECKS:
        assert all((check.fact, check.doubt, check.assumed, check.settle)), check.name
        assert isinstance(check.settle, str) or check.calls > 0, check.name


def test_a_run_is_estimated_at_less_than_a_dollar():
    estimate = running.estimate_of(CHECKS)
    calls = sum(check.calls for check in CHECKS)
    assert estimate.startswith(f"At most {calls} calls, under 0.")
    assert float(estimate.split("under ")[1].split()[0]) < 1


def check(name, settle):
    return Check(name, "A fact.", "A doubt.", "something", settle, calls=1)


def run(monkeypatch, *checks):
    key = Key("id", "value")
    monkeypatch.setattr(running, "temporary_key", lambda _: nullcontext(key))
    monkeypatch.setattr(Probe, "send", lambda *_, **__: answer(200, {}))
    return running.prove(MagicMock(is_local=True), checks)


def failing(error):
    def settle(_probe) -> Finding:
        raise error

    return settle


def test_what_does_not_hold_fails_the_run_and_what_nobody_can_tell_does_not(monkeypatch, capsys):
    good = check("good", lambda _: held("so it is"))
    unknown = check("unknown", lambda _: cannot_tell("not here"))
    by_hand = check("by-hand", "aws do-it")
    lost = check("lost", failing(requests.ConnectionError("gone")))
    odd = check("odd", failing(KeyError("id")))
    assert run(monkeypatch, good, unknown, by_hand, lost, odd) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "held         good: so it is",
        "cannot tell  unknown: not here",
        "cannot tell  by-hand: by hand: aws do-it",
        "cannot tell  lost: ConnectionError: gone",
        "cannot tell  odd: KeyError: 'id'",
        "1 held, 0 not held, 4 cannot tell",
    ]
    assert run(monkeypatch, good, check("bad", lambda _: not_held("it is not"))) == 1
    assert "not held     bad: it is not" in capsys.readouterr().out


@pytest.fixture
def stage():
    made = MagicMock(service="llm-orchestrator-dev")
    made.outputs = {"ApiId": "api", "StandardPlanId": "plan", "CallersTableName": "Callers"}
    client = made.client.return_value
    client.create_api_key.return_value = {"id": "key"}
    client.create_usage_plan.return_value = {"id": "own"}
    return made


@pytest.fixture
def callers(callers_table, stage):
    gateway, database = stage.client.return_value, boto3.client("dynamodb")
    stage.client.side_effect = lambda service: database if service == "dynamodb" else gateway
    return callers_table


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_made_for_a_run_is_removed_also_when_the_run_breaks(stage, callers, error):
    client, made = stage.client.return_value, []

    def break_off():
        made.extend(callers.scan()["Items"])
        raise error

    with pytest.raises(error), temporary.temporary_key(stage), temporary.narrow_key(stage, 1):
        break_off()
    assert len(made) == 6
    joined = [call.kwargs["usagePlanId"] for call in client.create_usage_plan_key.call_args_list]
    assert joined == ["plan", "own"]
    assert client.delete_api_key.call_count == client.create_api_key.call_count == 2
    client.delete_usage_plan.assert_called_once_with(usagePlanId="own")
    assert callers.scan()["Items"] == []


def test_a_key_that_fits_no_plan_is_removed(stage, callers):
    client = stage.client.return_value
    client.create_usage_plan_key.side_effect = OSError("refused")
    with pytest.raises(OSError, match="refused"), temporary.temporary_key(stage):
        pass
    client.delete_api_key.assert_called_once_with(apiKey="key")
    assert callers.scan()["Items"] == []


def test_a_machine_that_cannot_run_is_removed(stage):
    client = stage.client.return_value
    client.start_sync_execution.side_effect = OSError("refused")
    client.describe_state_machine.return_value = {"roleArn": "role"}
    client.create_state_machine.return_value = {"stateMachineArn": "arn"}
    stage.outputs["GenerateMachineArn"] = "deployed"
    with pytest.raises(OSError, match="refused"):
        temporary.run_states(stage, {"A": {"Type": "Succeed"}}, "A")
    client.delete_state_machine.assert_called_once_with(stateMachineArn="arn")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (answer(400, b"<html>"), "shape"),
        (answer(400, b'["error"]'), "shape"),
        (answer(500, {"message": "Internal server error"}), "shape"),
        (refusal(500, "invalid_request"), "500 says invalid_request"),
        (refusal(400, "no_such_code"), "400 says no_such_code"),
        (refusal(400, "invalid_request", success=True), "400 says"),
        (refusal(404, "not_found"), "instead of invalid_request"),
        (refusal(400, "invalid_request", request_id="1"), "id is '1'"),
    ],
)
def test_an_error_out_of_the_contract_is_seen(wrong, said):
    assert said in out_of_contract(wrong, "invalid_request")


def test_an_error_in_the_contract_is_let_be():
    assert out_of_contract(refusal(400, "invalid_request"), "invalid_request") is None
    assert out_of_contract(refusal(413, "payload_too_large")) is None


@pytest.mark.parametrize("size", bodies.SIZES)
def test_a_body_has_exactly_its_size(size):
    body = bodies.body_of({"task": "sentiment", "text": "x", "fallback": False}, size)
    assert len(body) == size
    assert json.loads(body)["task"] == "sentiment"


@pytest.mark.parametrize(
    ("path", "size", "status", "is_wrong"),
    [
        ("/v1/generate", 209_999, 200, False),
        ("/v1/generate", 209_999, 413, True),
        ("/v1/generate", 210_001, 413, False),
        ("/v1/generate", 210_001, 200, True),
        ("/v1/generate", 1_000_000, 500, True),
        ("/v1/jobs", 209_999, 202, False),
        ("/v1/jobs", 209_999, 200, True),
        ("/v1/jobs", 210_001, 202, False),
        ("/v1/jobs", 262_145, 202, True),
        ("/v1/jobs", 262_145, 413, False),
    ],
)
def test_each_size_has_its_answers(path, size, status, is_wrong):
    codes = {413: "payload_too_large", 500: "internal_error"}
    made = refusal(status, codes[status]) if status in codes else answer(status, {})
    assert bool(bodies._wrong_for_its_size(made, path, size)) is is_wrong


def asked(send, **stage):
    """A probe whose stage answers as `send` says."""
    probe = Probe(MagicMock(is_local=True, **stage), Key("id", "value"))
    probe.__dict__["question"] = {"text": "x"}
    object.__setattr__(probe, "send", send)
    return probe


def test_an_id_of_the_callers_choice_is_seen():
    def send(method, _path, _body=None, headers=None):
        chosen = (headers or {}).get("x-amzn-RequestId", "")
        return answer(200, {"request_id": f"req_{chosen}"})

    found = gateway.ids_are_ours(asked(send))
    assert found.verdict == "not held"
    assert "'free-lunch' is in 'req_free-lunch'" in found.sentence
    assert "8 requests have 4 ids" in found.sentence


def test_a_refusal_that_repeats_the_value_is_seen():
    def send(_method, _path, body=None, _headers=None):
        return refusal(
            400, "invalid_request", error={"code": "invalid_request", "m": body.decode()}
        )

    assert bodies.a_refusal_repeats_no_value(asked(send)).verdict == "not held"


def test_a_retry_after_without_a_reason_is_seen():
    def send(*_, **__):
        made = refusal(400, "invalid_request")
        made.headers["Retry-After"] = ""
        return made

    assert bodies.a_plain_refusal_has_no_retry_after(asked(send)).verdict == "not held"


@pytest.mark.parametrize(
    "name", ["v1/health/GET", "/v1/health/GET", "~1v1~1health/GET", "/~1v1~1health/GET"]
)
def test_a_methods_rate_is_found_however_its_path_is_written(name):
    settings = {name: {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 10}, "*/*": {}}
    assert gateway._rate(settings, "v1/health") == (5.0, 10)
    assert gateway._rate(settings, "console")[0] == 10_000


def test_a_window_that_loses_requests_is_seen():
    totals = iter([3, 2, 3, 3, 3])

    def send(_method, path, *_, **__):
        return answer(200, {"requests": {"total": next(totals)}} if "window" in path else {})

    found = figures.every_window_is_answered(asked(send))
    assert (found.verdict, "fewer" in found.sentence) == ("not held", True)


def test_the_phases_of_a_cold_start_are_read_from_a_segment():
    parts = [
        {"name": "Restore", "start_time": 1.0, "end_time": 1.25},
        {"name": "Initialization", "start_time": 2.0, "end_time": 3.5},
        {"name": "Invocation", "start_time": 2.0, "end_time": 3.0},
        {"name": "Restore", "start_time": 1.0, "in_progress": True},
    ]
    found = list(figures.starts_in({"name": "classify", "subsegments": parts}))
    assert found == [("classify Restore", 0.25), ("classify Initialization", 1.5)]
    assert list(figures.starts_in({"name": "no subsegments"})) == []


def test_cold_starts_are_read_from_the_traces_of_the_stages_requests():
    part = {"name": "Restore", "start_time": 1.0, "end_time": 1.25}
    document = json.dumps({"name": "classify", "subsegments": [part]})
    stage = MagicMock(is_local=False, outputs={"ApiId": "api"})
    client = stage.client.return_value
    pages = [{"TraceSummaries": [{"Id": str(number)} for number in range(7)]}]
    client.get_paginator.return_value.paginate.return_value = pages
    client.batch_get_traces.return_value = {"Traces": [{"Segments": [{"Document": document}]}]}
    found = figures.cold_starts_have_figures(Probe(stage, Key("id", "value")))
    assert found.sentence == "classify Restore: 2, median 250 ms, longest 250 ms"
    assert [len(call.kwargs["TraceIds"]) for call in client.batch_get_traces.call_args_list] == [
        5,
        2,
    ]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [(None, "TLSv1.3", "held"), ("TLSv1.1", "TLSv1.3", "not held"), (None, None, "not held")],
)
def test_an_old_tls_that_passes_is_seen(monkeypatch, old, new, verdict):
    monkeypatch.setattr(settings, "_handshake", lambda _host, at_most: old if at_most else new)
    probe = Probe(MagicMock(is_local=False, root_url="https://host/api"), Key("id", "value"))
    assert settings.old_tls_is_refused(probe).verdict == verdict


def test_ids_are_compared_without_the_signs_that_some_writers_drop():
    assert letters_of("req_LIxCyGd7SK4FjEg=") == letters_of("req_LIxCyGd7SK4FjEg")


THROTTLED = {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 10}


def flooded(throttle, *answers):
    """What is found of a stage whose one keyless path has this throttle, and answers in turn so."""
    stage = MagicMock(gateway_stage={"methodSettings": {"~1v1~1health/GET": throttle}})
    stage.gateway_resources = {"/v1/health": "id", "/v1/models": "other"}
    turns = itertools.cycle(answers)
    probe = Probe(stage, Key("id", "value"))
    object.__setattr__(probe, "send", lambda *_, **__: next(turns))
    return gateway.keyless_routes_are_throttled(probe)


@pytest.mark.parametrize(
    ("throttle", "answers", "verdict"),
    [
        (THROTTLED, [answer(200, {}), refusal(429, "rate_limited")], "held"),
        (THROTTLED, [answer(200, {})], "not held"),
        (THROTTLED, [answer(200, {}), answer(429, {"message": "Too Many Requests"})], "not held"),
        ({}, [answer(200, {})], "not held"),
        ({"throttlingRateLimit": 900.0}, [answer(200, {})], "cannot tell"),
    ],
)
def test_a_path_without_a_key_has_to_refuse_a_flood(throttle, answers, verdict):
    assert flooded(throttle, *answers).verdict == verdict


def page(ids, **headers):
    return answer(200, {"data": [{"id": one} for one in ids]}, **headers)


@pytest.mark.parametrize(
    ("packed", "verdict"),
    [
        (page("ab", **{"Content-Encoding": "gzip"}), "held"),
        (page("ac", **{"Content-Encoding": "gzip"}), "not held"),
        (page("ab"), "not held"),
    ],
)
def test_a_compressed_answer_has_to_be_the_same(packed, verdict):
    answers = iter([page("ab"), packed])
    assert gateway.answers_are_compressed(asked(lambda *_, **__: next(answers))).verdict == verdict


def logging(lines, level="WARNING"):
    """What is found of a stage that says `level` and wrote these lines."""
    stage = MagicMock(is_local=True)
    stage.physical_ids.return_value = ["score"]
    client = stage.client.return_value
    client.get_function_configuration.return_value = {
        "Environment": {"Variables": {"LOG_LEVEL": level}},
        "LoggingConfig": {"LogGroup": "group"},
    }
    events = [{"message": line if isinstance(line, str) else json.dumps(line)} for line in lines]
    client.get_paginator.return_value.paginate.return_value = [{"events": events}]
    probe = Probe(stage, Key("id", "value"))
    probe.__dict__["question"] = {}
    object.__setattr__(probe, "send", lambda *_, **__: answer(200, {}))
    object.__setattr__(probe, "eventually", lambda look: look())
    return logs.the_log_level_has_its_effect(probe)


@pytest.mark.parametrize(
    ("lines", "level", "verdict"),
    [
        ([{"level": "ERROR"}, {"level": "WARN"}, "START", {"_aws": {}, "level": "INFO"}], "WARNING", "held"),
        ([{"level": "ERROR"}, {"level": "INFO"}], "WARNING", "not held"),
        ([{"level": "WARN"}], "ERROR", "not held"),
        ([{"level": "DEBUG"}], "INFO", "not held"),
        ([{"level": "DEBUG"}], "DEBUG", "cannot tell"),
        (["START", "7", '{"_aws": {}}'], "WARNING", "cannot tell"),
    ],
)  # fmt: skip
def test_a_line_under_the_stages_level_is_seen(lines, level, verdict):
    assert logging(lines, level).verdict == verdict


@pytest.mark.parametrize(
    ("leaking", "is_logged", "verdict"),
    [((), True, "held"), ((), False, "cannot tell"), (("machine",), False, "not held")],
)
def test_a_prompt_in_any_log_group_is_seen(monkeypatch, leaking, is_logged, verdict):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    probe = asked(lambda *_, **__: answer(202, {"execution_id": "req_1"}))
    probe.stage.physical_ids.return_value = ["score", "machine"]
    object.__setattr__(probe, "eventually", lambda _: is_logged)
    seen = []

    def events(group, pattern):
        seen.append(pattern)
        return ["{}"] if group in leaking else []

    object.__setattr__(probe, "events", events)
    found = logs.prompts_are_in_no_log(probe)
    assert found.verdict == verdict, found
    assert set(seen) == {seen[0]} != {""}
    assert all(group in found.sentence for group in leaking)


def test_a_list_needs_no_stage(capsys):
    assert __main__.main(["prove", "--list", "--only", "sizes"]) == 0
    assert capsys.readouterr().out.startswith("sizes: A request of up to 210,000 bytes")


def test_a_stage_that_is_not_there_is_said_in_a_line(monkeypatch, capsys):
    def nothing(_name):
        raise NoStage("There is no stage test.")

    monkeypatch.setattr(__main__, "deployed_stage", nothing)
    assert __main__.main(["prove", "--stage", "test"]) == 2
    assert capsys.readouterr().err == "There is no stage test.\n"
