import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime

import boto3
import pytest

from functions.admin import handler
from functions.shared.callers.records import key_hash
from functions.shared.callers.table import CallerTable
from ops import __main__ as command
from ops.stage import Part, Stage
from tests.support.callers import SERVICE, GatewayStub
from tests.support.gateway_events import LambdaStub

FUNCTIONS = (
    Part("FunctionsApi1", "AWS::Lambda::Function", "the-api"),
    Part("FunctionsAdminRole1", "AWS::IAM::Role", "the-role"),
    Part("FunctionsAdmin1", "AWS::Lambda::Function", "the-admin"),
)


class Invoked:
    """Lambda, which runs the function here, unless it fails."""

    fails = False

    def invoke(self, **call):
        assert call["FunctionName"] == "the-admin"
        if self.fails:
            answer = {"errorType": "Runtime.ExitError"}
            return {
                "FunctionError": "Unhandled",
                "Payload": io.BytesIO(json.dumps(answer).encode()),
            }
        # What a function prints goes to its log.
        with redirect_stdout(io.StringIO()):
            answer = handler.lambda_handler(json.loads(call["Payload"]), LambdaStub())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture(autouse=True)
def table(environment, state_table, callers_table, budgets_table, monkeypatch):
    environment(CALLERS_TABLE="Callers", BUDGETS_TABLE="Budgets", STATE_TABLE="State")
    environment(POWERTOOLS_SERVICE_NAME=SERVICE)
    gateway = GatewayStub()
    monkeypatch.setattr(handler, "client", lambda _service: gateway)
    stage = Stage("dev", boto3.Session(), {"ApiId": "a1"}, FUNCTIONS, "https://api")
    monkeypatch.setattr(Stage, "client", lambda *_: Invoked())
    monkeypatch.setattr(command, "deployed_stage", lambda name: {"dev": stage}[name])
    return callers_table


@pytest.fixture
def run(capsys):
    def ran(*arguments, code=0):
        assert command.main(["callers", *arguments]) == code
        told = capsys.readouterr()
        return told.err if code else told.out

    return ran


@pytest.fixture
def show(run):
    return lambda caller="team-a": json.loads(run("show", caller, "--json"))


def test_a_key_is_shown_once_and_it_is_said_so(run, table):
    text = run("create", "--name", "team-a", "--monthly-budget-usd", "50")
    *lines, last = text.splitlines()
    assert "Its key, shown this once: " in last
    assert CallerTable(table).key(key_hash(last.rpartition(" ")[2]))
    assert run("show", "team-a").splitlines() == lines
    assert "month 50.00 USD (own)" in text


def test_all_that_a_caller_may_have_can_be_said_when_it_is_made(run, show):
    run(
        *("create", "--name", "team-a", "--plan", "operator", "--expires", "2027-01-01"),
        *("--daily-budget-usd", "0.1", "--total-budget-usd", "1.000000001", "--budget-mode", "expected"),
        *("--tokens-per-minute", "5000", "--tier-down-at", "0.5"),
        *("--allow-models", "gpt-4o,gpt-4o-mini", "--allow-tasks", "chat"),
    )  # fmt: skip
    told = show()
    assert {name: one["value"] for name, one in told["limits"].items()} == {
        "day_usd": 0.1, "total_usd": 1.000000001, "mode": "expected",
        "tokens_per_minute": 5000, "tier_down_at": 0.5,
    }  # fmt: skip
    assert (told["models"], told["tasks"]) == (["gpt-4o", "gpt-4o-mini"], ["chat"])
    # The last day counts.
    assert (told["plan"], told["expires_at"]) == ("operator", "2027-01-02T00:00:00.000Z")


def test_an_age_ends_so_long_from_now(run, show):
    run("create", "--name", "team-a", "--expires", "90d")
    left = datetime.fromisoformat(show()["expires_at"]) - datetime.now(UTC)
    assert 89 <= left.days <= 90


def test_what_the_stage_refuses_is_said_field_by_field(run):
    refused = run("create", "--name", "team-a", "--allow-models", "gpt-4o-minni", code=1)
    assert 'models.0: no such model; did you mean "gpt-4o-mini"?' in refused
    assert "no caller" in run("show", "nobody", code=1)


def test_a_function_that_fails_is_no_answer(run, monkeypatch):
    monkeypatch.setattr(Invoked, "fails", True)
    assert "Runtime.ExitError" in run("list", code=1)


def test_callers_are_listed_in_columns(run):
    run("create", "--name", "b", "--allow-models", "gpt-4o")
    run("create", "--name", "a", "--daily-budget-usd", "2")
    run("disable", "b")
    head, first, second = run("list").splitlines()
    assert head.split() == ["NAME", "ID", "PLAN", "STATE", "LIMITS", "MODELS"]
    assert first.startswith("a ")
    assert "day 2.00 USD" in first
    assert second.split()[3:] == ["disabled", "none", "gpt-4o"]


def test_a_rotation_takes_its_overlap(run, show):
    first = run("create", "--name", "team-a").split()[-1]
    second = run("rotate", "team-a", "--overlap", "2h").split()[-1]
    ends = {key["hint"]: key["expires_at"] for key in show()["keys"]}
    assert ends[second[-4:]] is None
    left = datetime.fromisoformat(ends[first[-4:]]) - datetime.now(UTC)
    assert left.seconds // 3600 in {1, 2}
    run("rotate", "team-a", "--overlap", "0")
    assert [one["expires_at"] for one in show()["keys"]].count(None) == 1


def test_it_is_said_when_a_change_holds(run, show):
    run("create", "--name", "team-a")
    assert "It holds within 300 s." in run("disable", "team-a")
    assert "It holds at once." in run("disable", "team-a", "--now")
    assert show()["disabled"]
    assert "It holds at once." in run("set-budget", "team-a", "--daily-budget-usd", "1")
    run("enable", "team-a")
    assert not show()["disabled"]


def test_none_takes_away_what_is_a_callers_own(run, show):
    run("create", "--name", "team-a", "--expires", "1d", "--allow-models", "gpt-4o",
        "--monthly-budget-usd", "5", "--tokens-per-minute", "9", "--budget-mode", "expected")  # fmt: skip
    run("set-budget", "team-a", "--monthly-budget-usd", "none", "--tokens-per-minute", "none",
        "--budget-mode", "none")  # fmt: skip
    run("update", "team-a", "--expires", "none", "--allow-models", "none")
    told = show()
    assert told["limits"].keys() == {"mode", "tier_down_at"}
    assert (told["expires_at"], told["models"]) == (None, [])


def test_spend_is_told_limit_by_limit(run):
    run(
        "create",
        "--name",
        "team-a",
        "--monthly-budget-usd",
        "0.000000001",
        "--tokens-per-minute",
        "9",
    )
    lines = run("spend", "team-a").splitlines()
    assert lines[1].split() == ["PERIOD", "LIMIT", "SPENT", "HELD", "LEFT", "RENEWS"]
    assert lines[2].startswith("month   0.000000001 USD  0.00 USD  0.00 USD  0.000000001 USD")
    assert "tokens of this minute: 9 of 9 left" in lines
    assert lines[-1].startswith("recorded this month: 0 requests, 0.00 USD billed")
    assert json.loads(run("spend", "team-a", "--json"))["name"] == "team-a"


def test_a_new_stage_gets_an_operator_and_no_other_stage_does(run):
    assert "first (" in (text := run("first"))
    assert ", operator, open" in text
    assert "shown this once" in text
    assert run("first") == "There are callers already: no first key is made.\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--monthly-budget-usd", "much"),
        ("--tokens-per-minute", "1.5"),
        ("--expires", "soon"),
        ("--budget-mode", "loose"),
    ],
)
def test_an_option_that_says_nothing_is_refused_without_asking(options, capsys):
    with pytest.raises(SystemExit):
        command.main(["callers", "create", "--name", "a", *options])
    assert options[0] in capsys.readouterr().err
