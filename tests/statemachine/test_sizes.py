"""Every request that is accepted fits every state: the local AWS ends what outgrows 256 KiB."""

import json

import pytest

from functions.classify.parsing import parse_request
from functions.shared.attempt_limits import MAX_ATTEMPTS
from functions.shared.catalogue.models import load_catalogue
from functions.shared.errors import InvalidRequest, PayloadTooLarge
from tests.support.api_calls import post

pytestmark = pytest.mark.xdist_group("local")

ASKED = {"task": "chat", "explain": True, "model_preference": "best", "max_latency_ms": 26_000}
CALL = {"id": "c", "function": {"name": "f", "arguments": ""}}


def said(text):
    return {"text": text}


def tools(size):
    function = {"name": "f", "description": "d" * size}
    return {"text": "x", "tools": [{"function": function}]}


def numbers(size):
    """Spread over tools, as a schema alone may not be as large."""
    parameters = {"examples": [1e15] * (size // 4)}
    return {"text": "x", "tools": [{"function": {"name": "f", "parameters": parameters}}] * 4}


def calls(size):
    """Each call grows by the type that the caller may leave out."""
    turns = [
        {"role": "assistant", "tool_calls": [CALL] * min(128, size - first)}
        for first in range(0, size, 128)
    ]
    return {"messages": [{"role": "user", "content": "x"}, *turns]}


# What a request is filled up with; the number makes it larger.
FULL_OF = {
    "letters": lambda size: said("x" * size),
    "emoji": lambda size: said("\U0001f600" * size),
    "control characters": lambda size: said("x" + "\u0001" * size),
    "quotes and backslashes": lambda size: said("x" + '"\\' * size),
    "turns": lambda size: {"messages": [{"role": "user", "content": "x" * size}] * 500},
    "a long tool": tools,
    "numbers of schemas": numbers,
    "calls of tools": calls,
    "metadata": lambda size: (
        said("x" * size)
        | {"metadata": {f"{number:064}": "\U0001f600" * 512 for number in range(16)}}
    ),
}


def is_accepted(body):
    try:
        parse_request(json.loads(json.dumps(body)))
    except (PayloadTooLarge, InvalidRequest):
        return False
    return True


def largest(kind):
    """The largest accepted body of a kind, and the next one."""
    low, high = 1, 210_001
    while high - low > 1:
        middle = (low + high) // 2
        accepted = is_accepted(FULL_OF[kind](middle) | ASKED)
        low, high = (middle, high) if accepted else (low, middle)
    return FULL_OF[kind](low) | ASKED, FULL_OF[kind](high) | ASKED


@pytest.mark.parametrize("kind", FULL_OF)
def test_the_largest_request_of_every_kind_is_answered_and_a_larger_one_is_refused(stack, kind):
    accepted, refused = largest(kind)
    assert post(stack, "/generate", accepted).status_code == 200
    assert post(stack, "/generate", refused).status_code == 413


@pytest.mark.parametrize("kind", ["letters", "control characters", "metadata", "calls of tools"])
def test_the_largest_request_fits_all_states_of_every_failure_and_wait(stack, kind):
    accepted, _ = largest(kind)
    # As long a number: what is waited for takes no more time than it needs to show that there is room.
    accepted |= {"max_latency_ms": 14_000}
    faults = {model.id: "ProviderThrottled" for model in load_catalogue().models}
    with stack.faults(faults):
        answer = post(stack, "/generate", accepted)
    # Which of the two depends on how long one wait is; what outgrows a state is `internal_error`.
    assert answer.json()["error"]["code"] in ("all_providers_failed", "deadline_exceeded")
    tried = [one["model"] for one in answer.json()["error"]["details"]]
    assert len({*tried}) == MAX_ATTEMPTS < len(tried)
