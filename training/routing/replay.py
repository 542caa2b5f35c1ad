"""Scores logged requests again under another policy or catalogue, and says what would change."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError

from functions.score.estimates import expected_quality
from functions.score.ranking import rank
from functions.shared.catalogue.models import Catalogue, load_catalogue
from functions.shared.catalogue.pricing import price_version
from functions.shared.contracts.decision import Profile, RoutingContext
from functions.shared.errors import EngineError
from functions.shared.policy.routing_policy import Policy, load_policy, read_policy
from functions.shared.vocabulary import usd
from training.data import MalformedRows
from training.routing.request_rows import LoggedRow, row_source

PERIOD = "7d"
SHOWN_IDS = 20
"""In the text; the JSON has all."""
REFUSALS = frozenset({"no_eligible_model", "not_found", "invalid_request", "forbidden"})
"""What `Score` ends a request with; what else ends one before a decision is a fault."""
OF_A_BUDGET = frozenset({"budget_exceeded", "rate_limited"})
"""What was left of it is logged with a decision alone."""
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Choice:
    """A model with what was to be expected of it, in USD and milliseconds. No quality where the
    catalogue no longer knows the model at this task."""

    model: str
    cost_usd: Decimal
    latency_ms: int
    quality: float | None


@dataclass(frozen=True)
class Decided:
    """A request that was decided on. `choice` has no quality: the log has the old policy's."""

    profile: Profile
    routing_context: RoutingContext
    choice: Choice
    price_version: str
    prompt: str


@dataclass(frozen=True)
class Refused:
    """A request that `Score` found no model for; its routing_context is not logged."""

    profile: Profile


@dataclass(frozen=True)
class Replayed:
    """A request's first choice as it was logged and as it would be now; `refusal` is the error's
    code where there would be none. `tables_alone`: the policy has predictors, but nothing is left
    to predict from. `other_prices`: it was estimated by another price table."""

    request_id: str
    before: Choice
    after: Choice | None
    refusal: str = ""
    tables_alone: bool = False
    other_prices: bool = False

    @property
    def moves(self) -> bool:
        return self.after is not None and self.after.model != self.before.model


def run_replay(arguments: argparse.Namespace) -> int:
    """Raises `MalformedRows`."""
    policy = named_policy(arguments.policy)
    catalogue = read_catalogue(arguments.catalogue) if arguments.catalogue else load_catalogue()
    report = replay(row_source(arguments, PERIOD).rows(), catalogue, policy)
    print(json.dumps(report, indent=1) if arguments.json else as_text(report))
    return 0


def named_policy(name: str) -> Policy:
    """A file's, or the deployed one of the name. Raises `MalformedRows`."""
    path = Path(name)
    is_file = path.suffix == ".json" or len(path.parts) > 1
    with blamed_on(f"policy {name}"):
        return read_policy(path) if is_file else load_policy(name)


def read_catalogue(path: Path) -> Catalogue:
    """Raises `MalformedRows`."""
    with blamed_on(path):
        return Catalogue.model_validate(tomllib.loads(path.read_text("utf-8")))


@contextmanager
def blamed_on(source: object) -> Iterator[None]:
    """What cannot be read or is not valid becomes `MalformedRows`, in one line that names its source."""
    try:
        yield
    except OSError as error:
        raise MalformedRows(f"{source}: {error.strerror}") from error
    except ValidationError as error:
        raise MalformedRows(f"{source}: {_first_fault(error)}") from error
    except ValueError as error:
        raise MalformedRows(f"{source}: {error}") from error


def _first_fault(error: ValidationError) -> str:
    """In one line, without what was there."""
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def replay(rows: Iterable[LoggedRow], catalogue: Catalogue, policy: Policy) -> dict[str, Any]:
    """The report: JSON values, money as exact decimal texts in USD."""
    replayed: list[Replayed] = []
    refused: list[Refused] = []
    skipped: Counter[str] = Counter()
    contexts = RoutingContexts()
    for row in rows:
        logged = logged_request(row.fields)
        if isinstance(logged, str):
            skipped[logged] += 1
        elif isinstance(logged, Refused):
            refused.append(logged)
        else:
            contexts.note(logged)
            replayed.append(decide_again(logged, catalogue, policy))
    if refused and not contexts.by_hour:
        skipped["refused, and no decision tells the routing_context"] = len(refused)
        refused = []
    return {
        "policy": policy.version,
        "read": len(replayed) + len(refused) + skipped.total(),
        "rescored": len(replayed),
        "skipped": dict(skipped.most_common()),
        "tables_alone": sum(one.tables_alone for one in replayed),
        "other_prices": sum(one.other_prices for one in replayed),
        **_changes(replayed),
        "refused_before": len(refused),
        "newly_served": sum(
            _is_served(one.profile, contexts.near(one.profile), catalogue, policy)
            for one in refused
        ),
        "moved_request_ids": [one.request_id for one in replayed if one.moves],
    }


@dataclass
class RoutingContexts:
    """One decided request's for each hour, for those that were refused: who has credentials does
    not change from one request to the next, and what is known of health little."""

    by_hour: dict[int, RoutingContext] = field(default_factory=dict)

    def note(self, decided: Decided) -> None:
        self.by_hour.setdefault(decided.profile.started_at_ms // _HOUR_MS, decided.routing_context)

    def near(self, profile: Profile) -> RoutingContext:
        """Of the hour nearest to the request, without the model of another's conversation or budget."""
        own = profile.started_at_ms // _HOUR_MS
        hour = min(self.by_hour, key=lambda one: (abs(one - own), one))
        return self.by_hour[hour].model_copy(update={"session_model": None, "budgets_left": None})


def _is_served(
    profile: Profile, routing_context: RoutingContext, catalogue: Catalogue, policy: Policy
) -> bool:
    try:
        rank(profile, catalogue, policy, routing_context)
    except EngineError:
        return False
    return True


def logged_request(fields: dict[str, Any]) -> Decided | Refused | str:
    """The reason as a text where the row cannot be scored again."""
    if fields.get("profile") is None:
        return "no profile: never classified"
    try:
        profile = Profile.model_validate(fields["profile"])
        decision = fields.get("decision") or {"candidates": []}
        if not decision["candidates"]:
            code = fields.get("error", {}).get("code")
            if code in OF_A_BUDGET and profile.caller.is_limited:
                return "refused for a budget, of which the log has no state"
            return Refused(profile) if code in REFUSALS else "no decision: never scored"
        return Decided(
            profile,
            RoutingContext.model_validate(decision["routing_context"]),
            _logged_choice(decision["candidates"][0]),
            str(decision.get("price_version", "")),
            str(fields.get("prompt", "")),
        )
    except (ValidationError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return "logged in another form"


def decide_again(logged: Decided, catalogue: Catalogue, policy: Policy) -> Replayed:
    """Cost and latency before are as they were logged, the quality is what the policy given
    expects: both choices are judged by the same one."""
    profile, tables_alone = _with_predictions(logged.profile, logged.prompt, policy)
    model = logged.choice.model
    before = replace(logged.choice, quality=_quality(model, profile, catalogue, policy))
    after, refusal = None, ""
    try:
        first = rank(profile, catalogue, policy, logged.routing_context).candidates[0]
        quality = _quality(first.model, profile, catalogue, policy)
        after = Choice(
            first.model, usd(first.estimated_cost_nano_usd), first.estimated_latency_ms, quality
        )
    except EngineError as error:
        refusal = error.code
    other_prices = logged.price_version != price_version()
    return Replayed(profile.request_id, before, after, refusal, tables_alone, other_prices)


def _logged_choice(candidate: dict[str, Any]) -> Choice:
    cost = usd(int(candidate["estimated_cost_nano_usd"]))
    return Choice(str(candidate["model"]), cost, int(candidate["estimated_latency_ms"]), None)


def _quality(model_id: str, profile: Profile, catalogue: Catalogue, policy: Policy) -> float | None:
    try:
        return expected_quality(catalogue.get(model_id), profile, policy)
    except KeyError:
        return None


def _with_predictions(profile: Profile, prompt: str, policy: Policy) -> tuple[Profile, bool]:
    """What the policy's predictors say of the prompt, unless the profile has it already; and
    whether there is no prompt to ask them about."""
    if not policy.predictors or policy.version in profile.predictions:
        return profile, False
    if not prompt:
        return profile, True
    known = {**profile.predictions, policy.version: policy.predictions(prompt)}
    return profile.model_copy(update={"predictions": known}), False


def _changes(replayed: list[Replayed]) -> dict[str, Any]:
    """Costs, latencies and qualities of the requests that are served before and after."""
    moved = [one for one in replayed if one.moves]
    pairs = [(one.before, one.after) for one in replayed if one.after is not None]
    judged = [
        (before.quality, after.quality)
        for before, after in pairs
        if before.quality is not None and after.quality is not None
    ]
    paths = Counter((one.before.model, one.after.model) for one in moved if one.after)
    refusals = Counter(one.refusal for one in replayed if one.after is None)
    return {
        "moved": len(moved),
        "moves": [
            {"from": path[0], "to": path[1], "requests": count}
            for path, count in sorted(paths.items(), key=lambda item: (-item[1], item[0]))
        ],
        "newly_no_eligible_model": refusals.pop("no_eligible_model", 0),
        "newly_refused_otherwise": dict(sorted(refusals.items())),
        "estimated_cost_usd": _cost_change(pairs),
        "predicted_latency_ms": {
            "before": _mean([before.latency_ms for before, _ in pairs], 1),
            "after": _mean([after.latency_ms for _, after in pairs], 1),
        },
        "predicted_quality": {
            "before": _mean([before for before, _ in judged], 4),
            "after": _mean([after for _, after in judged], 4),
            "requests": len(judged),
        },
    }


def _cost_change(pairs: list[tuple[Choice, Choice]]) -> dict[str, Any]:
    before = sum((one.cost_usd for one, _ in pairs), Decimal(0))
    after = sum((one.cost_usd for _, one in pairs), Decimal(0))
    percent = round(float((after - before) / before * 100), 2) if before else None
    return {
        "before": f"{before.normalize():f}",
        "after": f"{after.normalize():f}",
        "change": f"{(after - before).normalize():f}",
        "change_percent": percent,
    }


def _mean(values: list[int] | list[float], digits: int) -> float | None:
    return round(fmean(values), digits) if values else None


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    cost, latency = report["estimated_cost_usd"], report["predicted_latency_ms"]
    quality, ids = report["predicted_quality"], report["moved_request_ids"]
    percent = "" if cost["change_percent"] is None else f", {cost['change_percent']:+} %"
    lines = [
        f"policy {report['policy']}: {report['read']} requests read, "
        f"{report['rescored']} scored again",
        *(f"  skipped {count}: {reason}" for reason, count in report["skipped"].items()),
    ]
    if report["tables_alone"]:
        lines.append(f"  {report['tables_alone']} without the prompt, tables alone")
    if report["other_prices"]:
        lines.append(f"  {report['other_prices']} logged under other prices than today's")
    lines.append(f"would move: {report['moved']}")
    lines += [f"  {one['requests']:>6}  {one['from']} -> {one['to']}" for one in report["moves"]]
    lines.append(f"would newly get no_eligible_model: {report['newly_no_eligible_model']}")
    lines += [
        f"would newly get {code}: {count}"
        for code, count in report["newly_refused_otherwise"].items()
    ]
    lines.append(
        f"would newly be served: {report['newly_served']} of {report['refused_before']} that were "
        "refused (in the routing_context of a request of about the same hour)"
    )
    lines += [
        f"estimated cost: {cost['before']} -> {cost['after']} USD ({cost['change']}{percent})",
        f"predicted latency: {_shown(latency['before'])} -> {_shown(latency['after'])} ms (mean)",
        f"predicted quality: {_shown(quality['before'])} -> {_shown(quality['after'])} (mean of "
        f"{quality['requests']}, both under this policy)",
    ]
    if ids:
        lines.append("requests that would move:")
        lines += [f"  {one}" for one in ids[:SHOWN_IDS]]
    if len(ids) > SHOWN_IDS:
        lines.append(f"  and {len(ids) - SHOWN_IDS} more; --json has all")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else str(value)
