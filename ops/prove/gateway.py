"""What the gateway does to ids, headers, keys and rates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests

from functions.shared.gateway.response_headers import OF_JSON, json_headers
from ops.callers import ask
from ops.prove.check import Finding, cannot_tell, held, judged, not_held
from ops.prove.probe import Probe, letters_of, out_of_contract
from ops.temporary import narrow_key, temporary_key
from stacks.api.routes import ROUTES

_CHOSEN_IDS = ("00000000-0000-4000-8000-000000000000", "free-lunch", 'free"lunch\\', "$lunch.x#set")
_MOST_KEYLESS_CALLS = 150
_ACCOUNTS_RATE = 10_000
_NARROW_RATE = 1.0
_OF_ORIGINS = ("Cross-Origin-Resource-Policy",)
"""What a stage that lets pages of others in has otherwise."""
_ANY_PATH = "/v1/models/local-sentiment"


def ids_are_ours(probe: Probe) -> Finding:
    sent = [chosen for chosen in _CHOSEN_IDS for _ in range(2)]
    answers = [probe.generate(probe.question, {"x-amzn-RequestId": chosen}) for chosen in sent]
    ids = [answer.json()["request_id"] for answer in answers]
    problems = [
        f"the caller's {chosen!r} is in {one!r}"
        for chosen, one in zip(sent, ids, strict=True)
        if letters_of(chosen) in letters_of(one)
    ]
    if len(set(ids)) < len(ids):
        problems.append(f"{len(ids)} requests have {len(set(ids))} ids")
    if lost := [one for one in ids if probe.send("GET", f"/v1/requests/{one}").status_code != 200]:
        problems.append(f"no row for {lost}")
    return judged(problems, f"{len(ids)} requests, as many ids and rows; {_look_of(ids[0])}")


def _look_of(request_id: str) -> str:
    signs = "".join(sorted({one for one in request_id if not one.isalnum()}))
    return f"an id is like {request_id!r}, {len(request_id)} letters, digits and {signs!r}"


def ids_are_in_the_access_log(probe: Probe) -> Finding:
    answers = [probe.generate(probe.question), probe.send("POST", "/v1/jobs", b"[]")]
    told = [answer.json()["request_id"] for answer in answers]
    if not probe.eventually(lambda: probe.are_logged(told)):
        return not_held(f"the access log has not {told}, the ids of an answer and of a refusal")
    return held(f"an answer and the gateway's own refusal are in the access log: {', '.join(told)}")


def answers_are_compressed(probe: Probe) -> Finding:
    plain, packed = (
        probe.send("GET", "/v1/models", headers={"Accept-Encoding": encoding})
        for encoding in ("identity", "gzip")
    )
    if packed.headers.get("Content-Encoding") != "gzip":
        return not_held(f"GET /v1/models came in {len(plain.content)} bytes, not compressed")
    same = _ids_of(plain.content) == _ids_of(packed.content)
    share = f"{len(plain.content)} bytes come in {packed.headers.get('Content-Length', '?')}"
    return held(share) if same else not_held("the compressed answer is another")


def _ids_of(body: bytes) -> list[str]:
    return [model["id"] for model in json.loads(body)["data"]]


def _answers(probe: Probe) -> dict[str, requests.Response]:
    """Of all that make any."""
    return {
        "an answer": probe.generate(probe.question),
        "a function's answer": probe.send("GET", "/v1/models"),
        "a refusal": probe.send("POST", "/v1/jobs", b"[]"),
        "a missing key": probe.send("GET", "/v1/models", headers={"X-API-Key": None}),
        "an unknown path": probe.send("GET", "/v1/no-such-path"),
    }


def _lacking(answers: dict[str, requests.Response], wanted: Mapping[str, str]) -> list[str]:
    return [
        f"{name} has no {header}"
        for name, answer in answers.items()
        for header, value in wanted.items()
        if answer.headers.get(header) != value
    ]


def answers_have_security_headers(probe: Probe) -> Finding:
    wanted = {name: value for name, value in OF_JSON.items() if name not in _OF_ORIGINS}
    problems = _lacking(_answers(probe), wanted)
    return judged(problems, f"answers and refusals have {', '.join(wanted)}")


def pages_of_the_origin_are_let_in(probe: Probe) -> Finding:
    answers = _answers(probe)
    origin = answers["a function's answer"].headers.get("Access-Control-Allow-Origin")
    if origin is None:
        return cannot_tell("the stage's cors_allow_origin lets no pages in")
    problems = _lacking(answers, json_headers(origin))
    asking = {"Origin": origin, "Access-Control-Request-Method": "POST", "X-API-Key": None}
    preflight = probe.send("OPTIONS", "/v1/generate", headers=asking)
    told = preflight.headers.get("Access-Control-Allow-Origin")
    if preflight.status_code != 204 or told != origin:
        problems.append(f"a preflight is {preflight.status_code} and allows {told}")
    return judged(problems, f"a preflight, answers and refusals allow {origin}")


def keyless_routes_are_throttled(probe: Probe) -> Finding:
    settings = probe.stage.gateway_stage["methodSettings"]
    deployed = probe.stage.gateway_resources
    keyless = [one.path for one in ROUTES if not one.needs_key and f"/{one.path}" in deployed]
    rates = {path: _rate(settings, path) for path in keyless}
    if free := [path for path, rate in rates.items() if rate[0] >= _ACCOUNTS_RATE]:
        return not_held(f"only the account's rate holds {', '.join(free)}")
    rate, burst = rates["v1/health"]
    calls = round(2 * rate + burst) + 20
    if calls > _MOST_KEYLESS_CALLS:
        return cannot_tell(f"{calls} calls of /v1/health would be needed to pass its rate")
    refused = [one for one in probe.at_once(calls, "/v1/health") if one.status_code == 429]
    problems = [problem for one in refused if (problem := out_of_contract(one, "rate_limited"))]
    if not refused:
        problems = [f"{calls} calls at once all passed, of {rate:g} a second"]
    return judged(
        problems[:1], f"{len(refused)} of {calls} calls of /v1/health at once were refused"
    )


def _rate(settings: Any, path: str) -> tuple[float, int]:
    """Requests a second and burst of a GET; the account's where the stage has no own."""
    by_path = {key.replace("~1", "/").strip("/"): one for key, one in settings.items()}
    of_method = by_path.get(f"{path}/GET", {})
    rate = of_method.get("throttlingRateLimit", _ACCOUNTS_RATE)
    return float(rate), int(of_method.get("throttlingBurstLimit", 5_000))


def a_plans_429_says_when_to_come_again(probe: Probe) -> Finding:
    with narrow_key(probe.stage, _NARROW_RATE) as key:
        narrow = Probe(probe.stage, key)

        def limited() -> Any:
            answers = narrow.at_once(10, "/v1/models/no-such-model")
            return next((one for one in answers if one.status_code == 429), None)

        answer = probe.eventually(limited)
    if answer is None:
        return cannot_tell("a plan of 1 request a second refused none of ten at once, for minutes")
    if problem := out_of_contract(answer, "rate_limited"):
        return not_held(problem)
    wait = answer.headers.get("Retry-After", "")
    return held(f"429 with Retry-After: {wait}") if wait else not_held("429 without Retry-After")


def a_disabled_caller_is_refused_at_once(probe: Probe) -> Finding:
    with temporary_key(probe.stage) as key:
        own = Probe(probe.stage, key)
        if not probe.eventually(lambda: own.send("GET", _ANY_PATH).status_code == 200):
            return not_held("a new caller's key is refused for minutes")
        told = ask(probe.stage, "POST", f"/{key.id}/disable", {"now": True})
        answer = own.send("GET", _ANY_PATH)
    if told["holds"] != "at once":
        return cannot_tell("the gateway's verdicts could not be flushed")
    problem = out_of_contract(answer, "forbidden")
    if not problem and "disabled" not in answer.json()["error"]["message"]:
        problem = f"the refusal says {answer.json()['error']['message']!r}"
    return judged([problem] if problem else [], "its next request was 403, with the reason")
