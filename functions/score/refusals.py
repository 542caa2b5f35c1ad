"""The headline of a request that no model may answer: what would help, with its figure.

A model's id ends it, and no full stop, which would look like a part of the id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args

from functions.score.options import Bar, Out
from functions.shared.contracts.decision import Profile
from functions.shared.errors import NoEligibleModel
from functions.shared.vocabulary import Capability, digits_of_usd

_BARS: tuple[Bar, ...] = get_args(Bar)

_CAPABILITIES: dict[Capability, str] = {
    "tools": "tools",
    "json_object": "a response_format of json_object",
    "json_schema": "a response_format of json_schema",
    "images": "images",
    "image_urls": "images at an address",
}


def no_eligible_model(outs: list[Out], profile: Profile) -> NoEligibleModel:
    """Of the models that the caller names, where nothing else may be asked; else of those that came nearest."""
    details = [one.exclusion.model_dump() for one in outs]
    return NoEligibleModel(_headline(outs, profile), details=details)


def _headline(outs: list[Out], profile: Profile) -> str:
    by_id = {one.model.id: one for one in outs}
    if profile.named and not profile.fallback:
        which = "Listed models" if profile.models else "The pinned model"
        told = "; ".join(f"{model}: {by_id[model].reason}" for model in profile.named)
        return f"{which} cannot be asked: {told}"
    nearest = max((one.bar for one in outs), key=_BARS.index)
    return _HEADLINES[nearest]([one for one in outs if one.bar == nearest], profile)


def _of_limits(outs: list[Out], _profile: Profile) -> str:
    """The cheapest of those that one limit keeps out, else the quickest of those, else of both."""
    out = min(outs, key=_distance)
    cost = f"{digits_of_usd(out.least_cost_nano_usd)} USD" if out.least_cost_nano_usd else ""
    latency = f"{out.least_latency_ms} ms" if out.least_latency_ms else ""
    least = " and ".join(filter(None, (cost, latency)))
    return f"No model fits: needs at least {least}: {out.model.id}"


def _distance(out: Out) -> tuple[bool, bool, int, int, str]:
    needs_time, needs_money = out.least_latency_ms > 0, out.least_cost_nano_usd > 0
    needs = (out.least_cost_nano_usd, out.least_latency_ms)
    return (needs_time and needs_money, needs_time, *needs, out.model.id)


def _of_windows(outs: list[Out], _profile: Profile) -> str:
    out = max(outs, key=lambda one: (one.model.context_window - one.tokens, one.model.id))
    window = out.model.context_window
    takes = f"input and answer take about {out.tokens} tokens of at most {window}"
    return f"No model fits: {takes}: {out.model.id}"


def _of_answers(outs: list[Out], profile: Profile) -> str:
    out = max(outs, key=lambda one: (one.model.max_output_tokens, one.model.id))
    most = f"max_output_tokens is {profile.max_output_tokens} of at most"
    return f"No model fits: {most} {out.model.max_output_tokens}: {out.model.id}"


def _of_capabilities(outs: list[Out], profile: Profile) -> str:
    """What none of them has, else all that is asked for together."""
    lacking = set[Capability].intersection(*(set(one.missing) for one in outs))
    asked = [one for one in profile.required_capabilities if one in lacking]
    names = [_CAPABILITIES[one] for one in asked or profile.required_capabilities]
    together = "" if asked else " together"
    return f"No model fits: no usable model takes {' and '.join(names)}{together}"


def _of_vectors(outs: list[Out], _profile: Profile) -> str:
    told = "; ".join(f"{one.reason}: {one.model.id}" for one in outs)
    return f"No model fits: {told}"


def _of_providers(outs: list[Out], _profile: Profile) -> str:
    providers = sorted({one.model.provider for one in outs})
    return f"No model can be asked: there are no credentials for {', '.join(providers)}"


def _of_prices(outs: list[Out], _profile: Profile) -> str:
    return f"No model can be asked: no price is known of {_ids(outs)}"


def _of_tasks(outs: list[Out], profile: Profile) -> str:
    return f"No model can be asked: the task {profile.task} is not served by {_ids(outs)}"


def _of_retirements(outs: list[Out], _profile: Profile) -> str:
    told = ", ".join(f"{one.model.id} {one.reason}" for one in outs)
    return f"No model can be asked: {told}"


def _of_callers(_outs: list[Out], profile: Profile) -> str:
    allowed = ", ".join(profile.caller.models)
    return f"No model can be asked: this caller's models are not there: {allowed}"


def _ids(outs: Iterable[Out]) -> str:
    return ", ".join(one.model.id for one in outs)


_HEADLINES: dict[Bar, Callable[[list[Out], Profile], str]] = {
    "caller": _of_callers,
    "retired": _of_retirements,
    "task": _of_tasks,
    "provider": _of_providers,
    "price": _of_prices,
    "capability": _of_capabilities,
    "vectors": _of_vectors,
    "output": _of_answers,
    "window": _of_windows,
    "limit": _of_limits,
}
