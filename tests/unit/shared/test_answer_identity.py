import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.classify.parsing import parse_request
from functions.shared.caller import Caller
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.states import ClassifyInput
from functions.shared.errors import EngineError
from functions.shared.kept_answers import identity
from functions.shared.kept_answers.identity import claims_of
from tests.unit.test_words import PNG, WHOLE, WRONG, spots, with_value

PLAIN: dict[str, Any] = {"text": "Hello?"}
# Of every field, a value that no body below has.
OTHER: dict[str, Any] = {
    "task": "code", "text": "Hello!", "messages": [{"role": "user", "content": "Hello!"}],
    "model_preference": "best", "max_cost_usd": 0.5, "max_latency_ms": 900, "model": "gpt-5",
    "models": ["gpt-5", "gpt-4o"], "fallback": False, "system": "Be kind.", "max_output_tokens": 9,
    "max_tokens": 9, "temperature": 0, "top_p": 0.5, "stop": ["end"], "seed": 7,
    "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"7": 1},
    "parallel_tool_calls": False, "reasoning_effort": "high", "verbosity": "high", "user": "u",
    "service_tier": "flex", "n": 1, "tools": [{"function": {"name": "g"}}],
    "tool_choice": "required", "response_format": {"type": "json_object"}, "cache_ttl_seconds": 9,
    "session_id": "s", "explain": True, "metadata": {"team": "a"},
}  # fmt: skip
BESIDE: dict[str, Any] = {
    "tool_choice": {"tools": [{"function": {"name": "g"}}]},
    "messages": {"text": None},
}
"""What a field cannot be without."""


def _event(body, caller_id="caller-a", key="", mode="sync", count=None, **caller):
    return ClassifyInput(
        request=body,
        request_id="req_1",
        caller_id=caller_id,
        caller=Caller(**caller),
        mode=mode,
        started_at="2026-11-27T00:00:00Z",
        idempotency_key=key,
        client_retry_count=count,
    )


def _claims(body, **event):
    return claims_of(_event(body, **event), parse_request(body), "default")


def _cached(body, ttl=60, **event):
    [claim] = _claims({"cache_ttl_seconds": ttl} | body, **event)
    assert claim.kind == "cache"
    return claim


def _keyed(body, **event):
    event.setdefault("key", "order-7")
    return next(one for one in _claims(body, **event) if one.kind == "idempotency")


def _retried(body, count=1, **event):
    [claim] = _claims(body, count=count, **event)
    assert claim.kind == "retry"
    return claim


def _without_nulls(body):
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.parametrize("name", GenerateRequest.model_fields)
def test_a_request_with_another_value_of_any_field_is_another_request(name):
    before = PLAIN | ({} if name == "messages" else BESIDE.get(name, {}))
    after = _without_nulls({**PLAIN, **BESIDE.get(name, {}), name: OTHER[name]})
    assert _keyed(before).fingerprint != _keyed(after).fingerprint
    retried = [
        claims_of(_event(one, count=1), parse_request(one), "default") for one in (before, after)
    ]
    assert retried[0][0].kind == "retry"
    assert retried[0][0].answer_id != retried[1][0].answer_id
    if name not in {"tools", "tool_choice"}:
        assert _cached(before).answer_id != _cached(after).answer_id


def _parsed(body):
    try:
        return parse_request(copy.deepcopy(body))
    except (EngineError, TypeError):
        return None


@given(st.data())
def test_no_two_different_requests_have_one_key(data):
    bodies = (WHOLE, PLAIN | {"stop": ["a", "b"], "metadata": {"a": "b", "c": "d"}})
    body = data.draw(st.sampled_from(bodies))
    way = data.draw(st.sampled_from([way for way in spots(body) if way]))
    values = st.one_of(
        st.sampled_from(WRONG), st.text(max_size=5), st.integers(0, 9), st.floats(0, 2),
        st.sampled_from([PNG, "high", "low", "auto", "tool", {"type": "object", "title": "x"}]),
    )  # fmt: skip
    changed = with_value(body, way, data.draw(values))
    first, second = _parsed(body), _parsed(changed)
    assume(second is not None)
    same = first == second
    one, other = (claims_of(_event({}, key="k"), request, "default") for request in (first, second))
    if not same:
        assert not {claim.fingerprint for claim in one} & {claim.fingerprint for claim in other}
    caches = [claim.answer_id for claim in (*one, *other) if claim.kind == "cache"]
    assert same or len(set(caches)) == len(caches)
    counts = data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    events = [_event({}, count=count) for count in counts]
    sent, again = (
        claims_of(event, request, "default")[0]
        for event, request in zip(events, (first, second), strict=True)
    )
    assert (sent.kind, again.kind) == ("retry", "retry")
    assert (sent.answer_id == again.answer_id) == same
    assert (sent.joins, again.joins) == (counts[0] > 0, counts[1] > 0)


@pytest.mark.parametrize(
    ("one", "other"), [(True, 1), (1, 1.5), (None, "null"), ([], {}), ("1", 1), ({"a": None}, {})]
)
def test_values_inside_a_schema_are_told_apart(one, other):
    def format_of(value):
        schema = {"type": "object", "title": "t", "default": value}
        return PLAIN | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "f", "schema": schema},
            }
        }

    assert _cached(format_of(one)).answer_id != _cached(format_of(other)).answer_id


def test_the_same_request_in_other_words_is_the_same():
    said = {"stop": "end", "max_cost_usd": 1, "text": "Hello?"}
    again = {"text": "Hello?", "max_cost_usd": 1.0, "stop": ["end"]}
    assert _cached(said) == _cached(again)
    assert _keyed(said) == _keyed(again)
    assert _retried(said) == _retried(again)


def test_two_callers_never_share_an_answer():
    assert _cached(PLAIN).answer_id != _cached(PLAIN, caller_id="caller-b").answer_id
    assert _keyed(PLAIN).answer_id != _keyed(PLAIN, caller_id="caller-b").answer_id
    assert _retried(PLAIN).answer_id != _retried(PLAIN, caller_id="caller-b").answer_id


def test_a_caller_that_may_ask_other_models_now_gets_no_earlier_answer():
    assert _cached(PLAIN).answer_id != _cached(PLAIN, models=["gpt-5"]).answer_id


def test_a_key_on_another_path_is_for_another_request():
    one, other = _keyed(PLAIN), _keyed(PLAIN, mode="async")
    assert one.answer_id == other.answer_id
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize("version", ["price_version", "templates_version", "load_policy"])
def test_a_new_version_of_what_answers_depend_on_makes_new_answers(version, monkeypatch):
    before = _cached(PLAIN)

    class Policy:
        version = "new"

    told = {"load_policy": lambda _: Policy()}.get(version, lambda: "new")
    monkeypatch.setattr(identity, version, told)
    assert _cached(PLAIN).answer_id != before.answer_id
    # The caller's key stands for the request alone.
    assert _keyed(PLAIN) == _keyed(PLAIN)
    assert _retried(PLAIN) == _retried(PLAIN)


def test_a_client_that_counts_its_retries_says_which_call_is_one():
    first, second, third = (_retried(PLAIN, count) for count in (0, 1, 2))
    assert first.model_copy(update={"joins": True}) == second == third
    assert (first.joins, second.joins) == (False, True)
    assert _retried(PLAIN, mode="async").answer_id != second.answer_id
    # The SDK gives up after ten minutes, and pauses 8 s.
    assert first.kept_for_s == 608


def test_a_key_says_more_than_a_count_and_both_go_before_the_cache():
    cached = PLAIN | {"cache_ttl_seconds": 60}
    kinds = {
        (key, count): [one.kind for one in _claims(cached, key=key, count=count)]
        for key in ("", "k") for count in (None, 0, 1)
    }  # fmt: skip
    assert kinds == {
        ("", None): ["cache"], ("", 0): ["retry", "cache"], ("", 1): ["retry", "cache"],
        ("k", None): ["idempotency", "cache"], ("k", 0): ["idempotency", "cache"],
        ("k", 1): ["idempotency", "cache"],
    }  # fmt: skip
    assert _claims(PLAIN) == []


TOOL = {"function": {"name": "f"}}
CALL = {"id": "1", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("body", "caller", "ttl_s"),
    [
        ({}, {}, None),
        ({"cache_ttl_seconds": 0}, {}, None),
        ({"cache_ttl_seconds": 60}, {}, 60),
        ({}, {"cache_ttl_seconds": 30}, 30),
        ({"cache_ttl_seconds": 0}, {"cache_ttl_seconds": 30}, None),
        ({"cache_ttl_seconds": 60}, {"cache_ttl_seconds": 30}, 60),
        ({"temperature": 0}, {"cache_ttl_seconds": 30}, 30),
        ({"temperature": 0.1}, {"cache_ttl_seconds": 30}, None),
        ({"temperature": 0.1, "cache_ttl_seconds": 60}, {}, 60),
        ({"tools": [TOOL], "cache_ttl_seconds": 60}, {}, None),
        (
            {
                "cache_ttl_seconds": 60,
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "1", "content": "y"},
                ],
            },
            {},
            None,
        ),
    ],
)
def test_an_answer_is_kept_where_the_request_or_its_caller_says_so_and_no_tool_is_there(
    body, caller, ttl_s
):
    whole = body if "messages" in body else PLAIN | body
    assert [claim.kept_for_s for claim in _claims(whole, **caller)] == ([ttl_s] if ttl_s else [])
