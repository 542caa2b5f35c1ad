import json
import re
from typing import Any

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.telemetry.series import NAMESPACE
from stacks.monitoring.metric_catalog import MetricCatalog
from tests.support.synthesized import Stage, flat
from tests.support.watched_series import EXISTING, invented, of_widget, searched, series

pytestmark = pytest.mark.xdist_group("synthesis")

FULL_WIDTH = 24
STAGES = ("local", "prod")


@pytest.fixture(scope="session")
def bodies(local: Stage, prod: Stage) -> dict[str, dict[str, Any]]:
    found = {}
    for name, stage in (("local", local), ("prod", prod)):
        (dashboard,) = stage.pipeline.resources("AWS::CloudWatch::Dashboard").values()
        assert dashboard["DashboardName"] == f"llm-orchestrator-{name}"
        found[name] = dict(json.loads(flat(dashboard["DashboardBody"])))
    return found


@pytest.fixture(params=STAGES)
def body(request: pytest.FixtureRequest, bodies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return bodies[request.param]


def widgets(body: dict[str, Any], kind: str = "metric") -> list[dict[str, Any]]:
    return [widget for widget in body["widgets"] if widget["type"] == kind]


def titled(body: dict[str, Any], title: str) -> dict[str, Any]:
    (found,) = (one for one in body["widgets"] if one["properties"].get("title") == title)
    return dict(found["properties"])


def sections(body: dict[str, Any]) -> dict[str, list[str]]:
    """Titles under each heading."""
    found: dict[str, list[str]] = {}
    for widget in body["widgets"]:
        if widget["type"] == "text":
            found[widget["properties"]["markdown"].removeprefix("## ")] = titles = []
        else:
            titles.append(widget["properties"]["title"])
    return found


def test_every_metric_drawn_is_one_that_somebody_emits(body: dict[str, Any]) -> None:
    drawn = [one for widget in widgets(body) for one in of_widget(widget)]
    assert {one.namespace for one in drawn} > {NAMESPACE, "AWS/Lambda", "AWS/States"}
    assert invented(drawn) == []


@pytest.mark.parametrize(
    "row",
    [
        [NAMESPACE, "Wishes", "service", "x", {}],
        [NAMESPACE, "Requests", {}],
        [NAMESPACE, "Errors", "service", "x", "model", "y", {}],
        ["AWS/Lambda", "Requests", "FunctionName", "x", {}],
        ["AWS/Lambda", "Duration", {}],
        [{"expression": f"SEARCH('{{{NAMESPACE},service,model}} MetricName=\"Requests\"', 'Sum')"}],
        [{"expression": "SEARCH('{Elsewhere,service} MetricName=\"Requests\"', 'Sum')"}],
    ],
)
def test_an_invented_metric_would_be_noticed(row: list[Any]) -> None:
    assert len(invented(of_widget({"properties": {"metrics": [row]}}))) == 1


def test_math_on_a_metric_that_is_not_there_would_be_noticed() -> None:
    row = [{"expression": "100 * FILL(success, 0) / requests"}]
    with pytest.raises(ValueError, match="needs"):
        list(of_widget({"properties": {"metrics": [row]}}))


@pytest.mark.parametrize(
    "expression",
    [
        f"SEARCH('{{{NAMESPACE},service}} MetricName=\"Requests\"')",
        f"SEARCH('{{{NAMESPACE},service}} stage=\"prod\" MetricName=\"Requests\"', 'Sum')",
    ],
)
def test_a_search_that_cannot_be_read_would_be_noticed(expression: str) -> None:
    with pytest.raises(ValueError, match="SEARCH"):
        searched(expression)


def test_the_metrics_that_exist_are_read_from_what_a_request_emits() -> None:
    assert series(NAMESPACE, "SavingsUsd", "service") in EXISTING
    assert series(NAMESPACE, "Throttles", "service", "provider") in EXISTING


@pytest.mark.parametrize(("name", "dimension"), [("Wishes", None), ("Errors", ("model", "gpt-4o"))])
def test_a_metric_that_is_not_in_the_table_cannot_be_drawn(
    name: str, dimension: tuple[str, str] | None
) -> None:
    with pytest.raises(ValueError, match=name):
        MetricCatalog("llm-orchestrator-dev").metric(name, dimension=dimension)
    with pytest.raises(ValueError, match=name):
        MetricCatalog("llm-orchestrator-dev").by("model", name)


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_stages_own_metrics_are_drawn(
    bodies: dict[str, dict[str, Any]], stage: str
) -> None:
    text = json.dumps(bodies[stage])
    other = next(name for name in STAGES if name != stage)
    assert f"llm-orchestrator-{stage}" in text
    assert f"llm-orchestrator-{other}" not in text
    for widget in widgets(bodies[stage]):
        for one in of_widget(widget):
            services = [value for name, value in one.values if name == "service"]
            assert set(services) <= {f"llm-orchestrator-{stage}"}


def test_the_dashboard_has_every_section(body: dict[str, Any]) -> None:
    assert {heading: set(titles) for heading, titles in sections(body).items()} == {
        "Alarms": {"Alarms"},
        "What callers get": {
            "Requests",
            "Failed, by whose fault",
            "Success rate (%)",
            "Fallbacks",
            "Latency (ms)",
            "Cost (USD)",
            "Possibly billed (USD)",
            "Estimated savings (USD)",
            "Simulated cost (USD)",
            "Cost (USD per hour)",
            "Hold exceeded",
            "Requests, by whose fault they failed",
            "Success rate",
            "Latency",
            "Overhead: latency that is ours",
            "Overhead by step p50",
            "Overhead by step p95",
            "Cost",
            "Estimated savings",
            "Tokens",
        },
        "Budgets": {"Budgets", "Requests refused by budget"},
        "Kept answers": {"Answers that may be kept", "Hit rate"},
        "Routing": {
            "Answers by model",
            "Requests by task",
            "Requests by preference",
            "Fallbacks over time",
            "Failed attempts by reason",
            "Requests by outcome",
        },
        "Providers": {
            "Provider latency p50",
            "Provider latency p95",
            "Provider error rate",
            "Provider throttles",
            "Estimated usage",
            "Circuits",
        },
        "One model, chosen above": {"Model: attempts and errors", "Model: latency", "Model: cost"},
        "Platform": {
            "Executions: Generate",
            "Executions: Jobs",
            "Executions: Submit",
            "Execution time p99",
            "Function duration p95",
            "Internal errors",
            "Crashes",
            "Function throttles",
            "Function concurrency",
            "Cold starts",
            "Table throttles",
            "Gateway calls",
            "Gateway latency",
            "Throttled calls",
            "Dead letters",
        },
        "Upkeep": {"Models that retire within 60 days", "Last failures"},
    }


def test_every_graph_says_what_it_shows_and_in_which_unit(body: dict[str, Any]) -> None:
    for widget in widgets(body):
        properties = widget["properties"]
        assert properties["title"]
        if properties["view"] != "singleValue":
            assert properties["yAxis"]["left"]["label"]
            assert properties["legend"] == {"position": "bottom"}


def test_numbers_and_shares_are_of_the_whole_range(body: dict[str, Any]) -> None:
    of_range = [
        widget["properties"]["setPeriodToTimeRange"]
        for widget in widgets(body)
        if widget["properties"]["view"] in {"singleValue", "pie"}
    ]
    assert of_range == [True] * 14


def test_rows_fill_the_width_and_nothing_overlaps(body: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
    heights = {y for _, y in taken}
    assert taken == {(x, y) for x in range(FULL_WIDTH) for y in heights}


def test_only_the_row_of_one_model_changes_with_the_chosen_model(body: dict[str, Any]) -> None:
    of_one = {
        widget["properties"]["title"]
        for widget in widgets(body)
        if any(name == "model" for one in of_widget(widget) for name, _ in one.values)
    }
    assert of_one == {"Model: attempts and errors", "Model: latency", "Model: cost"}
    (variable,) = body["variables"]
    assert (variable["type"], variable["property"]) == ("property", "model")
    assert variable["inputType"] == "select"
    drawn = {
        value
        for widget in widgets(body)
        for one in of_widget(widget)
        for name, value in one.values
        if name == "model"
    }
    assert drawn == {variable["defaultValue"]} == {variable["values"][0]["value"]}


def test_the_models_to_choose_from_are_those_of_the_configured_providers(
    bodies: dict[str, dict[str, Any]],
) -> None:
    providers = {}
    for stage in STAGES:
        (variable,) = bodies[stage]["variables"]
        models = [load_catalogue().get(one["value"]) for one in variable["values"]]
        providers[stage] = {model.provider for model in models}
    assert providers["local"] == {"openai", "bedrock", "local"}
    assert providers["prod"] == {"openai", "anthropic", "local"}


def test_functions_are_shown_each_by_its_name(local: Stage, bodies: dict[str, Any]) -> None:
    functions = local.pipeline.resources("AWS::Lambda::Function")
    # The console loads nothing that would count its cold starts.
    uncounted = {
        "Function duration p95": 0,
        "Function concurrency": 0,
        "Function throttles": 0,
        "Cold starts": 1,
        "Internal errors": 1,
    }
    for title, missing in uncounted.items():
        rows = shown(titled(bodies["local"], title))
        assert len(rows) == len({row[-1]["label"] for row in rows}) == len(functions) - missing


def shown(properties: dict[str, Any]) -> list[Any]:
    """The rows that are drawn, without those that only feed an expression."""
    return [row for row in properties["metrics"] if row[-1].get("visible") is not False]


def test_what_is_stacked_leaves_out_its_zeros(body: dict[str, Any]) -> None:
    stacked = [one["properties"] for one in widgets(body) if one["properties"].get("stacked")]
    assert "Executions: Generate" in {properties["title"] for properties in stacked}
    for properties in stacked:
        for row in shown(properties):
            expression = row[-1]["expression"]
            assert re.fullmatch(r"IF\((m\d+) > 0, \1\)|SEARCH\(.+\)", expression)


def test_lambdas_own_errors_are_drawn_only_where_each_is_a_fault(body: dict[str, Any]) -> None:
    """The others raise on purpose: it is how the state machine learns of an error."""
    drawn = [
        (widget["properties"]["title"], value)
        for widget in widgets(body)
        for one in of_widget(widget)
        if (one.namespace, one.name) == ("AWS/Lambda", "Errors")
        for _, value in one.values
    ]
    assert {title for title, _ in drawn} == {"Crashes"}
    raising = re.compile("Functions(Classify|Score|Invoke)")
    assert drawn
    assert not [value for _, value in drawn if raising.search(value)]
    assert any("FunctionsRecordMetrics" in value for _, value in drawn)


def test_failures_of_callers_of_providers_and_of_ours_are_all_there_are(
    body: dict[str, Any],
) -> None:
    labels = ["Callers'", "Providers'", "Ours"]
    rows = {
        row[-1].get("label"): row[-1] for row in titled(body, "Failed, by whose fault")["metrics"]
    }
    assert [rows[label]["expression"] for label in labels] == [
        "requests - FILL(success, 0) - errors",
        "errors - FILL(inside, 0)",
        "0 * requests + FILL(inside, 0)",
    ]


@pytest.mark.parametrize(
    ("title", "widget"),
    [
        ("Circuits", "circuits"),
        ("Budgets", "budgets"),
        ("Models that retire within 60 days", "retiring_models"),
    ],
)
def test_what_no_metric_tells_is_asked_of_a_function(
    body: dict[str, Any], title: str, widget: str
) -> None:
    properties = titled(body, title)
    assert properties["params"] == {"widget": widget}
    assert "FunctionsWidgets" in properties["endpoint"]


def test_every_alarm_shows_its_state(prod: Stage, bodies: dict[str, dict[str, Any]]) -> None:
    shown = titled(bodies["prod"], "Alarms")["alarms"]
    alarms = prod.pipeline.resources("AWS::CloudWatch::Alarm")
    assert sorted(shown) == sorted(f"<{logical_id}.Arn>" for logical_id in alarms)


def test_the_last_failures_are_a_table_from_the_lines_of_finished_requests(
    body: dict[str, Any],
) -> None:
    properties = titled(body, "Last failures")
    assert properties["view"] == "table"
    assert "FunctionsTallyLogs" in properties["query"].partition("|")[0]
    assert "filter ispresent(`error.type`)" in properties["query"]
    assert properties["query"].endswith("limit 20")


def test_three_hours_are_shown_and_periods_follow_the_range(body: dict[str, Any]) -> None:
    assert (body["start"], body["periodOverride"]) == ("-PT3H", "auto")
