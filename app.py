"""The CDK app: `cdk synth -c stage=dev|prod|local`. Needs no AWS account and no network."""

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from stacks.config import StageConfig
from stacks.pipeline import PipelineStack
from stacks.storage import StorageStack


def build(app: App) -> tuple[StorageStack, PipelineStack]:
    """Put the stage's two stacks into the app."""
    config = StageConfig.from_context(app.node)
    storage = StorageStack(app, f"LlmOrchestrator-{config.stage}-Storage", config=config)
    pipeline = PipelineStack(
        app, f"LlmOrchestrator-{config.stage}-Pipeline", config=config, storage=storage
    )
    Tags.of(app).add("service", "llm-orchestrator")
    Tags.of(app).add("stage", config.stage)
    if config.check_security:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return storage, pipeline


if __name__ == "__main__":
    main = App()
    build(main)
    main.synth()
