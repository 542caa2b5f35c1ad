"""The local AWS's DynamoDB, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from ministack.services import dynamodb

from functions.shared.storage import clients


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

    def own_ms(self, act: Callable[[], object]) -> float:
        """CPU milliseconds of an action, without those in here."""
        self.spent_s, began = 0.0, time.process_time()
        act()
        return (time.process_time() - began - self.spent_s) * 1000

    def _answer(self, request: Any, **_: object) -> Any:
        began = time.process_time()
        target = {"x-amz-target": request.headers["X-Amz-Target"].decode()}
        handled = dynamodb.handle_request("POST", "/", target, request.body, {})
        status, headers, body = asyncio.run(handled)
        self.calls += 1
        self.spent_s += time.process_time() - began
        return AWSResponse(request.url, status, headers, _Body(body))


@contextmanager
def emulated_tables(*tables: tuple[str, ...]) -> Iterator[EmulatedDynamoDB]:
    """Each by its name, its partition key and, where it has one, its sort key; gone at the end."""
    _use(boto3.Session("test", "test", region_name="us-east-1"))
    emulator = EmulatedDynamoDB(clients.dynamodb())
    made = [_made(*one) for one in tables]
    try:
        yield emulator
    finally:
        for one in made:
            one.delete()
        _use(None)


def _use(session: boto3.Session | None) -> None:
    """None is what boto3 makes of the environment."""
    boto3.DEFAULT_SESSION = session
    clients.dynamodb.cache_clear()
    clients.table.cache_clear()


def _made(name: str, *keys: str) -> Any:
    schema: Any = [
        {"AttributeName": key, "KeyType": kind}
        for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
    ]
    return clients.dynamodb().create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=schema,
    )
