"""What routing knows of a request and of the models, and what it decides."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import (
    Field,
)

from functions.shared.caller import Caller, Period
from functions.shared.catalogue.token_bounds import TokenBound
from functions.shared.catalogue.tokens import TextSize, call_tokens, count_tokens
from functions.shared.vocabulary import (
    Capability,
    Count,
    Frozen,
    Mode,
    NanoUsd,
    Preference,
    PriceFactors,
    Score,
    Share,
    Task,
    TaskSource,
    Tokenizer,
    Zero,
)

Unset = Field(exclude_if=lambda value: value is None)
"""Left out where it is None, also beside what keeps its nulls."""


class Prediction(Frozen):
    """`will_do`: how likely `weak` answers this prompt no worse than `strong` does; `usual`: how
    likely it does so on the prompts that the policy was fitted to."""

    weak: str
    strong: str
    will_do: Score
    usual: Score


IDEMPOTENCY: Literal["idempotency"] = "idempotency"
CACHE: Literal["cache"] = "cache"
RETRY: Literal["retry"] = "retry"


class Claim(Frozen):
    """The right to answer, for all that ask the same. `answer_id` is of the caller's key, or of the whole
    request; `fingerprint` of what was asked. The answer is kept for `kept_for_s`. `joins`: the client
    itself says that it sent the request before, and wants the answer to that."""

    kind: Literal["idempotency", "cache", "retry"]
    answer_id: str
    fingerprint: str
    kept_for_s: Count
    joins: Annotated[bool, Field(exclude_if=lambda joins: not joins)] = False


class AskedVectors(Frozen):
    """What routing knows of a request for vectors: those of a `family` alone compare with each other.

    `inputs` counts them, `longest` is the size of the longest text. Of token ids, which the caller has made
    itself, the number is known: `token_ids` of all, `longest_token_ids` of one.
    """

    family: str
    dimensions: int | None = None
    inputs: Count
    longest: TextSize = Field(default_factory=TextSize)
    token_ids: Zero = 0
    longest_token_ids: Zero = 0

    def longest_tokens(self, tokenizer: Tokenizer) -> int:
        """Of one input: each has the model's window for itself."""
        return self.longest_token_ids or count_tokens(self.longest, tokenizer)


class Profile(Frozen):
    """All that routing and accounting need to know of a request; none of its text.

    `task_unsure`: the classifier's confidence is under its threshold, so that the model should be
    good at more than the guessed task. `input_bound` is of the whole call but for its `images`, of which
    `low_detail_images` ask for little. `predictions`: what each policy's predictors say of the
    prompt, by the policy's version. `claims` are those that the request makes, and behind the state
    `Claim` those that it holds.
    """

    request_id: str
    caller_id: str
    caller: Annotated[Caller, Field(exclude_if=lambda caller: caller == Caller())] = Field(
        default_factory=Caller
    )
    mode: Mode
    task: Task
    task_source: TaskSource
    task_confidence: Score
    task_unsure: bool = False
    model_preference: Preference
    model: str | None = None
    models: Annotated[list[str], Field(exclude_if=lambda models: not models)] = Field(
        default_factory=list
    )
    """Instead of `model`, in the order in which they are to be asked."""
    fallback: bool
    max_cost_nano_usd: NanoUsd | None = None
    max_latency_ms: int | None = None
    input_size: TextSize
    input_bound: TokenBound = Field(default_factory=TokenBound)
    image_tokens: Count = 0
    images: Annotated[Count, Field(exclude_if=lambda count: not count)] = 0
    low_detail_images: Annotated[Count, Field(exclude_if=lambda count: not count)] = 0
    max_output_tokens: int | None = None
    required_capabilities: list[Capability]
    session_id: str | None = None
    predictions: dict[str, list[Prediction]] = Field(default_factory=dict)
    vectors: Annotated[AskedVectors | None, Unset] = None
    """Where these are asked for, and no text."""
    metadata: dict[str, str]
    claims: Annotated[list[Claim], Field(exclude_if=lambda claims: not claims)] = Field(
        default_factory=list
    )
    started_at_ms: int
    deadline_at_ms: int
    classify_ms: float

    @property
    def named(self) -> list[str]:
        """What the caller named, in its order."""
        return self.models if self.model is None else [self.model]

    def input_tokens(self, tokenizer: Tokenizer) -> int:
        """About, of a whole call."""
        if self.vectors:
            return self.vectors.token_ids or count_tokens(self.input_size, tokenizer)
        return call_tokens(self.input_size, self.image_tokens, tokenizer)


class TaskHistory(Frozen):
    """Answers to one task, the output tokens of all of them together, and the sum of their squares."""

    answers: Count
    output_tokens: Count
    output_tokens_squared: Annotated[Count, Field(exclude_if=lambda count: not count)] = 0


class ModelHealth(Frozen):
    """What was counted of a model lately.

    `ok`, `faults` and `throttles` are attempts of the last five minutes; `last_fault_at_ms` and
    `blocked_at_ms` (its key refused, its quota used up, or the model unknown there) are epoch
    milliseconds. `last_error`, of a whole provider alone, is such a time and the class of the error
    then. `one_caller_only`: all faults are of one caller, while others were answered. The rest are sums
    over the answers of today and yesterday.
    """

    ok: Count = 0
    faults: Count = 0
    throttles: Count = 0
    last_fault_at_ms: Count = 0
    blocked_at_ms: Count = 0
    answers: Count = 0
    latency_ms: Count = 0
    latency_ms_squared: Count = 0
    output_tokens: Count = 0
    one_caller_only: Annotated[bool, Field(exclude_if=lambda one: not one)] = False
    last_error: str = ""
    tasks: dict[str, TaskHistory] = Field(default_factory=dict)


class MoneyLeft(Frozen):
    """What a budget had left of a limit on money, for a request that began then. `renews_at` in ISO 8601;
    None is never."""

    owner: Literal["caller", "stage"]
    period: Period
    limit_nano_usd: NanoUsd
    left_nano_usd: NanoUsd
    tier_down_at: Share
    renews_at: str | None = None

    @property
    def name(self) -> str:
        return f"{self.owner}'s {self.period}"

    @property
    def used(self) -> float:
        """The share of the limit, 1 for a limit of nothing."""
        return 1 - self.left_nano_usd / self.limit_nano_usd if self.limit_nano_usd else 1.0


class TokensLeft(Frozen):
    """What was left of a minute's tokens, and in how many seconds the next minute begins."""

    limit: Count
    left: Count
    renews_in_s: Count


class BudgetsLeft(Frozen):
    """What the limits of a caller and of its stage had left; `tokens` where those are limited."""

    money: list[MoneyLeft] = Field(default_factory=list)
    tokens: Annotated[TokensLeft | None, Unset] = None

    @property
    def nearly_used(self) -> MoneyLeft | None:
        """The limit that is used the most, of those from which on models are chosen by cost first."""
        reached = [one for one in self.money if one.used >= one.tier_down_at]
        return max(reached, key=lambda one: one.used, default=None)


class RoutingContext(Frozen):
    """All that a decision depends on beside the request, the catalogue, the prices and the policy."""

    providers_configured: list[str] = Field(default_factory=list)
    mock_providers: Literal["auto", "never", "always"] = "auto"
    price_factors: PriceFactors = Field(
        default_factory=dict, exclude_if=lambda factors: not factors
    )
    session_model: str | None = None
    """The model that answered this conversation before."""
    savings_baseline: str | None = None
    """The model that the stage would use if nothing chose one."""
    health: dict[str, ModelHealth] = Field(default_factory=dict)
    """By model id; a model that was not called lately is not there."""
    health_stale_since_ms: Count | None = None
    """When the health was read, in epoch milliseconds, where it could not be read again."""
    budgets_left: Annotated[BudgetsLeft | None, Unset] = None
    """None for a caller without limits, and where no budget could be read."""


Simulated = Annotated[bool, Field(exclude_if=lambda mock: not mock)]
"""Whether the simulator answers in the provider's place; left out where it does not."""


class BudgetNeed(Frozen):
    """What a call of a model takes of its caller's budgets. An answer has at most `output_limit` tokens, 99
    of 100 to the task no more than `usual_output_tokens`, and `least_output_tokens` are expected: the
    fewest that are worth a call. `least_cost_nano_usd` is the most that a call with so many costs, and
    `held_cost_nano_usd` what the caller's own budget holds for a call that nothing shortens: 0 where nobody
    bills it."""

    output_limit: Count
    usual_output_tokens: Count
    least_output_tokens: Count
    least_cost_nano_usd: NanoUsd
    held_cost_nano_usd: NanoUsd


class Candidate(Frozen):
    """What calling a model and falling back from it need: the state machine's own list holds these.

    Where the caller has a budget it is told, too, how far an answer can be shortened for it:
    `worst_case_cost_nano_usd` is with `output_limit` tokens, `least_cost_nano_usd`, 0 of what is free, with
    `least_output_tokens`, what the model is expected to take; hardly an answer to the task takes more than
    `usual_output_tokens`.
    """

    model: str
    provider: str
    mock: Simulated = False
    context_window: int
    worst_case_cost_nano_usd: NanoUsd
    output_limit: Count | None = None
    usual_output_tokens: Count | None = None
    least_output_tokens: Count | None = None
    least_cost_nano_usd: NanoUsd | None = None
    waited_seconds: Annotated[Count, Field(exclude_if=lambda seconds: not seconds)] = 0
    """The machine's pause before it was called."""


class Scores(Frozen):
    """How a model compares with the best of those that may be asked."""

    cost: Score
    latency: Score
    quality: Score
    availability: Score
    final: Score


class RankedModel(Frozen):
    """What was expected of a model that may be asked. `quality` is the expected one of its answer in
    [0, 1]; `estimated_latency_ms` the mean and `p95_latency_ms` what 95 % stay under. `need` is there
    where the caller has limits."""

    model: str
    mock: Simulated = False
    scores: Scores
    quality: Score
    estimated_cost_nano_usd: NanoUsd
    worst_case_cost_nano_usd: NanoUsd
    estimated_latency_ms: Count
    p95_latency_ms: Count
    estimated_output_tokens: Count
    need: Annotated[BudgetNeed | None, Unset] = None


class Exclusion(Frozen):
    model: str
    reason: str


class Shadow(Frozen):
    """What a second policy would have done; it decides nothing."""

    policy_version: str
    selected_model: str
    estimated_cost_nano_usd: NanoUsd
    estimated_latency_ms: Count
    quality: Score


class Decision(Frozen):
    """`candidates` best first; `baseline_model` is what the savings are reckoned against: none where the
    caller or the conversation names its model.

    `reserve` are called when all candidates have failed: excluded models that may well answer, whose
    circuit is open or that a better one of another provider dominates. `propensity` is the
    probability with which the first candidate was to be the first.
    """

    candidates: Annotated[list[RankedModel], Field(min_length=1)]
    reserve: list[RankedModel] = Field(default_factory=list)
    excluded: list[Exclusion]
    baseline_model: str | None = None
    price_version: str
    policy_version: str
    explored: bool = False
    propensity: Score = 1.0
    ranked_as: Annotated[Preference | None, Unset] = None
    led_by_budget: Annotated[bool, Field(exclude_if=lambda led: not led)] = False
    routing_context: RoutingContext = Field(default_factory=RoutingContext)
    shadow: Shadow | None = None
    score_ms: float = 0.0

    def ranked(self, model: str) -> RankedModel:
        """Raises `KeyError` for a model that was never to be asked."""
        return self._by_model[model]

    def assumed_cost_nano_usd(self, candidate: Candidate) -> NanoUsd:
        """What a call is taken for that may be billed and told no usage: as dear as such answers have
        been, and nothing where it was simulated. Raises `KeyError` as `ranked` does."""
        return 0 if candidate.mock else self.ranked(candidate.model).estimated_cost_nano_usd

    @cached_property
    def _by_model(self) -> dict[str, RankedModel]:
        return {one.model: one for one in (*self.candidates, *self.reserve)}
