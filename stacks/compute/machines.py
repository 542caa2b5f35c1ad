"""The table of state machines, from the definitions in statemachine/."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aws_cdk import Aws, CfnElement, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.shared import attempt_limits as limits
from functions.shared.errors import BUSY_S, KEY_UNKNOWN, UNREADABLE
from functions.shared.never_ran import NEVER_RAN, SERVICE_ERRORS
from stacks.api.mapping import JOBS_PATH
from stacks.compute.function_table import allow, provider_function_name, provider_functions
from stacks.config import Deadlines, StageConfig
from stacks.log_groups import add_log_group
from stacks.security import acknowledge

DEFINITIONS = Path(__file__).parents[2] / "statemachine"
ORCHESTRATE = DEFINITIONS / "orchestrate.asl.json"
SUBMIT = DEFINITIONS / "submit.asl.json"
_FUNCTION = re.compile(r"\$\{(\w+)Arn\}")
_DAY_S = 24 * 3600


@dataclass(frozen=True)
class MachineSpec:
    """A state machine, by its name in graphs and routes; `deadline_ms` of a stage's is its own.
    It may start executions of the machine `starts`, which stands before it in the table."""

    name: str
    type: sfn.StateMachineType
    deadline_ms: Callable[[Deadlines], int]
    path: Path = ORCHESTRATE
    starts: str | None = None

    @property
    def logical_id(self) -> str:
        """Fixed, as the functions that the machine calls are built before it and may name it."""
        return f"{self.name}Machine"


SYNC_MACHINE = MachineSpec("Generate", sfn.StateMachineType.EXPRESS, lambda one: one.sync_ms)
"""Answers while the caller waits."""
JOBS_MACHINE = MachineSpec("Jobs", sfn.StateMachineType.STANDARD, lambda one: one.async_ms)
"""Runs on its own."""
SUBMIT_MACHINE = MachineSpec(
    "Submit",
    sfn.StateMachineType.EXPRESS,
    lambda one: one.sync_ms,
    path=SUBMIT,
    starts=JOBS_MACHINE.name,
)
"""Accepts a job while the caller waits."""
MACHINES = (SYNC_MACHINE, JOBS_MACHINE, SUBMIT_MACHINE)


def numbers_of(deadline_ms: int) -> dict[str, int]:
    """The numbers of the definition, by the names of their placeholders."""
    return {
        "StateTimeoutSeconds": limits.STATE_TIMEOUT_S,
        "QueueTimeoutSeconds": limits.QUEUE_TIMEOUT_S,
        "SubmitTimeoutSeconds": limits.SUBMIT_TIMEOUT_S,
        "ListTimeoutSeconds": limits.LIST_TIMEOUT_S,
        "AttemptTimeoutSeconds": math.ceil(deadline_ms / 1000) + limits.OVERRUN_S,
        "RetryIntervalSeconds": limits.RETRY_INTERVAL_S,
        "RetryBackoffRate": limits.RETRY_BACKOFF_RATE,
        "ServiceRetries": limits.SERVICE_RETRIES,
        "QueueRetries": limits.QUEUE_RETRIES,
        "MaxAttempts": limits.MAX_ATTEMPTS,
        "LastAlternative": limits.UNSURE_ALTERNATIVES - 1,
        "AttemptReserveMs": limits.ATTEMPT_RESERVE_MS,
        "WaitReserveMs": limits.WAIT_RESERVE_MS,
        "BusySeconds": BUSY_S,
    }


_NAMES = {"NeverRan": NEVER_RAN, "ServiceErrors": SERVICE_ERRORS}


def definition(path: Path, deadline_ms: int, providers: Iterable[str]) -> str:
    """A definition with its numbers, its list of names and the functions of its providers.
    CloudFormation fills in the names of functions and queue, as texts: a number would stay one, and the
    file would be no JSON with bare placeholders."""
    text = path.read_text("utf-8")
    functions = {name: f"${{{provider_function_name(name)}Arn}}" for name in providers}
    text = text.replace('"${ProviderFunctions}"', json.dumps(functions))
    for placeholder, names in _NAMES.items():
        text = text.replace(f'"${{{placeholder}}}"', ", ".join(map(json.dumps, names)))
    for name, number in numbers_of(deadline_ms).items():
        text = text.replace(f'"${{{name}}}"', str(number)).replace(f"${{{name}}}", str(number))
    return text


class Machines(Construct):
    """The state machines of the table, each with a role and a log of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        functions: Mapping[str, lambda_.IFunction],
        dead_letter_queue: sqs.IQueue,
        jobs_table: dynamodb.ITable,
    ) -> None:
        """`functions` by the names of their table: those that the definition names."""
        super().__init__(scope, construct_id)
        self._config = config
        self._functions = functions
        self._queue = dead_letter_queue
        self._jobs_table = jobs_table
        self.by_name: dict[str, sfn.StateMachine] = {}
        for spec in MACHINES:
            self.by_name[spec.name] = self._add_machine(spec)

    def _add_machine(self, spec: MachineSpec) -> sfn.StateMachine:
        providers = [row.provider for row in provider_functions(self._config)]
        text = definition(spec.path, spec.deadline_ms(self._config.deadlines), providers)
        called = [name for name in self._functions if name in _FUNCTION.findall(text)]
        machine = sfn.StateMachine(
            self,
            spec.logical_id,
            state_machine_type=spec.type,
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=self._substitutions(spec, called),
            role=self._add_role(spec, called),
            logs=self._log_options(spec.logical_id),
            tracing_enabled=True,
        )
        cast(CfnElement, machine.node.default_child).override_logical_id(spec.logical_id)
        acknowledge(
            machine,
            "SF1",
            "ERROR without execution data: ALL would store every prompt and cost more than the"
            " rest of a request; the request log holds what an audit needs.",
        )
        return machine

    def _substitutions(self, spec: MachineSpec, called: list[str]) -> dict[str, str]:
        arns = {f"{name}Arn": self._functions[name].function_arn for name in called}
        if spec.starts:
            started = self.by_name[spec.starts].state_machine_arn
            texts = {
                "JobsPath": JOBS_PATH,
                "JobsTable": self._jobs_table.table_name,
                "ListedSeconds": str(self._config.request_log_days * _DAY_S),
                "KeyUnknown": KEY_UNKNOWN,
                "Unreadable": UNREADABLE,
            }
            return arns | texts | {f"{spec.starts}MachineArn": started}
        return arns | {"DeadLetterQueueUrl": self._queue.queue_url}

    def _add_role(self, spec: MachineSpec, called: list[str]) -> iam.Role:
        role = iam.Role(
            self,
            f"{spec.logical_id}Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description=f"What the state machine {spec.logical_id} may do",
        )
        function_arns = [self._functions[name].function_arn for name in called]
        role.add_to_policy(allow("lambda:InvokeFunction", *function_arns))
        if spec.starts:
            started = self.by_name[spec.starts].state_machine_arn
            role.add_to_policy(allow("states:StartExecution", started))
            role.add_to_policy(allow("dynamodb:PutItem", self._jobs_table.table_arn))
        else:
            role.add_to_policy(allow("sqs:SendMessage", self._queue.queue_arn))
        acknowledge(role, "IAM5[Resource::*]", "X-Ray and log delivery know no resource to name.")
        return role

    def _log_options(self, name: str) -> sfn.LogOptions:
        stack_name = Stack.of(self).stack_name
        return sfn.LogOptions(
            # The prefix keeps the account's log resource policy from outgrowing its size limit.
            destination=add_log_group(
                self, f"{name}Logs", self._config, f"/aws/vendedlogs/states/{stack_name}-{name}"
            ),
            level=sfn.LogLevel.ERROR,
            include_execution_data=False,
        )
