import json
import re
from decimal import Decimal
from pathlib import Path

import jsonata
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.vocabulary import nano_usd, usd

STATES = json.loads(Path("statemachine/orchestrate.asl.json").read_text("utf-8"))["States"]
[COMMIT] = [
    rule["Assign"]["committed_nano_usd"]
    for rule in STATES["Invoke Provider"]["Catch"]
    if "committed_nano_usd" in rule["Assign"]
]
[NO_MONEY_LEFT] = [
    rule["Condition"]
    for rule in STATES["Next Candidate?"]["Choices"]
    if "max_cost_nano_usd" in rule["Condition"]
]
AMOUNTS = st.lists(st.integers(0, nano_usd(Decimal(1_000))), min_size=1, max_size=6)
NANO_USD = Decimal("0.000000001")


def _evaluated(expression, **variables):
    """By the engine that runs the definition locally."""
    text = re.fullmatch(r"\{% (.*) %\}", expression)[1]
    return jsonata.Jsonata.jsonata(text).evaluate(None, variables)


def _is_refused(committed, next_one, limit):
    return _evaluated(
        NO_MONEY_LEFT,
        committed_nano_usd=committed,
        remaining=[{"worst_case_cost_nano_usd": next_one}],
        profile={} if limit is None else {"max_cost_nano_usd": limit},
    )


@given(AMOUNTS)
def test_the_definition_adds_amounts_exactly_and_admits_to_the_last_nano_dollar(amounts):
    committed = 0
    for amount in amounts[:-1]:
        candidate = {"worst_case_cost_nano_usd": amount}
        committed = _evaluated(COMMIT, committed_nano_usd=committed, candidate=candidate)
    assert committed == sum(amounts[:-1])
    whole = sum(amounts)
    assert _is_refused(committed, amounts[-1], whole) is False
    assert _is_refused(committed, amounts[-1], whole - 1) is True
    assert _is_refused(committed, amounts[-1], None) is False


def test_a_limit_of_0_3_admits_0_1_and_0_2():
    limit, first, second = (nano_usd(Decimal(text)) for text in ("0.3", "0.1", "0.2"))
    assert _is_refused(first, second, limit) is False


@given(st.decimals(min_value=0, max_value=1_000, places=9, allow_nan=False))
def test_an_amount_is_the_same_in_dollars_and_in_nano_dollars(amount):
    assert usd(nano_usd(amount)) == amount


@pytest.mark.xdist_group("local")
@pytest.mark.parametrize(("short_by", "calls"), [(Decimal(0), 2), (NANO_USD, 1)])
def test_a_cap_holds_to_the_nano_dollar_on_the_running_machine(stack, short_by, calls):
    headers, body = {"X-API-Key": stack.api_key}, {"task": "chat", "text": "Hello there."}
    asked = {**body, "model_preference": "best", "model": "gpt-4o"}
    routed = requests.post(f"{stack.base_url}/route", json=asked, headers=headers, timeout=60)
    first, second = (
        Decimal(str(one["worst_case_cost_usd"]))
        for one in routed.json()["routing"]["candidates"][:2]
    )
    limited = {**asked, "max_cost_usd": float(first + second - short_by)}
    with stack.faults({"gpt-4o": "ProviderTimeout"}):
        answered = requests.post(
            f"{stack.base_url}/generate", json=limited, headers=headers, timeout=60
        )
    # The first may have been billed: the second is called only where both fit.
    assert answered.status_code == (200 if calls == 2 else 502)
    record = requests.get(
        f"{stack.base_url}/requests/{answered.json()['request_id']}", headers=headers, timeout=60
    ).json()
    assert len(record["attempts"]) == calls
    assert Decimal(str(record["attempts"][0]["cost_usd"])) == first
