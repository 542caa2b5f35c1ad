"""Which models the budgets pay for, which of their answers in full, and what is said where they pay for
none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from functions.score.estimates import usual_output_tokens
from functions.score.options import Option, most_input_tokens
from functions.shared.caller import Caller
from functions.shared.catalogue.pricing import estimated_nano_usd, price_factor
from functions.shared.contracts.decision import (
    BudgetNeed,
    BudgetsLeft,
    Exclusion,
    MoneyLeft,
    Profile,
    RoutingContext,
)
from functions.shared.errors import BudgetExceeded, EngineError, NoEligibleModel, TokensExceeded
from functions.shared.money.charging import charges_calls
from functions.shared.policy.output_limit import output_limit
from functions.shared.times import utc
from functions.shared.vocabulary import digits_of_usd, in_usd

_TO_THE_MINUTE = 16
"""Characters of a time in ISO 8601."""

Lack = Literal["minute", "tokens", "money"]


@dataclass(frozen=True, slots=True)
class Beyond:
    """An option that the budgets do not pay for, by what they lack: tokens in any minute, tokens in this
    one, or money. It `needs` so many tokens or nano-dollars at the least."""

    option: Option
    lack: Lack
    needs: int
    reason: str

    @property
    def exclusion(self) -> Exclusion:
        return Exclusion(model=self.option.model.id, reason=self.reason)


def weigh(
    options: list[Option], profile: Profile, routing_context: RoutingContext
) -> tuple[list[Option], list[Beyond]]:
    """Those that the budgets pay for, each with what it needs, and those that they do not."""
    within: list[Option] = []
    beyond: list[Beyond] = []
    for option in options:
        option.need = _need(option, profile, routing_context)
        out = _beyond(option, option.need, profile.caller, routing_context.budgets_left)
        if out is None:
            within.append(option)
        else:
            beyond.append(out)
    return within, beyond


def _need(option: Option, profile: Profile, routing_context: RoutingContext) -> BudgetNeed:
    model = option.model
    most_input = most_input_tokens(model, profile)
    most = max(output_limit(model, profile), model.min_output_tokens)
    least = max(option.output_tokens, model.min_output_tokens)
    health = routing_context.health.get(model.id)
    usual = min(most, max(least, usual_output_tokens(model, profile.task, health)))

    def cost_nano_usd(output_tokens: int) -> int:
        _, most_nano_usd = estimated_nano_usd(
            model.id,
            input_tokens=0,
            output_tokens=0,
            most_input_tokens=most_input,
            most_output_tokens=output_tokens,
            on=utc(profile.started_at_ms).date(),
            factor=price_factor(model.provider, routing_context.price_factors),
        )
        return most_nano_usd

    is_billed = charges_calls(routing_context, mock=option.mock)
    is_expected = profile.caller.mode == "expected"
    held = cost_nano_usd(usual) if is_expected else option.worst_case_nano_usd
    return BudgetNeed(
        output_limit=most,
        usual_output_tokens=usual,
        least_output_tokens=least,
        least_cost_nano_usd=cost_nano_usd(least) if is_billed else 0,
        held_cost_nano_usd=held if is_billed else 0,
    )


def _beyond(
    option: Option, need: BudgetNeed, caller: Caller, left: BudgetsLeft | None
) -> Beyond | None:
    """What the budgets lack for the shortest answer that is worth a call; None where they pay for it, and
    the option then says whether they pay for the longest. Nothing is held for what costs nothing."""
    if left is None or not need.held_cost_nano_usd:
        return None
    # As many as the minute is held for: an estimate, as no money hangs on it.
    tokens, least_tokens = left.tokens, option.input_tokens + need.least_output_tokens
    if tokens and least_tokens > tokens.limit:
        reason = f"needs at least {least_tokens} tokens, over the {tokens.limit} of a minute"
        return Beyond(option, "tokens", least_tokens, reason)
    short = [one for one in left.money if need.least_cost_nano_usd > one.left_nano_usd]
    if short:
        needed = need.least_cost_nano_usd
        return Beyond(option, "money", needed, _money_reason(needed, short))
    if tokens and least_tokens > tokens.left:
        reason = f"needs at least {least_tokens} tokens, {tokens.left} are left of this minute"
        return Beyond(option, "minute", least_tokens, reason)
    option.is_paid_for = _is_paid_for(option, need, caller, left)
    return None


def _is_paid_for(option: Option, need: BudgetNeed, caller: Caller, left: BudgetsLeft) -> bool:
    """Without a shorter answer. What all callers share is held in full, whatever one's own mode is."""
    held = {"caller": need.held_cost_nano_usd, "stage": option.worst_case_nano_usd}
    if any(held[one.owner] > one.left_nano_usd for one in left.money):
        return False
    made = need.usual_output_tokens if caller.mode == "expected" else need.output_limit
    return left.tokens is None or option.input_tokens + made <= left.tokens.left


def _money_reason(needed_nano_usd: int, short: list[MoneyLeft]) -> str:
    """By the caller's own limit, if one is short: what is left of the stage's tells what others spent."""
    limit = min(short, key=lambda one: (one.owner == "stage", one.left_nano_usd))
    until = f" until {limit.renews_at[:_TO_THE_MINUTE]}Z" if limit.renews_at else ""
    needs = f"needs at least {digits_of_usd(needed_nano_usd)} USD"
    if limit.owner == "stage":
        return f"{needs}, more than is left of the {limit.name}{until}"
    return f"{needs}, {digits_of_usd(limit.left_nano_usd)} are left of the {limit.name}{until}"


def refusal(
    beyond: list[Beyond], excluded: list[Exclusion], routing_context: RoutingContext
) -> EngineError:
    """Of a request that nothing but its budgets keeps from being answered: the one that time mends
    soonest. Its headline is what the model would take that takes the least."""
    left = routing_context.budgets_left or BudgetsLeft()
    lacks = {one.lack for one in beyond}
    if "minute" in lacks and left.tokens:
        return TokensExceeded(
            _headline(beyond, "minute"), retry_after_seconds=left.tokens.renews_in_s
        )
    if "money" in lacks:
        needed = _least(beyond, "money").needs
        return BudgetExceeded(
            _headline(beyond, "money"),
            details=[_told(one, needed) for one in left.money if one.left_nano_usd < needed],
        )
    details = [one.model_dump() for one in (*excluded, *(one.exclusion for one in beyond))]
    return NoEligibleModel(_headline(beyond, "tokens"), details=details)


def _headline(beyond: list[Beyond], lack: Lack) -> str:
    least = _least(beyond, lack)
    return f"No model fits: {least.reason}: {least.option.model.id}"


def _least(beyond: list[Beyond], lack: Lack) -> Beyond:
    lacking = [one for one in beyond if one.lack == lack]
    return min(lacking, key=lambda one: (one.needs, one.option.model.id))


def _told(limit: MoneyLeft, needed_nano_usd: int) -> dict[str, Any]:
    told = told_limit(limit)
    needed = in_usd({"needed_nano_usd": needed_nano_usd}) if limit.owner == "caller" else {}
    return {**told, **needed}


def told_limit(limit: MoneyLeft) -> dict[str, Any]:
    """As a caller is told of it: nothing of what others spent."""
    told: dict[str, Any] = {"limit": limit.name}
    if limit.owner == "caller":
        amounts = ("limit_nano_usd", "left_nano_usd")
        told |= in_usd({name: getattr(limit, name) for name in amounts})
    return told | {"renews_at": limit.renews_at}
