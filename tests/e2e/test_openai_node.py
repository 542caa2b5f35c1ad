"""Clients of Node: OpenAI's own, Vercel's AI SDK by both interfaces, and the agent Codex."""

import json

import pytest

from local.paths import SCRIPTS
from tests.conftest import PROJECT
from tests.support.client_answers import CITY, CODEX_SAID, SUNNY
from tests.support.client_process import output_of_client
from tests.support.held_exchange import SHORT
from tests.support.openai_clients import CITIES, MODEL

pytestmark = pytest.mark.xdist_group("billed")

# Codex sends a model that it knows other tools, in another way, than one that it does not.
CODEX = PROJECT / "node_modules/@openai/codex/bin/codex.js"
CODEX_SETTINGS = """
model = "{model}"
model_provider = "engine"
approval_policy = "never"
sandbox_mode = "danger-full-access"
web_search = "disabled"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.engine]
name = "The engine"
base_url = "{base_url}"
env_key = "API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


def _node(door, stack, script, *arguments, **options):
    """What it writes."""
    named = {"BASE_URL": door.base_url, "API_KEY": stack.api_key}
    return output_of_client(SCRIPTS / "node", script, *arguments, **named, **options)


def test_openais_client_understands_every_answer(door, billed):
    told = json.loads(_node(door, billed, PROJECT / "tests/e2e/node/openai_client.mjs"))
    assert told["plain"] == told["streamed"] == told["response"] == SHORT
    assert told["usage"]["completion_tokens"] > 0
    assert told["toolAnswer"] == SUNNY
    assert told["events"][0] == "response.created"
    assert told["events"][-1] == "response.completed"
    assert told["final"][0]["content"][0]["text"] == SHORT
    assert told["submitted"] in {"queued", "in_progress"}
    assert told["job"] == ["completed", SHORT]
    assert MODEL in told["models"]
    assert told["refused"] == "model_not_found"


def test_the_ai_sdk_understands_every_answer_by_both_interfaces(door, billed):
    told = json.loads(_node(door, billed, PROJECT / "tests/e2e/node/ai_sdk.mjs"))
    for one in told.values():
        assert one["plain"] == one["streamed"] == SHORT
        assert one["finish"] == "stop"
        assert one["usage"]["outputTokens"] == one["streamedUsage"]["outputTokens"] > 0
        assert one["calls"] == CITIES
        assert one["toolAnswer"] == one["streamedToolAnswer"] == SUNNY
        assert one["object"] == CITY
    assert {one.path for one in door.passed} == {"/responses", "/chat/completions"}


@pytest.mark.parametrize("model", [MODEL, "claude-haiku-5-5"])
def test_codex_calls_its_tools_by_what_the_model_says(door, billed, tmp_path, model):
    home, work = tmp_path / "home", tmp_path / "work"
    for one in (home, work):
        one.mkdir()
    (home / "config.toml").write_text(CODEX_SETTINGS.format(base_url=door.base_url, model=model))
    said = _node(
        door,
        billed,
        CODEX,
        "exec",
        "--skip-git-repo-check",
        "Please write proof.txt",
        cwd=work,
        CODEX_HOME=str(home),
    )
    assert said.strip() == CODEX_SAID
    assert (work / "proof.txt").read_text() == "made by the agent\n"
    answers = [one for one in door.passed if one.verb == "POST"]
    assert {one.path for one in answers} == {"/responses"}
    assert all(one.is_stream for one in answers)
