"""Payloads that could not be recorded."""

from __future__ import annotations

import json
from typing import Any

import boto3

from functions.shared.storage.clients import _CONFIG


class DeadLetters:
    """Payloads that wait for replay."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, payload: dict[str, Any]) -> None:
        boto3.client("sqs", config=_CONFIG).send_message(
            QueueUrl=self._queue_url, MessageBody=json.dumps(payload)
        )
