"""What aimock answers the tests of OpenAI's clients, by words of their prompts."""

from __future__ import annotations

import json
from typing import Any

from local.faults.aimock import Fixture

CITY = {"name": "Bern", "people": 134_000}
"""Under the schema of the tests."""
SUNNY = "It is sunny in Bern."
CODEX_COMMAND = "echo made by the agent > proof.txt"
CODEX_SCRIPT = f"await tools.exec_command({json.dumps({'cmd': CODEX_COMMAND})});"
"""For models that Codex knows it has one tool, which runs scripts."""
CODEX_SAID = "The file is written."


def client_answers() -> list[Fixture]:
    """The first one that matches answers; none of them matches what other tests ask."""
    return [
        _says({"userMessage": "weather", "hasToolResult": True}, SUNNY),
        _calls("get_weather", {"city": "Bern"}, {"city": "Basel"}, userMessage="weather in both"),
        _calls("get_weather", {"city": "Bern"}, userMessage="weather"),
        _calls("final_result", CITY, userMessage="Bern as data"),
        _calls("City", CITY, userMessage="Bern as JSON"),
        _calls("compatcanary_echo", {"value": "CANARY_OK"}),
        _says({"userMessage": "compatibility status"}, json.dumps({"status": "ok"})),
        _says({"userMessage": "Bern as JSON"}, json.dumps(CITY)),
        _says({"userMessage": "write proof.txt", "hasToolResult": True}, CODEX_SAID),
        _calls("exec_command", {"cmd": CODEX_COMMAND}, userMessage="write proof.txt"),
        _calls("functions__exec", {"input": CODEX_SCRIPT}, userMessage="write proof.txt"),
    ]


def _says(match: dict[str, Any], content: str) -> Fixture:
    return {"match": match, "response": {"content": content}}


def _calls(name: str, *arguments: dict[str, Any], **match: str) -> Fixture:
    calls = [{"name": name, "arguments": one} for one in arguments]
    wanted = {"toolName": name, "hasToolResult": False, **match}
    return {"match": wanted, "response": {"toolCalls": calls}}
