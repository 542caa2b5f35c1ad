"""What checkers of OpenAI's API say of a stack: each failure is listed in `docs/openai.md` with its reason, and
nothing is listed that passes."""

import json
import re

import pytest

from local.paths import SCRIPTS
from tests.conftest import PROJECT
from tests.support.client_process import run_client

pytestmark = pytest.mark.xdist_group("billed")

REASONING_MODEL = "gpt-5-mini"
"""Of others llm-comply skips a check."""
COMPATCANARY = PROJECT / "node_modules/compatcanary/src/cli.js"


def _listed(checker):
    text = (PROJECT / "docs/openai.md").read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| .{20,} \|$", text, re.M)
    return {check for name, check in rows if name == checker}


def _report(*command, key):
    told = run_client(*command, OPENAI_API_KEY=key, OPENRESPONSES_API_KEY=key)
    return json.loads(told.stdout[told.stdout.index("{") :])


@pytest.mark.parametrize(
    ("interface", "checks", "path"),
    [("openai-chat", 9, "/chat/completions"), ("open-responses", 13, "/responses")],
)
def test_llm_comply_fails_where_it_is_listed_and_nowhere_else(
    door, billed, interface, checks, path
):
    report = _report(
        SCRIPTS / "llm-comply", "run", "--json", "--base-url", door.base_url,
        "--model", REASONING_MODEL, "--format", interface,
        key=billed.api_key,
    )  # fmt: skip
    results = {one["id"]: one["status"] for one in report["results"]}
    assert len(results) == checks
    failed = {name for name, status in results.items() if status != "passed"}
    assert failed == _listed(f"llm-comply {interface}"), report
    assert path in {one.path for one in door.passed}


def test_compatcanary_fails_where_it_is_listed_and_nowhere_else(door, billed):
    report = _report(
        SCRIPTS / "node", COMPATCANARY, "scan", "--base-url", door.base_url,
        "--model", REASONING_MODEL, "--format", "json", "--fail-on", "never",
        key=billed.api_key,
    )  # fmt: skip
    results = {one["id"]: one["status"] for one in report["results"]}
    assert len(results) == 7
    failed = {name for name, status in results.items() if status != "pass"}
    assert failed == _listed("compatcanary"), report
