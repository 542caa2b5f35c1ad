"""The stateless stack: functions, state machines and the API."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.api.rest_api import Api
from stacks.compute.event_sources import EventSources, add_stopped_jobs_queue
from stacks.compute.function_table import Resources, function_specs
from stacks.compute.functions import Functions
from stacks.compute.machines import JOBS_MACHINE, MACHINES, SYNC_MACHINE, Machines
from stacks.config import StageConfig
from stacks.monitoring.alarms import add_alarm_topic
from stacks.monitoring.monitored_resources import MonitoredResources
from stacks.monitoring.observability import Observability
from stacks.storage import StorageStack


class PipelineStack(Stack):
    """Composes; the constructs build."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, storage: StorageStack
    ) -> None:
        super().__init__(scope, construct_id, description="LLM orchestrator: functions and API")
        stopped_jobs = add_stopped_jobs_queue(self, storage)
        alarm_topic = add_alarm_topic(self, config)
        machine_ids = {one.name: one.logical_id for one in MACHINES}
        resources = Resources(storage, stopped_jobs, alarm_topic, machine_ids)
        specs = function_specs(config, resources)
        functions = Functions(self, "Functions", config=config, specs=specs)
        machines = Machines(
            self,
            "Machines",
            config=config,
            functions={spec.name: functions.by_name[spec.name] for spec in specs if spec.on_path},
            dead_letter_queue=storage.dead_letter_queue,
            jobs_table=storage.jobs_table,
        )
        EventSources(
            self,
            "EventSources",
            functions=functions.by_name,
            storage=storage,
            stopped_jobs=stopped_jobs,
            jobs=machines.by_name[JOBS_MACHINE.name],
        )
        api = Api(
            self, "Api", config=config, machines=machines.by_name, functions=functions.by_name
        )
        monitored = MonitoredResources(
            functions=functions.monitored,
            machines=machines.by_name,
            sync_machine=machines.by_name[SYNC_MACHINE.name],
            tables={"Requests": storage.requests_table, "State": storage.state_table},
            dead_letter_queue=storage.dead_letter_queue,
            event_dead_letter_queue=storage.event_dead_letter_queue,
            gateway_stage=api.rest_api.deployment_stage,
            access_logs=api.access_logs,
        )
        Observability(
            self, "Observability", config=config, monitored=monitored, alarm_topic=alarm_topic
        )
        self._add_outputs(api, machines)

    def _add_outputs(self, api: Api, machines: Machines) -> None:
        outputs = {
            "ApiId": api.rest_api.rest_api_id,
            "ApiUrl": api.rest_api.url,
            **{f"{name.title()}PlanId": id_ for name, id_ in api.plan_ids.items()},
            **{
                f"{name}MachineArn": machine.state_machine_arn
                for name, machine in machines.by_name.items()
            },
        }
        for name, value in outputs.items():
            if value:
                CfnOutput(self, name, value=value)
