"""Measures what a kept answer costs against a call that makes one, and what keeping costs.

CPU is of all of a request's states in one process, without that of the emulated DynamoDB, and with the simulator,
which takes next to nothing itself.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from bench.capacity_units import write_units
from bench.emulated_dynamodb import EmulatedDynamoDB, emulated_tables
from bench.ratios import rounded
from functions.claim.claiming import claim
from functions.classify.profiling import profile_request
from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.keeping import keep_answer
from functions.invoke_provider.providers.simulator import Simulator
from functions.record_metrics.recording import Stores, record
from functions.score.deciding import decide
from functions.shared.contracts.decision import CACHE, Claim
from functions.shared.contracts.states import (
    ClaimInput,
    ClassifyInput,
    ClassifyOutput,
    InvokeInput,
    RecordInput,
)
from functions.shared.kept_answers.answer_table import AnswerTable
from functions.shared.money.budget_table import BudgetTable
from functions.shared.settings import ClassifySettings, InvokeSettings, ScoreSettings
from functions.shared.storage.dead_letters import DeadLetters
from functions.shared.storage.job_table import JobTable
from functions.shared.storage.request_log import RequestLog
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table

ROUNDS = 60
_TTL_S = 600
_PROSE = Path(__file__).parents[1] / "docs" / "decisions.md"
_NUMBERS = count()
_CLASSIFY = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)
_SCORE = ScoreSettings(STATE_TABLE="State", MOCK_PROVIDERS="always")
_INVOKE = InvokeSettings(PROVIDER="simulator", ANSWERS_TABLE="Answers")


def results() -> dict[str, object]:
    tables = (("State", "state_id"), ("Requests", "request_id"), ("Answers", "answer_id"))
    with emulated_tables(*tables) as emulator:
        return {**_cpu(emulator), **_sizes()}


def _cpu(emulator: EmulatedDynamoDB) -> dict[str, object]:
    _run(kept="again")
    actions: dict[str, Callable[[], object]] = {
        "call": _run,
        "miss": lambda: _run(kept=str(next(_NUMBERS))),
        "hit": lambda: _run(kept="again"),
    }
    spent: dict[str, list[float]] = {name: [] for name in actions}
    calls: dict[str, int] = {}
    # One after the other in each round, so that whatever slows the machine slows all of them.
    for _ in range(ROUNDS):
        for name, act in actions.items():
            emulator.calls = 0
            spent[name].append(emulator.own_ms(act))
            calls[name] = emulator.calls
    ms = {name: statistics.median(those) for name, those in spent.items()}
    return {
        "hit_over_call": rounded(ms["hit"] / ms["call"], 2),
        "miss_over_call": rounded(ms["miss"] / ms["call"], 2),
        "calls_of_dynamodb": calls,
    }


def _run(kept: str = "") -> None:
    """A request through its states; `kept` tells apart those whose answers are."""
    classified, started_at = _classified(kept)
    ends: dict[str, Any] = {}
    profile = classified.profile
    if profile.claims:
        claimed = claim(ClaimInput(profile=profile), AnswerTable("Answers"), time.time())
        profile = profile.model_copy(update={"claims": claimed.claims})
        ends = {"answer": claimed.logged_answer}
    if not ends.get("answer"):
        scored = decide(profile, _SCORE, StateTable("State"))
        called = InvokeInput(
            request=classified.request,
            profile=profile,
            decision=scored.decision,
            candidate=scored.candidates[0],
            failures=[],
            remaining=len(scored.candidates) - 1,
        )
        output = attempt(called, Simulator())
        keep_answer(called, output, _INVOKE)
        ends = {
            "decision": scored.decision,
            "answer": output.logged_answer,
            "attempt": output.attempt,
        }
    finished = RecordInput(
        request_id=profile.request_id,
        caller_id=profile.caller_id,
        mode="sync",
        started_at=started_at,
        profile=profile,
        **ends,
    )
    record(finished, _stores())


def _classified(kept: str) -> tuple[ClassifyOutput, str]:
    started_at = datetime.now(UTC).isoformat()
    body = {"text": f"What makes a small town worth a visit in the autumn? {kept}", "task": "chat"}
    asked = ClassifyInput(
        request=body | ({"cache_ttl_seconds": _TTL_S} if kept else {}),
        request_id=f"req_{next(_NUMBERS):015}",
        caller_id="k7m2x4q9ab",
        mode="sync",
        started_at=started_at,
    )
    return profile_request(asked, _CLASSIFY), started_at


def _stores() -> Stores:
    return Stores(
        RequestLog("Requests"),
        StateTable("State"),
        DeadLetters(""),
        BudgetTable(table("Budgets")),
        AnswerTable("Answers"),
        JobTable("Jobs"),
        30,
    )


def _sizes() -> dict[str, object]:
    """Of answers in English, each kept by a write that takes in its claim, too."""
    prose, kept_bytes = _PROSE.read_text("utf-8"), dict[int, int]()
    for size in (1_000, 10_000, 100_000):
        claim_of = Claim(kind=CACHE, answer_id=f"{size:064}", fingerprint="0" * 64, kept_for_s=60)
        answers = AnswerTable("Answers")
        answers.take(claim_of, "req_1", round(time.time()) + 60)
        answers.keep(claim_of, "req_1", {"result": (prose * 9)[:size]})
        item = table("Answers").get_item(Key={"answer_id": claim_of.answer_id})["Item"]
        kept_bytes[size] = len(item["answer"])
    return {
        "kept_bytes_by_answer_bytes": kept_bytes,
        "write_units_to_keep": {size: write_units(kept) for size, kept in kept_bytes.items()},
    }
