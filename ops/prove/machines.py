"""How Step Functions reads the definition, and the errors it makes itself."""

from __future__ import annotations

import json
from typing import Any

from functions.shared.never_ran import NEVER_RAN
from ops.prove.check import Finding, cannot_tell, held, judged, not_held
from ops.prove.probe import Probe
from ops.temporary import run_states

_GATEWAY_LIMIT_MS = 29_000
_REQUEST = {
    "request": {"task": "sentiment", "text": "Good."},
    "request_id": "req_prove",
    "mode": "sync",
    "idempotency_key": "",
    "started_at": "2026-01-01T00:00:00Z",
}
_CATCH = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}
_TOLD = {"candidate": "{% $first %}", "remaining": "{% $others %}"}
_ENDS = {
    "Chosen": {
        "Type": "Pass",
        "Assign": {
            "first": "{% $candidate.model %}",
            "others": "{% [$remaining.model] %}",
            "left": 0,
        },
        "Next": "Choose Again",
    },
    "Refused": {"Type": "Pass", "Output": {**_TOLD, "dear": "refused"}, "End": True},
    "Taken": {"Type": "Pass", "Output": {**_TOLD, "dear": "taken"}, "End": True},
    "Waits": {"Type": "Fail", "Error": "Waits"},
    "Nobody": {"Type": "Fail", "Error": "Nobody"},
}
"""Where the two choices lead: the first to a candidate, the second to its refusal."""


def the_definition_is_valid(probe: Probe) -> Finding:
    client = probe.stage.client("stepfunctions")
    problems = []
    for name in ("GenerateMachineArn", "JobsMachineArn", "SubmitMachineArn"):
        machine = client.describe_state_machine(stateMachineArn=probe.stage.outputs[name])
        answer = client.validate_state_machine_definition(
            definition=machine["definition"], type=machine["type"]
        )
        problems += [f"{one['code']}: {one['message']}" for one in answer["diagnostics"]]
    return judged(problems, "the deployed definitions are valid, with no warning")


def candidates_follow_in_order(probe: Probe) -> Finding:
    """The deployed expressions and the deployed choice, on variables of our own."""
    told = run_states(probe.stage, _next_candidate_states(_deployed_states(probe)), "Set")
    if told["status"] != "SUCCEEDED":
        return not_held(f"{told.get('error')}: {str(told.get('cause'))[:200]}")
    seen = json.loads(told["output"])
    wanted = {"candidate": "other", "remaining": ["same"], "dear": "refused"}
    return held(f"{seen}") if seen == wanted else not_held(f"{seen} instead of {wanted}")


def _next_candidate_states(states: dict[str, Any]) -> dict[str, Any]:
    """Orders what is left as the Catch for a provider's trouble does, chooses as `Next Candidate?`
    does, and once more with a candidate that is too dear."""
    trouble = next(
        one
        for one in states["Invoke Provider"]["Catch"]
        if "ProviderOverloaded" in one["ErrorEquals"]
    )
    ordered = {"remaining": trouble["Assign"]["remaining"]}
    return {
        "Set": {"Type": "Pass", "Assign": _variables(), "Next": "Order"},
        "Order": {"Type": "Pass", "Assign": ordered, "Next": "Choose"},
        "Choose": _leading_to(states["Next Candidate?"], called="Chosen", ended="Nobody"),
        "Choose Again": _leading_to(states["Next Candidate?"], called="Taken", ended="Refused"),
        **_ENDS,
    }


def _variables() -> dict[str, Any]:
    left = [_candidate("same", "a", 1), _candidate("other", "b", 1), _candidate("dear", "a", 9)]
    return {
        "candidate": _candidate("failed", "a", 1),
        "remaining": left,
        "failures": [],
        "refusal": None,
        "refused": 0,
        "reorders": True,
        "throttled": [],
        "waited": False,
        "left": 5,
        "again": [],
        "wait_seconds": 0,
        "profile": {"deadline_at_ms": 9_000_000_000_000},
    }


def _leading_to(choice: dict[str, Any], called: str, ended: str) -> dict[str, Any]:
    """The choice with other states behind it."""
    text = json.dumps(choice)
    ways = {
        "Invoke Provider": called,
        "Record Failure": ended,
        "Record Metrics": ended,
        "Wait For Provider": "Waits",
        "Next Candidate?": "Waits",
    }
    for state, other in ways.items():
        text = text.replace(f'"{state}"', f'"{other}"')
    changed: dict[str, Any] = json.loads(text)
    return changed


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
    integration = probe.stage.client("apigateway").get_integration(
        restApiId=probe.stage.outputs["ApiId"],
        resourceId=probe.stage.gateway_resources["/v1/generate"],
        httpMethod="POST",
    )
    return int(integration.get("timeoutInMillis", _GATEWAY_LIMIT_MS))


def a_refused_invocation_has_a_known_name(probe: Probe) -> Finding:
    function = _called_function(probe, "Score")
    told = run_states(probe.stage, _invoking(f"{function}-that-does-not-exist"), "Invoke")
    error = told.get("error", told["status"])
    return judged(
        [] if error in NEVER_RAN else [f"{error} is no name of what never ran"],
        f"a function that is not there ends the execution with {error}",
    )


def too_large_a_result_is_caught(probe: Probe) -> Finding:
    """What a task hands on, made too large by the state's own Output."""
    states = _invoking(_called_function(probe, "Classify"), _REQUEST | {"caller_id": probe.key.id})
    states["Invoke"] |= {"Output": "{% $pad('', 300000, 'x') %}", "Catch": [_CATCH]}
    states["Caught"] = {"Type": "Pass", "Output": "{% $states.input.Error %}", "End": True}
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


def _invoking(function: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "Invoke": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": payload or {}},
            "End": True,
        }
    }


def _unlike_aws(probe: Probe, sentence: str) -> Finding:
    if probe.stage.is_local:
        return cannot_tell(f"the local Step Functions does not do this: {sentence}")
    return not_held(sentence)
