import re

import pytest

from tests.support.synthesized import Stage

pytestmark = pytest.mark.xdist_group("synthesis")

RECORDS = ["FunctionsTallyLogs"]
FUNCTIONS = 23
# What the lines of finished requests, of attempts and of functions hold, and the access log. The
# metrics are lists, as the format of Powertools has them.
FIELDS = {
    "request_id",
    "caller",
    "caller_id",
    "trace_id",
    "attempt",
    "attempts",
    "task",
    "outcome",
    "model",
    "provider",
    "CostUsd.0",
    "PossiblyBilledUsd.0",
    "SavingsUsd.0",
    "HoldExceeded.0",
    "LatencyMs.0",
    "RoutingMs.0",
    "InferenceMs.0",
    "`error.type`",
    "`gen_ai.request.model`",
    "@timestamp",
    "@log",
    "@message",
    "level",
    "message",
    "status",
    "resource",
    "error_type",
}


def queries(stage: Stage) -> dict[str, tuple[list[str], str]]:
    """Log groups and text by the name in the stage's folder."""
    found = {}
    for query in stage.pipeline.resources("AWS::Logs::QueryDefinition").values():
        folder, _, name = query["Name"].partition("/")
        assert folder == "llm-orchestrator-prod"
        groups = [re.sub(r"[0-9A-F]{8}$", "", group["Ref"]) for group in query["LogGroupNames"]]
        found[name] = (groups, query["QueryString"])
    return found


def test_the_saved_queries_search_the_logs_that_know(prod: Stage) -> None:
    found = {name: groups for name, (groups, _) in queries(prod).items()}
    path = found.pop("Path of one request")
    assert found == {
        "Last failures": RECORDS,
        "Slowest requests": RECORDS,
        "Cost by model": RECORDS,
        "Cost by caller": RECORDS,
        "Hold exceeded": RECORDS,
        "Fallbacks by reason": RECORDS,
        "Throttled calls": ["ApiAccessLogs"],
    }
    assert len(set(path)) == FUNCTIONS
    assert all(group.startswith("Functions") for group in path)


def test_the_saved_queries_ask_for_fields_that_there_are(prod: Stage) -> None:
    for _, text in queries(prod).values():
        named = set(re.findall(r"(?:ispresent|sum)\(([^)]+)\)", text))
        for listed in re.findall(r"^(?:fields|.* by) (.+)$", text, flags=re.MULTILINE):
            named |= {field.partition(" as ")[0] for field in listed.split(", ")}
        assert named
        assert named <= FIELDS


def test_each_query_is_sorted_or_counted(prod: Stage) -> None:
    for _, text in queries(prod).values():
        assert re.search(r"^\| (sort|stats) ", text, flags=re.MULTILINE)
