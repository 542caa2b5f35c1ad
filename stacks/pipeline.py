"""The stateless stack: functions, state machines and the API."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.api.rest_api import Api, plan_name
from stacks.compute.function_table import (
    FunctionSpec,
    api_function,
    observing_functions,
    route_function,
    workflow_functions,
)
from stacks.compute.functions import Functions
from stacks.compute.machines import Machines
from stacks.config import StageConfig
from stacks.monitoring.monitored_resources import MonitoredResources
from stacks.monitoring.observability import Observability
from stacks.storage import StorageStack


class PipelineStack(Stack):
    """Composes; the constructs build."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, storage: StorageStack
    ) -> None:
        super().__init__(scope, construct_id, description="LLM orchestrator: functions and API")
        functions = Functions(self, "Functions", config=config)
        workflow = {
            spec.name: functions.add(spec, on_path=True)
            for spec in workflow_functions(config, storage)
        }
        machines = Machines(
            self,
            "Machines",
            config=config,
            functions=workflow,
            dead_letter_queue=storage.dead_letter_queue,
        )
        jobs_arn = machines.jobs.state_machine_arn
        spec = api_function(config, storage, jobs_arn, machines.jobs_executions_arn)
        function = functions.add(spec)
        if function.role is not None:
            machines.acknowledge_jobs_executions(function.role)
        behind_gateway = {
            "Api": function,
            **{spec.name: functions.add(spec) for spec in _other_functions(config, storage)},
        }
        api = Api(
            self,
            "Api",
            config=config,
            machines=machines,
            functions=behind_gateway,
        )
        Observability(
            self,
            "Observability",
            config=config,
            monitored=MonitoredResources(
                functions=functions.monitored,
                machines={"Generate": machines.generate, "Jobs": machines.jobs},
                sync_machine=machines.generate,
                tables={"Requests": storage.requests_table, "State": storage.state_table},
                dead_letter_queue=storage.dead_letter_queue,
                gateway_stage=api.rest_api.deployment_stage,
                access_logs=api.access_logs,
            ),
        )
        CfnOutput(self, "ApiId", value=api.rest_api.rest_api_id)
        CfnOutput(self, "ApiUrl", value=api.rest_api.url)
        for output, keys in (
            ("ApiKeyIds", api.standard_keys),
            ("OperatorKeyIds", api.operator_keys),
        ):
            if keys:
                CfnOutput(self, output, value=",".join(key.key_id for key in keys))
        CfnOutput(self, "GenerateMachineArn", value=machines.generate.state_machine_arn)
        CfnOutput(self, "JobsMachineArn", value=machines.jobs.state_machine_arn)


def _other_functions(config: StageConfig, storage: StorageStack) -> tuple[FunctionSpec, ...]:
    operator_plan = plan_name(config.stage, "operator")
    return (
        route_function(config, storage),
        *observing_functions(config, storage, operator_plan),
    )
