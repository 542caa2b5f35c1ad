"""What a synthesized stage looks like to the tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.stage import CDK_JSON, synthesize

TODAY = "2026-11-26"
"""So that no test changes with the day: models retire."""


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
            for policy in self.resources("AWS::IAM::Policy").values()
            if {"Ref": role_id} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]


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
