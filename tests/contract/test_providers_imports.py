import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
import functions.invoke_provider.handler
sdks = ("openai", "anthropic", "boto3", "httpx2", "onnxruntime")
print(json.dumps([name for name in sdks if name in sys.modules]))
"""


@pytest.mark.parametrize(
    ("provider", "loaded"),
    [
        ("simulator", []),
        ("openai", ["openai", "boto3", "httpx2"]),
        ("azure_openai", ["openai", "boto3", "httpx2"]),
        ("anthropic", ["anthropic", "boto3", "httpx2"]),
        ("bedrock", ["boto3"]),
        ("local", ["onnxruntime"]),
    ],
)
def test_a_provider_function_loads_its_own_sdk_and_no_other(provider, loaded):
    environment = os.environ | {"PROVIDER": provider, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == loaded
