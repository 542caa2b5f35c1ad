"""One stage of the engine: its two stacks, their tags and the checks on them."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import App, Tags, Validations, cx_api
from cdk_nag import AwsSolutionsChecks

from stacks.config import StageConfig
from stacks.pipeline import PipelineStack
from stacks.storage import StorageStack

CDK_JSON = Path(__file__).parent.parent / "cdk.json"


def add_stage(app: App) -> None:
    """Put the stacks of the stage that the context names into the app."""
    config = StageConfig.from_context(app.node)
    storage = StorageStack(app, f"LlmOrchestrator-{config.stage}-Storage", config=config)
    PipelineStack(app, f"LlmOrchestrator-{config.stage}-Pipeline", config=config, storage=storage)
    Tags.of(app).add("service", "llm-orchestrator")
    Tags.of(app).add("stage", config.stage)
    if config.check_security:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def synthesize(stage: str, directory: Path, **context: object) -> cx_api.CloudAssembly:
    """Synthesize a stage without the CDK command line; `context` goes before that of cdk.json.

    Raises RuntimeError on a security finding that no acknowledgement explains.
    """
    settings = json.loads(CDK_JSON.read_text("utf-8"))["context"]
    app = App(outdir=str(directory), context={**settings, "stage": stage, **context})
    add_stage(app)
    return app.synth()
