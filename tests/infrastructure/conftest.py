import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stacks.stage import synthesize


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


def _stage(name: str, directory: Path, **context: str) -> Stage:
    synthesize(name, directory, **context)
    storage, pipeline = (
        StackTemplate(
            (directory / f"LlmOrchestrator-{name}-{part}.template.json").read_text("utf-8")
        )
        for part in ("Storage", "Pipeline")
    )
    return Stage(directory, storage, pipeline)


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return _stage("prod", tmp_path_factory.mktemp("prod"), layers="stub")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    directory = tmp_path_factory.mktemp("local")
    return _stage("local", directory, providers="openai", api_keys="key-of-one,key-of-two")
