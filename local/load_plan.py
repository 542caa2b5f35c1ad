"""The requests of a load run: real prompts in varied forms, and the same ones for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, get_args

from functions.shared.vocabulary import Preference

_PROMPTS = Path(__file__).with_name("prompts.jsonl")
_EVERY_NTH_IS_A_JOB = 10
_TASK_GIVEN, _MESSAGES, _CAPPED, _FORMED, _WITH_TOOLS, _PINNED = 0.3, 0.1, 0.2, 0.15, 0.6, 0.1
"""Shares of the requests that could have it."""

_OUTPUT_TOKENS = (64, 256, 1024)
_FORMLESS = ("sentiment", "tools")
"""A sentiment has a form of its own, and a call of a tool is none."""
_SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "topics": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["answer", "topics"],
    "additionalProperties": False,
}
_FORMATS = (
    {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}},
)


def _tool(name: str, description: str, parameter: str) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {parameter: {"type": "string"}},
        "required": [parameter],
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


_TOOLS = [
    _tool("search_web", "Search the web", "query"),
    _tool("look_up_account", "Look something up in the user's account", "subject"),
]


@dataclass(frozen=True)
class LoadPrompt:
    """A row of `prompts.jsonl`; `task` is what it asks for."""

    task: str
    text: str
    source: str


@dataclass(frozen=True)
class Planned:
    """A request to send: the path that it is posted to, its body, and whether its job is to be stopped."""

    path: str
    body: dict[str, Any]
    stop: bool = False


def load_prompts() -> list[LoadPrompt]:
    """The prompts that come with the program."""
    return [LoadPrompt(**json.loads(line)) for line in _PROMPTS.read_text("utf-8").splitlines()]


def planned(prompts: Sequence[LoadPrompt], models: Sequence[str], seed: int) -> Iterator[Planned]:
    """Without an end. `models` are those that a request may be pinned to."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    left: list[LoadPrompt] = []
    for number in count(1):
        left = left or chance.sample(prompts, len(prompts))
        path = "/generate" if number % _EVERY_NTH_IS_A_JOB else "/jobs"
        body = _body(left.pop(), models, chance)
        # Two requests never ask the same, so that each meets a failure of its own.
        yield Planned(path, body | {"metadata": {"load": f"{seed}-{number}"}})


def _body(prompt: LoadPrompt, models: Sequence[str], chance: random.Random) -> dict[str, Any]:
    def is_one(share: float) -> bool:
        return chance.random() < share

    body: dict[str, Any] = {"model_preference": chance.choice(get_args(Preference))}
    if is_one(_MESSAGES):
        body["messages"] = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": prompt.text},
        ]
    else:
        body["text"] = prompt.text
    if is_one(_TASK_GIVEN):
        body["task"] = prompt.task
    if is_one(_CAPPED):
        body["max_output_tokens"] = chance.choice(_OUTPUT_TOKENS)
    if prompt.task == "tools" and is_one(_WITH_TOOLS):
        body["tools"] = _TOOLS
    elif prompt.task not in _FORMLESS and is_one(_FORMED):
        body["response_format"] = chance.choice(_FORMATS)
    elif models and is_one(_PINNED):
        body["model"] = chance.choice(models)
    return body
