import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import boto3
import pytest
from moto import mock_aws

from functions.shared.catalogue.pricing import cost_nano_usd, price_version
from functions.shared.storage.request_log import packed
from functions.shared.vocabulary import Usage
from ops import __main__ as command
from ops.reprice import report, reprice
from ops.stage import Stage

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIRST_VERSION = "2026-11-24.ab338f56"
CACHED = {"cached_input_tokens": 100_000, "output_tokens": 1_000}


def _attempt(model="gpt-4o-mini", version=None, factor="1", provider="openai", **changes):
    usage = changes.pop("usage", {"input_tokens": 1_000, "output_tokens": 500})
    cost = cost_nano_usd(model, Usage(**usage), AT.date(), Decimal(factor), version)
    told = {"model": model, "provider": provider, "usage": usage, "cost_nano_usd": cost}
    return told | {"price_version": version or price_version()} | changes


def _row(*attempts, **changes):
    return {"request_id": "req_1", "created_at": AT.isoformat(), "attempts": attempts} | changes


def test_what_today_costs_the_same_is_one_line():
    models = reprice([_row(_attempt()), _row(_attempt("gpt-4o"), _attempt())])
    assert {model: told.attempts for model, told in models.items()} == {
        "gpt-4o": 1,
        "gpt-4o-mini": 2,
    }
    assert report(models) == [
        "3 attempts, booked 0.008400000 USD, by today's table +0.000000000 USD"
    ]


def test_an_attempt_of_an_older_version_is_held_against_both():
    told = reprice([_row(_attempt("gpt-6.2-sol", FIRST_VERSION, usage=CACHED))])["gpt-6.2-sol"]
    assert told.unlike == []
    assert (told.booked_nano_usd, told.today_nano_usd) == (30_000_000, 20_000_000)
    assert report({"gpt-6.2-sol": told}) == [
        "gpt-6.2-sol: 1 attempts, booked 0.030000000 USD, by today's table -0.010000000 USD",
        "1 attempts, booked 0.030000000 USD, by today's table -0.010000000 USD",
    ]


def test_the_version_of_the_row_stands_for_that_of_an_attempt():
    attempt = _attempt("gpt-6.2-sol", FIRST_VERSION, usage=CACHED)
    del attempt["price_version"]
    told = reprice([_row(attempt, price_version=FIRST_VERSION)])["gpt-6.2-sol"]
    assert (told.attempts, told.unlike) == (1, [])


def test_an_attempt_that_its_own_version_prices_otherwise_is_named():
    wrong = _attempt(cost_nano_usd=1)
    told = reprice([_row(wrong)])["gpt-4o-mini"]
    assert told.unlike == ["req_1"]
    assert "1 not booked as their version prices them: req_1" in "\n".join(report({"m": told}))


def test_the_stages_factors_of_then_are_those_of_the_row():
    context = {"routing_context": {"price_factors": {"openai": "1.1"}}}
    told = reprice([_row(_attempt(factor="1.1"), decision=context)])["gpt-4o-mini"]
    assert (told.unlike, told.difference_nano_usd) == ([], 0)


@pytest.mark.parametrize("changes", [{"usage": None}, {"simulated_cost_nano_usd": 450_000}])
def test_what_was_only_assumed_or_simulated_is_not_priced_again(changes):
    attempt = _attempt() | changes
    assert reprice([_row(attempt), _row()]) == {}


@pytest.mark.parametrize("changes", [{"price_version": "1999-01-01.00000000"}, {"model": "gpt-99"}])
def test_an_unknown_version_or_model_is_counted_apart(changes):
    (told,) = reprice([_row(_attempt() | changes)]).values()
    assert (told.attempts, told.unknown) == (0, 1)
    assert "1 of a version or a model" in report({"m": told})[0]


@pytest.fixture
def log(monkeypatch):
    """A stage whose request log holds the rows."""
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        session.client("dynamodb").create_table(
            TableName="requests",
            KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("request_id", "day", "created_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_day",
                    "KeySchema": [
                        {"AttributeName": "day", "KeyType": "HASH"},
                        {"AttributeName": "created_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        stage = Stage("dev", session, {"RequestsTableName": "requests"}, (), "")
        monkeypatch.setattr(command, "deployed_stage", lambda _name: stage)
        table = session.resource("dynamodb").Table("requests")
        yield lambda row: table.put_item(Item=packed(row))


@pytest.mark.parametrize(("age", "code", "attempts"), [(1, 0, 1), (40, 0, 0)])
def test_the_command_reads_the_log_of_the_period(log, capsys, age, code, attempts):
    began = datetime.now(UTC) - timedelta(days=age)
    log(
        _row(
            _attempt(), created_at=began.isoformat(timespec="milliseconds"), day=f"{began:%Y-%m-%d}"
        )
    )
    assert command.main(["reprice", "--since", "30d"]) == code
    assert capsys.readouterr().out.startswith(f"{attempts} attempts")


def test_the_command_fails_where_a_row_is_not_what_its_version_says(log, capsys):
    began = datetime.now(UTC)
    log(
        json.loads(json.dumps(_row(_attempt(cost_nano_usd=7))))
        | {"created_at": began.isoformat(timespec="milliseconds"), "day": f"{began:%Y-%m-%d}"}
    )
    assert command.main(["reprice"]) == 1
    assert "not booked as their version prices them: req_1" in capsys.readouterr().out


def test_a_period_that_is_none_is_a_line(log, capsys):
    assert command.main(["reprice", "--since", "soon"]) == 2
    assert "--since soon" in capsys.readouterr().err
