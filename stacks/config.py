"""The typed configuration of a stage: `stages` in cdk.json, overridden by `-c name=value`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import ceil
from typing import Annotated, Any, Literal, Self, TypeVar

from constructs import Node
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from functions.shared.caller import BudgetMode, Limits
from functions.shared.catalogue.additions import Additions
from functions.shared.catalogue.pricing import prices_with
from functions.shared.policy.routing_policy import load_policy
from functions.shared.silence_limits import SilenceLimits
from functions.shared.simulation import Faults, of_the_catalogue
from functions.shared.token_issuer import Claim, TokenIssuer
from functions.shared.vocabulary import (
    BUILT_IN_PROVIDERS,
    CorsOrigin,
    MockProviders,
    PriceFactors,
    Provider,
    nano_usd,
)
from stacks.extra_providers import (
    MOST_EXTRA_PROVIDERS,
    ExtraProvider,
    additions_of,
    check_extra_providers,
)

_Item = TypeVar("_Item")
_Named = TypeVar("_Named", bound=Collection[str])


def _listed(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _json_of(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Listed = Annotated[tuple[_Item, ...], BeforeValidator(_listed)]
"""A list, which the command line gives as one text with commas."""


StageName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
"""A part of the names of stacks, secrets, alarms and log groups, all of which may hold these."""


class UnknownStage(ValueError):
    """`stages` in cdk.json has no such name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PlanBudget(_Part):
    """What each caller of a plan may spend, where its own limits do not say otherwise; in a day, in a month
    of the calendar, UTC, and in all."""

    day_usd: Decimal | None = Field(default=None, ge=0)
    """In a day; none is no limit."""
    month_usd: Decimal | None = Field(default=None, ge=0)
    """In a month of the calendar."""
    total_usd: Decimal | None = Field(default=None, ge=0)
    """In all, for good."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """To models and back."""
    mode: BudgetMode = "strict"
    """What is held before a call: the most that it can cost, or what 99 of 100 answers to its task take."""
    tier_down_at: float = Field(default=0.8, gt=0, le=1)
    """The share of a budget from which on models are chosen as for `cheap`."""

    @property
    def limits(self) -> Limits:
        told = {
            f"{period}_nano_usd": None if amount is None else nano_usd(amount)
            for period, amount in (
                ("day", self.day_usd),
                ("month", self.month_usd),
                ("total", self.total_usd),
            )
        }
        return Limits(
            **told,
            tokens_per_minute=self.tokens_per_minute,
            mode=self.mode,
            tier_down_at=self.tier_down_at,
        )


class Plan(_Part):
    """A usage plan: what each of its callers may use of the gateway, and spend."""

    requests_per_second: float = Field(gt=0)
    """Of each caller, steadily; over it is 429."""
    burst_requests: int = Field(ge=1)
    """Of each caller, at once."""
    requests_per_day: int = Field(ge=1)
    """Of each caller; over it is 429, until the next day in UTC."""
    budget: PlanBudget = PlanBudget()
    """Without one a caller has no limit on money, unless it has its own."""


class Plans(_Part):
    """The usage plans of a stage, by name."""

    standard: Plan
    """Of applications."""
    operator: Plan
    """Its callers see the requests of all, and manage them."""


class Alarms(_Part):
    """When the alarms ring."""

    success_rate_percent: float = Field(default=95, gt=0, le=100)
    """Of the requests without those that fail by the caller's fault, over 5 minutes."""
    success_rate_requests: int = Field(default=20, ge=1)
    """The fewest requests in 5 minutes that make a rate."""
    deadline_percent: float = Field(default=80, gt=0, le=100)
    """The share of the deadline that the slowest of a hundred synchronous requests may need."""
    all_providers_failed: int = Field(default=3, ge=1)
    """Requests in 5 minutes that no provider answered."""
    spend_usd_per_hour: Decimal = Field(default=Decimal(10), gt=0)
    """What models may cost in an hour, possible bills included."""
    spend_deviations: float = Field(default=3, gt=0)
    """Standard deviations from the usual spend of that hour."""


class Deadlines(_Part):
    """When a request must have ended, counted from its start; a caller may ask for less."""

    sync_ms: int = Field(default=26_000, ge=1_000, le=28_000)
    """Under API Gateway's 29 s, with room for recording the request and for the answer's way back."""
    async_ms: int = Field(default=240_000, ge=1_000, le=870_000)
    """So far under Lambda's 15 minutes that a function's own timeout fits between."""

    @property
    def function_timeout_s(self) -> int:
        """Of a function that ends by the deadline itself, and says more than a timeout would."""
        return ceil(max(self.sync_ms, self.async_ms) / 1000) + 30


class Auth(_Part):
    """Callers that sign in."""

    cognito: bool = False
    """Make a pool of users, whose tokens open the stage like a key."""
    caller_claim: Claim = "sub"
    """What a user is called by; whoever may choose its value may choose whom to be."""
    plan_claim: Claim | None = None
    """Where a token names its plan: `cognito:groups` makes operators of a group `operator`."""
    cognito_endpoint_url: str | None = None
    """Where the pool's keys are, on the stage `local` only."""


class StageConfig(_Part):
    """What differs between stages."""

    stage: StageName
    """`local` is the one that may hold keys and call other endpoints than AWS's."""
    today: date = Field(default_factory=lambda: datetime.now(UTC).date())
    """The day of synthesis, in UTC: models that have retired by then are left out."""
    providers: Listed[Provider] = ()
    """Providers that the stage can call: their secret holds a key, or, for Bedrock, the account
    has access to its models. The others are simulated or left out; `local` is always there."""
    extra_providers: Annotated[
        tuple[ExtraProvider, ...], BeforeValidator(_json_of), Field(max_length=MOST_EXTRA_PROVIDERS)
    ] = ()
    """Providers beside those of the catalogue that the stage can call; the command line gives them as
    one JSON text."""
    mock_providers: MockProviders = "auto"
    """When the simulator answers in a provider's place. `auto`: for all while the stage can call none, and after
    that for a model that its caller pins."""
    simulator_latency: bool = False
    """Simulated answers take as long as the catalogue says of their models."""
    simulator_faults: Annotated[
        Faults, BeforeValidator(_json_of), AfterValidator(of_the_catalogue)
    ] = Field(default_factory=dict)
    """By model, provider or `*`: how the simulator fails in its place."""
    price_factors: PriceFactors = Field(default_factory=dict)
    """What the stage pays a provider as a multiple of the list price: 1.1 for OpenAI at a regional
    host or Azure deployments in a data zone of the United States, 1.2 for one in Europe, less where a
    discount was agreed on."""
    routing_policy: str = "default"
    """The policy that decides: the name of a file in functions/shared/policy/policies."""
    savings_baseline: str | None = None
    """The model that savings are reckoned against: the one that would be used if nothing chose. Without
    it, the best by quality of those that a request may ask."""
    shadow_policy: str | None = None
    """A second policy, whose decisions are only logged."""
    month_usd: Decimal | None = Field(default=None, ge=0)
    """What all callers together may spend in a month of the calendar, UTC."""
    unstreamed_providers: Listed[Provider] = ()
    """Providers that are asked for whole answers, because they, or what stands in for them, know no streams:
    a stall is then seen no sooner than the attempt's time is over."""
    silence: SilenceLimits = SilenceLimits()
    """How long a provider may be silent before its call is given up."""
    bedrock_endpoint_url: str | None = None
    """Another endpoint than AWS's, on the stage `local` only: prompts go there."""
    layers: Literal["built", "stub"] = "built"
    """`stub` leaves the packages out: the local AWS runs functions with its own."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """Of the functions' logs; at INFO an ordinary request leaves few lines."""
    log_retention_days: Annotated[Literal[7, 14, 30, 90, 365], BeforeValidator(int)]
    """Of the functions', the gateway's and the state machines' logs."""
    request_log_days: int = Field(ge=1, le=365)
    """How long the audit record of a request is kept."""
    log_prompts: bool = False
    """Keep the prompt's first 4,000 characters with the audit record."""
    plans: Plans
    """What callers may use of the gateway, and spend."""
    jwt: Annotated[TokenIssuer | None, BeforeValidator(_json_of)] = None
    """Whose tokens open the stage like a key; the command line gives it as one JSON text."""
    auth: Annotated[Auth, BeforeValidator(_json_of)] = Auth()
    """Callers that sign in; the command line gives it as one JSON text."""
    cors_allow_origin: CorsOrigin | None = None
    """Whose pages may call the API: one origin, such as https://app.example.com, or `*`, any. Without it
    browsers let no page do so but the console."""
    deadlines: Deadlines = Deadlines()
    """When a request must have ended."""
    alarms: Alarms = Alarms()
    """When the alarms ring."""
    alarm_emails: Listed[str] = ()
    """Who is told of an alarm; each address has to confirm once."""
    console: bool = True
    """Serve the console, a page that needs a key to show anything."""
    ask_others_after_refusal: bool = False
    """Go on to other providers where one refuses a request on policy, instead of ending it."""
    provider_concurrency: int | None = Field(default=None, ge=1)
    """Reserved concurrency of the function of each of `providers`; none by default, as a new account's
    whole limit may be as low as 10, and Lambda keeps 100 of a larger one unreserved."""
    provider_memory_mb: int = Field(default=192, ge=128, le=10_240)
    """Of the function of each of `providers` that starts from a snapshot. It waits for its provider nearly all
    of its time, and that is billed by memory: at 1,024 MB it costs more than all else of a request."""
    snap_start: bool = False
    """Start the functions that load much from a snapshot: seconds less per cold start, for about
    4 USD a month and GB of each of them."""
    protect_data: bool = False
    """Keep the tables, the queue and the secrets when the stack is deleted."""
    check_security: bool = False
    """Fail `cdk synth` on an AwsSolutions finding that no acknowledgement explains."""

    @field_validator("providers")
    @classmethod
    def _may_be_lacking(cls, providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
        if "local" in providers:
            raise ValueError("the provider local needs nothing and is always there")
        if strangers := set(providers) - set(BUILT_IN_PROVIDERS):
            raise ValueError(f"the catalogue has no {', '.join(sorted(strangers))}")
        return providers

    @field_validator("extra_providers")
    @classmethod
    def _go_with_the_others(
        cls, providers: tuple[ExtraProvider, ...], info: ValidationInfo
    ) -> tuple[ExtraProvider, ...]:
        check_extra_providers(providers, locally=info.data.get("stage") == "local")
        return providers

    @field_validator("price_factors", "unstreamed_providers")
    @classmethod
    def _are_of_known_providers(cls, named: _Named, info: ValidationInfo) -> _Named:
        extra = {one.name for one in info.data.get("extra_providers", ())}
        if strangers := {*named} - {*BUILT_IN_PROVIDERS, *extra}:
            raise ValueError(f"there is no provider {', '.join(sorted(strangers))}")
        return named

    @field_validator("routing_policy", "shadow_policy")
    @classmethod
    def _is_deployed(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                load_policy(name)
            except OSError:
                raise ValueError(f"functions/shared/policy/policies has no {name}.json") from None
        return name

    @field_validator("savings_baseline")
    @classmethod
    def _is_a_model(cls, name: str | None, info: ValidationInfo) -> str | None:
        prices = prices_with(additions_of(info.data.get("extra_providers", ())))
        if name is not None and name not in prices.models:
            raise ValueError(f"the catalogue has no {name}")
        return name

    @model_validator(mode="after")
    def _only_locally(self) -> Self:
        if self.bedrock_endpoint_url and self.stage != "local":
            raise ValueError("bedrock_endpoint_url is for the local stage only")
        if self.auth.cognito_endpoint_url and self.stage != "local":
            raise ValueError("auth.cognito_endpoint_url is for the local stage only")
        return self

    @model_validator(mode="after")
    def _has_one_issuer(self) -> Self:
        if self.jwt and self.auth.cognito:
            raise ValueError("tokens have one issuer: jwt names another than auth.cognito makes")
        return self

    @field_validator("jwt")
    @classmethod
    def _cannot_be_forged_on_the_way(
        cls, issuer: TokenIssuer | None, info: ValidationInfo
    ) -> TokenIssuer | None:
        """Whoever can change what the issuer's keys are can be any caller."""
        schemes = ("https://", "http://") if info.data.get("stage") == "local" else ("https://",)
        for name in ("issuer", "jwks_url"):
            address = issuer and getattr(issuer, name)
            if address and not address.startswith(schemes):
                raise ValueError(f"{name} must begin with {' or '.join(schemes)}")
        return issuer

    @property
    def service(self) -> str:
        """What the stage is called beside others in the account, in metrics and in names."""
        return f"llm-orchestrator-{self.stage}"

    @property
    def stage_limits(self) -> Limits | None:
        """Of all callers together."""
        return None if self.month_usd is None else Limits(month_nano_usd=nano_usd(self.month_usd))

    @property
    def providers_configured(self) -> tuple[Provider, ...]:
        """Every provider that the stage can call."""
        return (*self.providers, *(one.name for one in self.extra_providers), "local")

    @property
    def additions(self) -> Additions:
        """What the functions are told of the extra providers."""
        return additions_of(self.extra_providers)

    @classmethod
    def from_context(cls, node: Node) -> Self:
        """Read the stage named by the context value `stage` (default dev). Every field that is no
        object can be set by a context value of its name, and so can those of the plan `standard`.

        Raises UnknownStage and `pydantic.ValidationError`.
        """
        stage = node.try_get_context("stage") or "dev"
        stages: Mapping[str, Any] = node.try_get_context("stages") or {}
        if stage not in stages:
            raise UnknownStage(f"cdk.json has no stage {stage!r}, only {', '.join(stages)}")
        settings = {**stages[stage], **_overrides(cls, node), "stage": stage}
        if plan := _overrides(Plan, node):
            plans = settings["plans"]
            settings["plans"] = {**plans, "standard": {**plans["standard"], **plan}}
        return cls.model_validate(settings)


def _overrides(part: type[_Part], node: Node) -> dict[str, Any]:
    values = {name: node.try_get_context(name) for name in part.model_fields}
    return {name: value for name, value in values.items() if value is not None}
