import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto.core.models import botocore_stubber

from functions.record_metrics.recording import record
from functions.shared.contracts.states import RecordInput
from functions.shared.health.counts import health_of
from functions.shared.money.caller_spend import CallerSpend, spend_of
from functions.shared.storage import clients
from functions.shared.storage.state_table import StateTable
from functions.tally.counting import count
from functions.tally.handler import lambda_handler
from functions.tally.stream import batch_of
from tests.conftest import PROJECT
from tests.support.builders import decision, finished, profile
from tests.support.gateway_events import LambdaStub
from tests.support.recording import stores
from tests.support.row_stream import item_of, stream_event

NOW = datetime(2026, 11, 26, 10, 30, 20, tzinfo=UTC)
COST_NANO_USD = 1_234_567
CALLS_OF_RECORD = ("row", "session")
CALLS_OF_TALLY = ("minute", "hour", "health of the minute", "health of the day", "cursor")


class Killed(BaseException):
    """As a function ends that Lambda stops."""


@pytest.fixture(autouse=True)
def _service(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "llm-orchestrator-test")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


@pytest.fixture
def tables(requests_table, state_table):
    return requests_table, state_table


def _answered(number=1, caller="key-1", **amounts) -> RecordInput:
    usage = {
        "input_tokens": 5, "cached_input_tokens": 0, "output_tokens": 7, "total_cost_nano_usd": COST_NANO_USD,
        "usage_source": "provider", "baseline_model": None, "baseline_cost_nano_usd": COST_NANO_USD,
        "savings_nano_usd": 0, "price_version": "1",
    }  # fmt: skip
    times = {"total_time_ms": 900, "routing_time_ms": 3, "inference_time_ms": 850}
    call = {
        "cost_nano_usd": COST_NANO_USD,
        "usage": {"input_tokens": 5, "output_tokens": 7},
    } | amounts
    return finished(
        request_id=f"req_{number}",
        caller_id=caller,
        answer={"mock": False, "finish_reason": "stop", "usage": usage, "performance": times},
        attempt={"model": "gpt-4o-mini", "provider": "openai", "outcome": "success"} | call,
        profile=profile(session_id="conversation-1"),
        decision=decision(),
    )


def _items(how_many):
    return [item_of(_answered(number), NOW) for number in range(how_many)]


def _record(event):
    queue = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    record(
        event,
        stores(queue),
    )


def _count(event):
    count(batch_of(event), StateTable("State"))


def _events():
    return clients.client("dynamodb").meta.events


def _killing_after(number):
    """Whatever runs is killed when its call of DynamoDB of this number is done."""
    calls = []

    def kill(**_):
        calls.append(1)
        if len(calls) == number:
            raise Killed

    _events().register("after-call.dynamodb", kill, "kill")


def _killed(run, argument, number):
    _killing_after(number)
    with pytest.raises(Killed):
        run(argument)
    _events().unregister("after-call.dynamodb", unique_id="kill")


def _losing_answer(number):
    """The call of this number is done, but its answer is lost, so that the SDK repeats it."""
    calls = []

    def lose(event_name, request, **_):
        calls.append(1)
        if len(calls) == number:
            botocore_stubber(event_name, request)
            raise ConnectionClosedError(endpoint_url=request.url)

    _events().register_first("before-send.dynamodb", lose)
    return calls


def _spent(state_table):
    """What each item of the spend says, which all say the same."""
    items = [one for one in state_table.scan()["Items"] if one["state_id"].startswith("spend#")]
    minute, hour = [spend_of([item]) for item in items]
    assert minute == hour
    return minute


def _healthy(state_table):
    """The answers that are counted of the model, in the minute and in the day."""
    items = state_table.scan()["Items"]
    found = health_of(one for one in items if one["state_id"].startswith("health#"))["gpt-4o-mini"]
    return found.ok, found.answers


def _lines(capsys):
    """Of requests."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    return [line for line in lines if "Requests" in line]


def _counted_once(state_table, capsys, requests=1):
    lines = _lines(capsys)
    assert sorted(line["request_id"] for line in lines) == sorted(
        {one["request_id"] for one in lines}
    )
    assert sum(line["CostUsd"][0] for line in lines) == pytest.approx(
        requests * COST_NANO_USD / 1e9
    )
    assert sum(line["Requests"][0] for line in lines) == requests
    assert _healthy(state_table) == (requests, requests)
    return _spent(state_table) == {"key-1": CallerSpend(requests, requests * COST_NANO_USD)}


@pytest.mark.parametrize("call", CALLS_OF_RECORD)
def test_a_record_that_was_killed_and_runs_again_counts_once(tables, capsys, call):
    table, state_table = tables
    _killed(_record, _answered(), 1 + CALLS_OF_RECORD.index(call))
    for _ in range(2):
        _record(_answered())
    _count(stream_event(table.scan()["Items"]))
    assert table.scan()["Count"] == 1
    assert _counted_once(state_table, capsys)


@pytest.mark.parametrize("call", CALLS_OF_TALLY[:-1])
def test_a_count_that_was_killed_and_runs_again_counts_once(tables, capsys, call):
    _table, state_table = tables
    _killed(_count, stream_event(_items(3)), 1 + CALLS_OF_TALLY.index(call))
    for _ in range(2):
        _count(stream_event(_items(3)))
    assert _counted_once(state_table, capsys, 3)


def test_killed_right_before_it_prints_it_doubles_nothing_and_says_what_may_be_missing(
    tables, capsys, caplog
):
    _table, state_table = tables
    _killed(_count, stream_event(_items(2)), len(CALLS_OF_TALLY))
    _count(stream_event(_items(3)))
    [told] = caplog.records
    assert (told.message, told.request_ids) == ("counted before", ["req_0", "req_1"])
    assert [line["request_id"] for line in _lines(capsys)] == ["req_2"]
    assert _spent(state_table) == {"key-1": CallerSpend(3, 3 * COST_NANO_USD)}


@pytest.mark.parametrize("call", ["row", *CALLS_OF_TALLY])
def test_a_call_whose_answer_is_lost_and_that_the_sdk_repeats_counts_once(tables, capsys, call):
    table, state_table = tables
    if call == "row":
        calls = _losing_answer(1)
    _record(_answered())
    event = stream_event(table.scan()["Items"])
    if call != "row":
        calls = _losing_answer(1 + CALLS_OF_TALLY.index(call))
    _count(event)
    assert len(calls) > len(CALLS_OF_TALLY)
    assert _counted_once(state_table, capsys)
    # The row was found to be its own, and what follows a row came.
    assert any(one["state_id"].startswith("session#") for one in state_table.scan()["Items"])


@pytest.mark.parametrize(
    "deliveries",
    [
        pytest.param([(0, 4), (0, 4)], id="the same"),
        pytest.param([(0, 2), (0, 4)], id="longer"),
        pytest.param([(0, 4), (0, 2), (2, 4)], id="in halves"),
        pytest.param([(0, 3), (1, 4)], id="overlapping"),
        pytest.param([(0, 4), (3, 4), (1, 2)], id="late and out of order"),
    ],
)
def test_a_batch_that_comes_again_in_whatever_pieces_counts_once(tables, capsys, deliveries):
    _table, state_table = tables
    items = _items(4)
    for start, end in deliveries:
        _count(stream_event(items[start:end], first=98 + start))
    assert _counted_once(state_table, capsys, 4)


def test_a_shard_counts_for_itself(tables, capsys):
    _table, state_table = tables
    first, second = _items(2)
    for item, number, shard in ((first, 10**39, "shardId-1"), (second, 7, "shardId-2")):
        for _ in range(2):
            _count(stream_event([item], first=number, shard=shard))
    assert _counted_once(state_table, capsys, 2)


def test_what_is_killed_in_the_middle_and_comes_again_with_more_counts_once(tables, capsys):
    _table, state_table = tables
    items = _items(5)
    _killed(_count, stream_event(items[:3]), 1)
    _count(stream_event(items))
    assert _counted_once(state_table, capsys, 5)


def test_a_throttled_item_loses_nothing(tables, capsys, monkeypatch):
    _table, state_table = tables

    def refuse(**_):
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    _events().register_first("before-send.dynamodb.UpdateItem", refuse, "refuse")
    with pytest.raises(ClientError):
        _count(stream_event(_items(2)))
    _events().unregister("before-send.dynamodb.UpdateItem", unique_id="refuse")
    _count(stream_event(_items(2)))
    assert _counted_once(state_table, capsys, 2)


def test_requests_of_several_callers_minutes_and_hours_are_kept_apart(tables, capsys):
    _table, state_table = tables
    late = NOW.replace(minute=59, second=59)
    events = [
        (_answered(1), NOW),
        (_answered(2, "key-2"), NOW),
        (_answered(3), late),
        (_answered(4), late.replace(hour=11)),
    ]
    _count(stream_event([item_of(event, now) for event, now in events]))
    items = [one for one in state_table.scan()["Items"] if "health#" not in one["state_id"]]
    spent = {one["state_id"]: spend_of([one]) for one in items}
    once, twice = (CallerSpend(number, number * COST_NANO_USD) for number in (1, 2))
    assert spent == {
        "spend#2026-11-26T10:30": {"key-1": once, "key-2": once},
        "spend#2026-11-26T10:59": {"key-1": once},
        "spend#2026-11-26T10": {"key-1": twice, "key-2": once},
        "spend#2026-11-26T11:59": {"key-1": once},
        "spend#2026-11-26T11": {"key-1": once},
        "tally#shardId-00000001795000000000-00000001": {},
    }
    assert len(_lines(capsys)) == 4


def test_what_nobody_bills_and_what_is_perhaps_billed_is_no_cost(tables, capsys):
    _table, state_table = tables
    simulated = {"cost_nano_usd": 0, "simulated_cost_nano_usd": 5_000_000_000}
    assumed = {"cost_nano_usd": 0, "possibly_billed_nano_usd": 3_000_000_000}
    events = [_answered(1, **simulated), _answered(2, **assumed)]
    _count(stream_event([item_of(event, NOW) for event in events]))
    first, second = _lines(capsys)
    assert first["CostUsd"] == second["CostUsd"] == [0.0]
    assert (first["SimulatedCostUsd"], second["PossiblyBilledUsd"]) == ([5.0], [3.0])
    assert _spent(state_table) == {"key-1": CallerSpend(2, 0, 3_000_000_000, 5_000_000_000)}


@pytest.mark.parametrize("rows", [1, 40])
def test_a_batch_of_a_minute_takes_as_many_writes_as_the_document_says(tables, rows):
    calls = []
    _events().register("after-call.dynamodb", lambda **_: calls.append(1))
    _count(stream_event(_items(rows)))
    assert len(calls) == len(CALLS_OF_TALLY)
    said = " ".join((PROJECT / "docs" / "observability.md").read_text("utf-8").split())
    assert f"{len(calls)} write units a batch" in said


def test_all_lines_of_a_batch_are_one_write(tables, monkeypatch):
    written = []
    monkeypatch.setattr("functions.tally.counting.sys.stdout.write", written.append)
    _count(stream_event(_items(3)))
    [text] = written
    assert text.count("\n") == len(text.splitlines()) == 6


def test_the_handler_answers_with_a_state_even_at_the_end_of_an_empty_window(
    tables, environment, capsys
):
    environment(STATE_TABLE="State")
    empty = {"shardId": "shardId-1", "isFinalInvokeForWindow": True, "window": {}, "state": {}}
    assert lambda_handler(empty, LambdaStub()) == {"state": {}}
    assert lambda_handler(stream_event(_items(1)), LambdaStub()) == {"state": {}}
    assert len(_lines(capsys)) == 1
