"""Every trouble that a provider can cause, of every kind of provider, where one answers after it and where none
does: what the caller gets, who is asked and in which order, and what the row says, over HTTP."""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any, Literal

import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.pricing import cost_nano_usd
from functions.shared.errors import HTTP_STATUS
from functions.shared.health.counts import CALLERS_OF
from functions.shared.vocabulary import nano_usd
from tests.conftest import running_stack
from tests.support import provider_words as words
from tests.support.api_calls import eventually, get, post
from tests.support.provider_wire import USAGE, Told
from tests.support.scripted_providers import Call, Ended, Reply, scripted, serving

pytestmark = pytest.mark.xdist_group("errors")

CATALOGUE = load_catalogue()
IDS = {(one.provider, one.provider_model_id): one.id for one in CATALOGUE.models}
OWN_WINDOWS = {"own-small": 128_000, "own-large": 256_000}
"""Of a provider that the stage adds, whose models the catalogue does not have."""
OWN_USD_PER_MTOK = {"input": 1, "output": 2}

WELL = Told('{"answer": "Bern"}')
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {
    "type": "object", "required": ["answer"], "additionalProperties": False,
    "properties": {"answer": {"type": "string"}},
}}}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The models that a request lists, in its order: the one in trouble, one of the same provider, and
    one of another."""

    first: str
    sibling: str
    other: str

    @property
    def models(self) -> tuple[str, ...]:
        return (self.first, self.sibling, self.other)


INTERFACES = {
    "openai": Asked("gpt-4o", "gpt-6-luna", "claude-haiku-5-5"),
    "responses": Asked("gpt-6.1-sol", "gpt-6.2-sol", "claude-haiku-5-5"),
    "azure": Asked("azure-gpt-4o-mini", "azure-gpt-6-luna", "claude-haiku-5-5"),
    "anthropic": Asked("claude-haiku-4-5", "claude-haiku-5-5", "gpt-6-luna"),
    "bedrock": Asked("bedrock-claude-haiku-4-5", "bedrock-claude-haiku-5-5", "gpt-6-luna"),
    "gemini": Asked("gemini-3.5-flash-lite", "gemini-3.8-flash", "claude-haiku-5-5"),
    "own": Asked("own-small", "own-large", "gpt-6-luna"),
}
"""Of each the first has the smallest window."""
PROVIDERS = ("openai", "azure_openai", "anthropic", "bedrock", "gemini", "own")

Position = Literal["the only one", "the first of several", "all of them", "pinned"]
POSITIONS: tuple[Position, ...] = ("the only one", "the first of several", "all of them")
Bill = Literal["nothing", "told", "estimated", "possible"]


@dataclass(frozen=True)
class Trouble:
    """`replies` by interface. `error` is the class that the row names and `code` what the caller reads where
    nobody answers; `tries` are the calls of the same candidate. `then` says who is next, and `most` how many
    candidates are asked. `bill` says what the call costs: nothing, what the provider told, what is estimated of
    an answer in part, or perhaps something; `bills` of a provider that differs."""

    replies: Mapping[str, Reply]
    error: str
    code: str = "all_providers_failed"
    tries: int = 1
    then: Literal["nobody", "in order", "another provider", "a larger window"] = "in order"
    most: int = 3
    bill: Bill = "nothing"
    bills: Mapping[str, Bill] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    positions: tuple[Position, ...] = POSITIONS
    tells_reason: bool = False

    def order(self, asked: Asked) -> tuple[str, ...]:
        """The candidates in the order in which they are asked while nobody answers."""
        first, _sibling, other = asked.models
        match self.then:
            case "nobody":
                return (first,)
            case "in order":
                return asked.models[: self.most]
            case "another provider":
                return (first, other)
        windows = [_window(model) for model in asked.models]
        largest = [0, *accumulate(windows, max)]
        return tuple(
            model
            for model, window, before in zip(asked.models, windows, largest, strict=False)
            if window > before
        )

    def bill_of(self, provider: str) -> str:
        return self.bills.get(provider, self.bill)


def _window(model: str) -> int:
    own = OWN_WINDOWS.get(model)
    return CATALOGUE.get(model).context_window if own is None else own


def _provider(model: str) -> str:
    return "own" if model in OWN_WINDOWS else CATALOGUE.get(model).provider


def everywhere(reply: Reply) -> dict[str, Reply]:
    return dict.fromkeys(INTERFACES, reply)


QUIET = {
    "broken": Trouble(
        words.BROKEN, "InvalidRequest", "invalid_request", then="nobody", tells_reason=True
    ),
    "filtered": Trouble(
        words.FILTERED,
        "ContentFiltered",
        "content_filtered",
        then="nobody",
        bills={"azure_openai": "possible"},
    ),
    "failed on policy": Trouble(
        words.FAILED_ON_POLICY,
        "ContentFiltered",
        "content_filtered",
        then="nobody",
        bill="possible",
    ),
    "refused in an answer": Trouble(
        {
            "openai": Told(finish="content_filter"),
            "responses": Told(finish="content_filter"),
            "azure": Told(finish="content_filter"),
            "anthropic": Told(finish="refusal"),
            "bedrock": Told(finish="content_filtered"),
            "gemini": Told(finish="content_filter"),
            "own": Told(finish="content_filter"),
        },
        "ContentFiltered",
        "content_filtered",
        then="nobody",
        bill="told",
    ),
    "unfit": Trouble(everywhere(Told("Bern, I guess.")), "AnswerUnfit", most=2, bill="told"),
    "too long": Trouble(
        words.TOO_LONG,
        "ContextWindowExceeded",
        "invalid_request",
        then="a larger window",
        bills={"azure_openai": "possible"},
    ),
    "unsupported": Trouble(
        words.UNSUPPORTED, "RequestUnsupported", "invalid_request", tells_reason=True
    ),
    "doubted": Trouble(
        words.DOUBTED, "RequestDoubted", "invalid_request", most=2, tells_reason=True
    ),
}
"""What says nothing of a model's or a provider's health, unless it is refuted."""

REPEATED = {
    "overloaded": Trouble(words.OVERLOADED, "ProviderOverloaded", tries=2),
    "unavailable": Trouble(words.UNAVAILABLE, "ProviderUnavailable", tries=2),
}
"""While the circuit is closed, as what came before keeps it."""

OTHERS = {
    "throttled for long": Trouble(words.throttled(600), "ProviderThrottled"),
    "broken off": Trouble(everywhere(Ended("reset")), "ProviderUnavailable", bill="possible"),
    "unreadable": Trouble(everywhere(Ended("odd")), "ProviderBadResponse", bill="possible"),
    "cut": Trouble(everywhere(Ended("cut")), "ProviderUnavailable", bill="estimated"),
    "failed in the stream": Trouble(
        everywhere(Ended("failed")), "ProviderUnavailable", bill="estimated"
    ),
    "timed out": Trouble(words.TIMED_OUT, "ProviderTimeout", bill="possible"),
    "quota used up": Trouble(
        words.QUOTA_USED_UP, "ProviderQuotaExhausted", then="another provider"
    ),
    "key refused": Trouble(words.KEY_REFUSED, "ProviderAuthFailed", then="another provider"),
    "unknown model": Trouble(words.UNKNOWN_MODEL, "ModelNotFound"),
}
SILENT = {
    "silent": Trouble(
        everywhere(Ended("silent")),
        "ProviderTimeout",
        bill="possible",
        limits={"max_latency_ms": 25_000, "max_output_tokens": 50},
        positions=POSITIONS[:2],
    ),
}
"""Each keeps a function busy until its time is up."""
UNREACHED = Trouble({}, "ProviderUnavailable")
TROUBLES = {**QUIET, **REPEATED, **OTHERS, **SILENT}
PRIMED = 12
"""Answers of each model before its first fault."""


@dataclass(frozen=True)
class Cell:
    trouble: str
    interface: str
    position: Position

    @property
    def mark(self) -> str:
        return "-".join((self.trouble, self.interface, self.position)).replace(" ", "_")

    @property
    def asked(self) -> Asked:
        """Where a provider cannot be reached, one of another comes second."""
        asked = INTERFACES[self.interface]
        first, sibling, other = asked.models
        return Asked(first, other, sibling) if self.trouble == "unreached" else asked

    @property
    def is_refuted(self) -> bool:
        """Whether another provider takes what the first one has refused for no reason that is known."""
        return self.trouble == "doubted" and self.position == "the first of several"

    @property
    def named(self) -> list[str]:
        return [self.asked.first] if self.position == "the only one" else list(self.asked.models)


LOOKED_AT = ("doubted", "throttled for long")
"""Of these, each interface's are looked at more closely below."""


def _positions(
    name: str, interface: str, positions: tuple[Position, ...] = POSITIONS
) -> tuple[Position, ...]:
    """All of them for one interface, and for the others one after the other, so that each meets each trouble
    and each position; `ERROR_TABLE=whole` has all of all."""
    is_whole = name in LOOKED_AT or os.environ.get("ERROR_TABLE") == "whole"
    if interface == "openai" or is_whole:
        return positions
    turn = [*TROUBLES, "unreached"].index(name) + [*INTERFACES].index(interface)
    return (positions[turn % len(positions)],)


def _cells(troubles: Mapping[str, Trouble]) -> list[Cell]:
    return [
        Cell(name, interface, position)
        for name, trouble in troubles.items()
        for interface in INTERFACES
        if interface in trouble.replies
        for position in _positions(name, interface, trouble.positions)
    ]


TOLD: Mapping[str, tuple[int | None, ...]] = {
    "throttled": (6, 1, 9),
    "throttled without a word": (None, None, None),
}
"""For how many seconds each model of a request is throttled, once."""
WAITS = [
    Cell(name, interface, position)
    for name in TOLD
    for interface in INTERFACES
    for position in POSITIONS
]
CELLS = _cells(TROUBLES)
UNREACHED_CELLS = [
    Cell("unreached", interface, position)
    for interface in INTERFACES
    for position in _positions("unreached", interface)
]
PINNED = [Cell("unsupported", interface, "pinned") for interface in INTERFACES]


@dataclass(frozen=True)
class Ending:
    """A request's answer with its HTTP status, the models that were called, and its row."""

    status: int
    answer: dict[str, Any]
    called: tuple[str, ...]
    row: dict[str, Any]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        return self.row["attempts"]


def _interface_of(call: Call) -> str:
    if call.provider == "openai":
        return "responses" if call.api == "responses" else "openai"
    return {"azure_openai": "azure"}.get(call.provider, call.provider)


def _model_of(call: Call) -> str:
    return call.model if call.provider == "own" else IDS[call.provider, call.model]


def _script(cell: Cell) -> Callable[[Call], Reply]:
    if cell.trouble in TOLD:
        return _throttling(cell)
    replies = TROUBLES[cell.trouble].replies if cell.trouble in TROUBLES else {}

    def reply(call: Call) -> Reply:
        if cell.position == "all of them" or _model_of(call) == cell.asked.first:
            return replies.get(_interface_of(call), replies.get(cell.interface, WELL))
        return WELL

    return reply


def _throttling(cell: Cell) -> Callable[[Call], Reply]:
    told = dict(zip(cell.asked.models, TOLD[cell.trouble], strict=True))

    def reply(call: Call) -> Reply:
        model = _model_of(call)
        concerned = cell.position == "all of them" or model == cell.asked.first
        if call.of_model or not concerned:
            return WELL
        return words.throttled(told[model])[_interface_of(call)]

    return reply


@pytest.fixture(scope="module")
def providers():
    with serving(*PROVIDERS) as made:
        yield made


@pytest.fixture(scope="module")
def stack(providers, tmp_path_factory):
    added = tmp_path_factory.mktemp("stage") / "extra_providers.json"
    added.write_text(json.dumps([_own_provider(providers)]), "utf-8")
    settings = {
        "LOCAL_WORKERS_PER_FUNCTION": "8",
        "EXTRA_PROVIDERS": str(added),
    }
    with running_stack(**settings, **providers.variables) as running:
        yield running


def _own_provider(providers):
    forms = ["json_object", "json_schema"]
    return {
        "name": "own",
        "base_url": f"http://127.0.0.1:{providers.ports['own']}/v1",
        "models": [
            {
                "id": name,
                "context_window": window,
                "prices": OWN_USD_PER_MTOK,
                "capabilities": forms,
            }
            for name, window in OWN_WINDOWS.items()
        ],
    }


def _ask(stack, providers, cell: Cell) -> Ending:
    providers.scripts[cell.mark] = _script(cell)
    trouble = TROUBLES.get(cell.trouble, UNREACHED)
    body: dict[str, Any] = {"task": "chat", "text": scripted("Bern?", cell.mark)}
    body |= {"model": cell.asked.first} if cell.position == "pinned" else {"models": cell.named}
    body |= {"response_format": FORM} if cell.trouble == "unfit" else {}
    response = post(stack, "/generate", body | dict(trouble.limits))
    answer = response.json()
    row = get(stack, f"/requests/{answer['request_id']}").json(parse_float=Decimal)
    called = tuple(map(_model_of, providers.calls[cell.mark]))
    return Ending(response.status_code, answer, called, row)


def _last_asked(stack) -> str:
    """The id of a request behind all others in the log, once they are in it."""
    answer = post(stack, "/generate", {"task": "chat", "text": "Bern?", "model": "local-sentiment"})
    return answer.json()["request_id"]


def _health(stack) -> set[str]:
    """What is counted against models and providers, by the names of its counts."""
    counted_to = f'"{_last_asked(stack)}"'
    assert eventually(lambda: any(counted_to in line for line in stack.log_lines("Tally")))
    table = stack.output("StateTableName")
    items = stack.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    counted = {key for item in items if item["state_id"]["S"].startswith("health#") for key in item}
    good = (
        "state_id",
        "expires_at",
        "counted_to#",
        "ok",
        CALLERS_OF["ok"],
        "answers",
        "latency_ms",
    )
    return {key for key in counted if not key.startswith((*good, "output_tokens"))}


@dataclass(frozen=True)
class Run:
    """How every cell has ended, and what was counted after the quiet ones, and then of refuted doubts."""

    endings: Mapping[Cell, Ending]
    quiet: set[str]
    refuted: set[str]


@pytest.fixture(scope="module")
def run(stack, providers) -> Run:
    endings: dict[Cell, Ending] = {}

    def ask(cells: list[Cell]) -> None:
        endings.update(
            zip(cells, pool.map(lambda cell: _ask(stack, providers, cell), cells), strict=True)
        )

    _prime(stack)
    with ThreadPoolExecutor(8) as pool:
        ask([cell for cell in _cells(QUIET) if not cell.is_refuted])
        quiet = _health(stack)
        ask([cell for cell in _cells(QUIET) if cell.is_refuted])
        refuted = _health(stack)
        ask(_cells(REPEATED))
        ask(PINNED + WAITS + _cells(OTHERS))
        ask(_cells(SILENT))
        _ask_unreached(ask, providers)
    return Run(endings, quiet, refuted)


def _prime(stack):
    """Few at once, as every function starts here."""
    models = {model for asked in INTERFACES.values() for model in asked.models}
    bodies = [{"models": [model], "task": "chat", "text": "Bern?"} for model in models] * PRIMED
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: post(stack, "/generate", body), bodies))
    assert {answer.status_code for answer in answers} == {200}


def _ask_unreached(ask, providers):
    for provider in PROVIDERS:
        cells = [
            cell
            for cell in UNREACHED_CELLS
            if cell.position != "all of them" and _provider(cell.asked.first) == provider
        ]
        with _closed(providers, provider):
            ask(cells)
    with _closed(providers, *PROVIDERS):
        ask([cell for cell in UNREACHED_CELLS if cell.position == "all of them"])


def _closed(providers, *names):
    stack = ExitStack()
    for name in names:
        providers.close(name)
        stack.callback(providers.open, name)
    return stack


def _expected_models(cell: Cell, trouble: Trouble) -> tuple[tuple[str, ...], bool]:
    """Every call's model, and whether the last one answers."""
    order = trouble.order(cell.asked)
    if cell.position == "all of them":
        return tuple(model for model in order for _ in range(trouble.tries)), False
    failed = (cell.asked.first,) * trouble.tries
    following = order[1:2] if cell.position == "the first of several" else ()
    return failed + following, bool(following)


def _outcomes(trouble: Trouble, count: int, *, answered: bool) -> list[str]:
    return [trouble.error] * (count - answered) + ["success"] * answered


def _id(cell: Cell) -> str:
    return f"{cell.trouble}, {cell.interface}: {cell.position}"


def _nano(amount: Any) -> int:
    return nano_usd(Decimal(str(amount)))


def _price(model: str) -> int:
    if model in OWN_WINDOWS:
        rates = OWN_USD_PER_MTOK
        return 1000 * (USAGE.input_tokens * rates["input"] + USAGE.output_tokens * rates["output"])
    return cost_nano_usd(model, USAGE, datetime.now(UTC).date())


def _check(ending: Ending, cell: Cell, trouble: Trouble) -> None:
    models, answered = _expected_models(cell, trouble)
    assert [one["model"] for one in ending.attempts] == list(models)
    assert [one["outcome"] for one in ending.attempts] == _outcomes(
        trouble, len(models), answered=answered
    )
    failed = [(model, trouble.error) for model in models[: len(models) - answered]]
    if answered:
        assert ending.status == 200, ending.answer
        told = ending.answer["routing"]
        assert told["selected_model"] == models[-1]
        assert [(one["model"], one["error"]) for one in told["fallbacks"]] == failed
    else:
        error = ending.answer["error"]
        assert (ending.status, error["code"]) == (HTTP_STATUS[trouble.code], trouble.code)
        if trouble.code == "all_providers_failed":
            assert [(one["model"], one["error"]) for one in error["details"]] == failed
    _check_bill(ending, trouble)


def _check_bill(ending: Ending, trouble: Trouble) -> None:
    for attempt in ending.attempts:
        failed = attempt["outcome"] != "success"
        bill = trouble.bill_of(attempt["provider"]) if failed else "told"
        cost, price = _nano(attempt.get("cost_usd", 0)), _price(attempt["model"])
        if bill == "estimated":
            assert 0 < cost < price
        else:
            assert cost == (price if bill == "told" else 0)
        assert (_nano(attempt.get("possibly_billed_usd", 0)) > 0) == (bill == "possible")
    costs = [_nano(attempt.get("cost_usd", 0)) for attempt in ending.attempts]
    assert _nano(ending.row["cost_usd"]) == sum(costs)
    if ending.status == 200:
        assert _nano(ending.answer["usage"]["total_cost_usd"]) == sum(costs) > 0


@pytest.mark.parametrize("cell", CELLS, ids=_id)
def test_a_trouble_ends_as_its_class_says(run, cell):
    trouble, ending = TROUBLES[cell.trouble], run.endings[cell]
    _check(ending, cell, trouble)
    assert ending.called == _expected_models(cell, trouble)[0]
    if trouble.tells_reason and ending.status != 200:
        reason = words.message_of(trouble.replies[cell.interface])
        assert reason in ending.answer["error"]["message"]


@pytest.mark.parametrize("cell", PINNED, ids=_id)
def test_another_provider_comes_next_where_the_request_lists_no_order(run, cell):
    ending, first = run.endings[cell], cell.asked.first
    assert ending.status == 200, ending.answer
    [called, then] = ending.called
    assert called == first
    assert _provider(then) != _provider(first)


@pytest.mark.parametrize("cell", UNREACHED_CELLS, ids=_id)
def test_a_provider_that_cannot_be_reached_is_asked_once_and_costs_nothing(run, cell):
    ending = run.endings[cell]
    _check(ending, cell, UNREACHED)
    assert len(ending.called) == (ending.status == 200)


def _waited(ending: Ending) -> list[bool]:
    return [bool(one.get("waited_ms")) for one in ending.attempts]


@pytest.mark.parametrize("trouble", TOLD)
@pytest.mark.parametrize("interface", INTERFACES)
def test_a_wait_that_fits_the_deadline_is_kept_where_nobody_else_is_left(run, interface, trouble):
    ending = run.endings[Cell(trouble, interface, "the only one")]
    first = INTERFACES[interface].first
    assert (ending.status, ending.called) == (200, (first, first))
    assert _waited(ending) == [False, True]
    told_s = TOLD[trouble][0] or 0
    assert ending.attempts[1]["waited_ms"] >= 1000 * told_s


@pytest.mark.parametrize("trouble", TOLD)
@pytest.mark.parametrize("interface", INTERFACES)
def test_nobody_waits_while_another_one_can_be_asked(run, interface, trouble):
    ending = run.endings[Cell(trouble, interface, "the first of several")]
    asked = INTERFACES[interface]
    assert (ending.status, ending.called) == (200, (asked.first, asked.sibling))
    assert _waited(ending) == [False, False]


@pytest.mark.parametrize("trouble", TOLD)
@pytest.mark.parametrize("interface", INTERFACES)
def test_whoever_is_free_first_is_asked_anew_where_everybody_is_throttled(run, interface, trouble):
    ending = run.endings[Cell(trouble, interface, "all of them")]
    assert ending.status == 200, ending.answer
    asked = INTERFACES[interface]
    assert ending.called[:3] == asked.models
    assert len(ending.called) == 4
    # On a busy machine the least wait is over before the last one is asked.
    assert _waited(ending)[:3] == [False, False, False]
    if trouble == "throttled":
        assert ending.called[3] == asked.sibling


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_wait_beyond_the_deadline_is_the_callers_to_keep(run, interface):
    ending = run.endings[Cell("throttled for long", interface, "the only one")]
    assert ending.answer["error"]["retry_after_seconds"] == 600


def test_what_a_caller_or_a_request_is_to_blame_for_says_nothing_of_health(run):
    assert run.quiet == set()


def test_a_refusal_that_another_provider_refutes_counts_against_the_model(run):
    faults = {key for key in run.refuted if key.startswith("faults|")}
    assert faults == {f"faults|{asked.first}" for asked in INTERFACES.values()}


UNSURE = "Zvrk plomb xqzt."
JUDGED = Told('{"sentiment": "neutral", "confidence": 0.9}')


@pytest.mark.parametrize(
    ("named", "reply", "expected"),
    [
        (["local-sentiment"], JUDGED, [("local-sentiment", "success")]),
        (
            ["local-sentiment", "gpt-6-luna"],
            JUDGED,
            [("local-sentiment", "AnswerUnsure"), ("gpt-6-luna", "success")],
        ),
        (
            ["local-sentiment", "gpt-6-luna"],
            words.BROKEN["openai"],
            [("local-sentiment", "AnswerUnsure"), ("gpt-6-luna", "InvalidRequest")],
        ),
        (
            ["local-sentiment", "gpt-6-luna"],
            words.UNKNOWN_MODEL["openai"],
            [
                ("local-sentiment", "AnswerUnsure"),
                ("gpt-6-luna", "ModelNotFound"),
                ("local-sentiment", "success"),
            ],
        ),
    ],
    ids=["the only one", "the first of several", "refused after it", "all of them"],
)
@pytest.mark.usefixtures("run")
def test_a_local_model_that_is_not_sure_is_the_last_resort(
    stack, providers, named, reply, expected
):
    mark = f"local-{expected[-1][1]}-{len(expected)}"
    providers.scripts[mark] = lambda _: reply
    body = {"models": named, "task": "sentiment", "text": f"{UNSURE} (script {mark})"}
    answer = post(stack, "/generate", body).json()
    row = get(stack, f"/requests/{answer['request_id']}").json()
    assert [(one["model"], one["outcome"]) for one in row["attempts"]] == expected
    assert answer["success"] == (expected[-1][1] == "success")
    assert [one["cost_usd"] for one in row["attempts"] if one["provider"] == "local"] == [0] * sum(
        model == "local-sentiment" for model, _ in expected
    )
