from typing import Any

import pytest

from local import demo
from local.client import Client

ROUTING = {
    "selected_model": "gpt-4o-mini",
    "provider": "openai",
    "reason": "cheapest of those that are good enough",
    **{f"{name}_score": 0.5 for name in ("cost", "latency", "quality", "availability", "final")},
    "candidates": [
        {
            "model": f"model-{number}",
            "final_score": 0.9,
            "estimated_cost_usd": 1e-5,
            "estimated_latency_ms": 700,
        }
        for number in range(5)
    ],
}
ANSWER: dict[str, Any] = {
    "success": True,
    "result": "One.\nTwo.",
    "mock": True,
    "routing": ROUTING,
    "usage": {
        "input_tokens": 40,
        "output_tokens": 8,
        "total_cost_usd": 0.0000123,
        "savings_usd": 0.5,
        "baseline_model": "gpt-5",
    },
    "performance": {"total_time_ms": 80, "routing_time_ms": 3},
}
JOB = {"execution_id": "req_1", "status_url": "/api/v1/jobs/req_1"}


@pytest.fixture
def shown(monkeypatch, capsys):
    """What is printed where the API answers these bodies in order; and the paths it was asked."""
    monkeypatch.setattr("local.demo.time.sleep", lambda _: None)

    class Answering(Client):
        def __init__(self, bodies):
            self.bodies, self.asked = list(bodies), []

        def ask(self, method, path, body=None):
            self.asked.append(f"{method} {path}")
            return 200, self.bodies.pop(0)

    def show(*bodies):
        client = Answering(bodies)
        demo.show(client)
        return capsys.readouterr().out, client.asked

    return show


def test_both_answers_are_shown_with_their_decision_and_three_candidates(shown):
    running, done = {"status": "RUNNING"}, {"status": "SUCCEEDED", "result": ANSWER}
    text, asked = shown(ANSWER, JOB, running, done)
    assert asked == ["POST /generate", "POST /jobs", "GET /jobs/req_1", "GET /jobs/req_1"]
    assert text.count("  | One.\n  | Two.\n") == 2
    assert "gpt-4o-mini by openai (simulator: no provider key is set)" in text
    assert text.count("  candidate  ") == 6
    assert "40 + 8 tokens, $0.000012, saved $0.500000 against gpt-5" in text


def test_an_error_is_shown_in_an_answers_place(shown):
    refused = {"success": False, "error": {"code": "rate_limited", "message": "Later."}}
    text, asked = shown(refused, {"message": "Forbidden"})
    assert "  rate_limited: Later.\n" in text
    assert "  no answer: Forbidden\n" in text
    assert asked == ["POST /generate", "POST /jobs"]
