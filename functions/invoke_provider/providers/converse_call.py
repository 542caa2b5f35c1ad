"""One call of Converse, as a stream or not, by a client of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from botocore.eventstream import EventStreamBuffer, EventStreamMessage
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from functions.invoke_provider.providers.converse_stream import ConverseAssembly
from functions.invoke_provider.providers.refusals import IN_A_STREAM, Refusal
from functions.invoke_provider.providers.streams import BrokenOff, ErrorInStream, Event, TooSilent
from functions.invoke_provider.providers.watched_call import Listening, Patience, watched

_BODY_COMES = "before-parse.bedrock-runtime.ConverseStream"
_STREAM = "application/vnd.amazon.eventstream"


@dataclass(frozen=True)
class ConverseCall:
    """Without an `assembly` the answer is to come as a whole."""

    client: Any
    arguments: dict[str, Any]
    patience: Patience
    assembly: ConverseAssembly | None

    def body(self) -> object:
        """The answer's, however it came. Raises what the SDK and urllib3 raise, and `NO_ANSWER`."""
        assembly = self.assembly
        listening = Listening(self.patience, assembly)
        if assembly is None:
            return watched(self._converse, listening)
        try:
            whole = watched(lambda: self._stream(listening), listening)
        except (TooSilent, HTTPError):
            if not assembly.whole:
                raise
            return assembly.body()
        if whole is not None:
            return whole
        if not assembly.whole:
            raise BrokenOff
        return assembly.body()

    def _converse(self) -> object:
        with closing(self.client):
            return self.client.converse(**self.arguments)

    def _stream(self, listening: Listening) -> object:
        """None where the assembly has it."""
        responses: list[HTTPResponse] = []

        def body_comes(response_dict: dict[str, Any], **_: object) -> None:
            if isinstance(response_dict["body"], HTTPResponse):
                responses.append(response_dict["body"])

        with closing(self.client):
            # The SDK's own reader of events keeps nothing that its model does not know.
            self.client.meta.events.register(_BODY_COMES, body_comes)
            self.client.converse_stream(**self.arguments)
            (response,) = responses
            streamed = response.headers.get("content-type", "").startswith(_STREAM)
            listening.connected(response.shutdown, streamed=streamed)
            _be_patient(response, self.patience.whole_s)
            if not streamed:
                return json.loads(response.read())
            for event in _events(response):
                listening.take(event)
        return None


def _be_patient(response: HTTPResponse, read_s: float) -> None:
    """The reads of the body have another limit than that of the head, which whoever listens keeps."""
    connection = getattr(response.connection, "sock", None)
    if connection is not None:
        connection.settimeout(read_s)


def _events(response: HTTPResponse) -> Iterator[Event]:
    frames = EventStreamBuffer()
    for chunk in response.stream():
        frames.add_data(chunk)
        for frame in frames:
            yield _read(frame)


def _read(frame: EventStreamMessage) -> Event:
    """Raises `ErrorInStream`, and ValueError for what is no JSON."""
    headers: Any = frame.headers
    if headers.get(":message-type") == "event":
        return {headers[":event-type"]: json.loads(frame.payload)}
    if code := headers.get(":error-code"):
        raise ErrorInStream(Refusal(500, (code,), headers.get(":error-message", ""), {}))
    # With a small letter, unlike the same error in an answer's head.
    name = str(headers.get(":exception-type"))
    name = name[:1].upper() + name[1:]
    message = str(json.loads(frame.payload).get("message") or "")
    raise ErrorInStream(Refusal(IN_A_STREAM, (name,), message, {}))
