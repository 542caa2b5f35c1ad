"""Measures what limits cost each attempt of a caller: CPU, units of DynamoDB, and how often one item takes them.

CPU is of one process, without that of the emulated DynamoDB; items are those that the functions write.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from bench.capacity_units import attempts_a_second, item_bytes, read_units, write_units
from bench.emulated_dynamodb import EmulatedDynamoDB, emulated_tables
from bench.ratios import rounded
from functions.authorize.authorizing import authorize
from functions.authorize.credentials import API_KEY_HEADER, Credential
from functions.authorize.verdicts import allowed
from functions.classify.profiling import profile_request
from functions.invoke_provider.attempt import attempt
from functions.invoke_provider.providers.simulator import Simulator
from functions.invoke_provider.spending import Spending
from functions.score.candidates import candidate_of
from functions.score.ranking import rank
from functions.shared.caller import Caller, Limits
from functions.shared.callers.records import CallerRecord, KeyRecord, OwnLimits, key_hash
from functions.shared.callers.table import CallerTable
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import RoutingContext
from functions.shared.contracts.states import ClassifyInput, InvokeInput
from functions.shared.money.budget import STAGE_ID, Budget, budget_id, period_names
from functions.shared.money.budget_table import RESERVES, SETTLED, BudgetTable
from functions.shared.money.job_calls import calls_id
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import AuthorizeSettings, ClassifySettings, InvokeSettings
from functions.shared.storage.state_table import StateTable
from functions.shared.storage.tables import table
from functions.sweep.leftovers import leftovers

ROUNDS = 100
OPEN_HOLDS = (1, 10, 24, 100)
MOST_HELD = 300
CALL_S = 3
_CALLER_ID, _KEY = "k7m2x4q9ab", "lo_bench"
_PAST_DAYS = 500
_SPENT_NANO_USD = 12_345_678_901
_LIMIT_NANO_USD = 10**15
_OWN = Limits(day_nano_usd=_LIMIT_NANO_USD, month_nano_usd=_LIMIT_NANO_USD, tokens_per_minute=10**9)
_CALLER = Caller(name="team-a", limits=_OWN)
_WITH_STAGE = Caller(
    name="team-a", limits=_OWN, stage_limits=Limits(month_nano_usd=_LIMIT_NANO_USD)
)
_CLASSIFY = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=240_000)
_INVOKE = InvokeSettings(PROVIDER="simulator", STATE_TABLE="State", BUDGETS_TABLE="Budgets")
_AUTHORIZE = AuthorizeSettings(CALLERS_TABLE="Callers", POWERTOOLS_SERVICE_NAME="bench")
_NUMBERS = count()
_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/dev/POST/v1/generate"


@dataclass(frozen=True)
class Sizes:
    """Bytes: of the caller's and the stage's budget by the holds that are open, and of a kept call."""

    own: list[int]
    stage: list[int]
    kept: int

    def write_units(self, open_holds: int, *, stage: bool) -> int:
        """Of one attempt: held, kept and settled."""
        budgets = [self.own, self.stage] if stage else [self.own]
        return write_units(self.kept) + sum(2 * write_units(one[open_holds]) for one in budgets)

    def read_units(self, open_holds: int, *, stage: bool) -> int:
        """Of one attempt that is the first of its request: the budgets by `Score`, and the kept call."""
        budgets = [self.own, self.stage] if stage else [self.own]
        return 1 + sum(read_units(one[open_holds]) for one in budgets)


def results() -> dict[str, object]:
    with _tables() as emulator:
        return {**_cpu(emulator), **_units(_sizes())}


def _cpu(emulator: EmulatedDynamoDB) -> dict[str, object]:
    actions: dict[str, Callable[[InvokeInput], object]] = {
        "update": _plain_update,
        "authorize": _authorize,
        **dict.fromkeys(("unlimited", "limited", "with_stage"), _attempt),
    }
    callers = {"limited": _CALLER, "with_stage": _WITH_STAGE}
    spent: dict[str, list[float]] = {name: [] for name in actions}
    calls = dict[str, int]()
    # One after the other in each round, so that whatever slows the machine slows all of them.
    for _ in range(ROUNDS):
        for name, act in actions.items():
            called = _call(callers.get(name, Caller()))
            emulator.calls = 0
            spent[name].append(emulator.own_ms(lambda act=act, called=called: act(called)))  # type: ignore[misc]
            calls[name] = emulator.calls
    ms = {name: statistics.median(those) for name, those in spent.items()}
    unlimited, update = ms["unlimited"], ms["update"]
    ratios = {
        "attempt_of_limited_over_unlimited_caller": ms["limited"] / unlimited,
        "attempt_with_stages_limit_over_unlimited": ms["with_stage"] / unlimited,
        "limits_over_update_item": (ms["limited"] - unlimited) / update,
        "limits_with_stages_over_update_item": (ms["with_stage"] - unlimited) / update,
        "authorize_over_update_item": ms["authorize"] / update,
    }
    return {
        "update_item_ms": rounded(update),
        **{name: rounded(ratio, 2) for name, ratio in ratios.items()},
        "calls_of_dynamodb": calls,
    }


def _units(sizes: Sizes) -> dict[str, object]:
    return {
        "budget_bytes": {held: sizes.own[held] for held in (0, *OPEN_HOLDS)},
        "kept_call_bytes": sizes.kept,
        "write_units": {held: sizes.write_units(held, stage=False) for held in OPEN_HOLDS},
        "write_units_with_stage": {
            held: sizes.write_units(held, stage=True) for held in OPEN_HOLDS
        },
        "read_units": {held: sizes.read_units(held, stage=False) for held in OPEN_HOLDS},
        "read_units_with_stage": {held: sizes.read_units(held, stage=True) for held in OPEN_HOLDS},
        f"attempts_a_second_of_{CALL_S}_s": {
            "caller": attempts_a_second(lambda held: sizes.own[held], CALL_S),
            "stage": attempts_a_second(lambda held: sizes.stage[held], CALL_S),
        },
    }


def _sizes() -> Sizes:
    """Of budgets that have been used every day: only what the sweeper leaves of their past is there."""
    bytes_by_id: dict[str, list[int]] = {budget_id(_CALLER_ID): [], STAGE_ID: []}
    for id_ in bytes_by_id:
        table("Budgets").put_item(Item={"budget_id": id_, **_past(datetime.now(UTC))})
    last = _call(_WITH_STAGE)
    _attempt(last)
    kept_id = calls_id(last.profile.request_id)
    kept = StateTable("State").read([kept_id])[kept_id]
    for _ in range(MOST_HELD):
        for id_, sizes in bytes_by_id.items():
            sizes.append(item_bytes(BudgetTable(table("Budgets")).read(id_).item))
        Spending(_call(_WITH_STAGE), _INVOKE).reserve()
    own, stage = bytes_by_id.values()
    return Sizes(own, stage, item_bytes(kept))


def _past(now: datetime) -> dict[str, int]:
    """What is in a budget that had calls on every day, and that the sweeper has left in it."""
    days = (now - timedelta(days=number) for number in range(_PAST_DAYS))
    names = {name for day in days for name in period_names(f"{day:%Y-%m-%d}").values()}
    item = dict.fromkeys((*names, SETTLED, RESERVES), _SPENT_NANO_USD)
    while old := leftovers(Budget(item), now):
        item = {name: spent for name, spent in item.items() if name not in old}
    return item


def _call(caller: Caller) -> InvokeInput:
    """Of a request that begins now."""
    asked = ClassifyInput(
        request={"text": "What makes a small town worth a visit in the autumn?", "task": "chat"},
        request_id=f"req_{next(_NUMBERS):015}",  # as long as those of API Gateway
        caller_id=_CALLER_ID,
        caller=caller,
        mode="sync",
        started_at=datetime.now(UTC).isoformat(),
    )
    classified = profile_request(asked, _CLASSIFY)
    catalogue = load_catalogue()
    simulated = RoutingContext(mock_providers="always")
    decision = rank(classified.profile, catalogue, load_policy("default"), simulated)
    first = decision.candidates[0]
    return InvokeInput(
        request=classified.request,
        profile=classified.profile,
        decision=decision,
        candidate=candidate_of(first, catalogue.get(first.model)),
        failures=[],
        remaining=0,
    )


def _attempt(called: InvokeInput) -> None:
    """As the function of a provider makes it."""
    spending = Spending(called, _INVOKE)
    output = attempt(called, Simulator(), spending.reserve())
    spending.close(output.attempt)


def _plain_update(_: InvokeInput) -> None:
    table("State").update_item(
        Key={"state_id": "plain"},
        UpdateExpression="ADD #0 :0",
        ExpressionAttributeNames={"#0": "count"},
        ExpressionAttributeValues={":0": 1},
    )


def _authorize(_: InvokeInput) -> None:
    credential = Credential(API_KEY_HEADER, _KEY)
    told = authorize(credential, _AUTHORIZE, CallerTable(table("Callers")))
    if told is None:
        raise RuntimeError("the key is nobody's")
    allowed(told, _METHOD_ARN)


@contextmanager
def _tables() -> Iterator[EmulatedDynamoDB]:
    made = (("State", "state_id"), ("Callers", "kind", "item_id"), ("Budgets", "budget_id"))
    with emulated_tables(*made) as emulator:
        caller = CallerRecord(
            caller_id=_CALLER_ID, name="team-a", created_at_s=1, limits=OwnLimits(month_nano_usd=1)
        )
        key = KeyRecord(key_hash=key_hash(_KEY), caller_id=_CALLER_ID, hint="", created_at_s=1)
        CallerTable(table("Callers")).enter(caller, key)
        yield emulator
