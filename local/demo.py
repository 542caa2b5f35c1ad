"""Shows the engine at work: one synchronous request and one job, with the routing decision."""

from __future__ import annotations

import textwrap
import time
from decimal import Decimal
from typing import Any

from local.client import Client

_SUMMARY = {
    "task": "summarize",
    "text": "Step Functions runs each request as a state machine. Every state is a Lambda function. "
    "When a provider fails, the next candidate is called. Every token and cent is recorded.",
    "explain": True,
}
_CODE = {
    "task": "code",
    "model_preference": "best",
    "text": "Write a Python function that reverses a list.",
    "explain": True,
}
_POLLS_S = 0.3
_JOB_LIMIT_S = 60


def show(client: Client) -> None:
    """Send both requests and print their answers."""
    print("\nPOST /api/v1/generate  (summarize, balanced)")
    _print_answer(client.ask("POST", "/generate", _SUMMARY)[1])
    print("\nPOST /api/v1/jobs      (code, best)")
    _print_answer(_finished_job(client))


def _finished_job(client: Client) -> Any:
    _, job = client.ask("POST", "/jobs", _CODE)
    if "execution_id" not in job:
        return job
    print(f"  202, polling {job['status_url']}")
    deadline = time.monotonic() + _JOB_LIMIT_S
    status: Any = {"status": "RUNNING"}
    while status.get("status") == "RUNNING" and time.monotonic() < deadline:
        time.sleep(_POLLS_S)
        _, status = client.ask("GET", f"/jobs/{job['execution_id']}")
    return status.get("result") or status


def _print_answer(answer: Any) -> None:
    if not answer.get("success"):
        error = answer.get("error") or answer
        print(f"  {error.get('code', 'no answer')}: {error.get('message', error)}")
        return
    routing, usage, timing = answer["routing"], answer["usage"], answer["performance"]
    mock = " (simulator: no provider key is set)" if answer["mock"] else ""
    for line in answer["result"].splitlines():
        print(textwrap.fill(line, 100, initial_indent="  | ", subsequent_indent="  | "))
    print(f"  model      {routing['selected_model']} by {routing['provider']}{mock}")
    print(f"  why        {routing['reason']}")
    scores = ("cost", "latency", "quality", "availability", "final")
    print("  scores     " + ", ".join(f"{name} {routing[f'{name}_score']}" for name in scores))
    for candidate in routing["candidates"][:3]:
        print(
            f"  candidate  {candidate['model']:<28} score {candidate['final_score']}, "
            f"about {_dollars(candidate['estimated_cost_usd'])} and {candidate['estimated_latency_ms']} ms"
        )
    for failed in routing["fallbacks"]:
        print(f"  fallback   from {failed['model']}: {failed['error']}")
    print(
        f"  usage      {usage['input_tokens']} + {usage['output_tokens']} tokens, {_money(answer)}"
    )
    print(f"  time       {timing['total_time_ms']} ms, routing {timing['routing_time_ms']} ms")


def _money(answer: Any) -> str:
    usage = answer["usage"]
    if answer["mock"]:
        return f"which would have cost {_dollars(usage['simulated_cost_usd'])}"
    cost, baseline = _dollars(usage["total_cost_usd"]), usage["baseline_model"]
    saved = f", saved {_dollars(usage['savings_usd'])} against {baseline}" if baseline else ""
    return cost + saved


def _dollars(amount: object) -> str:
    return f"${Decimal(str(amount)):.6f}"
