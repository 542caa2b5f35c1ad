import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.score.budgets import left_of
from functions.score.candidates import candidate_of
from functions.score.ranking import rank
from functions.shared.caller import Caller, Limits
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import (
    BudgetsLeft,
    MoneyLeft,
    RoutingContext,
    TokensLeft,
)
from functions.shared.contracts.states import json_of
from functions.shared.errors import (
    BudgetExceeded,
    EngineError,
    Forbidden,
    NoEligibleModel,
    NotFound,
    TokensExceeded,
)
from functions.shared.money.budget import STAGE_ID, TOKENS, Budget, Hold, conditions_of
from functions.shared.money.charging import charges_calls
from functions.shared.policy.explanation import reason_of
from functions.shared.policy.routing_policy import load_policy
from functions.shared.vocabulary import nano_usd
from tests.support.builders import profile

PROVIDERS = ["anthropic", "azure_openai", "bedrock", "local", "openai"]
MONTH = "2026-12-01T00:00Z"
RENEWS_AT = "2026-12-01T00:00:00.000Z"
RICH = nano_usd(Decimal(100))
CHEAP, DEAR = "gpt-4o-mini", "claude-opus-4-8"


def money(left_usd, limit_usd=100, **changes):
    fields = {
        "owner": "caller",
        "period": "month",
        "limit_nano_usd": nano_usd(Decimal(str(limit_usd))),
        "left_nano_usd": nano_usd(Decimal(str(left_usd))),
        "tier_down_at": 1,
        "renews_at": RENEWS_AT,
    }
    return MoneyLeft(**fields | changes)


def tokens(left, limit=100_000):
    return TokensLeft(limit=limit, left=left, renews_in_s=17)


def decided(*left, minute=None, caller=None, task="chat", known=None, **asked):
    caller = caller or Caller(limits=Limits(month_nano_usd=RICH))
    fields = {"providers_configured": PROVIDERS, "mock_providers": "never"} | (known or {})
    context = RoutingContext(
        **fields, budgets_left=BudgetsLeft(money=list(left), tokens=minute) if left else None
    )
    asked_for = profile(task, caller=caller, **asked)
    return rank(asked_for, load_catalogue(), load_policy("default"), context), asked_for


def reasons(decision):
    return {one.model: one.reason for one in decision.excluded}


def candidates(decision):
    catalogue = load_catalogue()
    return [candidate_of(one, catalogue.get(one.model)) for one in decision.candidates]


def least_usd(model, **asked):
    decision, _ = decided(money(100), model=model, fallback=False, **asked)
    return Decimal(decision.candidates[0].need.least_cost_nano_usd).scaleb(-9)


def test_a_caller_without_limits_gets_the_candidates_that_it_always_got():
    plain, _ = decided(caller=Caller())
    assert plain.candidates[0].need is None
    assert not {"need", "ranked_as", "led_by_budget"} & json_of(plain).keys()
    named = {"output_limit", "usual_output_tokens", "least_output_tokens", "least_cost_nano_usd"}
    assert not named & json_of(candidates(plain)[0]).keys()
    assert "budgets_left" not in json_of(plain)["routing_context"]


def test_a_limited_callers_candidate_says_what_its_call_takes():
    decision, _ = decided(money(100))
    for one in candidates(decision):
        assert 0 < one.least_output_tokens <= one.usual_output_tokens <= one.output_limit
        assert 0 < one.least_cost_nano_usd <= one.worst_case_cost_nano_usd
    for ranked in decision.candidates:
        assert ranked.need.held_cost_nano_usd == ranked.worst_case_cost_nano_usd


EXPECTED = Caller(limits=Limits(month_nano_usd=RICH, mode="expected"))


def test_in_expected_mode_less_is_held_of_the_callers_own_budget():
    decision, _ = decided(money(100), caller=EXPECTED)
    for one in decision.candidates:
        need, most = one.need, one.worst_case_cost_nano_usd
        assert need.least_cost_nano_usd < need.held_cost_nano_usd < most


@pytest.mark.parametrize(("owner", "is_cut"), [("caller", False), ("stage", True)])
def test_in_expected_mode_the_stages_budget_pays_for_the_longest_answer(owner, is_cut):
    few = EXPECTED.model_copy(update={"models": [DEAR, CHEAP]})
    rich, _ = decided(money(100), caller=few)
    held = rich.ranked(DEAR).need.held_cost_nano_usd
    left = money(Decimal(held).scaleb(-9), owner=owner)
    decision, _ = decided(left, caller=few, model_preference="best")
    assert decision.led_by_budget is is_cut


def test_what_is_left_unread_clamps_and_excludes_nothing():
    unread, _ = decided()
    rich, _ = decided(money(100))
    assert [one.model for one in unread.candidates] == [one.model for one in rich.candidates]
    assert unread.candidates[0].need == rich.candidates[0].need


def test_a_model_that_the_rest_does_not_pay_for_is_out_with_the_number_that_would_help():
    left = least_usd(DEAR) - Decimal("0.000000001")
    decision, _ = decided(money(left))
    assert reasons(decision)[DEAR] == (
        f"needs at least {least_usd(DEAR).normalize():f} USD, {left:f} are left of the caller's "
        f"month until {MONTH}"
    )
    decision, _ = decided(money(least_usd(DEAR)), model_preference="best")
    assert "needs at least" not in reasons(decision).get(DEAR, "")


def test_a_budget_without_a_period_is_never_renewed():
    decision, _ = decided(money("0.001", period="total", renews_at=None))
    assert reasons(decision)[DEAR].endswith("0.001 are left of the caller's total")


def test_what_is_left_of_the_stages_budget_is_not_told():
    decision, _ = decided(money(100), money("0.001", owner="stage"))
    assert reasons(decision)[DEAR].endswith(
        f"USD, more than is left of the stage's month until {MONTH}"
    )
    assert "0.001 " not in reasons(decision)[DEAR]


def test_an_exhausted_budget_refuses_with_every_limit_that_is_short():
    with pytest.raises(BudgetExceeded) as caught:
        decided(
            money(0, 5, period="day"),
            money(50),
            money(0, owner="stage"),
            model=CHEAP,
            fallback=False,
        )
    needed = float(least_usd(CHEAP))
    assert caught.value.details == [
        {
            "limit": "caller's day",
            "limit_usd": 5.0,
            "left_usd": 0.0,
            "renews_at": RENEWS_AT,
            "needed_usd": needed,
        },
        {"limit": "stage's month", "renews_at": RENEWS_AT},
    ]
    least = f"needs at least {least_usd(CHEAP).normalize():f} USD"
    day = f"0 are left of the caller's day until {MONTH}"
    assert caught.value.message == f"No model fits: {least}, {day}: {CHEAP}"


def test_a_refusal_by_the_stages_budget_does_not_tell_what_others_spent():
    with pytest.raises(BudgetExceeded) as caught:
        decided(money("0.0000001", owner="stage"))
    assert re.fullmatch(
        r"No model fits: needs at least [0-9.]+ USD, more than is left of the stage's month until"
        rf" {MONTH}: \S+",
        caught.value.message,
    )


def test_the_headline_of_a_refusal_by_budget_is_the_least_that_would_do():
    with pytest.raises(BudgetExceeded) as caught:
        decided(money(0), model=DEAR)
    told = re.search(r"at least ([0-9.]+) USD.*: (\S+)$", caught.value.message)
    decision, _ = decided(money(told[1]))
    assert [one.model for one in decision.candidates] == [told[2]]
    with pytest.raises(BudgetExceeded):
        decided(money(Decimal(told[1]) - Decimal("1e-9")))


def test_a_model_that_costs_nothing_passes_on_an_exhausted_budget():
    decision, _ = decided(money(0), task="sentiment", minute=tokens(0))
    assert [one.model for one in decision.candidates] == ["local-sentiment"]


def test_simulated_calls_are_charged_only_where_all_are():
    assert charges_calls(RoutingContext(providers_configured=["local"]), mock=True)
    assert not charges_calls(RoutingContext(providers_configured=PROVIDERS), mock=True)
    assert charges_calls(RoutingContext(providers_configured=PROVIDERS), mock=False)
    some = {"providers_configured": ["openai"], "mock_providers": "always"}
    decision, _ = decided(money(0), known=some)
    assert candidates(decision)[0].least_cost_nano_usd == 0
    assert decision.candidates[0].need.held_cost_nano_usd == 0
    with pytest.raises(BudgetExceeded):
        decided(money(0), known=some | {"providers_configured": ["local"]})


def test_a_budget_ends_no_request_that_other_limits_end():
    with pytest.raises(NoEligibleModel):
        decided(money(0), max_cost_nano_usd=1)


def test_a_minute_whose_tokens_are_used_up_asks_to_wait_for_the_next():
    with pytest.raises(TokensExceeded) as caught:
        decided(money(100), minute=tokens(3))
    assert caught.value.retry_after_seconds == 17
    assert re.fullmatch(
        r"No model fits: needs at least \d+ tokens, 3 are left of this minute: \S+",
        caught.value.message,
    )


def test_what_no_minute_can_hold_is_no_matter_of_waiting():
    with pytest.raises(NoEligibleModel) as caught:
        decided(money(100), minute=tokens(9, limit=9))
    told = {one["model"]: one["reason"] for one in caught.value.details}
    assert told[CHEAP].endswith("tokens, over the 9 of a minute")
    assert re.search(r"at least \d+ tokens, over the 9 of a minute: \S+$", caught.value.message)


def test_a_model_that_is_too_long_for_the_minute_is_out_while_a_shorter_one_is_asked():
    busy = {"answers": 10**6, "output_tokens": 2 * 10**9}
    health = {"health": {CHEAP: {"tasks": {"chat": busy}}}}
    decision, _ = decided(money(100), minute=tokens(1_900), known=health)
    assert reasons(decision)[CHEAP].endswith("tokens, 1900 are left of this minute")
    assert decision.candidates


def test_models_that_the_budget_pays_for_in_full_come_first_and_the_reason_says_so():
    few = Caller(models=[DEAR, CHEAP, "gpt-4o"], limits=Limits(month_nano_usd=RICH))
    rich, _ = decided(money(100), caller=few, model_preference="best")
    first = rich.candidates[0]
    left = money(Decimal(first.worst_case_cost_nano_usd - 1).scaleb(-9))
    decision, asked = decided(left, caller=few, model_preference="best")
    assert decision.candidates[0].model != first.model
    paid = [one.worst_case_cost_nano_usd <= left.left_nano_usd for one in decision.candidates]
    assert paid == sorted(paid, reverse=True)
    assert not all(paid)
    assert decision.led_by_budget
    assert "that the budget pays for in full" in reason_of(
        decision.candidates[0].model, decision, asked
    )
    assert not rich.led_by_budget


def test_named_models_stay_as_the_caller_named_them():
    models = ["claude-opus-4-8", "gpt-4o-mini"]
    rich, _ = decided(money(100), models=models, fallback=False)
    left = money(Decimal(rich.candidates[0].worst_case_cost_nano_usd - 1).scaleb(-9))
    decision, _ = decided(left, models=models, fallback=False)
    assert [one.model for one in decision.candidates] == models


def test_a_pinned_model_that_is_not_paid_for_ends_a_request_that_takes_no_other():
    with pytest.raises(BudgetExceeded) as caught:
        decided(money("0.0005"), model=DEAR, fallback=False)
    assert caught.value.details[0]["needed_usd"] == float(least_usd(DEAR))


def test_others_are_asked_for_a_pinned_model_that_is_not_paid_for():
    decision, _ = decided(money("0.0005"), model=DEAR)
    assert DEAR not in [one.model for one in (*decision.candidates, *decision.reserve)]
    (why,) = (one.reason for one in decision.excluded if one.model == DEAR)
    assert "0.0005 are left of the caller's month" in why


def test_from_a_share_of_the_budget_on_the_cheapest_is_chosen_and_the_reason_says_so():
    used = money(15, tier_down_at=0.8)
    decision, asked = decided(used, model_preference="best")
    cheap, _ = decided(money(100), model_preference="cheap")
    assert decision.ranked_as == "cheap"
    assert decision.candidates[0].model == cheap.candidates[0].model
    reason = reason_of(decision.candidates[0].model, decision, asked)
    assert "cost first as 85 % of the month's budget is used" in reason


def test_the_share_of_the_stages_budget_is_not_told():
    decision, asked = decided(money(15, tier_down_at=0.8, owner="stage"), model_preference="best")
    reason = reason_of(decision.candidates[0].model, decision, asked)
    assert "cost first as much of the month's budget is used" in reason


@pytest.mark.parametrize(
    "asked", [{"model": DEAR}, {"models": [DEAR]}, {"model_preference": "cheap"}]
)
def test_what_is_named_or_cheap_anyway_is_not_moved_by_a_used_budget(asked):
    decision, _ = decided(money(15, tier_down_at=0.8), **asked)
    assert decision.ranked_as is None


def test_before_that_share_nothing_changes():
    decision, _ = decided(money(21, tier_down_at=0.8), model_preference="best")
    assert decision.ranked_as is None


def test_a_model_outside_the_callers_list_is_refused_by_name_where_it_is_named():
    listed = Caller(models=["gpt-4o-mini"])
    with pytest.raises(Forbidden) as caught:
        decided(caller=listed, models=["gpt-4o-mini", DEAR])
    assert caught.value.details == [
        {"field": "models.1", "problem": f"{DEAR} is not among the models of this caller"}
    ]
    with pytest.raises(NotFound):
        decided(caller=listed, model="gpt-99")


def test_a_model_outside_the_callers_list_is_never_a_candidate():
    decision, _ = decided(caller=Caller(models=["gpt-4o-mini"]))
    assert [one.model for one in decision.candidates] == ["gpt-4o-mini"]
    assert reasons(decision)[DEAR] == "not among the models of this caller"


def test_what_is_left_is_of_the_periods_of_the_requests_start_and_of_the_minute_now():
    began = datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC)
    now = began + timedelta(seconds=15)
    limits = Limits(day_nano_usd=10, month_nano_usd=100, tokens_per_minute=50)
    item = {"day#2026-11-30": 4, "month#2026-11": 130, TOKENS + "2026-12-01T00:00": 20}
    left = left_of(
        {"caller#a": Budget(item), STAGE_ID: Budget({})},
        {"caller#a": limits, STAGE_ID: Limits(month_nano_usd=7)},
        began,
        now,
    )
    assert [(one.name, one.left_nano_usd, one.renews_at) for one in left.money] == [
        ("caller's day", 6, RENEWS_AT),
        ("caller's month", 0, RENEWS_AT),
        ("stage's month", 7, RENEWS_AT),
    ]
    assert left.tokens == TokensLeft(limit=50, left=30, renews_in_s=55)


def _drawn(seed):
    chance = random.Random(seed)
    limits = [
        money(
            chance.choice((0, 0.0001, 0.001, 0.01, 0.05, 1)),
            chance.choice((1, 2)),
            owner=chance.choice(("caller", "stage")),
            tier_down_at=chance.choice((0.5, 1)),
        )
        for _ in range(chance.randint(1, 4))
    ]
    minute = chance.choice((None, tokens(chance.choice((100, 2_000, 6_000, 50_000)))))
    caller = Caller(limits=Limits(month_nano_usd=RICH, mode=chance.choice(("strict", "expected"))))
    asked = {
        "model_preference": chance.choice(("balanced", "cheap", "best", "fast")),
        "max_output_tokens": chance.choice((None, 10, 3_000)),
        "request_id": f"req_{seed}",
    }
    mock = chance.choice(("never", "always"))
    return limits, minute, caller, asked, {"mock_providers": mock}


@pytest.mark.no_cover
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32).map(_drawn))
def test_no_candidate_costs_less_than_its_least_and_each_fits_what_is_left(drawn):
    limits, minute, caller, asked, known = drawn
    try:
        decision, _ = decided(*limits, minute=minute, caller=caller, known=known, **asked)
    except EngineError:
        return
    for one in (*decision.candidates, *decision.reserve):
        need = one.need
        assert need.least_cost_nano_usd <= min(left.left_nano_usd for left in limits)
        assert need.least_cost_nano_usd <= one.worst_case_cost_nano_usd
        assert need.held_cost_nano_usd <= one.worst_case_cost_nano_usd
        hold = Hold("r", 1, need.least_cost_nano_usd, 0, "2026-11-27", "", 0, "")
        for left in limits:
            spent = left.limit_nano_usd - left.left_nano_usd
            own = Limits(month_nano_usd=left.limit_nano_usd)
            assert all(spent <= most for _, most in conditions_of(own, hold))
