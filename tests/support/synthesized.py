"""What a synthesized stage looks like to the tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
