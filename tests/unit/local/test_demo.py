import pytest

from local import demo
from local.client import Client


class Answering(Client):
    """An API that answers these bodies in order."""

    def __init__(self, *bodies):
        self.bodies, self.asked = list(bodies), []

    def ask(self, method, path, body=None):
        self.asked.append(f"{method} {path}")
        return 200, self.bodies.pop(0)


def test_an_error_is_shown_in_an_answers_place(capsys):
    refused = {"success": False, "error": {"code": "rate_limited", "message": "Later."}}
    client = Answering(refused, {"message": "Forbidden"})
    demo.show(client)
    shown = capsys.readouterr().out
    assert "  rate_limited: Later.\n" in shown
    assert "  no answer: Forbidden\n" in shown
    assert client.asked == ["POST /generate", "POST /jobs"]


def test_a_job_that_fails_shows_its_error(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("local.demo.time.sleep", lambda _: None)
    job = {"execution_id": "req_1", "status_url": "/api/v1/jobs/req_1"}
    failed = {"status": "FAILED", "error": {"code": "all_providers_failed", "message": "None."}}
    client = Answering({"message": "Forbidden"}, job, {"status": "RUNNING"}, failed)
    demo.show(client)
    assert "  all_providers_failed: None.\n" in capsys.readouterr().out
    assert client.asked[1:] == ["POST /jobs", "GET /jobs/req_1", "GET /jobs/req_1"]


def _answer(**changes):
    usage = {
        "input_tokens": 3,
        "output_tokens": 4,
        "total_cost_usd": 0.002,
        "simulated_cost_usd": 0,
        "savings_usd": 0.001,
        "baseline_model": "gpt-4o",
    }
    scores = dict.fromkeys(("cost", "latency", "quality", "availability", "final"), 1)
    routing = {
        "selected_model": "gpt-4o-mini",
        "provider": "openai",
        "reason": "Cheap.",
        "candidates": [],
        "fallbacks": [],
        **{f"{name}_score": one for name, one in scores.items()},
    }
    return {
        "success": True,
        "result": "Hi",
        "mock": False,
        "usage": usage | changes.pop("usage", {}),
        "routing": routing | changes.pop("routing", {}),
        "performance": {"total_time_ms": 9, "routing_time_ms": 1},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "money"),
    [
        ({}, "3 + 4 tokens, $0.002000, saved $0.001000 against gpt-4o"),
        ({"usage": {"baseline_model": None}}, "3 + 4 tokens, $0.002000"),
        (
            {"mock": True, "usage": {"total_cost_usd": 0, "simulated_cost_usd": 0.002}},
            "3 + 4 tokens, which would have cost $0.002000",
        ),
    ],
)
def test_what_an_answer_cost_is_shown_or_what_it_would_have_cost(changes, money, capsys):
    demo.show(Answering(_answer(**changes), {"message": "Forbidden"}))
    assert f"  usage      {money}\n" in capsys.readouterr().out


def test_a_model_that_failed_before_is_shown(capsys):
    fallbacks = [{"model": "gpt-4o", "provider": "openai", "error": "ProviderThrottled"}]
    demo.show(Answering(_answer(routing={"fallbacks": fallbacks}), {"message": "Forbidden"}))
    assert "  fallback   from gpt-4o: ProviderThrottled\n" in capsys.readouterr().out
