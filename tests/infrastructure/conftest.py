from pathlib import Path

import pytest

from stacks.stage import synthesize
from tests.support.synthesized import StackTemplate, Stage


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
    return _stage(
        "local",
        directory,
        providers="openai,bedrock",
        bedrock_endpoint_url="http://127.0.0.1:9",
        shadow_policy="default",
        log_prompts="true",
        api_keys="key-of-one,key-of-two",
        operator_api_keys="key-of-operator",
    )
