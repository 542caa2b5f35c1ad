import json
import socket
import time
from types import SimpleNamespace

import boto3
import botocore.session
import pytest
from botocore import exceptions
from botocore.credentials import CredentialResolver

from functions.invoke_provider.providers import bedrock
from functions.invoke_provider.providers.bedrock import BedrockProvider
from functions.shared import errors
from functions.shared.settings import InvokeSettings
from tests.support.bedrock_server import (
    ask,
    converse_answer,
    http_response,
    raised_by,
    refusal,
    session,
)
from tests.support.fresh_process import printed_by

# What fails

REFUSALS = {
    (429, "ThrottlingException", errors.ProviderThrottled): [
        "Too many requests, please wait before trying again.",
        "Too many tokens, please wait before trying again.",
    ],
    (429, "ThrottlingException", errors.ProviderQuotaExhausted): [
        "Too many tokens per day, please wait before trying again.",
    ],
    (400, "ServiceQuotaExceededException", errors.ProviderQuotaExhausted): [
        "Your request exceeds the service quota for your account.",
    ],
    (503, "ServiceUnavailableException", errors.ProviderOverloaded): [
        "Bedrock is unable to process your request.",
    ],
    (429, "ModelNotReadyException", errors.ProviderOverloaded): [
        "The model specified in the request is not ready to serve inference requests.",
    ],
    (408, "ModelTimeoutException", errors.ProviderTimeout): [
        "The request took too long to process. Processing time exceeded the model timeout length.",
    ],
    (424, "ModelErrorException", errors.ProviderUnavailable): [
        "The request failed due to an error while processing the model.",
    ],
    (500, "InternalServerException", errors.ProviderUnavailable): [
        "The system encountered an unexpected error during processing. Try your request again.",
    ],
    (418, "TeapotException", errors.ProviderUnavailable): ["Short and stout."],
    (403, "UnrecognizedClientException", errors.ProviderAuthFailed): [
        "The security token included in the request is invalid.",
    ],
    (403, "ExpiredTokenException", errors.ProviderAuthFailed): [
        "The security token included in the request is expired",
    ],
    (403, "InvalidSignatureException", errors.ProviderAuthFailed): [
        "The request signature we calculated does not match the signature you provided.",
    ],
    (400, "IncompleteSignature", errors.ProviderAuthFailed): ["It does not conform."],
    (400, "NotAuthorized", errors.ProviderAuthFailed): ["You do not have permission."],
    (400, "RequestExpired", errors.ProviderAuthFailed): ["The request is no longer valid."],
    (403, "AccessDeniedException", errors.ProviderAuthFailed): [
        "Your account is not authorized to invoke this API operation.",
    ],
    (400, "ValidationException", errors.ProviderAuthFailed): [
        "Your account is not authorized to invoke this API operation.",
        "Operation not allowed",
    ],
    (403, "AccessDeniedException", errors.ModelNotFound): [
        "You don't have access to the model with the specified model ID.",
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must "
        "be provided.. Your AWS Marketplace subscription for this model cannot be completed.",
        "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: "
        "bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m "
        "because no identity-based policy allows the bedrock:InvokeModel action",
        "Model access is denied due to IAM user or service role is not authorized to perform the "
        "required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, "
        "aws-marketplace:Subscribe) to enable access to this model.",
        "anthropic.claude-x is not available for this account. You can explore other available "
        "models on Amazon Bedrock.",
    ],
    (404, "ResourceNotFoundException", errors.ModelNotFound): [
        "This model version has reached the end of its life. Please refer to the AWS "
        "documentation for more details.",
        "Access denied. This Model is marked by provider as Legacy and you have not been actively "
        "using the model in the last 30 days. Please upgrade to an active model on Amazon Bedrock",
        "Model use case details have not been submitted for this account.",
    ],
    (400, "ValidationException", errors.ModelNotFound): [
        "The provided model identifier is invalid.",
        "This model version has reached the end of its life.",
        "Invocation of model ID anthropic.claude-x with on-demand throughput isn’t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model.",
        "This action doesn't support the model that you provided. Try again with a supported text "
        "or chat model.",
        "Access to Anthropic models is not allowed from unsupported countries, regions, or "
        "territories.",
        "data retention mode 'default' is not available for this model",
        "Access to this model is not available for channel program accounts. Reach out to your "
        "AWS Solution Provider or AWS Distributor for more information.",
    ],
    (400, "ValidationException", errors.ContextWindowExceeded): [
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 200049 tokens > 200000 "
        "maximum",
        "The model returned the following errors: input length and `max_tokens` exceed context "
        "limit: 199000 + 8192 > 200000, decrease input length or `max_tokens` and try again",
        "The model returned the following errors: too many total text bytes: 10000000 > 9000000",
        "This model's maximum context length is 8192 tokens. Please reduce the length of the "
        "prompt",
        "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token "
        "count: 9279",
    ],
    (400, "ValidationException", errors.RequestDoubted): [
        "Something is amiss that nobody has told of before.",
    ],
    (400, "ThrottlingException", errors.ProviderThrottled): ["Rate exceeded"],
    (400, "ValidationException", errors.InvalidRequest): [
        "The model returned the following errors: messages.0.content.1.image.source.base64: "
        "Could not process image",
    ],
    (400, "ValidationException", errors.ContentFiltered): [
        "The model returned the following errors: Output blocked by content filtering policy",
    ],
    (400, "ValidationException", errors.RequestUnsupported): [
        "This model doesn't support tool use.",
        "This model doesn’t support the image content block that you provided.",
        "This model doesn't support system messages. Try again without a system message or use a "
        "model that supports system messages.",
        "1 validation error detected: Value 'functions.look:0' at 'messages.2.member.content.1."
        "member.toolUse.toolUseId' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9_-]+",
        "The model returned the following errors: This model does not support assistant message "
        "prefill. The conversation must end with a user message.",
        "The model returned the following errors: tools.0.custom.input_schema: input_schema does "
        "not support oneOf, allOf, or anyOf at the top level",
        "Malformed input request: #: extraneous key [top_k] is not permitted, please reformat "
        "your input and try again.",
        "The maximum tokens you requested exceeds the model limit of 4096.",
        "A conversation must start with a user message. Try again with a conversation that "
        "starts with a user message.",
    ],
}
"""What Bedrock says, under what it means."""
EVERY_REFUSAL = [(meant, text) for meant, texts in REFUSALS.items() for text in texts]


@pytest.mark.parametrize(("meant", "text"), EVERY_REFUSAL)
def test_every_known_refusal_has_its_class(bedrock_api, converse, meant, text):
    status, code, error = meant
    assert type(raised_by(converse, reply=refusal(status, code, text))) is error
    assert len(bedrock_api.received) == 1


def test_a_code_may_stand_in_the_body_alone(converse):
    body = json.dumps({"__type": "com.amazon.bedrock#ModelNotReadyException", "message": "Wait"})
    error = raised_by(converse, reply=http_response(body.encode(), 429))
    assert type(error) is errors.ProviderOverloaded


@pytest.mark.parametrize(
    ("status", "error"), [(502, errors.ProviderUnavailable), (503, errors.ProviderOverloaded)]
)
def test_a_page_in_place_of_a_refusal_goes_by_its_status(converse, status, error):
    assert type(raised_by(converse, reply=http_response(b"<html>Bad", status))) is error


def test_a_refused_request_tells_bedrocks_reason(converse):
    reason = "The value at toolConfig.tools.0.member.toolSpec.name must be shorter"
    error = raised_by(converse, reply=refusal(400, "ValidationException", reason))
    assert reason in error.reason
    assert reason not in str(error)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
def test_no_failure_repeats_a_key_or_a_long_quote(converse, status):
    told = f"Bearer bedrock-api-key-0123456789 may not say '{'my secret diary ' * 20}'"
    error = raised_by(converse, reply=refusal(status, "SomeException", told))
    assert "0123456789" not in str(error) + error.reason
    assert "diary" not in str(error)


def test_a_refusal_names_bedrocks_code(converse):
    error = raised_by(converse, reply=refusal(429, "ThrottlingException", "Too many requests"))
    assert error.message == "bedrock answered 429 ThrottlingException"


def test_a_wait_is_taken_up_where_one_is_told(converse):
    reply = refusal(429, "ThrottlingException", "Too many requests", {"Retry-After": "7"})
    assert raised_by(converse, reply=reply).retry_after_seconds == 7


def hang(stream):
    time.sleep(2)
    stream.write(http_response(json.dumps(converse_answer()).encode()))


def trickle(stream):
    body = json.dumps(converse_answer()).encode()
    head = http_response(body)[: -len(body)]
    stream.write(head)
    for byte in body[:40]:
        time.sleep(0.1)
        stream.write(bytes([byte]))


@pytest.mark.parametrize("reply", [hang, trickle])
def test_neither_silence_nor_a_trickle_outlasts_the_timeout(converse, reply):
    began = time.monotonic()
    error = raised_by(converse, reply=reply, timeout_s=0.5)
    assert type(error) is errors.ProviderTimeout
    assert time.monotonic() - began < 1.2


def test_a_slow_answer_within_the_timeout_is_an_answer(converse):
    def answer_late(stream):
        time.sleep(0.3)
        stream.write(http_response(json.dumps(converse_answer()).encode()))

    assert converse(answer_late, timeout_s=5.0).text == "Hi"


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{"])
def test_a_connection_that_breaks_off_is_an_unavailable_provider(bedrock_api, converse, start):
    error = raised_by(converse, reply=start)
    assert type(error) is errors.ProviderUnavailable
    assert len(bedrock_api.received) == 1


def test_nobody_listening_is_an_unavailable_provider():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(errors.ProviderUnavailable):
            ask(BedrockProvider(session(), address))


@pytest.mark.parametrize(
    "error", [exceptions.ConnectTimeoutError, exceptions.SSLError, exceptions.HTTPClientError]
)
def test_no_connection_is_an_unavailable_provider_and_no_timeout(error):
    known = bedrock.engine_error(error(endpoint_url="https://bedrock.test", error="x"))
    assert type(known) is errors.ProviderUnavailable


def test_without_credentials_nothing_is_sent(bedrock_api):
    bedrock_api.received.clear()
    core = botocore.session.Session()
    core.register_component("credential_provider", CredentialResolver([]))
    bare = boto3.Session(botocore_session=core, region_name="us-east-1")
    with pytest.raises(errors.ProviderAuthFailed):
        ask(BedrockProvider(bare, f"http://127.0.0.1:{bedrock_api.server_port}"))
    assert bedrock_api.received == []


# How it is connected


@pytest.mark.parametrize("told", [{}, {"BEDROCK_ENDPOINT_URL": ""}])
def test_without_an_address_aws_is_asked(monkeypatch, told):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made = []
    connect = SimpleNamespace(client=lambda *_, **keywords: recorded(made, keywords))
    monkeypatch.setattr(
        "functions.invoke_provider.providers.bedrock.boto3.Session", lambda: connect
    )
    bedrock.connect(InvokeSettings.model_validate({"PROVIDER": "bedrock"} | told))
    assert [keywords["endpoint_url"] for keywords in made] == [None]


def recorded(made, keywords):
    made.append(keywords)
    return SimpleNamespace(close=lambda: None)


def test_a_set_address_is_asked_in_awss_place(bedrock_api, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
    bedrock_api.reply = lambda stream: stream.write(
        http_response(json.dumps(converse_answer()).encode())
    )
    address = f"http://127.0.0.1:{bedrock_api.server_port}"
    settings = InvokeSettings(PROVIDER="bedrock", BEDROCK_ENDPOINT_URL=address, STREAM=False)
    assert ask(bedrock.connect(settings)).text == "Hi"


def test_the_adapter_needs_no_other_providers_libraries():
    script = (
        "import sys, functions.invoke_provider.providers.bedrock\n"
        "print({'openai', 'anthropic', 'httpx2'} & set(sys.modules))"
    )
    assert printed_by(script) == "set()"
