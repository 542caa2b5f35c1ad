"""An audit that never fails would be worth nothing: each entry here is wrong in one way."""

from dataclasses import replace
from decimal import Decimal

import pytest

from functions.shared.money.budget import Budget, Hold
from functions.shared.vocabulary import Usage, usd
from local.faults.audit import Books, audited
from local.faults.exchange import LedgerCall
from local.faults.kinds import BY_NAME, FAULTS, WELL
from local.faults.report import Report
from local.faults.run import drawn
from local.load_sending import Outcome

USAGE = Usage(input_tokens=1000, output_tokens=200)
COST = 200_000
"""Of gpt-6-luna, at 0.10 and 0.50 USD per million tokens, in nano-dollars."""
TOLD = LedgerCall("openai", "chat_completions", "gpt-6-luna", "1-1", 0, usage=USAGE, told=True)
LOST = replace(TOLD, fault=BY_NAME["hang"], told=False)
REFUSED = replace(TOLD, fault=BY_NAME["throttled"], usage=None, told=False)


def attempt(cost=COST, outcome="success", **changes):
    told = {"model": "gpt-6-luna", "provider": "openai", "outcome": outcome}
    return {**told, "cost_usd": usd(cost), "usage": {}, **changes}


def row(*attempts, mark="1-1"):
    sums = {
        name: sum((one.get(name, 0) for one in attempts), Decimal(0))
        for name in ("cost_usd", "possibly_billed_usd")
    }
    return {"profile": {"metadata": {"load": mark}}, "attempts": list(attempts), **sums}


def possibly(nano):
    return attempt(0, "ProviderTimeout", usage=None, possibly_billed_usd=usd(nano))


HELD = Hold("1-1", 1, COST, 0, "2026-11-27", "", 0, "w").to_text()
GUESSED = attempt(50, usage={"estimated": True})
UNREACHED = attempt(0, "ProviderUnavailable", message="openai cannot be reached.")


@pytest.mark.parametrize(
    ("calls", "attempts"),
    [
        ([TOLD], [attempt()]),
        ([LOST], [possibly(5)]),
        ([LOST], [GUESSED]),
        ([REFUSED], [attempt(0, "ProviderThrottled")]),
        ([REFUSED, replace(TOLD, number=1)], [attempt(0, "ProviderThrottled"), attempt()]),
        ([TOLD], [UNREACHED, attempt()]),
        ([], [attempt(0, "Lambda.TooManyRequestsException")]),
        ([TOLD], [attempt(0, "AnswerUnsure", provider="local"), attempt()]),
        ([TOLD], [possibly(5) | {"outcome": "States.Timeout", "model": "gpt-4o"}, attempt()]),
        ([TOLD], [possibly(5) | {"outcome": "Runtime.ExitError"}]),
        ([TOLD], [attempt(outcome="Runtime.ExitError")]),
        ([REFUSED], [possibly(5) | {"outcome": "Runtime.ExitError"}]),
        ([], [possibly(5) | {"outcome": "Aborted"}]),
    ],
)  # fmt: skip
def test_books_that_hold_are_no_mismatch(calls, attempts):
    audit = audited(calls, [row(*attempts)])
    assert audit.mismatches == []
    assert audit.left == len(calls)


@pytest.mark.parametrize(
    ("calls", "attempts"),
    [
        ([TOLD], [attempt(COST + 1)]),
        ([TOLD], [attempt(), attempt()]),
        ([TOLD, replace(TOLD, number=1)], [attempt()]),
        ([TOLD], [attempt(model="gpt-4o")]),
        ([TOLD], [attempt(usage={"estimated": True})]),
        ([TOLD], [attempt(possibly_billed_usd=usd(1))]),
        ([LOST], [attempt(0, "ProviderTimeout")]),
        ([LOST], [attempt()]),
        ([TOLD], [attempt(COST + 1, "Runtime.ExitError")]),
        ([REFUSED], [attempt(outcome="Runtime.ExitError")]),
        ([REFUSED], [attempt()]),
        ([REFUSED], [possibly(5)]),
        ([TOLD], [UNREACHED]),
        ([], [attempt()]),
    ],
)
def test_an_entry_that_does_not_fit_its_call_is_a_mismatch(calls, attempts):
    [mismatch] = audited(calls, [row(*attempts)]).mismatches
    assert mismatch.startswith("1-1: ")


def test_what_was_not_told_is_compared_with_the_truth():
    audit = audited([TOLD, replace(LOST, number=1)], [row(attempt(), possibly(COST * 3))])
    assert (audit.ledger_known, audit.rows_known) == (COST, COST)
    assert (audit.untold_calls, audit.factor) == (1, Decimal(3))


def report(**changes):
    """Of one request that was answered, whose books hold."""
    calls, rows = changes.get("calls", [TOLD]), changes.get("rows", [row(attempt())])
    sums = {"metrics": COST, "by_caller": COST, "emf": COST, "emf_possible": 0, "emf_requests": 1}
    return Report(
        changes.get("outcomes", [Outcome("answered")]),
        audited(calls, rows),
        Books(
            rows,
            **{name: changes.get(name, amount) for name, amount in sums.items()},
            budget=Budget(changes.get("budget", {})),
        ),
        changes.get("simulated", len(calls)),
    )


def test_a_run_whose_books_hold_says_so():
    assert report().problems == []
    charged = report(
        rows=[row(attempt(charged_usd=usd(COST)))], budget={"total": COST, "settled": COST}
    )
    assert charged.problems == []
    assert list(report().lines())[-1] == "Every book agrees with the providers' ledger."


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outcomes": [Outcome("lost", "no answer")]}, "requests are lost"),
        ({"outcomes": [Outcome("undocumented", "418")]}, "answers are not in the contract"),
        ({"outcomes": [Outcome("answered")] * 2}, "not every request has its row"),
        ({"emf_requests": 0}, "not every request has its line of metrics"),
        ({"simulated": 2}, "aimock's journal has other calls than the ledger"),
        ({"rows": [row(attempt(), attempt())]}, "not every call is an attempt"),
        ({"rows": [row(attempt(COST - 1))]}, "the known cost differs"),
        (
            {"rows": [row(attempt()) | {"cost_usd": usd(1)}]},
            "a row's cost is not that of its attempts",
        ),
        ({"metrics": COST + 1}, "/metrics/costs differs"),
        ({"by_caller": COST - 1}, "/metrics/costs by caller differs"),
        ({"emf": 0}, "the lines of metrics differ"),
        ({"emf_possible": 1}, "the lines of metrics differ in what may be billed"),
        (
            {"rows": [row(attempt()) | {"possibly_billed_usd": usd(1)}]},
            "what a row may cost is not that of its attempts",
        ),
        (
            {
                "calls": [replace(LOST, mark=f"1-{number}") for number in range(50)],
                "rows": [row(possibly(2 * COST), mark=f"1-{number}") for number in range(50)],
            },
            "what was not told is far off",
        ),
        ({"budget": {"hold#1-1#1": HELD}}, "calls that have ended are still held"),
        (
            {"budget": {"total": COST, "settled": COST}},
            "the budget differs from what the rows charge",
        ),
    ],
)
def test_a_run_fails_by_any_book_that_does_not_hold(changes, problem):
    failed = report(**changes)
    assert problem in failed.problems
    assert list(failed.lines())[-1] == "The books do not hold."


def test_few_calls_that_were_not_told_say_nothing_of_a_factor():
    sums = {"metrics": 0, "by_caller": 0, "emf": 0, "emf_possible": 9 * COST}
    assert report(calls=[LOST], rows=[row(possibly(9 * COST))], **sums).problems == []


def test_the_same_call_meets_the_same_fault_and_the_share_is_about_what_was_asked():
    calls = [replace(TOLD, mark=f"1-{number}") for number in range(4000)]
    faults = [drawn(1, 30, call) for call in calls]
    assert faults == [drawn(1, 30, call) for call in calls]
    assert faults != [drawn(2, 30, call) for call in calls]
    assert 0.27 < sum(one is not WELL for one in faults) / len(faults) < 0.33


def test_every_fault_is_drawn_for_every_provider_that_has_it():
    for provider in ("openai", "azure_openai", "anthropic", "bedrock"):
        calls = [replace(TOLD, provider=provider, mark=f"1-{number}") for number in range(2000)]
        expected = {fault.name for fault in FAULTS if fault.befalls(provider)}
        assert {drawn(1, 100, call).name for call in calls} | {"killed"} == expected
