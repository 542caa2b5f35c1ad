"""Deploys the assembly to the emulator with the real CDK command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import boto3

from local.settings import ACCOUNT, REGION, STAGE, Settings, tool_environment
from local.tools import cdk_command, run_tool


def deploy(assembly: Path, emulator_url: str, log: Path) -> None:
    """Bootstrap the account and deploy every stack. Raises UpFailed."""
    environment = tool_environment(emulator_url)
    app = ("--app", str(assembly))
    run_tool(cdk_command("bootstrap", f"aws://{ACCOUNT}/{REGION}", *app), environment, log)
    options = ("--all", "--require-approval", "never", "--progress", "events")
    run_tool(cdk_command("deploy", *options, *app), environment, log)


def put_secrets(settings: Settings, emulator_url: str) -> None:
    """Give the provider functions their keys."""
    environment: Mapping[str, str] = tool_environment(emulator_url)
    client = boto3.client(
        "secretsmanager",
        endpoint_url=emulator_url,
        region_name=REGION,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    for provider in settings.secrets:
        client.put_secret_value(
            SecretId=f"llm-orchestrator/{STAGE}/{provider}",
            SecretString=settings.secret_text(provider),
        )
