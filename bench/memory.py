"""What each function's process holds of memory after 1,000 calls, over what it holds after 100."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

from bench.engine import authorizer_event, running_engine
from bench.hosted import Hosted, hosted
from bench.local_aws import KEY, running_aws
from bench.progress import tell
from bench.ratios import rounded
from bench.samples import anew, events_of, gateway_event, request_id_of
from local.load_plan import load_prompts

FEW, MANY = 100, 1_000
PROMPTS = 20
_MIB = 2**20
_QUESTION = {"text": "What makes a small town worth a visit in the autumn?"}
_OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Api": ("api", gateway_event("GET", "/v1/models")),
    "Route": ("route", gateway_event("POST", "/v1/route", _QUESTION)),
    "Sweep": ("sweep", {}),
}
"""Functions beside a request's path, with what each is called with."""


def results() -> dict[str, Any]:
    with running_aws() as aws, running_engine(aws, 1) as engine:
        texts = [one.text for one in load_prompts()[:PROMPTS]]
        samples = [events_of(engine, {"text": text}) for text in texts]
        found = {}
        for name, function in engine.chains[0].items():
            events = [(sample[name], request_id_of(sample)) for sample in samples]
            found[name] = _measured(name, function, _renewed(events))
        asked = repeat(authorizer_event(KEY))
        found["Authorize"] = _measured("Authorize", engine.beside["Authorize"], asked)
        folders = {name: folder for name, (folder, _) in _OTHERS.items()}
        with hosted(folders, aws.variables) as others:
            for name, function in others.items():
                found[name] = _measured(name, function, repeat(_OTHERS[name][1]))
        return found


def _renewed(events: list[tuple[Any, str]]) -> Iterator[Any]:
    while True:
        for event, request_id in events:
            yield anew(event, request_id)


def _measured(name: str, function: Hosted, events: Iterator[Any]) -> dict[str, float]:
    tell(f"memory: {name}, {MANY} calls")
    for _ in range(FEW):
        function(next(events))
    few = function.resident_bytes
    for _ in range(MANY - FEW):
        function(next(events))
    many = function.resident_bytes
    return {
        f"mib_after_{FEW}": rounded(few / _MIB),
        f"mib_after_{MANY}": rounded(many / _MIB),
        "growth": rounded(many / few),
    }
