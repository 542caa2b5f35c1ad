"""The emulator's own Bedrock, asked by real boto3 with the ids of the catalogue."""

import boto3
import pytest

from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.shared.catalogue.models import load_catalogue
from tests.support.builders import TOOL, called_model, prompt

pytestmark = pytest.mark.xdist_group("local")

MODELS = [model for model in load_catalogue().for_text if model.provider == "bedrock"]
PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(scope="module")
def provider(stack):
    session = boto3.Session("test", "test", region_name="us-east-1")
    return BedrockProvider(session, stack.emulator_url)


def test_the_catalogue_has_plain_ids_and_profiles_of_a_region_and_of_the_world():
    geographies = {model.provider_model_id.partition(".")[0] for model in MODELS}
    assert geographies >= {"meta", "us", "global"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_id_of_the_catalogue_is_answered_with_text_and_tokens(provider, model):
    asked = called_model(
        model.id, provider_model_id=model.provider_model_id, api=model.api, max_output_tokens=50
    )
    completion = provider.complete(prompt(asked, "code", system="Be brief."), asked, 10.0)
    # The emulator names the model that it was asked for, as it read it from the path.
    assert model.provider_model_id in completion.text
    assert completion.finish_reason == "stop"
    assert completion.usage.input_tokens > 0
    assert completion.usage.output_tokens > 0


def test_the_emulator_takes_images_tools_and_their_results(provider):
    asked = called_model(
        "bedrock-claude-haiku-5-5", provider_model_id="global.anthropic.claude-haiku-5-5",
        api="converse",
    )  # fmt: skip
    call = {"id": "call_1", "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'}}
    parts = [{"type": "image_url", "image_url": {"url": PNG}}, {"type": "text", "text": "Here?"}]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    completion = provider.complete(prompt(asked, messages=messages, tools=[TOOL]), asked, 10.0)
    assert completion.text
