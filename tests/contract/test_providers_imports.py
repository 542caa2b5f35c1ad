import json

import pytest

from tests.support.fresh_process import printed_by

SCRIPT = """
import json, sys
import functions.{folder}.handler
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
    variables = {"PROVIDER": provider, "AWS_DEFAULT_REGION": "us-east-1"}
    assert sdks_loaded_by("invoke_provider", variables) == loaded


@pytest.mark.parametrize(
    ("initialization", "loaded"), [("on-demand", []), ("snap-start", ["onnxruntime"])]
)
def test_classify_loads_its_model_for_a_snapshot_and_otherwise_when_it_is_asked(
    initialization, loaded
):
    variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": initialization}
    assert sdks_loaded_by("classify", variables) == loaded


def sdks_loaded_by(folder, variables):
    return json.loads(printed_by(SCRIPT.replace("{folder}", folder), variables))
