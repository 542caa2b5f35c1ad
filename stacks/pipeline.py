"""The stateless stack: functions, state machines and the API."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.api import Api
from stacks.config import StageConfig
from stacks.function_table import api_function, route_function, workflow_functions
from stacks.functions import Functions
from stacks.machines import Machines
from stacks.storage import StorageStack


class PipelineStack(Stack):
    """Composes; the constructs build."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, storage: StorageStack
    ) -> None:
        super().__init__(scope, construct_id, description="LLM orchestrator: functions and API")
        functions = Functions(self, "Functions", config=config)
        workflow = {spec.name: functions.add(spec) for spec in workflow_functions(config, storage)}
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
        api = Api(
            self,
            "Api",
            config=config,
            machines=machines,
            function=function,
            route_function=functions.add(route_function(config, storage)),
        )
        CfnOutput(self, "ApiId", value=api.rest_api.rest_api_id)
        CfnOutput(self, "ApiUrl", value=api.rest_api.url)
        CfnOutput(self, "ApiKeyIds", value=",".join(key.key_id for key in api.keys))
        CfnOutput(self, "GenerateMachineArn", value=machines.generate.state_machine_arn)
        CfnOutput(self, "JobsMachineArn", value=machines.jobs.state_machine_arn)
