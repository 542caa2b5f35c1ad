"""The engine as one of those that are measured: its functions, each in processes of its own as in Lambda.

A request is what its execution calls: the states in their order, by the machine's definition. The authorizer is
asked beside them, as the gateway keeps its verdict, and the request log's stream is counted in batches.
"""

from __future__ import annotations

import base64
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.hosted import ROOT, Hosted, hosted
from bench.local_aws import KEY, LocalAws
from bench.request_path import RequestPath

STATES = {
    "Classify": "classify",
    "Score": "score",
    "InvokeSimulator": "invoke_provider",
    "RecordMetrics": "record_metrics",
}
"""The functions of an answered request, by their names in the table, with their folders."""
_BESIDE = {"Authorize": "authorize", "Tally": "tally"}
BATCH = 100
"""The most rows that the stream hands over at once."""
_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/bench/POST/v1/generate"
_NUMBERS = count()


@dataclass
class Engine:
    """`chains` answer side by side, each a set of the states' functions."""

    chains: list[dict[str, Hosted]]
    beside: dict[str, Hosted]
    aws: LocalAws

    def answer(self, requests: Sequence[Mapping[str, str]], key: str = KEY) -> None:
        """All of them, as many at once as there are chains, for the caller of this key; the functions keep
        what each call took."""
        shares = [requests[number :: len(self.chains)] for number in range(len(self.chains))]
        told = self.beside["Authorize"](authorizer_event(key))["context"]
        with ThreadPoolExecutor(len(self.chains)) as threads:
            list(threads.map(lambda one, share: _answer(one, share, told), self.chains, shares))

    def taken_ms(self) -> dict[str, float]:
        """Means of CPU a call since the last time, by function: what is rare is paid for as well."""
        spent = {name: [ms for one in self.chains for ms in one[name].taken()] for name in STATES}
        return {name: statistics.fmean(those) for name, those in spent.items() if those}

    def authorize_ms(self, key: str = KEY, times: int = 20) -> float:
        """Of CPU, each time that the gateway has no verdict."""
        self.beside["Authorize"].taken()
        for _ in range(times):
            self.beside["Authorize"](authorizer_event(key))
        return statistics.fmean(self.beside["Authorize"].taken())

    def tally_ms(self, batch: int) -> float:
        """Of CPU a row, in batches of so many of the rows that there are."""
        images = self._images()
        self.beside["Tally"].taken()
        batches = [images[at : at + batch] for at in range(0, len(images), batch)]
        whole = [one for one in batches if len(one) == batch][:20]
        for rows in whole:
            self.beside["Tally"](_stream_event(rows))
        return statistics.fmean(self.beside["Tally"].taken()) / batch

    def _images(self) -> list[dict[str, Any]]:
        client = self.aws.client("dynamodb")
        pages = client.get_paginator("scan").paginate(TableName="Requests")
        found = [item for page in pages for item in page["Items"]]
        # A JSON event has no bytes.
        return [json.loads(json.dumps(item, default=_base64)) for item in found]


def _answer(
    chain: Mapping[str, Hosted], requests: Sequence[Mapping[str, str]], caller: Mapping[str, str]
) -> None:
    path = RequestPath(chain)
    for request in requests:
        answer = path.run(execution_input(request, caller))
        if not answer["success"] or not answer["mock"]:
            raise RuntimeError("a request was not answered by the simulator")


def execution_input(request: Any, caller: Mapping[str, str]) -> dict[str, Any]:
    """As the gateway starts one; `caller` is what the authorizer tells of it."""
    return {
        "request": request,
        "request_id": f"req_{next(_NUMBERS):036}",
        "caller_id": caller["caller_id"],
        "caller": json.loads(caller["caller"]),
        "mode": "sync",
        "idempotency_key": "",
    }


def authorizer_event(key: str) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "resource": "/v1/generate",
        "methodArn": _METHOD_ARN,
        "headers": {"X-API-Key": key},
    }


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _stream_event(images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    records = [
        {
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "dynamodb": {"SequenceNumber": str(next(_NUMBERS) + 1), "NewImage": image},
        }
        for image in images
    ]
    return {"shardId": "shardId-00000001795000000000-00000001", "Records": records}


@contextmanager
def running_engine(aws: LocalAws, at_once: int, code: Path = ROOT) -> Iterator[Engine]:
    """With so many processes of each function, of the code in a folder."""
    with ExitStack() as ended:
        chains = [ended.enter_context(hosted(STATES, aws.variables, code)) for _ in range(at_once)]
        yield Engine(chains, ended.enter_context(hosted(_BESIDE, aws.variables)), aws)
