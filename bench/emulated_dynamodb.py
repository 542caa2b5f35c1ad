"""The local AWS's DynamoDB, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse
from ministack.services import dynamodb


class _Body(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class EmulatedDynamoDB:
    """Instead of the network; it counts the calls and the CPU seconds in it, which are none of the caller's."""

    def __init__(self, resource: Any) -> None:
        """`resource` is boto3's, whose calls come here from now on."""
        self.calls = 0
        self.spent_s = 0.0
        resource.meta.client.meta.events.register("before-send.dynamodb", self._answer)

    def _answer(self, request: Any, **_: object) -> Any:
        began = time.process_time()
        target = {"x-amz-target": request.headers["X-Amz-Target"].decode()}
        handled = dynamodb.handle_request("POST", "/", target, request.body, {})
        status, headers, body = asyncio.run(handled)
        self.calls += 1
        self.spent_s += time.process_time() - began
        return AWSResponse(request.url, status, headers, _Body(body))
