import json
import re
from decimal import Decimal
from pathlib import Path

import jsonata
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.contracts.states import UNLIMITED_NANO_USD
from functions.shared.errors import ProviderTimeout
from functions.shared.vocabulary import nano_usd, usd
from tests.support.builders import caught

STATES = json.loads(Path("statemachine/orchestrate.asl.json").read_text("utf-8"))["States"]
CATCHES = STATES["Invoke Provider"]["Catch"]
TOLD = [rule["Assign"]["told"] for rule in CATCHES if rule["Next"] == "Weigh Failure"]
LEFT = STATES["Weigh Failure"]["Assign"]["left"]
[NO_MONEY_LEFT] = [
    rule["Condition"]
    for rule in STATES["Next Candidate?"]["Choices"]
    if "$left" in rule["Condition"]
]
[NEXT] = {
    rule["Assign"]["candidate"]
    for rule in STATES["Next Candidate?"]["Choices"]
    if "candidate" in rule.get("Assign", {})
}
AMOUNTS = st.lists(st.integers(0, nano_usd(Decimal(1_000))), min_size=1, max_size=6)
NANO_USD = Decimal("0.000000001")


def _evaluated(expression, **variables):
    """By the engine that runs the definition locally, which has `$parse` of Step Functions' own."""
    text = re.fullmatch(r"\{% (.*) %\}", expression)[1]
    expression = jsonata.Jsonata.jsonata(text)
    expression.register_lambda("parse", json.loads)
    return expression.evaluate(None, variables)


def _limited(expression, left, worst_cases, again=()):
    return _evaluated(
        expression,
        left=left,
        again=[{"worst_case_cost_nano_usd": amount} for amount in again],
        remaining=[{"worst_case_cost_nano_usd": amount} for amount in worst_cases],
    )


def _after(left, spent):
    """What is left after an error that says what it spent."""
    error = ProviderTimeout("slow")
    error.spent = spent
    [told] = {one for one in TOLD if isinstance(one, str)}
    output = _evaluated(told, states={"errorOutput": caught(error)})
    return _evaluated(LEFT, left=left, told=output)


def test_what_the_function_did_not_tell_is_nothing_or_the_worst():
    untold = [one["spent"] for one in TOLD if not isinstance(one, str)]
    assert untold == [0, "{% $candidate.worst_case_cost_nano_usd %}"]


@given(amounts=AMOUNTS, limit=st.integers(0, UNLIMITED_NANO_USD))
def test_the_definition_subtracts_exactly_and_admits_to_the_last_nano_dollar(amounts, limit):
    left = limit
    for amount in amounts[:-1]:
        left = _after(left, amount)
    assert left == limit - sum(amounts[:-1])
    assert _limited(NO_MONEY_LEFT, left, [left]) is False
    assert _limited(NO_MONEY_LEFT, left, [left + 1]) is True
    assert _limited(NO_MONEY_LEFT, left, [left + 1], again=[left]) is False


def test_a_limit_of_0_3_admits_0_1_and_0_2():
    limit, first, second = (nano_usd(Decimal(text)) for text in ("0.3", "0.1", "0.2"))
    assert _limited(NO_MONEY_LEFT, limit - first, [second]) is False


def _next(left, worst_cases, again=()):
    return _limited(NEXT, left, worst_cases, again)["worst_case_cost_nano_usd"]


def test_a_candidate_that_does_not_fit_gives_way_to_the_next_that_does():
    assert _next(5, [6, 5, 4]) == 5
    assert _next(UNLIMITED_NANO_USD, [6, 5, 4]) == 6
    assert _next(5, [4], again=[5]) == 5
    assert _next(4, [4], again=[5]) == 4


def test_a_next_candidate_was_not_waited_for_yet():
    waited = {"worst_case_cost_nano_usd": 1, "waited_seconds": 2}
    chosen = _evaluated(NEXT, left=1, again=[waited], remaining=[])
    assert chosen == {"worst_case_cost_nano_usd": 1, "waited_seconds": 0}


@given(st.decimals(min_value=0, max_value=1_000, places=9, allow_nan=False))
def test_an_amount_is_the_same_in_dollars_and_in_nano_dollars(amount):
    assert usd(nano_usd(amount)) == amount


@pytest.mark.xdist_group("local")
@pytest.mark.parametrize(("short_by", "calls"), [(Decimal(0), 2), (NANO_USD, 1)])
def test_a_cap_holds_to_the_nano_dollar_on_the_running_machine(stack, short_by, calls):
    headers, body = {"X-API-Key": stack.api_key}, {"task": "chat", "text": "Hello there."}
    asked = {**body, "model": "gpt-4o", "max_output_tokens": 50}
    first, cheapest = _worst_cases(stack, asked, headers)
    limited = {**asked, "max_cost_usd": float(first + cheapest - short_by)}
    with stack.faults({"gpt-4o": "EngineError"}):
        answered = requests.post(
            f"{stack.base_url}/generate", json=limited, headers=headers, timeout=60
        )
    # The first may have been billed in full: another is called only where both fit.
    assert answered.status_code == (200 if calls == 2 else 502)
    record = requests.get(
        f"{stack.base_url}/requests/{answered.json()['request_id']}", headers=headers, timeout=60
    ).json()
    assert len(record["attempts"]) == calls
    if calls == 1:
        assert "max_cost_usd" in record["error"]["message"]


def _worst_cases(stack, asked, headers):
    routed = requests.post(f"{stack.base_url}/route", json=asked, headers=headers, timeout=60)
    first, *others = (
        Decimal(str(one["worst_case_cost_usd"])) for one in routed.json()["routing"]["candidates"]
    )
    return first, min(others)
