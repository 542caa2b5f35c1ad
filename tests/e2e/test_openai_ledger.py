"""The same request by each door leaves the same books: its row, its charge and its metrics."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from openai import OpenAI

from functions.shared.money.budget_table import OPEN
from local.faults.exchange import marked
from tests.support.api_calls import ended_job, eventually, get, post
from tests.support.openai_clients import MODEL, WEATHER_PARAMETERS
from tests.support.spend_books import charged

pytestmark = pytest.mark.xdist_group("billed")

FUNCTION = {"name": "get_weather", "description": "The weather.", "parameters": WEATHER_PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}
SAID = [{"role": "user", "content": marked("What is the weather in Bern?", "ledger.well")}]
COMMON: dict[str, Any] = {"model": MODEL, "temperature": 0.5, "metadata": {"load": "ledger.well"}}
OURS = {"fallback": False, "max_cost_usd": 0.5, "session_id": "ledger"}
NATIVE = {**COMMON, **OURS, "messages": SAID, "tools": [TOOL], "max_output_tokens": 400}
CHAT: dict[str, Any] = {**COMMON, "messages": SAID, "tools": [TOOL], "max_completion_tokens": 400,
                        "extra_body": OURS}  # fmt: skip
RESPONSE: dict[str, Any] = {**COMMON, "input": SAID, "tools": [{"type": "function", **FUNCTION}],
                            "max_output_tokens": 400, "extra_body": OURS}  # fmt: skip
OF_EACH = frozenset(
    (
        "request_id",
        "caller_id",
        "caller",
        "trace_id",
        "name",
        "created_at",
        "finished_at",
        "expires_at",
        "deadline_at_ms",
        "started_at_ms",
        "elapsed_ms",
        "latency_ms",
        "classify_ms",
        "score_ms",
        "performance",
        "day",
        "Timestamp",
        "LatencyMs",
        "RoutingMs",
        "InferenceMs",
        "budget_id",
        "provider_ms",
        "overhead_ms",
        "steps_ms",
        "own_ms",
        "OverheadMs",
        "ClassifyMs",
        "ClaimMs",
        "ScoreMs",
        "InvokeMs",
        "TransitMs",
    )
)
"""What two requests of two callers always differ in."""
OF_THE_STATE = frozenset({"reason", "routing_context"})
"""What the engine has learnt by the time of the decision."""


@dataclass
class Asker:
    stack: Any
    client: OpenAI

    @property
    def key(self):
        return self.client.api_key

    def generate(self):
        return post(self.stack, "/generate", NATIVE, key=self.key).json()["request_id"]

    def chat(self):
        return self.client.chat.completions.create(**CHAT)._request_id

    def chat_streamed(self):
        *_, last = self.client.chat.completions.create(**CHAT, stream=True)
        return last.to_dict()["routing"]["request_id"]

    def response(self):
        return self.client.responses.create(**RESPONSE)._request_id

    def job(self):
        job = post(self.stack, "/jobs", NATIVE, key=self.key).json()
        return self._ended(job["execution_id"])

    def background(self):
        response = self.client.responses.create(**RESPONSE, background=True)
        return self._ended(response._request_id)

    def _ended(self, request_id):
        assert ended_job(self.stack, request_id, key=self.key)["status"] == "SUCCEEDED"
        return request_id


def _is_of_claims(told):
    """OpenAI's clients number their retries, and what they send is claimed."""
    return isinstance(told, dict) and told.get("Name") == "ClaimMs"


def _without(names, told):
    if isinstance(told, list):
        return [_without(names, one) for one in told if not _is_of_claims(one)]
    if not isinstance(told, dict):
        return told
    return {name: _without(names, one) for name, one in told.items() if name not in names}


def _same_of(row):
    """But for what the doors may differ in."""
    told = _without(OF_EACH, row)
    decision = _without(OF_THE_STATE, told["decision"])
    decision["candidates"] = [one["model"] for one in decision["candidates"]]
    return told | {"decision": decision}


@pytest.fixture
def left_by(door, billed, books, exchange):
    """What a request leaves that comes by that door, from a caller of its own."""

    def left(name):
        caller_id, key = billed.new_caller(f"by-{name.replace('_', '-')}", month_usd=Decimal(1))
        with OpenAI(base_url=door.base_url, api_key=key, max_retries=0) as client:
            request_id = getattr(Asker(billed, client), name)()
        lines = eventually(
            lambda: [one for one in billed.log_lines("Tally") if f'"{request_id}"' in one]
        )
        shown = get(billed, f"/requests/{request_id}", key=key).json()
        [row] = books.rows(caller_id)
        assert charged([row]) == row["cost_nano_usd"] > 0
        assert charged([row]) == exchange.of("ledger.")[-1].cost_nano_usd
        books.assert_settled(caller_id)
        return {
            "shown": _same_of(shown),
            "row": _same_of(row),
            # The sweep takes its mark off a budget that had a hold when it comes.
            "charge": _without({*OF_EACH, OPEN}, books.budget(caller_id).item),
            "metrics": [_without(OF_EACH, json.loads(one)) for one in lines],
        }

    return left


@pytest.mark.parametrize(
    ("native", "doors"),
    [("generate", ("chat", "chat_streamed", "response")), ("job", ("background",))],
)
def test_whichever_door_a_request_came_through_its_books_are_the_same(left_by, native, doors):
    expected = left_by(native)
    assert len(expected["metrics"]) == 2
    assert expected["charge"]["settled"] > 0
    for door in doors:
        assert left_by(door) == expected
