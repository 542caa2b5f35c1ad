"""The typed configuration of a stage: `stages` in cdk.json, overridden by `-c name=value`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self

from constructs import Node
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from functions.shared.policy.routing_policy import load_policy

Stage = Literal["local", "dev", "prod"]
Provider = Literal["openai", "azure_openai", "anthropic", "bedrock"]
"""The providers that a stage may lack; `local` needs nothing and is always there."""

_LISTS = ("providers", "api_keys", "operator_api_keys", "alarm_emails")
_VALUES = (
    *("mock_providers", "layers", "log_level", "bedrock_endpoint_url", "snap_start"),
    *("routing_policy", "shadow_policy", "log_prompts", "console"),
)
_STANDARD_PLAN = ("requests_per_second", "burst_requests", "requests_per_day")
"""Overrides of the plan `standard`."""


def construct_name(provider: str) -> str:
    """A provider in construct ids: azure_openai is AzureOpenai."""
    return "".join(part.title() for part in provider.split("_"))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Plan(_Part):
    """A usage plan: what each of its keys may use of the gateway."""

    requests_per_second: float = Field(gt=0)
    burst_requests: int = Field(ge=1)
    requests_per_day: int = Field(ge=1)
    keys: int = Field(default=1, ge=0)
    """How many keys AWS generates, where the values of none are given."""


class Plans(_Part):
    """The usage plans of a stage, by name."""

    standard: Plan
    operator: Plan
    """Its keys see the requests of all keys."""


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
    spend_deviations: float = Field(default=3, gt=0)
    """Standard deviations from the usual spend of that hour."""


class StageConfig(_Part):
    """What differs between stages."""

    stage: Stage
    providers: tuple[Provider, ...] = ()
    """Providers that the stage can call: their secret holds a key, or, for Bedrock, the account
    has access to its models. The others are simulated or left out."""
    mock_providers: Literal["auto", "never", "always"] = "auto"
    routing_policy: str = "default"
    """The policy that decides: the name of a file in functions/shared/policy/policies."""
    shadow_policy: str | None = None
    """A second policy, whose decisions are only logged."""
    api_keys: tuple[str, ...] = ()
    """Values of the keys of the plan `standard`, on the stage `local` only: elsewhere AWS generates
    them."""
    operator_api_keys: tuple[str, ...] = ()
    """The same of the plan `operator`, which may have none there."""
    bedrock_endpoint_url: str | None = None
    """Another endpoint than AWS's, on the stage `local` only: prompts go there."""
    layers: Literal["built", "stub"] = "built"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    log_retention_days: Literal[7, 14, 30, 90, 365]
    request_log_days: int = Field(ge=1, le=365)
    """How long the audit record of a request is kept."""
    log_prompts: bool = False
    """Keep the prompt's first 4,000 characters with the audit record."""
    plans: Plans
    alarms: Alarms = Alarms()
    alarm_emails: tuple[str, ...] = ()
    """Who is told of an alarm; each address has to confirm once."""
    console: bool = True
    """Serve the console, a page that needs a key to show anything."""
    provider_concurrency: int | None = Field(default=None, ge=1)
    """Reserved concurrency of each configured provider's function; none by default, as a new
    account's whole limit may be as low as 10."""
    snap_start: bool = False
    """Start the functions that load much from a snapshot: seconds less per cold start, for about
    4 USD a month and GB of each of them."""
    protect_data: bool = False
    """Keep the tables, the queue and the secrets when the stack is deleted."""
    check_security: bool = False
    """Fail `cdk synth` on an AwsSolutions finding that no acknowledgement explains."""

    @field_validator("routing_policy", "shadow_policy")
    @classmethod
    def _is_deployed(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                load_policy(name)
            except OSError:
                raise ValueError(f"functions/shared/policy/policies has no {name}.json") from None
        return name

    @model_validator(mode="after")
    def _only_locally(self) -> Self:
        if (self.api_keys or self.operator_api_keys) and self.stage != "local":
            raise ValueError("api_keys would put key values into a template; local stage only")
        if self.bedrock_endpoint_url and self.stage != "local":
            raise ValueError("bedrock_endpoint_url is for the local stage only")
        return self

    @property
    def providers_configured(self) -> tuple[str, ...]:
        """Every provider that the stage can call."""
        return (*self.providers, "local")

    @classmethod
    def from_context(cls, node: Node) -> Self:
        """Read the stage named by the context value `stage` (default dev)."""
        stage = node.try_get_context("stage") or "dev"
        settings: dict[str, Any] = dict((node.try_get_context("stages") or {}).get(stage, {}))
        for name in _LISTS:
            if (value := node.try_get_context(name)) is not None:
                settings[name] = [part for part in value.split(",") if part]
        for name in _VALUES:
            if (value := node.try_get_context(name)) is not None:
                settings[name] = value
        plan = {name: node.try_get_context(name) for name in _STANDARD_PLAN}
        if overrides := {name: value for name, value in plan.items() if value is not None}:
            plans = settings["plans"]
            settings["plans"] = {**plans, "standard": {**plans["standard"], **overrides}}
        return cls(stage=stage, **settings)
