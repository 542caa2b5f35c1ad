"""Bedrock's Converse, which is one interface for Claude and Llama."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from threading import Thread
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from pydantic import Field

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers.base import (
    CONNECT_TIMEOUT_S,
    Completion,
    FinishReason,
    Prompt,
)
from functions.invoke_provider.providers.converse_usage import CamelModel, usage_in
from functions.invoke_provider.providers.refusals import ErrorTable, Refusal, refusal_error
from functions.invoke_provider.providers.schemas import (
    structured_output_schema,
    with_schema_in_words,
)
from functions.invoke_provider.providers.turns import arguments_of, turns_of, without_fence
from functions.invoke_provider.providers.wire_model import (
    paid_for,
    parse,
)
from functions.shared.contracts.request import (
    FunctionCall,
    GenerateRequest,
    ImagePart,
    ImageUrl,
    JsonSchemaFormat,
    Message,
    NonBlank,
    TextPart,
    Tool,
    ToolCall,
)
from functions.shared.errors import (
    ContentFiltered,
    ContextWindowExceeded,
    EngineError,
    InvalidRequest,
    ModelNotFound,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderOverloaded,
    ProviderQuotaExhausted,
    ProviderTimeout,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings
from functions.shared.vocabulary import Usage

ERRORS = ErrorTable(
    provider="bedrock",
    codes={
        "ExpiredTokenException": ProviderAuthFailed,
        "IncompleteSignature": ProviderAuthFailed,
        "InvalidSignatureException": ProviderAuthFailed,
        "ModelNotReadyException": ProviderOverloaded,
        "NotAuthorized": ProviderAuthFailed,
        "RequestExpired": ProviderAuthFailed,
        "ServiceQuotaExceededException": ProviderQuotaExhausted,
        "UnrecognizedClientException": ProviderAuthFailed,
    },
    phrases={
        "input is too long": ContextWindowExceeded,
        "prompt is too long": ContextWindowExceeded,
        "too many input tokens": ContextWindowExceeded,
        "too many total text bytes": ContextWindowExceeded,
        "maximum context length": ContextWindowExceeded,
        "exceed context limit": ContextWindowExceeded,
        # A ThrottlingException like any other, but no wait of seconds helps.
        "tokens per day": ProviderQuotaExhausted,
        "model identifier is invalid": ModelNotFound,
        # Told with a typographic apostrophe in "isn't".
        "with on-demand throughput": ModelNotFound,
        "end of its life": ModelNotFound,
        "doesn't support the model": ModelNotFound,
        # Who is refused one model may have all the others.
        "access to the model": ModelNotFound,
        "model access is denied": ModelNotFound,
        "on resource: arn:": ModelNotFound,
        "from unsupported countries": ModelNotFound,
        "not authorized to invoke this api operation": ProviderAuthFailed,
        "operation not allowed": ProviderAuthFailed,
    },
)

_FINISH: dict[str | None, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_REFUSED = frozenset({"guardrail_intervened", "content_filtered", "refusal"})
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})

_CLOCK_GRACE_S = 0.2
"""botocore's own timeout comes first: it tells a silent Bedrock from one out of reach."""

_UNREADABLE = (ResponseParserError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What botocore's parser raises at a body that has not the shape it reads."""

T = TypeVar("T")


class _ToolUse(CamelModel):
    tool_use_id: NonBlank
    name: NonBlank
    input: dict[str, Any] = Field(default_factory=dict)


class _Block(CamelModel):
    """Kinds of block that we know nothing of have none of these fields, and are left out."""

    text: str | None = None
    tool_use: _ToolUse | None = None


class _Message(CamelModel):
    content: list[_Block]


class _Output(CamelModel):
    message: _Message


class _Answer(CamelModel):
    output: _Output
    stop_reason: str | None = None


class BedrockProvider:
    """The function's own role is the key. `endpoint_url` is set where Bedrock is not AWS's."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        # The first client of a session reads the service's description, and takes most of 0.1 s.
        self._client(CONNECT_TIMEOUT_S).close()

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        body = request_body(prompt, model)
        client = self._client(timeout_s)

        def converse() -> object:
            with closing(client):
                return client.converse(**body)

        try:
            answer = _within(timeout_s + _CLOCK_GRACE_S, converse)
        except (ClientError, BotoCoreError, TimeoutError, *_UNREADABLE) as error:
            raise engine_error(error) from None
        usage = usage_in(answer)
        with paid_for(usage):
            return _completion(parse(_Answer, answer), prompt.request, usage)

    def _client(self, timeout_s: float) -> Any:
        """A client for one call, because botocore's timeouts are a client's.

        It takes 2 ms and a handshake. A client kept for the next call would keep its connection,
        too: one that the other side closes while Lambda has frozen us fails the next call, and
        nobody here repeats it.
        """
        config = Config(
            connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            read_timeout=timeout_s,
            # The state machine does the retrying.
            retries={"total_max_attempts": 1},
        )
        return self._session.client(
            "bedrock-runtime", endpoint_url=self._endpoint_url, config=config
        )


def connect(settings: InvokeSettings) -> BedrockProvider:
    return BedrockProvider(boto3.Session(), settings.BEDROCK_ENDPOINT_URL or None)


def _within(timeout_s: float, call: Callable[[], T]) -> T:
    """What the call returns or raises; `TimeoutError` where that takes longer.

    The read timeout bounds each read and starts anew with every byte, and botocore hands out no
    body before its end: only from another thread can a trickle be left. That thread is left
    alone; it has a connection of its own, and ends with it.
    """
    outcome: Future[T] = Future()

    def settle() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # as concurrent.futures does: whoever waits is told
            outcome.set_exception(error)

    Thread(target=settle, daemon=True).start()
    return outcome.result(timeout_s)


def request_body(prompt: Prompt, model: CalledModel) -> dict[str, Any]:
    """The call's arguments in Converse's terms.

    Raises `InvalidRequest` where an earlier tool call's arguments are no JSON object, or an image
    is not base64.
    """
    request = prompt.request
    body: dict[str, Any] = {
        "modelId": model.provider_model_id,
        "messages": turns_of(request.conversation, _blocks),
        "inferenceConfig": {"maxTokens": model.max_output_tokens},
        "serviceTier": {"type": "default"},
    }
    system = prompt.system
    if request.response_format and (form := request.response_format.json_schema):
        if schema := structured_output_schema(form.schema_):
            body["outputConfig"] = {"textFormat": _text_format(form, schema)}
        else:
            system = with_schema_in_words(system, form.schema_)
    if system:
        body["system"] = [{"text": system}]
    if request.temperature is not None:
        body["inferenceConfig"]["temperature"] = request.temperature
    # Tool blocks without declared tools are refused: what was called earlier is declared then.
    if tools := request.tools or request.called_tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in tools], **_tool_choice(request)}
    return body


def _blocks(message: Message) -> list[dict[str, Any]]:
    parts = [_part(part) for part in message.parts]
    if message.role == "tool":
        result = {"toolUseId": message.tool_call_id, "content": parts or [{"json": {}}]}
        return [{"toolResult": result}]
    return parts + [
        {"toolUse": {"toolUseId": call.id, "name": call.function.name, "input": arguments_of(call)}}
        for call in message.tool_calls or []
    ]


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    return {"image": _image(part.image_url)}


def _image(image: ImageUrl) -> dict[str, Any]:
    if image.inline is None:
        raise InvalidRequest.at("messages", "the model takes no image at an address")
    media_type, data = image.inline
    try:
        decoded = base64.b64decode(data)
    except binascii.Error:
        raise InvalidRequest.at("messages", "an image is not base64") from None
    return {"format": media_type.removeprefix("image/"), "source": {"bytes": decoded}}


def _tool(tool: Tool) -> dict[str, Any]:
    function = tool.function
    optional = {"description": function.description, "strict": function.strict}
    spec = {"name": function.name} | {key: value for key, value in optional.items() if value}
    return {"toolSpec": spec | {"inputSchema": {"json": {"type": "object"} | function.parameters}}}


def _tool_choice(request: GenerateRequest) -> dict[str, Any]:
    match request.tool_choice:
        case None:
            return {}
        case "required":
            return {"toolChoice": {"any": {}}}
        case str(choice):
            return {"toolChoice": {choice: {}}}
        case named:
            return {"toolChoice": {"tool": {"name": named.function.name}}}


def _text_format(form: JsonSchemaFormat, schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": form.name, "description": form.description}
    json_schema = {key: value for key, value in named.items() if value}
    json_schema["schema"] = json.dumps(schema, ensure_ascii=False)
    return {"type": "json_schema", "structure": {"jsonSchema": json_schema}}


def engine_error(error: Exception) -> EngineError:
    """What an exception of a call means to the engine."""
    match error:
        case ClientError():
            return refusal_error(_refusal(error), ERRORS)
        case (
            NoCredentialsError()
            | PartialCredentialsError()
            | CredentialRetrievalError()
            | NoAuthTokenError()
            | TokenRetrievalError()
        ):
            return ProviderAuthFailed("bedrock cannot be asked without AWS credentials.")
        case ReadTimeoutError() | TimeoutError():
            return ProviderTimeout("bedrock did not answer in time.")
        case (
            EndpointConnectionError() | ConnectTimeoutError() | ProxyConnectionError() | SSLError()
        ):
            return ProviderUnavailable.unreached("bedrock")
        case HTTPClientError() | ConnectionError():
            return ProviderUnavailable.broken_off("bedrock")
        case _:
            name = type(error).__name__
            return ProviderBadResponse(f"bedrock's answer cannot be read ({name}).")


def _refusal(error: ClientError) -> Refusal:
    content, metadata = error.response["Error"], error.response["ResponseMetadata"]
    code = str(content.get("Code") or "")
    return Refusal(
        metadata["HTTPStatusCode"],
        # Where a body names no code, botocore puts the status in its place.
        () if code.isdigit() else (code,),
        str(content.get("Message") or ""),
        metadata["HTTPHeaders"],
    )


def _completion(answer: _Answer, request: GenerateRequest, usage: Usage | None) -> Completion:
    if answer.stop_reason in _REFUSED:
        raise ContentFiltered("bedrock refused the request on policy.")
    if answer.stop_reason in _MALFORMED:
        raise ProviderBadResponse("bedrock could not make sense of the model's answer.")
    blocks = answer.output.message.content
    text = "".join(block.text or "" for block in blocks)
    calls = tuple(_call(block.tool_use) for block in blocks if block.tool_use)
    finish = _FINISH.get(answer.stop_reason, "tool_calls" if calls else "stop")
    return Completion(without_fence(text, request), calls, finish, usage)


def _call(use: _ToolUse) -> ToolCall:
    arguments = json.dumps(use.input, ensure_ascii=False)
    return ToolCall(id=use.tool_use_id, function=FunctionCall(name=use.name, arguments=arguments))
