"""The local AWS's DynamoDB, in this process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from ministack.services import dynamodb

from functions.shared.storage import clients
from functions.shared.storage.tables import table

_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Body(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class EmulatedDynamoDB:
    """Instead of the network; it counts the calls and the CPU seconds in it, which are none of the caller's."""

    def __init__(self, client: Any) -> None:
        """`client` is one of DynamoDB, whose calls come here from now on."""
        self.calls = 0
        self.spent_s = 0.0
        client.meta.events.register("before-send.dynamodb", self._answer)

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
        return AWSResponse(request.url, status, headers, Body(body))


@contextmanager
def emulated_tables(*tables: tuple[str, ...]) -> Iterator[EmulatedDynamoDB]:
    """Each by its name, its partition key and, where it has one, its sort key; gone at the end."""
    with mock.patch.dict(os.environ, _ACCOUNT):
        _forget()
        database = clients.client("dynamodb")
        emulator = EmulatedDynamoDB(database)
        for name, *keys in tables:
            _make(database, name, keys)
        try:
            yield emulator
        finally:
            for name, *_ in tables:
                database.delete_table(TableName=name)
            _forget()


def _forget() -> None:
    """Clients are of the environment that they were made in."""
    for one in (clients.session, clients.client, table):
        one.cache_clear()


def _make(database: Any, name: str, keys: list[str]) -> None:
    database.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
    )
