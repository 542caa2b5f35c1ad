"""Providers by configuration, as their servers answer: vLLM and Ollama, and Gemini's endpoint."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.conftest import PROJECT, running_stack
from tests.support.api_calls import assert_error, eventually, get, post

pytestmark = pytest.mark.xdist_group("extra-providers")

KNOWN = {
    "acme": {"model", "messages", "max_tokens", "temperature", "stream", "stream_options", "tools"},
    "ollama": None,
    "gemini": {"model", "messages", "max_tokens", "stream", "stream_options", "tools"},
}
"""The fields that a server takes; Ollama takes no notice of others, the others refuse them."""
BUSY = [{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
        {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}]  # fmt: skip


class _Server(BaseHTTPRequestHandler):
    """`/acme/v1`, `/ollama/v1` and `/gemini/v1` answer each as its kind does."""

    received: list[tuple[str, dict[str, Any], str | None]]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind = self.path.split("/")[1]
        self.received.append((self.path, body, self.headers["authorization"]))
        unknown = sorted(body.keys() - known) if (known := KNOWN[kind]) else []
        if unknown:
            text = f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.'
            error = {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}
            self._send(400, [{"error": error}])
        elif kind == "gemini" and "busy" in json.dumps(body["messages"]):
            self._send(429, BUSY)
        else:
            self._answer(kind, body)

    def _answer(self, kind, body):
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        if kind == "gemini":
            usage["total_tokens"] += 400
        told = {} if kind == "ollama" else {"usage": usage}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
        text = f"{kind} speaks"
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, head | {"choices": [choice]} | told)
            return
        head["object"] = "chat.completion.chunk"
        first = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        chunks = [head | {"choices": [first]}, head | {"choices": [last]} | told]
        lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        self._send(200, f"{lines}data: [DONE]\n\n".encode(), "text/event-stream")

    def _send(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    _Server.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", _Server.received
        http.shutdown()


@pytest.fixture(scope="module")
def stack(server, tmp_path_factory):
    url, _ = server
    [ollama] = json.loads((PROJECT / "examples" / "extra_providers.json").read_text("utf-8"))
    prices = {"input": 0.5, "output": 2}
    priced = {"id": "acme-1", "context_window": 64_000, "prices": prices, "quality": 0.4}
    told = [
        ollama | {"base_url": f"{url}/ollama/v1"},
        {
            "name": "acme",
            "base_url": f"{url}/acme/v1",
            "api_key": "key-of-acme",
            "models": [priced, {"id": "acme-unpriced", "context_window": 64_000}],
        },
    ]
    file = tmp_path_factory.mktemp("extra") / "extra_providers.json"
    file.write_text(json.dumps(told), "utf-8")
    with running_stack(
        EXTRA_PROVIDERS=str(file),
        GEMINI_API_KEY="key-of-gemini",
        GEMINI_BASE_URL=f"{url}/gemini/v1",
    ) as running:
        yield running


def _asked(stack, **request):
    response = post(stack, "/generate", {"task": "chat", "text": "Hello", **request})
    assert response.status_code == 200, response.text
    return response.json()


def test_an_extra_provider_answers_at_its_own_price_with_its_own_key(stack, server):
    answer = _asked(stack, model="acme-1", fallback=False)
    assert (answer["result"], answer["mock"]) == ("acme speaks", False)
    assert answer["routing"]["provider"] == "acme"
    assert answer["usage"]["total_cost_usd"] == 0.0007
    assert server[1][-1][2] == "Bearer key-of-acme"
    record = get(stack, f"/requests/{answer['request_id']}").json()
    assert [one["provider"] for one in record["attempts"]] == ["acme"]
    assert record["attempts"][0]["price_version"].count("+") == 1


def test_a_local_model_server_that_tells_no_usage_costs_nothing(stack, server):
    answer = _asked(stack, model="llama3.2", fallback=False, max_output_tokens=50)
    assert answer["result"] == "ollama speaks"
    assert (answer["usage"]["total_cost_usd"], answer["usage"]["usage_source"]) == (0, "estimated")
    path, body, _ = server[1][-1]
    assert path == "/ollama/v1/chat/completions"
    assert (body["model"], body["max_tokens"]) == ("llama3.2", 50)
    assert "service_tier" not in body


def test_gemini_is_asked_in_its_own_words_and_its_thoughts_are_billed(stack, server):
    answer = _asked(stack, model="gemini-3.8-flash", fallback=False)
    assert answer["result"] == "gemini speaks"
    # 1,000 tokens of input and 500 of output, of which 400 are thoughts that the total alone tells.
    rates = get(stack, "/models/gemini-3.8-flash").json()["prices"]["rates"][0]
    told = rates["input_usd_per_mtok"] * 1000 + rates["output_usd_per_mtok"] * 500
    assert answer["usage"]["total_cost_usd"] == pytest.approx(told / 1e6, abs=1e-9)
    assert server[1][-1][2] == "Bearer key-of-gemini"


def test_an_exhausted_day_of_gemini_goes_to_the_next_of_the_list(stack):
    answer = _asked(stack, text="busy", models=["gemini-4-argon", "llama3.2"])
    assert answer["routing"]["selected_model"] == "llama3.2"
    [failed] = answer["routing"]["fallbacks"]
    assert (failed["model"], failed["error"]) == ("gemini-4-argon", "ProviderQuotaExhausted")


def test_a_model_without_a_price_is_known_and_never_asked(stack, server):
    before = len(server[1])
    listed = get(stack, "/models/acme-unpriced").json()
    assert (listed["usable"], listed["unusable_reason"]) == (False, "has no known price")
    refused = post(
        stack,
        "/generate",
        {"text": "x", "model": "acme-unpriced", "task": "chat", "fallback": False},
    )
    error = assert_error(refused, "no_eligible_model")
    reasons = {one["model"]: one["reason"] for one in error["details"]}
    assert reasons["acme-unpriced"] == "has no known price"
    assert error["message"] == "The pinned model cannot be asked: acme-unpriced: has no known price"
    routed = post(stack, "/route", {"text": "x", "task": "chat"}).json()["routing"]
    assert {"model": "acme-unpriced", "reason": "has no known price"} in routed["excluded"]
    assert len(server[1]) == before


def test_models_and_metrics_list_the_extra_providers(stack):
    models = {one["id"]: one for one in get(stack, "/models").json()["data"]}
    assert (models["acme-1"]["provider"], models["acme-1"]["usable"]) == ("acme", True)
    assert models["llama3.2"]["prices"]["rates"][0]["input_usd_per_mtok"] == 0

    def counted():
        listed = get(stack, "/metrics/providers?window=1h").json()["data"]
        found = {one["provider"]: one for one in listed}
        return found if found["acme"]["attempts"] else None

    providers = eventually(counted)
    assert providers, "no attempt of acme was counted"
    assert all(providers[name]["configured"] for name in ("acme", "ollama", "gemini"))
    assert providers["openai"]["configured"] is False


def test_listed_models_are_asked_in_their_order_across_providers(stack):
    answer = _asked(stack, models=["llama3.2", "acme-1"], explain=True)
    assert answer["result"] == "ollama speaks"
    assert [one["model"] for one in answer["routing"]["candidates"]] == ["llama3.2", "acme-1"]
