"""A stage that runs: what it is made of, and how to ask its services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.settings import REGION, STAGE
from local.state import read_state


class NoStage(Exception):
    """There is no such stage to talk to."""


@dataclass(frozen=True)
class Part:
    """A resource of the stage: its logical id, its CloudFormation type and its name or id."""

    logical_id: str
    kind: str
    physical_id: str


@dataclass(frozen=True)
class Stage:
    """`root_url` is where the gateway's stage begins; `endpoint_url` is the emulator's, if it is one."""

    name: str
    session: boto3.Session
    outputs: Mapping[str, str]
    parts: tuple[Part, ...]
    root_url: str
    endpoint_url: str | None = None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def service(self) -> str:
        """As its alarms, plans and metrics are called."""
        return f"llm-orchestrator-{self.name}"

    def client(self, service: Any) -> Any:
        return _client(self.session, service, self.endpoint_url)

    def physical_ids(self, kind: str) -> list[str]:
        """Of all resources of a CloudFormation type."""
        return [part.physical_id for part in self.parts if part.kind == kind]

    @cached_property
    def gateway_stage(self) -> dict[str, Any]:
        """What GetStage says of the API's one stage."""
        found: dict[str, Any] = self.client("apigateway").get_stage(
            restApiId=self.outputs["ApiId"], stageName="api"
        )
        return found

    @cached_property
    def gateway_resources(self) -> dict[str, str]:
        """The ids of the API's paths."""
        pages = self.client("apigateway").get_paginator("get_resources")
        found = pages.paginate(restApiId=self.outputs["ApiId"])
        return {item["path"]: item["id"] for page in found for item in page["items"]}


def deployed_stage(name: str) -> Stage:
    """In the account and region of the shell's credentials. Raises NoStage, and botocore's errors."""
    session = boto3.Session()
    outputs, parts = _described(session, name, None)
    return Stage(name, session, outputs, parts, outputs["ApiUrl"].rstrip("/"))


def local_stage(port: int) -> Stage:
    """The stack that `python -m local up` keeps on a port. Raises NoStage."""
    state = read_state(port)
    if state.state != "ready":
        raise NoStage(f"Nothing is ready on port {port}: run `make run`.")
    session = boto3.Session("test", "test", region_name=REGION)
    outputs, parts = _described(session, STAGE, state.emulator_url)
    return Stage(STAGE, session, outputs, parts, f"{state.base_url}/api", state.emulator_url)


def _described(
    session: boto3.Session, name: str, endpoint_url: str | None
) -> tuple[dict[str, str], tuple[Part, ...]]:
    client = _client(session, "cloudformation", endpoint_url)
    stacks = [f"LlmOrchestrator-{name}-{part}" for part in ("Storage", "Pipeline")]
    try:
        described = [client.describe_stacks(StackName=one)["Stacks"][0] for one in stacks]
    except ClientError as error:
        raise NoStage(f"There is no stage {name}: {error}") from None
    outputs = {one["OutputKey"]: one["OutputValue"] for it in described for one in it["Outputs"]}
    return outputs, tuple(part for stack in stacks for part in _parts(client, stack))


def _parts(client: Any, stack: str) -> list[Part]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        Part(one["LogicalResourceId"], one["ResourceType"], one["PhysicalResourceId"])
        for page in pages
        for one in page["StackResourceSummaries"]
    ]


def _client(session: boto3.Session, service: Any, endpoint_url: str | None) -> Any:
    # The emulator has one name for all services: AWS's `sync-` before it would be another.
    config = Config(inject_host_prefix=endpoint_url is None)
    return session.client(service, endpoint_url=endpoint_url, config=config)
