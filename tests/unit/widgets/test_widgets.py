import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import boto3
import pytest

from functions.shared.caller import Limits
from functions.shared.catalogue.models import load_catalogue
from functions.shared.health.counts import minute_id
from functions.shared.money.budget import HOLD, Hold
from functions.shared.settings import WidgetSettings
from functions.shared.storage.state_table import Change, StateTable
from functions.widgets import handler
from functions.widgets.budgets import budgets
from functions.widgets.circuits import circuits
from functions.widgets.markup import paragraph, table
from functions.widgets.retiring_models import retiring_models
from tests.support.caller_rows import enter
from tests.support.gateway_events import LambdaStub

# gpt-4o, of OpenAI, retires on 2027-01-14.
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TABLES = {"STATE_TABLE": "State", "CALLERS_TABLE": "Callers", "BUDGETS_TABLE": "Budgets"}


def stage(*providers):
    return WidgetSettings(PROVIDERS_CONFIGURED=frozenset(providers), **TABLES)


def cells(html):
    return [[cell.text or "" for cell in row] for row in ElementTree.fromstring(html).iter("tr")]


@pytest.fixture
def ask(state_table, environment):
    environment(STATE_TABLE="State", PROVIDERS_CONFIGURED="openai,local")
    environment(POWERTOOLS_METRICS_NAMESPACE="Test", POWERTOOLS_SERVICE_NAME="test")
    return lambda **event: handler.lambda_handler(event, LambdaStub())


def test_models_that_retire_soon_are_listed_with_their_successors():
    headings, *rows = cells(retiring_models(stage("openai", "anthropic"), NOW))
    assert headings == ["Model", "Provider", "Retires on", "Days left", "Successor"]
    successor = load_catalogue().get("gpt-4o").successor
    assert ["gpt-4o", "openai", "2027-01-14", "50", successor] in rows
    days = [int(row[3]) for row in rows]
    assert days == sorted(days)
    assert 0 <= days[0] <= days[-1] <= 60


@pytest.mark.parametrize(("days_before", "is_listed"), [(61, 0), (60, 1), (0, 1), (-1, 0)])
def test_a_model_is_listed_from_sixty_days_before_it_retires_until_it_does(days_before, is_listed):
    now = datetime(2027, 1, 14, 23, tzinfo=UTC) - timedelta(days=days_before)
    assert ("<td>gpt-4o</td>" in retiring_models(stage("openai"), now)) == is_listed


def test_models_that_nobody_can_ask_do_not_count():
    assert "gpt-4o" not in retiring_models(stage("anthropic"), NOW)
    never = WidgetSettings(MOCK_PROVIDERS="never", **TABLES)
    told = "<p>No model that can be asked retires within 60 days.</p>"
    assert retiring_models(never, NOW) == told


def test_a_stage_without_keys_shows_what_it_simulates():
    assert "<td>gpt-4o</td>" in retiring_models(stage("local"), NOW)


def test_without_a_provider_there_is_no_circuit():
    assert circuits(stage(), NOW).startswith("<p>No provider is configured")


def _count(provider, model="gpt-4o", latest=None, **added):
    now = datetime.now(UTC)
    StateTable("State").add(
        Change(
            minute_id(provider, now),
            int(now.timestamp()) + 600,
            {f"{name}|{model}": value for name, value in added.items()},
            {f"{name}|{model}": value for name, value in (latest or {}).items()},
        )
    )


def test_a_provider_that_was_not_called_lately_is_closed_and_available(ask):
    assert cells(ask(widget="circuits")) == [
        ["Provider", "Model", "Circuit", "Availability", "Attempts in 5 minutes"],
        ["local", "all models", "closed", "100.0%", "0"],
        ["openai", "all models", "closed", "100.0%", "0"],
    ]


def test_a_model_whose_circuit_is_open_is_listed_below_its_provider(ask):
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    _count("openai", ok=2, faults=6, latest={"last_fault_at_ms": now_ms})
    _count("openai", "gpt-4o-mini", ok=12)
    assert cells(ask(widget="circuits"))[2:] == [
        ["openai", "all models", "1 open of 2 asked", "80.0%", "20"],
        ["openai", "gpt-4o", "open", "66.7%", "8"],
    ]


def test_a_provider_whose_models_all_fail_is_not_called_closed(ask):
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    _count("openai", faults=9, latest={"last_fault_at_ms": now_ms})
    rested = {"last_fault_at_ms": now_ms - 100_000}
    _count("openai", "gpt-4o-mini", faults=9, latest=rested)
    provider, *models = cells(ask(widget="circuits"))[2:]
    assert provider == ["openai", "all models", "1 open, 1 half open of 2 asked", "35.7%", "18"]
    assert [row[1:3] for row in models] == [["gpt-4o", "open"], ["gpt-4o-mini", "half open"]]


def test_a_circuit_is_half_open_after_its_rest(ask):
    long_ago_ms = int(datetime.now(UTC).timestamp() * 1000) - 100_000
    _count("openai", faults=6, latest={"last_fault_at_ms": long_ago_ms})
    assert [row[2] for row in cells(ask(widget="circuits"))[2:]] == [
        "1 half open of 1 asked",
        "half open",
    ]


def test_a_provider_that_refuses_our_key_is_open_with_all_its_models(ask):
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    _count("openai", "*", latest={"blocked_at_ms": now_ms})
    rows = [row for row in cells(ask(widget="circuits")) if row[0] == "openai"]
    assert rows[0][2] == "open, the account was refused"
    assert {row[2] for row in rows[1:]} == {"open"}
    today = datetime.now(UTC).date()
    assert [row[1] for row in rows[1:]] == [
        one.id
        for one in load_catalogue().models
        if one.provider == "openai" and not one.is_retired(today)
    ]


def test_health_that_cannot_be_read_is_a_sentence_and_no_error(ask, state_table):
    boto3.client("dynamodb").delete_table(TableName=state_table.name)
    assert ask(widget="circuits") == "<p>The state table cannot be read just now.</p>"


@pytest.mark.parametrize("event", [{}, {"widget": None}, {"widget": "<script>"}])
def test_an_unknown_widget_is_told_about(ask, event):
    told = ask(**event, widgetContext={"theme": "dark"})
    names = "retiring_models or circuits or budgets"
    assert told == f"<p>There is no such widget. Set widget to {names}.</p>"


def test_the_documentation_names_every_widget(ask):
    told = ask(describe=True)
    assert set(re.findall(r"`(\w+)`:", told)) == {"retiring_models", "circuits", "budgets"}


@pytest.fixture
def budgets_of(callers_table, budgets_table):
    """Shows the widget on the day of the tests."""
    enter(callers_table, "id-a", "team-a", month_nano_usd=50_000_000_000)
    enter(callers_table, "id-b", "team-b", day_nano_usd=1_000_000, total_nano_usd=10**9)
    enter(callers_table, "id-c", "without-limits")
    hold = Hold("req_1", 1, 5 * 10**9, 0, "2026-11-25", "2026-11-25T12:00", 2_000_000_000, "w")
    spent = {"month#2026-11": 15_000_000_000, HOLD + hold.key: hold.to_text()}
    budgets_table.put_item(Item={"budget_id": "caller#id-a", **spent})
    budgets_table.put_item(
        Item={"budget_id": "caller#id-b", "day#2026-11-25": 1_000_000, "total": 1_000_000}
    )
    budgets_table.put_item(Item={"budget_id": "stage", "month#2026-11": 2_500_000_000})
    return lambda **limits: budgets(stage().model_copy(update=limits), NOW)


def test_budgets_are_listed_by_name_and_what_is_used_up_comes_first(budgets_of):
    headings, *rows = cells(budgets_of(STAGE_LIMITS=Limits(month_nano_usd=10_000_000_000)))
    assert headings == ["Caller", "Limit, USD", "Used", "Left", "Spent", "Held", "Renews, UTC"]
    nothing = "0.000000"
    stages = ["all callers together", "10 a month", "25.0%"]
    assert rows == [
        ["team-b", "0.001 a day", "used up", nothing, "0.001000", nothing, "2026-11-26"],
        ["team-a", "50 a month", "30.0%", "35.000000", "10.000000", "5.000000", "2026-12-01"],
        [*stages, "7.500000", "2.500000", nothing, "2026-12-01"],
        ["team-b", "1 in all", "0.1%", "0.999000", "0.001000", nothing, "never"],
    ]


def test_a_stage_where_nobody_has_a_limit_says_so(callers_table, budgets_table, ask):
    told = "<p>Nobody has a limit on what may be spent.</p>"
    assert ask(widget="budgets") == told


def test_budgets_that_cannot_be_read_are_a_sentence_and_no_error(budgets_of, budgets_table):
    boto3.client("dynamodb").delete_table(TableName=budgets_table.name)
    assert budgets_of() == "<p>The budgets cannot be read just now.</p>"


def test_whatever_is_in_a_cell_is_shown_as_text():
    hostile = "<script>alert('&')</script>"
    assert cells(table([hostile], [[hostile, 1]])) == [[hostile], [hostile, "1"]]
    assert "<script>" not in table([hostile], [[hostile]]) + paragraph(hostile)
