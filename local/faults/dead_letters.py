"""What the runbook has an operator do with requests that could not be recorded."""

from __future__ import annotations

from typing import Any

_MOST = 10
"""Of one reception."""


def replay(queues: Any, queue_url: str, functions: Any, recorder: str) -> int:
    """How many were recorded now, by the function of that name; of boto3's clients."""
    replayed = 0
    while True:
        told = queues.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=_MOST)
        messages = told.get("Messages", [])
        for message in messages:
            answered = functions.invoke(FunctionName=recorder, Payload=message["Body"])
            if "FunctionError" not in answered:
                queues.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                replayed += 1
        if not messages:
            return replayed
