"""The selection as the next states need it, each model with a sentence on why it is where it is."""

from __future__ import annotations

from functions.score.options import Option
from functions.score.selection import FirstChoice, Scored, Selection
from functions.shared.catalogue.pricing import usd
from functions.shared.contracts.decision import Candidate, Profile
from functions.shared.vocabulary import Preference

_AIM: dict[Preference, str] = {
    "balanced": "on balance",
    "best": "quality first",
    "cheap": "cost first",
    "fast": "speed first",
}
_LED_BY: dict[FirstChoice, str] = {
    "pinned": "Pinned by the caller",
    "session": "Answered this conversation before and stays with it",
    "drawn": "Drawn at random to learn from",
}


def candidates_of(selection: Selection, profile: Profile) -> list[Candidate]:
    """In the order in which they are asked."""
    asked = selection.asked
    return [
        _candidate(one, f"{_place(selection, number, profile)}: {_figures(one.option)}.")
        if number
        else _candidate(one, f"{_place(selection, 0, profile)}: {_beside(one.option, asked)}.")
        for number, one in enumerate(asked)
    ]


def reserve_of(selection: Selection, profile: Profile) -> list[Candidate]:
    """In the order in which they are asked when every candidate has failed."""
    return [
        _candidate(
            one,
            f"Asked as a last resort for {profile.task}, as it was "
            f"{selection.left_out[one.option.model.id]}: {_figures(one.option)}.",
        )
        for one in selection.reserve
    ]


def _place(selection: Selection, number: int, profile: Profile) -> str:
    guess = " (a guess, so quality weighs more)" if profile.task_unsure else ""
    task = f"for {profile.task}{guess}"
    count = len(selection.asked)
    if number == 0 and selection.first != "best":
        return f"{_LED_BY[selection.first]}, {task}"
    if count == 1:
        return f"The only candidate {task}"
    rank = "Best" if number == 0 else f"No. {number + 1}"
    return f"{rank} of {count} candidates {task}, {_AIM[profile.model_preference]}"


def _figures(option: Option) -> str:
    return (
        f"about {_usd(option.cost_nano_usd)} and {_time(option.latency_ms)}, "
        f"quality {option.quality:.2f}"
    )


def _beside(option: Option, asked: list[Scored]) -> str:
    """The figures beside the best candidate's in each."""
    others = [one.option for one in asked]
    if len(others) == 1:
        return _figures(option)
    cheapest = min(others, key=lambda one: (one.cost_nano_usd, one.model.id))
    quickest = min(others, key=lambda one: (one.latency_ms, one.model.id))
    ablest = min(others, key=lambda one: (-one.quality, one.model.id))
    cost = (
        "the cheapest"
        if option.cost_nano_usd == cheapest.cost_nano_usd
        else f"{_usd(cheapest.cost_nano_usd)} with {cheapest.model.id}"
    )
    speed = (
        "the quickest"
        if option.latency_ms == quickest.latency_ms
        else f"{_time(quickest.latency_ms)} with {quickest.model.id}"
    )
    quality = (
        "the highest"
        if option.quality == ablest.quality
        else f"{ablest.quality:.2f} with {ablest.model.id}"
    )
    return (
        f"about {_usd(option.cost_nano_usd)} ({cost}), {_time(option.latency_ms)} ({speed}), "
        f"quality {option.quality:.2f} ({quality})"
    )


def _usd(nano_usd: int) -> str:
    """Two significant digits are all that an estimate has."""
    if not nano_usd:
        return "0 USD"
    digits = max(0, 10 - len(str(nano_usd)))
    return f"{nano_usd / 1e9:.{digits + 1}f}".rstrip("0").rstrip(".") + " USD"


def _time(latency_ms: int) -> str:
    return f"{latency_ms / 1000:.1f} s" if latency_ms >= 1000 else f"{latency_ms} ms"


def _candidate(scored: Scored, reason: str) -> Candidate:
    option = scored.option
    model = option.model
    return Candidate(
        model=model.id,
        provider=model.provider,
        provider_model_id=model.provider_model_id,
        api=model.api,
        tokenizer=model.tokenizer,
        function="simulator" if option.mock else model.provider,
        mock=option.mock,
        context_window=model.context_window,
        max_output_tokens=option.output_limit,
        sampling=list(model.sampling),
        max_temperature=model.max_temperature,
        tool_choices=list(model.tool_choices),
        # Both mean that the provider holds the model to a schema.
        strict_tools="json_schema" in model.capabilities,
        effort_with_tools=model.effort_with_tools,
        reason=reason,
        cost_score=round(scored.cost, 4),
        latency_score=round(scored.latency, 4),
        quality_score=round(scored.quality, 4),
        availability_score=round(scored.availability, 4),
        final_score=scored.final,
        estimated_cost_usd=usd(option.cost_nano_usd),
        worst_case_cost_usd=usd(option.worst_case_nano_usd),
        estimated_latency_ms=option.latency_ms,
        p95_latency_ms=option.p95_ms,
        estimated_input_tokens=option.input_tokens,
        estimated_output_tokens=option.output_tokens,
        quality=round(option.quality, 4),
    )
