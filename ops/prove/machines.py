"""How Step Functions reads the definition, and the errors it makes itself."""

from __future__ import annotations

import json
from typing import Any

from ops.prove.check import Finding, cannot_tell, held, judged, not_held
from ops.prove.probe import Probe
from ops.temporary import run_states

_NEVER_RAN = ("Lambda.ResourceNotFoundException", "Lambda.AccessDeniedException")
_GATEWAY_LIMIT_MS = 29_000


def the_definition_is_valid(probe: Probe) -> Finding:
    client = probe.stage.client("stepfunctions")
    problems = []
    for name in ("GenerateMachineArn", "JobsMachineArn"):
        machine = client.describe_state_machine(stateMachineArn=probe.stage.outputs[name])
        answer = client.validate_state_machine_definition(
            definition=machine["definition"], type=machine["type"]
        )
        problems += [f"{one['code']}: {one['message']}" for one in answer["diagnostics"]]
    return judged(problems, "both deployed definitions are valid, with no warning")


def candidates_follow_in_order(probe: Probe) -> Finding:
    """The deployed expressions and the deployed choice, on variables of our own."""
    told = run_states(probe.stage, _next_candidate_states(_deployed_states(probe)), "Set")
    if told["status"] != "SUCCEEDED":
        return not_held(f"{told.get('error')}: {str(told.get('cause'))[:200]}")
    seen = json.loads(told["output"])
    wanted = {"candidate": "other", "remaining": ["same", "dear"], "dear": "refused"}
    return held(f"{seen}") if seen == wanted else not_held(f"{seen} instead of {wanted}")


def _next_candidate_states(states: dict[str, Any]) -> dict[str, Any]:
    """Orders what is left as the Catch for a provider's trouble does, chooses as `Next Candidate?`
    does, and once more with a candidate that is too dear."""
    trouble = next(
        one
        for one in states["Invoke Provider"]["Catch"]
        if "ProviderOverloaded" in one["ErrorEquals"]
    )
    choice = json.loads(json.dumps(states["Next Candidate?"]))
    text = json.dumps(choice).replace('"Invoke Provider"', '"{chosen}"')
    text = text.replace('"Record Failure"', '"{refused}"').replace('"Wait For Provider"', '"Waits"')
    variables = {
        "candidate": _candidate("failed", "a", 1),
        "remaining": [
            _candidate("same", "a", 1),
            _candidate("other", "b", 1),
            _candidate("dear", "a", 9),
        ],
        "failures": [],
        "retry_after_seconds": 0,
        "waited": False,
        "committed_nano_usd": 5,
        "profile": {"deadline_at_ms": 9_000_000_000_000, "max_cost_nano_usd": 10},
    }
    chosen = {"first": "{% $candidate.model %}", "left": "{% [$remaining.model] %}"}
    told = {"candidate": "{% $first %}", "remaining": "{% $left %}"}
    return {
        "Set": {"Type": "Pass", "Assign": variables, "Next": "Order"},
        "Order": {
            "Type": "Pass",
            "Assign": {"remaining": trouble["Assign"]["remaining"]},
            "Next": "Choose",
        },
        "Choose": json.loads(text.replace("{chosen}", "Chosen").replace("{refused}", "Nobody")),
        "Chosen": {"Type": "Pass", "Assign": chosen, "Next": "Make Dear"},
        "Make Dear": {
            "Type": "Pass",
            "Assign": {"committed_nano_usd": 10},
            "Next": "Choose Dear",
        },
        "Choose Dear": json.loads(
            text.replace("{chosen}", "Taken").replace("{refused}", "Refused")
        ),
        "Refused": {"Type": "Pass", "Output": {**told, "dear": "refused"}, "End": True},
        "Taken": {"Type": "Pass", "Output": {**told, "dear": "taken"}, "End": True},
        "Waits": {"Type": "Fail", "Error": "Waits"},
        "Nobody": {"Type": "Fail", "Error": "Nobody"},
    }


def _candidate(model: str, provider: str, cost: int) -> dict[str, Any]:
    return {"model": model, "provider": provider, "worst_case_cost_nano_usd": cost}


def a_late_execution_is_timed_out(probe: Probe) -> Finding:
    wait = {"Wait": {"Type": "Wait", "Seconds": 4, "End": True}}
    told = run_states(probe.stage, wait, "Wait", timeout_s=1)
    known = {name: told.get(name) for name in ("status", "error", "cause")}
    return held(f"{known}") if told["status"] == "TIMED_OUT" else _unlike_aws(probe, f"{known}")


def deadlines_end_before_the_gateway(probe: Probe) -> Finding:
    functions = probe.stage.client("lambda")
    name = next(
        one for one in probe.stage.physical_ids("AWS::Lambda::Function") if "Classify" in one
    )
    settings = functions.get_function_configuration(FunctionName=name)
    deadline_ms = int(settings["Environment"]["Variables"]["SYNC_DEADLINE_MS"])
    limit_ms = _integration_timeout_ms(probe)
    sentence = f"a synchronous request ends by {deadline_ms} ms, the gateway waits {limit_ms} ms"
    return judged([] if deadline_ms < limit_ms <= _GATEWAY_LIMIT_MS else [sentence], sentence)


def _integration_timeout_ms(probe: Probe) -> int:
    gateway, api = probe.stage.client("apigateway"), probe.stage.outputs["ApiId"]
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api)
    resources = {item["path"]: item["id"] for page in pages for item in page["items"]}
    integration = gateway.get_integration(
        restApiId=api, resourceId=resources["/v1/generate"], httpMethod="POST"
    )
    return int(integration.get("timeoutInMillis", _GATEWAY_LIMIT_MS))


def a_refused_invocation_has_a_known_name(probe: Probe) -> Finding:
    function = _called_function(probe, "Score")
    told = run_states(probe.stage, _invoking(f"{function}-that-does-not-exist"), "Invoke")
    error = told.get("error", told["status"])
    return judged(
        [] if error in _NEVER_RAN else [f"{error} is none of {', '.join(_NEVER_RAN)}"],
        f"a function that is not there ends the execution with {error}",
    )


def too_large_a_result_is_caught(probe: Probe) -> Finding:
    """The result of a task, made too large by the state's own Output."""
    states = _invoking(_called_function(probe, "Classify")) | {
        "Caught": {"Type": "Pass", "Output": "{% $states.input.Error %}", "End": True}
    }
    states["Invoke"] |= {
        "Output": "{% $pad('', 300000, 'x') %}",
        "Catch": [
            {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}
        ],
    }
    states["Invoke"]["Arguments"]["Payload"] = {
        "request": {"task": "sentiment", "text": "Good."},
        "request_id": "req_prove",
        "caller_id": probe.key.id,
        "mode": "sync",
        "started_at": "2026-01-01T00:00:00Z",
    }
    told = run_states(probe.stage, states, "Invoke")
    if told["status"] == "SUCCEEDED" and len(told["output"]) < 1000:
        caught = told["output"]
        sentence = f"caught as {caught}"
        return held(sentence) if "DataLimit" in caught else not_held(sentence)
    return _unlike_aws(probe, f"{told['status']} {told.get('error', '')}")


def _deployed_states(probe: Probe) -> dict[str, Any]:
    arn = probe.stage.outputs["GenerateMachineArn"]
    machine = probe.stage.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    states: dict[str, Any] = json.loads(machine["definition"])["States"]
    return states


def _called_function(probe: Probe, state: str) -> str:
    """As the machine's role may call it."""
    return str(_deployed_states(probe)[state]["Arguments"]["FunctionName"])


def _invoking(function: str) -> dict[str, Any]:
    return {
        "Invoke": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": {}},
            "End": True,
        }
    }


def _unlike_aws(probe: Probe, sentence: str) -> Finding:
    if probe.stage.is_local:
        return cannot_tell(f"the local Step Functions does not do this: {sentence}")
    return not_held(sentence)
