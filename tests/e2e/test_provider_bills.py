"""Of every provider and every way that its calls end: what it bills is what the books say, over HTTP."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from functions.shared.vocabulary import Provider, nano_usd
from local.client import Client
from local.faults import aimock
from local.faults.audit import audited, booked
from local.faults.exchange import Exchange, marked
from local.faults.fixtures import fixtures
from local.faults.killing import can_kill, kill_caller
from local.faults.kinds import BY_NAME, FAULTS, PROCESSED, WELL
from local.faults.run import read_books
from local.state import read_state
from tests.conftest import running_stack
from tests.support.api_calls import call, ended_job, eventually, get, post

pytestmark = pytest.mark.xdist_group("bills")

MODELS = {
    "openai chat": "gpt-6-luna",
    "openai responses": "gpt-6.1-sol",
    "azure": "azure-gpt-4o-mini",
    "anthropic": "claude-haiku-5-5",
    "bedrock": "bedrock-claude-haiku-5-5",
}
HURRIED_MS = dict.fromkeys(MODELS, 6000) | {"openai responses": 9000, "azure": 3000}
"""More than each model is expected to take, and too little to wait for one that is busy for long."""
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {
    "type": "object", "required": ["answer", "topics"], "additionalProperties": False,
    "properties": {"answer": {"type": "string"},
                   "topics": {"type": "array", "items": {"type": "string"}}},
}}}  # fmt: skip
LIST_PRICES = {
    "gpt-6-luna": ("0.1", "0.01", "0.125", "0.5"),
    "gpt-6.1-sol": ("2", "0.1", "2.5", "10"),
    "azure-gpt-4o-mini": ("0.15", "0.075", "0.15", "0.6"),
    "claude-haiku-5-5": ("0.1", "0.01", "0.125", "0.5"),
    "bedrock-claude-haiku-5-5": ("0.1", "0.01", "0.125", "0.5"),
}
"""USD per million tokens: input, read from the cache, written to it, output."""


@dataclass(frozen=True)
class Expected:
    """The outcome of each attempt, and what the row has beside the price of what was told: `possible`, or
    `guessed` from an answer whose usage is missing. A `hurried` one has seconds, and is expected to take few."""

    outcomes: tuple[str, ...]
    beside: str = ""
    hurried: bool = False
    repeated: bool = False


def _once(outcome, **more):
    return Expected((outcome,), **more)


TABLE = {
    "well": _once("success"),
    "too_long": _once("ContextWindowExceeded"),
    "malformed_request": _once("RequestDoubted"),
    "filtered": _once("ContentFiltered"),
    "refusal_in_answer": _once("ContentFiltered"),
    "misshapen": _once("AnswerUnfit"),
    "cache": _once("success"),
    "priority_tier": _once("success"),
    "no_usage": _once("success", beside="guessed"),
    "zero_usage": _once("success", beside="guessed"),
    "impossible_usage": _once("success", beside="guessed"),
    # Repeated only while the circuit is closed, which the ones before keep so.
    "failing": Expected(("ProviderUnavailable",) * 2),
    "overloaded": Expected(("ProviderOverloaded",) * 2),
    # Asked anew as long as there is time.
    "throttled": _once("ProviderThrottled", repeated=True, hurried=True),
    "throttled_for_long": _once("ProviderThrottled", hurried=True),
    "cut_json": _once("ProviderUnavailable", beside="guessed"),
    "html": _once("ProviderBadResponse", beside="possible"),
    "hang": _once("ProviderTimeout", beside="possible", hurried=True),
    "broken_off": _once("ProviderUnavailable", beside="guessed"),
    "stall": _once("ProviderTimeout", beside="guessed", hurried=True),
    "error_midway": _once("ProviderUnavailable", beside="guessed"),
    "trickle": _once("ProviderTimeout", beside="possible", hurried=True),
    "killed": _once("Runtime.ExitError", beside="possible"),
    # From here on the model or its provider is blocked for a while.
    "unknown_model": _once("ModelNotFound"),
    "no_money": _once("ProviderQuotaExhausted"),
    "key_refused": _once("ProviderAuthFailed"),
}
IN_ITS_WORDS = {("error_midway", "anthropic"): ("ProviderOverloaded",)}
PROVIDERS: dict[str, Provider] = {
    "openai chat": "openai",
    "openai responses": "openai",
    "azure": "azure_openai",
    "anthropic": "anthropic",
    "bedrock": "bedrock",
}
SLOW = ("hang", "stall", "trickle")
"""Each lasts until the attempt's time is over: one interface meets all, the others one each in turn. What they
have in common at each interface is in tests/contract/test_streams_in_time.py."""


def _meets(fault, interface):
    turn = [*MODELS].index(interface)
    is_its_turn = not turn or fault not in SLOW or fault == SLOW[turn % len(SLOW)]
    return is_its_turn and BY_NAME[fault].befalls(PROVIDERS[interface])


CASES = [
    pytest.param(
        fault,
        interface,
        marks=pytest.mark.skipif(
            fault == "killed" and not can_kill(), reason="nothing tells whose a connection is"
        ),
    )
    for fault in TABLE
    for interface in MODELS
    if _meets(fault, interface)
]


def scripted(call_):
    """The faults that the mark names, one for each call, and then the last one's again."""
    names = call_.mark.split(".")[1:]
    return BY_NAME[names[min(call_.number, len(names) - 1)]]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aimock")
    with aimock.serving(fixtures(), folder) as url:
        made = Exchange(url, scripted, lambda *_: None)
        with made.serving():
            yield made


@pytest.fixture(scope="module")
def stack(exchange):
    with running_stack(**exchange.variables) as running:
        port = urlsplit(running.base_url).port
        group = read_state(port).emulator_pid
        exchange.kill = lambda *ports: kill_caller(group, *ports)
        yield running


def _body(model, mark, **more):
    text = marked("What is the weather in Bern?", mark)
    return {"model": model, "fallback": False, "task": "chat", "text": text,
            "metadata": {"load": mark}, **more}  # fmt: skip


def _spent(stack):
    """By all and by the caller, in nano-dollars."""
    costs = get(stack, "/metrics/costs?window=24h").json(parse_float=Decimal)
    by_caller = sum(nano_usd(Decimal(one["cost_usd"])) for one in costs["by_caller"].values())
    return nano_usd(Decimal(costs["total_usd"])), by_caller


def _row(stack, request_id):
    return get(stack, f"/requests/{request_id}").json(parse_float=Decimal)


def _calls(exchange, mark):
    return [one for one in exchange.calls if one.mark == mark]


def _by_hand(told):
    rates = map(Decimal, LIST_PRICES[told.catalogue_id])
    usage = told.usage
    parts = (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens,
             usage.output_tokens)  # fmt: skip
    return sum(tokens * rate * 1000 for tokens, rate in zip(parts, rates, strict=True))


def test_the_table_has_every_fault():
    assert TABLE.keys() == {fault.name for fault in (WELL, *FAULTS)}


@pytest.mark.parametrize("interface", MODELS)
def test_a_call_that_succeeds_when_it_is_repeated_costs_once(stack, exchange, interface):
    mark = f"{interface.replace(' ', '-')}-again.overloaded.well"
    answer = post(stack, "/generate", _body(MODELS[interface], mark)).json()
    row = _row(stack, answer["request_id"])
    assert [one.outcome for one in booked(row)] == ["ProviderOverloaded", "success"]
    assert audited(_calls(exchange, mark), [row]).mismatches == []
    assert nano_usd(Decimal(row["cost_usd"])) == _calls(exchange, mark)[1].cost_nano_usd > 0


def test_a_fallback_costs_what_was_billed_before_it_too(stack, exchange):
    mark = "fallback.misshapen.cut_json.well"
    body = _body("gpt-6-luna", mark, fallback=True, response_format=FORM)
    row = _row(stack, post(stack, "/generate", body).json()["request_id"])
    ledger = _calls(exchange, mark)
    assert len(ledger) == len(booked(row)) >= 2
    assert audited(ledger, [row]).mismatches == []
    told = sum(one.cost_nano_usd for one in ledger if one.told)
    guessed = sum(one.guessed for one in booked(row))
    assert nano_usd(Decimal(row["cost_usd"])) - guessed == told > ledger[0].cost_nano_usd > 0
    assert guessed > 0


@pytest.mark.parametrize("interface", MODELS)
def test_a_connection_that_is_refused_is_an_attempt_that_costs_nothing(stack, exchange, interface):
    provider, mark = PROVIDERS[interface], f"{interface.replace(' ', '-')}-refused.well"
    exchange.close(provider)
    try:
        told = post(stack, "/generate", _body(MODELS[interface], mark)).json()
    finally:
        exchange.open(provider)
    [attempt] = booked(row := _row(stack, told["request_id"]))
    assert (attempt.outcome, attempt.left) == ("ProviderUnavailable", False)
    assert (row["cost_usd"], row.get("possibly_billed_usd", 0)) == (0, 0)
    assert _calls(exchange, mark) == []


@pytest.mark.parametrize(("fault", "interface"), CASES)
def test_a_call_costs_what_its_provider_bills(stack, exchange, fault, interface):
    expected, mark = TABLE[fault], f"{interface.replace(' ', '-')}.{fault}"
    limits = {"max_latency_ms": HURRIED_MS[interface], "max_output_tokens": 50}
    limits = limits if expected.hurried else {}
    before = _spent(stack)
    body = _body(MODELS[interface], mark, response_format=FORM, **limits)
    row = _row(stack, post(stack, "/generate", body).json()["request_id"])
    ledger, attempts = _calls(exchange, mark), booked(row)
    outcomes = tuple(one.outcome for one in attempts)
    wanted_outcomes = IN_ITS_WORDS.get((fault, interface), expected.outcomes)
    assert (outcomes[:1] if expected.repeated else outcomes) == wanted_outcomes
    assert len(ledger) == len(attempts)
    assert audited(ledger, [row]).mismatches == []
    assert sum(one.known for one in attempts) == sum(
        one.cost_nano_usd for one in ledger if one.told
    )
    beside = {name: sum(getattr(one, name) for one in attempts) for name in ("guessed", "possible")}
    processed = (PROVIDERS[interface], fault) in PROCESSED
    wanted = "possible" if processed else expected.beside
    assert {name for name, amount in beside.items() if amount} == {wanted} - {""}
    assert (nano_usd(row.get("possibly_billed_usd", Decimal(0))) > 0) == (wanted == "possible")
    cost = nano_usd(Decimal(row["cost_usd"]))
    after = (before[0] + cost, before[1] + cost)
    assert eventually(lambda: _spent(stack) == after), (_spent(stack), after)


def test_a_job_that_is_stopped_has_a_row_with_what_may_be_billed(stack, exchange):
    mark = "stopped.hang"
    body = _body("gpt-6-luna", mark, max_latency_ms=6_000, max_output_tokens=50)
    told = post(stack, "/jobs", body).json()
    assert eventually(lambda: _calls(exchange, mark))
    assert call(stack, "DELETE", f"/jobs/{told['execution_id']}").json()["status"] == "ABORTED"
    assert ended_job(stack, told["execution_id"])["status"] == "ABORTED"
    row = eventually(lambda: _row(stack, told["execution_id"]).get("attempts") and True, 60)
    assert row, "there is no row"
    found = _row(stack, told["execution_id"])
    assert audited(_calls(exchange, mark), [found]).mismatches == []


def test_the_ledger_prices_as_a_hand_does(exchange):
    standard = [one for one in exchange.calls if one.usage and one.usage.tier == "standard"]
    priced = [one for one in standard if one.catalogue_id in LIST_PRICES]
    assert len(priced) > 50
    assert [one.cost_nano_usd for one in priced] == [_by_hand(one) for one in priced]


def test_every_book_agrees_with_the_ledger_in_the_end(stack, exchange):
    client = Client(stack.base_url.removesuffix("/api/v1"), stack.api_key)
    port = urlsplit(stack.base_url).port
    books = read_books(client, read_state(port))
    audit = audited(exchange.calls, books.rows)
    assert audit.mismatches == []
    assert audit.ledger_known == audit.rows_known > 0
    cost = audit.rows_known + audit.guessed
    assert (books.metrics, books.by_caller, books.emf) == (cost, cost, cost)
    assert len(aimock.journal(exchange.simulator)) == len(exchange.calls)
