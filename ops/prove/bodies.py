"""What becomes of bodies that are wrong, large or odd on their way into a state machine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import requests

from ops.prove.check import Finding, cannot_tell, held, judged, not_held
from ops.prove.probe import Probe, out_of_contract

STARTING = ("/v1/generate", "/v1/jobs")
_BROKEN = {
    "no JSON": b'{"text": ',
    "nothing": b"",
    "a list": b"[]",
    "a number": b"7",
    "two values": b'{"text": "a"}, "x": 1',
    "null": b"null",
}
MAX_REQUEST_BYTES = 210_000
_STATE_BYTES = 262_144
_TRIES = 5
SIZES = (
    MAX_REQUEST_BYTES - 1,
    MAX_REQUEST_BYTES + 1,
    _STATE_BYTES - 1,
    _STATE_BYTES + 1,
    1_000_000,
    10 * 1024 * 1024 + 1,
)
_NUMBERS = ("1e400", "1e-7", "9007199254740993", "1.0", "-0.0", "0.1")


def broken_bodies_are_refused_in_json(probe: Probe) -> Finding:
    problems = [
        f"{path} of {name}: {problem}"
        for path in STARTING
        for name, body in _BROKEN.items()
        if (problem := out_of_contract(probe.send("POST", path, body), "invalid_request"))
    ]
    return judged(problems, f"{len(_BROKEN)} broken bodies get 400 invalid_request on both paths")


def invalid_utf8_stays_in_the_contract(probe: Probe) -> Finding:
    body = b'{"task": "sentiment", "model": "no-such-model", "text": "\xff\xfe"}'
    seen, problems = [], []
    for path in STARTING:
        answer = probe.send("POST", path, body)
        seen.append(f"{answer.status_code} on {path}")
        if answer.status_code not in {200, 202} and (problem := out_of_contract(answer)):
            problems.append(f"{path}: {problem}")
        if answer.status_code >= 500:
            problems.append(f"{path} answers {answer.status_code}")
    return judged(problems, f"invalid UTF-8 gets {', '.join(seen)}")


def odd_texts_and_numbers_stay_in_the_contract(probe: Probe) -> Finding:
    """Half a surrogate pair, and a number that no function can read."""
    bodies = {
        "half a surrogate pair": b'{"task": "sentiment", "model": "no-such-model", "text": "\\ud800"}',
        "5,000 digits": b'{"text": "a", "max_output_tokens": ' + b"9" * 5_000 + b"}",
    }
    answers = {
        f"{name} on {path}": probe.send("POST", path, body)
        for name, body in bodies.items()
        for path in STARTING
    }
    problems = [
        f"{name}: {out_of_contract(answer) or answer.status_code}"
        for name, answer in answers.items()
        if answer.status_code >= 500 or (not answer.ok and out_of_contract(answer))
    ]
    seen = (f"{name}: {answer.status_code}" for name, answer in answers.items())
    return judged(problems, ", ".join(seen))


def a_repeated_job_is_the_first(probe: Probe) -> Finding:
    """While it runs, and once it has ended."""
    named: dict[str, str | None] = {"Idempotency-Key": secrets.token_hex(8)}
    body = json.dumps(probe.question).encode()
    first, second = (probe.send("POST", STARTING[1], body, named) for _ in range(2))
    if first.status_code != 202:
        return not_held(f"a job is answered {first.status_code} {first.text[:80]}")
    told = second.json()
    named_first = (told.get("error") or told).get("execution_id")
    wanted = first.json()["execution_id"]
    problems = [] if named_first == wanted else [f"{second.status_code} {second.text[:80]}"]
    return judged(problems, f"the same Idempotency-Key twice names {wanted}")


def a_job_is_listed_while_it_runs(probe: Probe) -> Finding:
    body = json.dumps(probe.question).encode()

    def listed() -> str | None:
        """A job's status when it is first seen in the list. A quick one may have ended by then."""
        job = probe.send("POST", STARTING[1], body).json()["execution_id"]

        def status() -> str | None:
            jobs = probe.send("GET", STARTING[1]).json()["data"]
            return next((one["status"] for one in jobs if one["execution_id"] == job), None)

        return probe.eventually(status)

    for _ in range(_TRIES):
        found = listed()
        if found == "RUNNING":
            return held("the list names a job that runs")
        if found is None:
            return not_held("the list does not name an accepted job")
    return cannot_tell("every job had ended when it was seen in the list")


def a_refusal_repeats_no_value(probe: Probe) -> Finding:
    canary = secrets.token_hex(8)
    odd = f'no\n"\\such\t{canary}'
    bodies = [
        {"text": "a", "task": odd},
        {"text": "a", "session_id": odd * 9},
        {"text": {"a": odd}},
        {"text": "a", "metadata": {"a": {"b": odd}}},
    ]
    problems = []
    for body in bodies:
        answer = probe.send("POST", "/v1/jobs", json.dumps(body).encode())
        if answer.status_code == 202:
            continue
        if problem := out_of_contract(answer, "invalid_request"):
            problems.append(problem)
        elif canary in answer.text:
            problems.append(f"a refusal repeats the value: {answer.text[:120]}")
    return judged(problems, "refusals of odd values are JSON and repeat none of them")


def a_plain_refusal_has_no_retry_after(probe: Probe) -> Finding:
    answer = probe.generate({"text": 7})
    if problem := out_of_contract(answer, "invalid_request"):
        return not_held(problem)
    wait = answer.headers.get("Retry-After")
    return judged(
        [] if wait is None else [f"a 400 says Retry-After: {wait!r}"],
        "a 400 whose body has no retry_after_seconds has no Retry-After",
    )


def sizes_are_taken_or_refused(probe: Probe) -> Finding:
    results = [
        (f"{path.rpartition('/')[2]} {size}", path, size, probe.send("POST", path, body))
        for size in SIZES
        for body in [body_of(probe.question, size)]
        for path in STARTING
    ]
    problems = [
        f"{name}: {problem}"
        for name, path, size, answer in results
        if (problem := _wrong_for_its_size(answer, path, size))
    ]
    seen = ", ".join(f"{name} {answer.status_code}" for name, _, _, answer in results)
    return judged(problems, seen)


def body_of(question: dict[str, Any], size: int) -> bytes:
    """A request of exactly so many bytes."""
    bare = len(json.dumps({**question, "text": ""}))
    text = "a good day "
    text = (text * (size // len(text) + 1))[: size - bare]
    return json.dumps({**question, "text": text}).encode()


def _wrong_for_its_size(answer: requests.Response, path: str, size: int) -> str | None:
    # 422: the only model that costs nothing here may be too small for it; the engine has read it.
    taken = {202} if path.endswith("jobs") else {200, 422}
    if size <= MAX_REQUEST_BYTES:
        return None if answer.status_code in taken else f"{answer.status_code} {answer.text[:80]}"
    # A job starts with whatever a state takes, and fails when it is read.
    if path.endswith("jobs") and size <= _STATE_BYTES and answer.status_code == 202:
        return None
    return out_of_contract(answer, "payload_too_large")


def numbers_arrive(probe: Probe) -> Finding:
    model = probe.simulated_model("tools")
    if model is None:
        return cannot_tell("no simulated model here would show what it was asked")
    seen = {number: _echo(probe, model, number) for number in _NUMBERS}
    problems = [
        f"{number} came as {echo}" for number, echo in seen.items() if _differs(number, echo)
    ]
    return judged(problems, ", ".join(f"{number} → {echo}" for number, echo in seen.items()))


def _echo(probe: Probe, model: str, number: str) -> str:
    """The number as the simulator writes it into the arguments of a tool call, else the status."""
    parameters = {
        "type": "object",
        "properties": {"n": {"const": "NUMBER"}},
        "required": ["n"],
    }
    function = {"name": "echo", "parameters": parameters}
    body = {
        "task": "tools",
        "text": "Call the tool.",
        "model": model,
        "fallback": False,
        "tools": [{"type": "function", "function": function}],
    }
    text = json.dumps(body).replace('"NUMBER"', number)
    answer = probe.send("POST", "/v1/generate", text.encode())
    return next(_arguments(answer), f"status {answer.status_code}")


def _arguments(answer: requests.Response) -> Iterator[str]:
    if answer.status_code == 200:
        for call in answer.json()["tool_calls"]:
            yield str(call["function"]["arguments"]).removeprefix('{"n": ').removesuffix("}")


def _differs(number: str, echo: str) -> bool:
    if number == "1e400":
        # No double holds it: refused, or made something else, but never our fault.
        return echo.startswith("status 5")
    try:
        return float(echo) != float(number)
    except ValueError:
        return True
