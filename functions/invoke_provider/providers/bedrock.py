"""Bedrock, by AWS's SDK."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError
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
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers import bedrock_embeddings, converse
from functions.invoke_provider.providers.base import (
    CONNECT_TIMEOUT_S,
    Completion,
    Embedded,
    Prompt,
)
from functions.invoke_provider.providers.bedrock_errors import ERRORS
from functions.invoke_provider.providers.converse_call import ConverseCall
from functions.invoke_provider.providers.converse_stream import ConverseAssembly
from functions.invoke_provider.providers.converse_usage import usage_in
from functions.invoke_provider.providers.embedding_batches import Inputs, embedded
from functions.invoke_provider.providers.refusals import Refusal, refusal_error
from functions.invoke_provider.providers.streaming import (
    Streaming,
    StreamRefused,
    is_about_streams,
)
from functions.invoke_provider.providers.streams import (
    NO_ANSWER,
    BrokenOff,
    ErrorInStream,
    TooSilent,
    billed_so_far,
)
from functions.invoke_provider.providers.watched_call import Listening, Patience, watched
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.errors import (
    EngineError,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderTimeout,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings

_UNREADABLE = (
    ResponseParserError,
    ParserError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What botocore's parsers raise at a body that has not the shape they read."""
_NO_ANSWER = (ClientError, BotoCoreError, HTTPError, *NO_ANSWER, *_UNREADABLE)


class BedrockProvider:
    """The function's own role is the key. `endpoint_url` is set where Bedrock is not AWS's."""

    def __init__(
        self,
        session: boto3.Session,
        endpoint_url: str | None = None,
        streaming: Streaming | None = None,
    ) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._streaming = streaming or Streaming()
        # The first client of a session reads the service's description, and takes most of 0.1 s.
        self._client(Patience.until(CONNECT_TIMEOUT_S)).close()

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        body = converse.request_body(prompt, model)
        ask = partial(self._ask, body)
        if "toolConfig" in body and not model.streams_tools:
            answer = ask(Patience.until(timeout_s), False)
        else:
            answer = self._streaming.asked(model, timeout_s, ask)
        return converse.completion_of(answer)

    def _ask(self, body: dict[str, Any], patience: Patience, streamed: bool) -> object:
        assembly = ConverseAssembly() if streamed else None
        call = ConverseCall(self._client(patience), body, patience, assembly)
        with billed_so_far(assembly, usage_in):
            try:
                return call.body()
            except _NO_ANSWER as error:
                if streamed and _refuses_stream(error):
                    raise StreamRefused from None
                raise engine_error(error) from None

    def embed(self, request: EmbeddingRequest, model: CalledModel, timeout_s: float) -> Embedded:
        client = self._client(Patience.until(timeout_s))

        def ask(inputs: Inputs, left_s: float) -> Embedded:
            body = bedrock_embeddings.request_body(inputs, request, model)
            told = self._invoked(client, model.provider_model_id, body, left_s)
            return bedrock_embeddings.embedded_in(told, inputs, request, model)

        with closing(client):
            return embedded(request, model, timeout_s, ask)

    def _invoked(
        self, client: Any, model_id: str, body: dict[str, Any], left_s: float
    ) -> bedrock_embeddings.Invoked:
        def invoke() -> bedrock_embeddings.Invoked:
            answer = client.invoke_model(
                modelId=model_id,
                body=json.dumps(body),
                contentType="application/json",
                accept="application/json",
            )
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            return bedrock_embeddings.Invoked(answer["body"].read(), headers)

        try:
            return watched(invoke, Listening(Patience.until(left_s)))
        except _NO_ANSWER as error:
            raise engine_error(error) from None

    def _client(self, patience: Patience) -> Any:
        """A client for one call, because botocore's timeouts are a client's.

        It takes 2 ms and a handshake. A client kept for the next call would keep its connection,
        too: one that the other side closes while Lambda has frozen us fails the next call, and
        nobody here repeats it.
        """
        config = Config(
            connect_timeout=min(CONNECT_TIMEOUT_S, patience.whole_s),
            read_timeout=patience.first_token_s,
            # The state machine does the retrying.
            retries={"total_max_attempts": 1},
        )
        return self._session.client(
            "bedrock-runtime", endpoint_url=self._endpoint_url, config=config
        )


def connect(settings: InvokeSettings) -> BedrockProvider:
    endpoint_url = settings.BEDROCK_ENDPOINT_URL or None
    return BedrockProvider(boto3.Session(), endpoint_url, Streaming.of(settings))


def _refuses_stream(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    refusal = _refusal(error)
    return is_about_streams(refusal.status, refusal.reason)


def engine_error(error: Exception) -> EngineError:
    """What an exception of a call means to the engine."""
    match error:
        case ClientError() | ErrorInStream():
            return refusal_error(_refusal(error), ERRORS)
        case (
            NoCredentialsError()
            | PartialCredentialsError()
            | CredentialRetrievalError()
            | NoAuthTokenError()
            | TokenRetrievalError()
        ):
            return ProviderAuthFailed("bedrock cannot be asked without AWS credentials.")
        case ReadTimeoutError() | StreamTimeoutError() | TooSilent():
            return ProviderTimeout("bedrock did not answer in time.")
        case (
            EndpointConnectionError() | ConnectTimeoutError() | ProxyConnectionError() | SSLError()
        ):
            return ProviderUnavailable.unreached("bedrock")
        case HTTPClientError() | ConnectionError() | HTTPError() | BrokenOff():
            return ProviderUnavailable.broken_off("bedrock")
        case _:
            name = type(error).__name__
            return ProviderBadResponse(f"bedrock's answer cannot be read ({name}).")


def _refusal(error: ClientError | ErrorInStream) -> Refusal:
    if isinstance(error, ErrorInStream):
        return error.refusal
    content, metadata = error.response["Error"], error.response["ResponseMetadata"]
    code = str(content.get("Code") or "")
    return Refusal(
        metadata["HTTPStatusCode"],
        # Where a body names no code, botocore puts the status in its place.
        () if code.isdigit() else (code,),
        str(content.get("Message") or ""),
        metadata["HTTPHeaders"],
    )
