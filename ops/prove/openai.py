"""What OpenAI's clients meet."""

from __future__ import annotations

import json
from typing import Any

import requests

from ops.prove.check import Finding, judged, not_held
from ops.prove.probe import Probe

_MODELS = "/v1/models"
_ENDED = ("completed", "failed", "incomplete", "cancelled")


def models_take_a_key_from_either_header(probe: Probe) -> Finding:
    bearer, none = f"Bearer {probe.key.value}", None
    sent: dict[str, tuple[dict[str, str | None], int]] = {
        "X-API-Key": ({}, 200),
        "Authorization": ({"X-API-Key": none, "Authorization": bearer}, 200),
        "neither header": ({"X-API-Key": none}, 401),
        # Right after two that were let in: nothing is kept of them.
        "a wrong key": ({"X-API-Key": "wrong", "Authorization": bearer}, 401),
    }
    problems = []
    for name, (headers, status) in sent.items():
        answer = probe.send("GET", _MODELS, headers=headers)
        if answer.status_code != status:
            problems.append(f"with {name} it is {answer.status_code}")
    return judged(problems, f"GET {_MODELS} takes a key from either header, and nothing else")


def a_function_starts_executions(probe: Probe) -> Finding:
    question = probe.question
    said = [{"role": "user", "content": question["text"]}]
    told = {name: question[name] for name in ("task", "model", "fallback")}
    whole = _post(probe, "/v1/chat/completions", {**told, "messages": said})
    if whole.status_code != 200:
        return not_held(f"/chat/completions is {whole.status_code} {whole.text[:200]}")
    request_id = whole.headers.get("x-request-id", "")
    problems = []
    if not probe.eventually(lambda: _has_row(probe, request_id)):
        problems.append(f"no row for {request_id!r}")
    stream = _post(probe, "/v1/chat/completions", {**told, "messages": said, "stream": True})
    kind = stream.headers.get("Content-Type", "")
    if not kind.startswith("text/event-stream") or not stream.text.endswith("data: [DONE]\n\n"):
        problems.append(f"a stream is {kind} and ends with {stream.text[-40:]!r}")
    job = _post(probe, "/v1/responses", {**told, "input": question["text"], "background": True})
    ended = probe.eventually(lambda: _ended(probe, job.json()["id"]), local_s=20)
    if not ended or ended["status"] != "completed":
        problems.append(f"a background response is {ended['status'] if ended else 'not ended'}")
    return judged(problems, f"an answer, a stream and a job of OpenAI's routes; {request_id}")


def _post(probe: Probe, path: str, body: dict[str, Any]) -> requests.Response:
    headers = {"X-API-Key": None, "Authorization": f"Bearer {probe.key.value}"}
    return probe.send("POST", path, json.dumps(body).encode(), headers)


def _has_row(probe: Probe, request_id: str) -> bool:
    return probe.send("GET", f"/v1/requests/{request_id}").status_code == 200


def _ended(probe: Probe, response_id: str) -> dict[str, Any] | None:
    headers = {"X-API-Key": None, "Authorization": f"Bearer {probe.key.value}"}
    told: dict[str, Any] = probe.send("GET", f"/v1/responses/{response_id}", None, headers).json()
    return told if told["status"] in _ENDED else None
