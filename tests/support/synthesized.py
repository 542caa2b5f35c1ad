"""What a synthesized stage looks like to the tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.stage import CDK_JSON, synthesize

TODAY = "2026-11-26"
"""So that no test changes with the day: models retire."""


def flat(value: Any) -> str:
    """The text of a template's value, with `<...>` for what only a deployment knows."""
    if isinstance(value, str):
        return value
    (function, argument) = next(iter(value.items()))
    if function == "Fn::Join":
        return str(argument[0]).join(flat(part) for part in argument[1])
    inside = argument if isinstance(argument, str) else ".".join(argument)
    return f"<{inside}>"


@dataclass(frozen=True)
class StackTemplate:
    text: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.document["Resources"].items()
            if resource["Type"] == kind
        }

    def named(self, kind: str, part: str) -> dict[str, Any]:
        """Properties of the one resource of a kind whose logical id contains `part`."""
        (found,) = (
            properties
            for logical_id, properties in self.resources(kind).items()
            if part in logical_id
        )
        return found

    def statements(self, role_id: str) -> list[dict[str, Any]]:
        """What a role may do."""
        return [
            statement
            # What outgrows a role's own policy goes into one beside it.
            for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            for policy in self.resources(kind).values()
            if {"Ref": role_id} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def mapping_templates(self) -> dict[str, str]:
        """Every request and response template of an integration, by method, side and status."""
        found = {}
        for method, properties in self.resources("AWS::ApiGateway::Method").items():
            integration = properties["Integration"]
            sides = {"request": integration.get("RequestTemplates", {})} | {
                f"response {response['StatusCode']}": response.get("ResponseTemplates", {})
                for response in integration.get("IntegrationResponses", ())
            }
            for side, templates in sides.items():
                for content_type, template in templates.items():
                    found[f"{method} {side} {content_type}"] = flat(template)
        return found


@dataclass(frozen=True)
class Stage:
    directory: Path
    storage: StackTemplate
    pipeline: StackTemplate


def stages_with(name: str, **settings: Any) -> dict[str, Any]:
    """The stages of cdk.json, with one that is the stage dev but for these settings."""
    stages = json.loads(CDK_JSON.read_text("utf-8"))["context"]["stages"]
    return {**stages, name: {**stages["dev"], **settings}}


def synthesized(name: str, directory: Path, **context: object) -> Stage:
    synthesize(name, directory, **{"layers": "stub", "today": TODAY, **context})
    storage, pipeline = (
        StackTemplate(
            (directory / f"LlmOrchestrator-{name}-{part}.template.json").read_text("utf-8")
        )
        for part in ("Storage", "Pipeline")
    )
    return Stage(directory, storage, pipeline)
