"""The table of functions: what each one is called, runs, is told and may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from functions.shared.callers.records import CALLER
from functions.shared.catalogue.models import load_catalogue
from functions.shared.money.budget_table import OPEN_INDEX
from functions.shared.money.job_calls import ITEMS
from functions.shared.simulation import FAULTS_VARIABLE, LATENCY_VARIABLE
from functions.shared.storage import job_table
from functions.shared.storage.request_log import BY_CALLER, BY_DAY
from stacks.api.mapping import JOBS_PATH
from stacks.api.routes import ROUTES, Credential
from stacks.compute.bedrock_access import Place, bedrock_models, model_statements, wildcards_of
from stacks.compute.event_sources import STOPPED_TIMEOUT_S
from stacks.compute.layers import Architecture, Layer
from stacks.compute.pages import console_page, docs_page
from stacks.config import StageConfig
from stacks.names import construct_name
from stacks.storage import StorageStack

_HERE = Place(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)
_AS_CHECKED = Place("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
"""The same as the security checks write it."""


@dataclass(frozen=True)
class Resources:
    """What the functions reach beside each other."""

    storage: StorageStack
    stopped_jobs: sqs.IQueue
    alarm_topic: sns.ITopic
    machine_ids: Mapping[str, str]
    """Logical ids, by the machines' names: a machine is built after the functions that it calls."""

    def machine_arn(self, name: str) -> str:
        return Fn.ref(self.machine_ids[name])

    @property
    def jobs_machine_id(self) -> str:
        return self.machine_ids["Jobs"]

    @property
    def job_arns(self) -> str:
        """The pattern of all executions of that machine."""
        return _execution_arns(_HERE, Fn.get_att(self.jobs_machine_id, "Name").to_string())

    @property
    def job_arns_as_checked(self) -> str:
        return _execution_arns(_AS_CHECKED, f"<{self.jobs_machine_id}.Name>")


def _execution_arns(place: Place, machine: str) -> str:
    return f"arn:{place.partition}:states:{place.region}:{place.account}:execution:{machine}:*"


@dataclass(frozen=True)
class FunctionSpec:
    """One function. `folder` names its package under functions/."""

    name: str
    folder: str
    on_path: bool = False
    """Whether requests wait for it: the state machines call it, as `<name>Arn`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    """Functions before it in the table that it calls, by the variable that tells it their names."""
    grants: tuple[iam.PolicyStatement, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)
    """Resources in `grants` that hold a wildcard, as the security checks write them, with why."""
    dead_letters: sqs.IQueue | None = None
    """Where an asynchronous call of it ends that keeps failing."""
    layer: str | None = None
    """Third-party packages beside those that all functions have."""
    timeout_s: int = 10
    reserved_concurrency: int | None = None
    snap_start: bool = False
    waiting_memory_mb: int | None = None
    """Of one that waits for others nearly all its time, where a snapshot spares it its imports."""
    is_traced: bool = True
    """Not where the clock or a stream runs it: each run would be a trace, which belongs to no request."""
    extra_files: tuple[str, ...] = ()
    """Files of the project that its code holds besides functions/, at their own paths."""

    @property
    def handler(self) -> str:
        return f"functions.{self.folder}.handler.lambda_handler"

    @property
    def layers(self) -> tuple[Layer, ...]:
        names = ("core", self.layer) if self.layer else ("core",)
        return tuple(Layer(name, self.architecture) for name in names)

    @property
    def architecture(self) -> Architecture:
        # Importing onnxruntime aborts on Lambda's arm64, which lacks /sys/devices/system/cpu:
        # https://github.com/microsoft/onnxruntime/issues/10038
        return "x86_64" if self.layer == "onnx" else "arm64"

    @property
    def memory_mb(self) -> int:
        """Imports are bound by the processor, whose share grows with the memory: the SDKs take 3 s
        (openai) and 7 s (anthropic) at 512 MB, half of it at 1024."""
        if self.waiting_memory_mb and self.snap_start:
            return self.waiting_memory_mb
        return 1024 if self.layer else 512


@dataclass(frozen=True)
class Access:
    """How a provider function gets at its provider."""

    environment: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[iam.PolicyStatement, ...] = ()
    wildcards: Mapping[str, str] = field(default_factory=dict)


def allow(action: str, *resources: str) -> iam.PolicyStatement:
    """Allow one action on named resources."""
    return iam.PolicyStatement(actions=[action], resources=list(resources))


_READ_SECRET = "secretsmanager:GetSecretValue"  # noqa: S105


def _by_secret(provider: str, _config: StageConfig, resources: Resources) -> Access:
    secret_arn = resources.storage.provider_secrets[provider].secret_arn
    return Access({"PROVIDER_SECRET_ARN": secret_arn}, (allow(_READ_SECRET, secret_arn),))


def _by_named_secret(provider: str, config: StageConfig, _resources: Resources) -> Access:
    """One that the stack does not make: its ARN ends in six characters that only AWS knows."""
    (name,) = (one.secret for one in config.extra_providers if one.name == provider)
    arn = f"arn:{Aws.PARTITION}:secretsmanager:{Aws.REGION}:{Aws.ACCOUNT_ID}:secret:{name}-??????"
    return Access({"PROVIDER_SECRET_ARN": str(name)}, (allow(_READ_SECRET, arn),))


def _by_role(_provider: str, config: StageConfig, _resources: Resources) -> Access:
    models = bedrock_models(load_catalogue(), config.today)
    endpoint = config.bedrock_endpoint_url
    streamed = "bedrock" not in config.unstreamed_providers
    return Access(
        {"BEDROCK_ENDPOINT_URL": endpoint} if endpoint else {},
        tuple(model_statements(models, _HERE, streamed=streamed)),
        dict.fromkeys(
            wildcards_of(models, _AS_CHECKED),
            "A profile's call goes to any region of its geography; the model is named.",
        ),
    )


@dataclass(frozen=True)
class ProviderFunction:
    """What the function of a provider has beyond what all of them have."""

    provider: str
    access: Callable[[str, StageConfig, Resources], Access] = lambda *_: Access()
    layer: str | None = None


PROVIDER_FUNCTIONS = (
    ProviderFunction("openai", _by_secret, "openai"),
    ProviderFunction("azure_openai", _by_secret, "openai"),
    ProviderFunction("anthropic", _by_secret, "anthropic"),
    ProviderFunction("bedrock", _by_role, "bedrock"),
    ProviderFunction("gemini", _by_secret, "openai"),
    ProviderFunction("local", layer="onnx"),
    ProviderFunction("simulator"),
)


def provider_functions(config: StageConfig) -> tuple[ProviderFunction, ...]:
    """Those of the catalogue's providers, and one for each that the stage adds."""
    extra = (
        ProviderFunction(one.name, _by_named_secret if one.secret else _by_secret, "openai")
        for one in config.extra_providers
    )
    return (*PROVIDER_FUNCTIONS, *extra)


def provider_function_name(provider: str) -> str:
    return f"Invoke{construct_name(provider)}"


def function_specs(config: StageConfig, resources: Resources) -> tuple[FunctionSpec, ...]:
    """Every function of a stage, in the order that graphs show them in."""
    requests, state = resources.storage.requests_table, resources.storage.state_table
    callers, budgets = resources.storage.callers_table, resources.storage.budgets_table
    queue, jobs = resources.storage.dead_letter_queue, resources.job_arns
    jobs_table = resources.storage.jobs_table
    state_table = {"STATE_TABLE": state.table_name}
    budgets_table = {"BUDGETS_TABLE": budgets.table_name}
    answers, answers_table = resources.storage.answers_table, _answers_table(resources)
    tables = {"REQUESTS_TABLE": requests.table_name, **state_table}
    calling, classifying, prices = _calling(config), _classifying(config), _prices(config)
    read_state = allow("dynamodb:BatchGetItem", state.table_arn)
    read_budgets = allow("dynamodb:GetItem", budgets.table_arn)
    spending, read_names, read_all_budgets = _spending(config, resources.storage)
    return (
        FunctionSpec(
            "Authorize",
            "authorize",
            environment={
                "CALLERS_TABLE": callers.table_name,
                "BEARER_ROUTES": _routes_with("bearer"),
                "EITHER_ROUTES": _routes_with("either"),
                **_plan_terms(config),
                **_tokens(resources.storage),
            },
            grants=(allow("dynamodb:GetItem", callers.table_arn),),
            layer="jwt" if resources.storage.token_issuer else None,
        ),
        FunctionSpec(
            "Classify",
            "classify",
            on_path=True,
            environment=classifying,
            layer="onnx",
            snap_start=config.snap_start,
        ),
        FunctionSpec(
            "Claim",
            "claim",
            on_path=True,
            environment=answers_table,
            grants=tuple(
                allow(f"dynamodb:{action}", answers.table_arn)
                for action in ("GetItem", "PutItem", "UpdateItem")
            ),
        ),
        FunctionSpec(
            "Score",
            "score",
            on_path=True,
            environment={**state_table, **budgets_table, **calling, **prices, **_policies(config)},
            grants=(read_state, read_budgets),
        ),
        *(_provider_function(row, config, resources) for row in provider_functions(config)),
        FunctionSpec(
            "RecordMetrics",
            "record_metrics",
            on_path=True,
            environment={
                **tables,
                **budgets_table,
                **answers_table,
                "JOBS_TABLE": jobs_table.table_name,
                "DEAD_LETTER_QUEUE_URL": queue.queue_url,
                "LOG_RETENTION_DAYS": str(config.request_log_days),
            },
            dead_letters=queue,
            grants=(
                allow("dynamodb:PutItem", requests.table_arn, state.table_arn),
                allow("dynamodb:DeleteItem", answers.table_arn),
                allow(
                    "dynamodb:UpdateItem",
                    *(one.table_arn for one in (state, budgets, jobs_table)),
                ),
                read_state,
                read_budgets,
                allow("sqs:SendMessage", queue.queue_arn),
            ),
        ),
        FunctionSpec(
            "Api",
            "api",
            environment={
                **tables,
                **calling,
                **spending,
                "JOBS_STATE_MACHINE_ARN": resources.machine_arn("Jobs"),
                "JOBS_TABLE": jobs_table.table_name,
                "JOBS_PATH": JOBS_PATH,
            },
            grants=(
                allow("states:DescribeExecution", jobs),
                allow("states:StopExecution", jobs),
                allow("dynamodb:GetItem", requests.table_arn),
                allow("dynamodb:UpdateItem", requests.table_arn, jobs_table.table_arn),
                allow("dynamodb:Query", f"{jobs_table.table_arn}/index/{job_table.BY_CALLER.name}"),
                read_state,
                read_names,
                read_all_budgets,
            ),
            wildcards={resources.job_arns_as_checked: "A job gets its name from its request."},
        ),
        # A dry run is not worth a paid snapshot.
        FunctionSpec(
            "Route",
            "route",
            environment={**state_table, **budgets_table, **classifying, **calling, **prices},
            grants=(read_state, read_budgets),
            layer="onnx",
        ),
        FunctionSpec(
            "Metrics",
            "metrics",
            environment={**tables, **calling, **spending},
            grants=(
                allow("cloudwatch:GetMetricData", "*"),
                allow(
                    "dynamodb:Query",
                    *(f"{requests.table_arn}/index/{name}" for name in (BY_DAY, BY_CALLER)),
                ),
                read_state,
                read_names,
                read_all_budgets,
            ),
            wildcards={"*": "Neither GetMetricData nor X-Ray's write actions name a resource."},
            # Under the gateway's 29 s: a look-up over many days may be asked for twice.
            timeout_s=25,
        ),
        _openai(resources),
        _admin(config, resources),
        FunctionSpec("Docs", "docs", extra_files=docs_page()),
        *(
            (FunctionSpec("Console", "console", extra_files=console_page()),)
            if config.console
            else ()
        ),
        FunctionSpec(
            "Widgets",
            "widgets",
            environment={**state_table, **calling, **spending},
            grants=(read_state, read_names, read_all_budgets),
        ),
        FunctionSpec(
            "Tally",
            "tally",
            environment=state_table,
            grants=(
                allow("dynamodb:UpdateItem", state.table_arn),
                *_reading(resources.storage.requests_stream_arn),
                allow("sqs:SendMessage", resources.storage.event_dead_letter_queue.queue_arn),
            ),
            # Its items are written one after the other, each of them twice at the worst.
            timeout_s=60,
            is_traced=False,
        ),
        FunctionSpec(
            "RecordStopped",
            "record_stopped",
            environment={
                **state_table,
                **budgets_table,
                "STOPPED_QUEUE_URL": resources.stopped_jobs.queue_url,
            },
            calls={"RECORD_FUNCTION": "RecordMetrics"},
            grants=(
                allow("states:DescribeExecution", jobs),
                allow("states:GetExecutionHistory", jobs),
                read_state,
                read_budgets,
                *(
                    allow(f"sqs:{action}", resources.stopped_jobs.queue_arn)
                    for action in (*_READING_A_QUEUE, "SendMessage")
                ),
            ),
            wildcards={resources.job_arns_as_checked: "A job gets its name from its request."},
            timeout_s=STOPPED_TIMEOUT_S,
        ),
        FunctionSpec(
            "Sweep",
            "sweep",
            environment={
                **state_table,
                **budgets_table,
                "CALLERS_TABLE": callers.table_name,
                "ALARM_TOPIC_ARN": resources.alarm_topic.topic_arn,
                **_plan_terms(config),
            },
            grants=(
                allow("dynamodb:Query", f"{budgets.table_arn}/index/{OPEN_INDEX}"),
                allow("dynamodb:GetItem", budgets.table_arn, callers.table_arn),
                allow("dynamodb:UpdateItem", budgets.table_arn),
                read_state,
                allow("sns:Publish", resources.alarm_topic.topic_arn),
            ),
            # Until the next run: budgets are looked at one after the other.
            timeout_s=60,
            is_traced=False,
        ),
    )


def _routes_with(credential: Credential) -> str:
    return ",".join(route.name for route in ROUTES if route.credential == credential)


def _openai(resources: Resources) -> FunctionSpec:
    """It starts executions as the gateway starts those of the native routes."""
    jobs, jobs_table = resources.job_arns, resources.storage.jobs_table
    answering, accepting = resources.machine_arn("Generate"), resources.machine_arn("Submit")
    return FunctionSpec(
        "Openai",
        "openai",
        environment={
            "GENERATE_STATE_MACHINE_ARN": answering,
            "SUBMIT_STATE_MACHINE_ARN": accepting,
            "JOBS_STATE_MACHINE_ARN": resources.machine_arn("Jobs"),
            "JOBS_TABLE": jobs_table.table_name,
        },
        grants=(
            allow("states:StartSyncExecution", answering, accepting),
            allow("states:DescribeExecution", jobs),
            allow("states:StopExecution", jobs),
            allow("dynamodb:UpdateItem", jobs_table.table_arn),
        ),
        wildcards={resources.job_arns_as_checked: "A job gets its name from its request."},
        # As long as the gateway waits.
        timeout_s=29,
    )


def _admin(config: StageConfig, resources: Resources) -> FunctionSpec:
    """That it may also let the gateway authorise everybody anew, the API adds when it is there."""
    storage = resources.storage
    callers, budgets = storage.callers_table, storage.budgets_table
    return FunctionSpec(
        "Admin",
        "admin",
        environment={
            "CALLERS_TABLE": callers.table_name,
            "BUDGETS_TABLE": budgets.table_name,
            "STATE_TABLE": storage.state_table.table_name,
            **_calling(config),
            **_plan_terms(config),
            **_tokens(storage),
        },
        grants=(
            *(
                allow(f"dynamodb:{action}", callers.table_arn)
                for action in ("GetItem", "Query", "PutItem", "DeleteItem")
            ),
            allow("dynamodb:GetItem", budgets.table_arn),
            allow("dynamodb:UpdateItem", budgets.table_arn),
            allow("dynamodb:BatchGetItem", storage.state_table.table_arn),
            allow("apigateway:GET", _control_plane(_HERE, "usageplans")),
            allow("apigateway:POST", _control_plane(_HERE, "apikeys")),
            allow("apigateway:POST", _control_plane(_HERE, "usageplans/*/keys")),
            allow("apigateway:DELETE", _control_plane(_HERE, "apikeys/*")),
        ),
        wildcards={
            _control_plane(_AS_CHECKED, "usageplans/*/keys"): "The plans are made after it.",
            _control_plane(_AS_CHECKED, "apikeys/*"): "The gateway names a key when it is made.",
        },
        # A change of a caller is half a dozen calls, each of them twice at the worst.
        timeout_s=25,
    )


def _control_plane(place: Place, path: str) -> str:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html"""
    return f"arn:{place.partition}:apigateway:{place.region}::/{path}"


_READING_A_QUEUE = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def _spending(
    config: StageConfig, storage: StorageStack
) -> tuple[dict[str, str], iam.PolicyStatement, iam.PolicyStatement]:
    """What a page of budgets is told, and may read: of callers what they are called and may spend, and no
    key's hash."""
    callers, budgets = storage.callers_table, storage.budgets_table
    environment = {
        "CALLERS_TABLE": callers.table_name,
        "BUDGETS_TABLE": budgets.table_name,
        **_plan_terms(config),
    }
    names = allow("dynamodb:Query", callers.table_arn)
    names.add_condition("ForAllValues:StringEquals", {"dynamodb:LeadingKeys": [CALLER]})
    names.add_condition("Null", {"dynamodb:LeadingKeys": "false"})
    return environment, names, allow("dynamodb:BatchGetItem", budgets.table_arn)


def _keeping_calls(table_arn: str) -> iam.PolicyStatement:
    """A provider's function, which runs foreign code, knows the items of calls and no others."""
    statement = allow("dynamodb:UpdateItem", table_arn)
    statement.add_actions("dynamodb:BatchGetItem")
    only = {"dynamodb:LeadingKeys": [f"{ITEMS}*"]}
    statement.add_condition("ForAllValues:StringLike", only)
    # Without a key the condition of all its values would hold.
    statement.add_condition("Null", {"dynamodb:LeadingKeys": "false"})
    return statement


def _reading(stream_arn: str) -> tuple[iam.PolicyStatement, ...]:
    """What an event source needs of a table's stream:
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"""
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return tuple(allow(f"dynamodb:{action}", stream_arn) for action in actions)


def _provider_function(
    row: ProviderFunction, config: StageConfig, resources: Resources
) -> FunctionSpec:
    # What is never called needs no paid snapshot. A part of the account's concurrency is kept for
    # what waits for others: `local` calls nobody and is done in milliseconds.
    is_called = row.provider in config.providers_configured
    calls_others = is_called and row.provider != "local"
    access = row.access(row.provider, config, resources)
    state, budgets = resources.storage.state_table, resources.storage.budgets_table
    return FunctionSpec(
        provider_function_name(row.provider),
        "invoke_provider",
        on_path=True,
        environment={
            "PROVIDER": row.provider,
            "STATE_TABLE": state.table_name,
            "BUDGETS_TABLE": budgets.table_name,
            **_answers_table(resources),
            "ASK_OTHERS_AFTER_REFUSAL": str(config.ask_others_after_refusal).lower(),
            **_listening(row.provider, config),
            **access.environment,
            **(simulated(config) if row.provider == "simulator" else {}),
        },
        grants=(
            *access.grants,
            _keeping_calls(state.table_arn),
            allow("dynamodb:GetItem", budgets.table_arn),
            allow("dynamodb:UpdateItem", budgets.table_arn),
            # And reads none, as it runs foreign code.
            allow("dynamodb:UpdateItem", resources.storage.answers_table.table_arn),
        ),
        wildcards=access.wildcards,
        layer=row.layer,
        timeout_s=config.deadlines.function_timeout_s,
        reserved_concurrency=config.provider_concurrency if calls_others else None,
        snap_start=config.snap_start and is_called,
        waiting_memory_mb=config.provider_memory_mb if calls_others else None,
    )


def _answers_table(resources: Resources) -> dict[str, str]:
    return {"ANSWERS_TABLE": resources.storage.answers_table.table_name}


def simulated(config: StageConfig) -> dict[str, str]:
    """What the simulator's function is told of how to behave."""
    faults = {
        name: fault.model_dump(exclude_none=True) for name, fault in config.simulator_faults.items()
    }
    return {
        **({LATENCY_VARIABLE: "1"} if config.simulator_latency else {}),
        **({FAULTS_VARIABLE: json.dumps(faults)} if faults else {}),
    }


def _listening(provider: str, config: StageConfig) -> dict[str, str]:
    """The defaults need no word."""
    unstreamed = {"STREAM": "false"} if provider in config.unstreamed_providers else {}
    told = config.silence.model_dump_json(exclude_defaults=True)
    return unstreamed | ({"SILENCE_LIMITS": told} if told != "{}" else {})


def _classifying(config: StageConfig) -> dict[str, str]:
    return {
        "SYNC_DEADLINE_MS": str(config.deadlines.sync_ms),
        "ASYNC_DEADLINE_MS": str(config.deadlines.async_ms),
        "LOG_PROMPTS": str(config.log_prompts).lower(),
        **_policies(config),
    }


def _tokens(storage: StorageStack) -> dict[str, str]:
    issuer = storage.token_issuer
    return {"JWT": issuer.model_dump_json(exclude_none=True)} if issuer else {}


def _plan_terms(config: StageConfig) -> dict[str, str]:
    """What the plans' callers may spend, and all together; no word where there is no limit."""
    plans = {
        name: plan.budget.limits.model_dump(mode="json", exclude_none=True)
        for name, plan in config.plans
    }
    stage = config.stage_limits
    return {
        "PLAN_LIMITS": json.dumps(plans),
        **({"STAGE_LIMITS": stage.model_dump_json(exclude_none=True)} if stage else {}),
    }


def _policies(config: StageConfig) -> dict[str, str]:
    shadow = {"SHADOW_POLICY": config.shadow_policy} if config.shadow_policy else {}
    return {"ROUTING_POLICY": config.routing_policy, **shadow}


def _prices(config: StageConfig) -> dict[str, str]:
    """The list prices need no word, nor does the baseline of each request's own."""
    factors = {provider: str(factor) for provider, factor in config.price_factors.items()}
    told = {
        "PRICE_FACTORS": json.dumps(factors) if factors else None,
        "SAVINGS_BASELINE": config.savings_baseline,
    }
    return {name: value for name, value in told.items() if value}


def _calling(config: StageConfig) -> dict[str, str]:
    return {
        "PROVIDERS_CONFIGURED": ",".join(config.providers_configured),
        "MOCK_PROVIDERS": config.mock_providers,
    }
