"""Payloads that could not be recorded."""

from __future__ import annotations

import json
from typing import Any

from functions.shared.storage.clients import client


class DeadLetters:
    """Payloads that wait for replay."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, payload: dict[str, Any]) -> None:
        client("sqs").send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(payload))
