"""Bedrock, by AWS's SDK."""

from __future__ import annotations

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
    EventStreamError,
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

from functions.invoke_provider.called_model import CalledModel
from functions.invoke_provider.providers import converse
from functions.invoke_provider.providers.base import CONNECT_TIMEOUT_S, Completion, Prompt
from functions.invoke_provider.providers.bedrock_errors import ERRORS
from functions.invoke_provider.providers.refusals import IN_AN_ANSWER, Refusal, refusal_error
from functions.shared.errors import (
    EngineError,
    ProviderAuthFailed,
    ProviderBadResponse,
    ProviderTimeout,
    ProviderUnavailable,
)
from functions.shared.settings import InvokeSettings

_CLOCK_GRACE_S = 0.2
"""botocore's own timeout comes first: it tells a silent Bedrock from one out of reach."""

_UNREADABLE = (ResponseParserError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What botocore's parser raises at a body that has not the shape it reads."""

T = TypeVar("T")


class BedrockProvider:
    """The function's own role is the key. `endpoint_url` is set where Bedrock is not AWS's."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        # The first client of a session reads the service's description, and takes most of 0.1 s.
        self._client(CONNECT_TIMEOUT_S).close()

    def complete(self, prompt: Prompt, model: CalledModel, timeout_s: float) -> Completion:
        body = converse.request_body(prompt, model)
        client = self._client(timeout_s)

        def call() -> object:
            with closing(client):
                return client.converse(**body)

        try:
            answer = _within(timeout_s + _CLOCK_GRACE_S, call)
        except (ClientError, BotoCoreError, TimeoutError, *_UNREADABLE) as error:
            raise engine_error(error) from None
        return converse.completion_of(answer, prompt.request)

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
    content = error.response["Error"]
    code = str(content.get("Code") or "")
    if isinstance(error, EventStreamError):
        # There an exception has the name of the event that it comes in.
        code, status, headers = code[:1].upper() + code[1:], IN_AN_ANSWER, {}
    else:
        metadata = error.response["ResponseMetadata"]
        status, headers = metadata["HTTPStatusCode"], metadata["HTTPHeaders"]
    # Where a body names no code, botocore puts the status in its place.
    codes = () if code.isdigit() else (code,)
    return Refusal(status, codes, str(content.get("Message") or ""), headers)
