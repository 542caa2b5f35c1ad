"""The request log's row of a finished request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.time_spent import TimeSpent
from functions.shared.contracts.decision import CACHE, Decision, Profile
from functions.shared.contracts.states import json_of
from functions.shared.errors import NoEligibleModel, error_body
from functions.shared.policy.explanation import described, reason_of
from functions.shared.times import stamp


def row_of(finished: FinishedRequest, retention_days: int) -> dict[str, Any]:
    """The log's row, JSON values; no answer in it, and a prompt only where the stage logs them."""
    expires_at = int((finished.now + timedelta(days=retention_days)).timestamp())
    day = f"{finished.created_at:%Y-%m-%d}"
    return {"day": day, "expires_at": expires_at, **_listed(finished), **_details(finished)}


def _listed(finished: FinishedRequest) -> dict[str, Any]:
    """What the indexes repeat, so that a list of requests needs no look at the rows themselves."""
    event, profile, answer = finished.event, finished.event.profile, finished.event.answer
    listed: dict[str, Any] = {
        "request_id": event.request_id,
        "caller_id": event.caller_id,
        "created_at": stamp(finished.created_at),
        "finished_at": stamp(finished.now),
        "status": finished.status,
        "mode": event.mode,
        "cost_nano_usd": finished.cost_nano_usd,
        "savings_nano_usd": finished.savings_nano_usd,
        "fallbacks": finished.fallbacks,
    }
    for name in ("possibly_billed_nano_usd", "simulated_cost_nano_usd"):
        if amount := getattr(finished, name):
            listed[name] = amount
    if finished.trace_id:
        listed["trace_id"] = finished.trace_id
    if profile:
        listed |= {"task": profile.task, "model_preference": profile.model_preference}
    if not finished.cached_from:
        # A kept answer is no sample of how long answers take; its own time is among the details.
        listed["latency_ms"] = finished.latency_ms
    if last := finished.cached_from or finished.last_attempt:
        listed |= {"model": last.model, "provider": last.provider}
    if answer:
        listed |= {
            "mock": answer.mock,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
        }
    if finished.error:
        listed["error_code"] = finished.error.code
    return listed


def _details(finished: FinishedRequest) -> dict[str, Any]:
    event = finished.event
    details = {
        "attempts": [json_of(attempt) for attempt in finished.attempts],
        **_times(finished.time_spent),
    }
    if event.profile:
        details["profile"] = json_of(event.profile.model_copy(update={"claims": []}))
        if any(claim.kind == CACHE for claim in event.profile.claims):
            details["cache"] = "miss"
    if event.decision and event.profile:
        details["decision"] = _decision(event.decision, event.profile)
        details["price_version"] = event.decision.price_version
        details["policy_version"] = event.decision.policy_version
    elif isinstance(finished.error, NoEligibleModel):
        details["decision"] = {"candidates": [], "reserve": [], "excluded": finished.error.details}
    if finished.cached_from:
        details["cache"] = "hit"
        details["cached_from"] = json_of(finished.cached_from)
    if event.answer:
        details["finish_reason"] = event.answer.finish_reason
        details["usage"] = json_of(event.answer.usage)
        details["performance"] = json_of(event.answer.performance)
        details["price_version"] = event.answer.usage.price_version
    if event.error and finished.error:
        details["error_class"] = event.error.name
        details["error"] = error_body(finished.error, event.request_id)["error"]
    if event.logged_prompt:
        details["prompt"] = event.logged_prompt
    return details


def _times(spent: TimeSpent) -> dict[str, Any]:
    times: dict[str, Any] = {"provider_ms": spent.provider_ms, "overhead_ms": spent.overhead_ms}
    if spent.waited_ms:
        times["waited_ms"] = spent.waited_ms
    if spent.steps_ms is not None:
        times["steps_ms"] = spent.steps_ms
    return times


def _decision(decision: Decision, profile: Profile) -> dict[str, Any]:
    logged = json_of(decision)
    for ranked in ("candidates", "reserve"):
        logged[ranked] = [described(one, profile) for one in getattr(decision, ranked)]
    return {**logged, "reason": reason_of(decision.candidates[0].model, decision, profile)}
