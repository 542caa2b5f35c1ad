"""Each function's environment as a typed model, read on first use and never at import."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, Json

from functions.shared.caller import Limits
from functions.shared.silence_limits import SilenceLimits
from functions.shared.token_issuer import TokenIssuer
from functions.shared.vocabulary import CorsOrigin, Frozen, MockProviders, PriceFactors, Provider


def _names(value: object) -> object:
    return frozenset(filter(None, value.split(","))) if isinstance(value, str) else value


class Settings(Frozen):
    """Unknown variables are Lambda's own."""

    model_config = ConfigDict(extra="ignore")


T = TypeVar("T", bound=Settings)


class AnswerSettings(Settings):
    """Whose pages may read the answers of a function behind the gateway: an origin, `*`, or None but ours."""

    CORS_ALLOW_ORIGIN: CorsOrigin | None = None


class PolicySettings(Settings):
    """Names of files in `functions/shared/policy/policies`: the policy that decides, and a second one whose
    decisions are only logged."""

    ROUTING_POLICY: str = "default"
    SHADOW_POLICY: str = ""


class ClassifySettings(PolicySettings):
    """The whole chain's deadline in milliseconds, by way of calling, and whether the request log may
    hold prompts."""

    SYNC_DEADLINE_MS: int
    ASYNC_DEADLINE_MS: int
    LOG_PROMPTS: bool = False


class ProviderSettings(Settings):
    """Which providers have credentials, and what becomes of those that have none."""

    PROVIDERS_CONFIGURED: Annotated[frozenset[str], BeforeValidator(_names)] = frozenset()
    MOCK_PROVIDERS: MockProviders = "auto"


class ClaimSettings(Settings):
    ANSWERS_TABLE: str


class ScoreSettings(ProviderSettings, PolicySettings):
    """`SAVINGS_BASELINE` names the model that savings are reckoned against. `BUDGETS_TABLE` is read for
    callers with limits alone."""

    STATE_TABLE: str
    BUDGETS_TABLE: str = ""
    SAVINGS_BASELINE: str = ""
    PRICE_FACTORS: Json[PriceFactors] = Field(default_factory=dict)


class RouteSettings(ClassifySettings, ScoreSettings):
    """A dry run classifies and scores in one function."""


class InvokeSettings(Settings):
    """A provider without keys has no secret; the endpoint is set where Bedrock is not AWS's. What the
    calls of jobs and of callers with a budget took is kept in `STATE_TABLE`, and answers that may be given
    again in `ANSWERS_TABLE`. A refusal on policy ends a request, unless others are asked. `STREAM` says
    whether the provider is asked for streams."""

    PROVIDER: Provider | Literal["simulator"]
    STATE_TABLE: str = ""
    ANSWERS_TABLE: str = ""
    BUDGETS_TABLE: str = ""
    PROVIDER_SECRET_ARN: str = ""
    BEDROCK_ENDPOINT_URL: str | None = None
    ASK_OTHERS_AFTER_REFUSAL: bool = False
    STREAM: bool = True
    SILENCE_LIMITS: Json[SilenceLimits] = Field(default_factory=SilenceLimits)


class PlanSettings(Settings):
    """What each plan gives its callers to spend, where their own limits do not say otherwise, and what all
    callers together may."""

    PLAN_LIMITS: Json[dict[str, Limits]] = Field(default_factory=dict)
    STAGE_LIMITS: Json[Limits] | None = None


class SpendingSettings(PlanSettings):
    """Whose budgets there are, and what is spent of them."""

    CALLERS_TABLE: str
    BUDGETS_TABLE: str


class TokenSettings(Settings):
    """Tokens count where there is `JWT`."""

    JWT: Json[TokenIssuer] | None = None


class AuthorizeSettings(PlanSettings, TokenSettings):
    """`BEARER_ROUTES` are those whose credential is in Authorization, as `GET /v1/caller`, `EITHER_ROUTES` those
    that take it from wherever it is.
    `POWERTOOLS_SERVICE_NAME` begins the names of the gateway's own keys."""

    CALLERS_TABLE: str
    BEARER_ROUTES: Annotated[frozenset[str], BeforeValidator(_names)] = frozenset()
    EITHER_ROUTES: Annotated[frozenset[str], BeforeValidator(_names)] = frozenset()
    POWERTOOLS_SERVICE_NAME: str


class SweepSettings(PlanSettings):
    """`ALARM_TOPIC_ARN` is the stage's topic, which is told how much of a budget is used."""

    BUDGETS_TABLE: str
    CALLERS_TABLE: str
    STATE_TABLE: str
    ALARM_TOPIC_ARN: str
    STAGE: str


class AdminSettings(PlanSettings, ProviderSettings, TokenSettings):
    """`POWERTOOLS_SERVICE_NAME` begins the names of usage plans and of the gateway's own keys."""

    CALLERS_TABLE: str
    BUDGETS_TABLE: str
    STATE_TABLE: str
    POWERTOOLS_SERVICE_NAME: str
    JWT: Json[TokenIssuer] | None = None


class RecordSettings(Settings):
    REQUESTS_TABLE: str
    ANSWERS_TABLE: str
    STATE_TABLE: str
    BUDGETS_TABLE: str
    JOBS_TABLE: str
    DEAD_LETTER_QUEUE_URL: str
    LOG_RETENTION_DAYS: int


class TallySettings(Settings):
    STATE_TABLE: str


class StoppedSettings(Settings):
    """`STOPPED_QUEUE_URL` is the function's own queue, which hands on a message after a while;
    `RECORD_FUNCTION` is called as the state machine calls it."""

    STATE_TABLE: str
    BUDGETS_TABLE: str
    STOPPED_QUEUE_URL: str
    RECORD_FUNCTION: str


class ReaderSettings(ProviderSettings, SpendingSettings):
    REQUESTS_TABLE: str
    STATE_TABLE: str


class ApiSettings(ReaderSettings):
    """The list of models says what `Score` knows of them. `JOBS_PATH` is where callers find a job, before
    its id. `AWAITED_ROW_MS`: so long a row is waited for that is not there: nobody who was answered waited
    for it, and a function that has not run for a while takes its time to start."""

    JOBS_STATE_MACHINE_ARN: str
    JOBS_TABLE: str
    JOBS_PATH: str
    AWAITED_ROW_MS: int = 3_000


class OpenaiSettings(Settings):
    """The machines that answer while a client waits, that accept a job, and that run it."""

    GENERATE_STATE_MACHINE_ARN: str
    SUBMIT_STATE_MACHINE_ARN: str
    JOBS_STATE_MACHINE_ARN: str
    JOBS_TABLE: str


class MetricsSettings(ReaderSettings):
    """`POWERTOOLS_SERVICE_NAME` is the dimension that keeps this stage's metrics apart."""

    POWERTOOLS_SERVICE_NAME: str


class WidgetSettings(ProviderSettings, SpendingSettings):
    """The dashboard shows what `Score` knows of the configured providers, and what callers may spend."""

    STATE_TABLE: str


@lru_cache
def read_settings(kind: type[T]) -> T:
    """Raises `pydantic.ValidationError` where the environment lacks what the function needs."""
    return kind.model_validate(dict(os.environ))
