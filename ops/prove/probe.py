"""A stage as the checks ask it: with a key of their own, and a model that costs nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import requests

from functions.shared.errors import HTTP_STATUS
from ops.stage import Stage
from ops.temporary import Key

_TIMEOUT_S = 60
_FREE_MODEL = "local-sentiment"
_PROPAGATES_WITHIN_S = 120
_MOST_EVENTS = 10_000

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Probe:
    """`began_at` is in epoch seconds: nothing older is of its making."""

    stage: Stage
    key: Key
    began_at: float = field(default_factory=time.time)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> requests.Response:
        """What the API answers; bodies are sent as they are. A header that is None is left out."""
        told = {"X-API-Key": self.key.value, "Content-Type": "application/json", **(headers or {})}
        with requests.Session() as session:
            session.trust_env = not self.stage.is_local
            return session.request(
                method,
                self.stage.root_url + path,
                data=body,
                headers=told,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )

    def generate(
        self, body: Mapping[str, Any], headers: Mapping[str, str | None] | None = None
    ) -> requests.Response:
        return self.send("POST", "/v1/generate", json.dumps(body).encode(), headers)

    def at_once(self, count: int, path: str) -> list[requests.Response]:
        """Answers to so many equal GETs that are sent side by side."""
        with ThreadPoolExecutor(min(count, 20)) as pool:
            return list(pool.map(lambda _: self.send("GET", path), range(count)))

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """The usable ones."""
        listed = self.send("GET", "/v1/models").json()["data"]
        return [model for model in listed if model["usable"]]

    def simulated_model(self, capability: str | None = None) -> str | None:
        """The cheapest that the simulator answers for when it is pinned; None where it never does."""
        fitting = [
            model
            for model in self.models
            if model["mock"]
            and "sentiment" in model["tasks"]
            and model["limits"]["context_window"] >= 128_000
            and (capability is None or capability in model["capabilities"])
        ]
        return min(fitting, key=_price)["id"] if fitting else None

    @cached_property
    def question(self) -> dict[str, Any]:
        """A request that no provider is paid for."""
        return {
            "task": "sentiment",
            "text": "I love this product, it is wonderful and excellent.",
            "model": self.simulated_model() or _FREE_MODEL,
            "fallback": False,
        }

    def events(self, group: str, pattern: str = "") -> Iterator[str]:
        """Messages in a log group since the run began."""
        pages = self.stage.client("logs").get_paginator("filter_log_events")
        options = {"filterPattern": pattern} if pattern else {}
        for page in pages.paginate(
            logGroupName=group,
            startTime=int(self.began_at * 1000),
            PaginationConfig={"MaxItems": _MOST_EVENTS},
            **options,
        ):
            yield from (event["message"] for event in page["events"])

    def are_logged(self, request_ids: Iterable[str]) -> bool:
        """Whether the gateway's access log has all of these requests."""
        arn = self.stage.gateway_stage["accessLogSettings"]["destinationArn"]
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        lines = [json.loads(line) for line in self.events(group, f'"{self.key.id}"')]
        return {*map(letters_of, request_ids)} <= {letters_of(one["request_id"]) for one in lines}

    def eventually(self, look: Callable[[], _Found], local_s: float = 5) -> _Found:
        """What `look` finds once it finds anything, or in the end; AWS takes its time."""
        ends = time.monotonic() + (local_s if self.stage.is_local else _PROPAGATES_WITHIN_S)
        while not (found := look()) and time.monotonic() < ends:
            time.sleep(0.5 if self.stage.is_local else 5)
        return found


def _price(model: Mapping[str, Any]) -> float:
    rates = (model["prices"] or {}).get("rates") or [{"input_usd_per_mtok": 1e9}]
    return float(rates[0]["input_usd_per_mtok"])


def out_of_contract(answer: requests.Response, *codes: str) -> str | None:
    """What is wrong with an error answer, or None; it is to have one of these codes."""
    try:
        body = answer.json()
        code, request_id = body["error"]["code"], body["request_id"]
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code} {answer.content[:80]!r} has not the contract's shape"
    if answer.status_code != HTTP_STATUS.get(code) or body["success"] is not False:
        return f"{answer.status_code} says {code}"
    if codes and code not in codes:
        return f"{answer.status_code} {code} instead of {' or '.join(codes)}"
    return None if request_id.startswith("req_") else f"an error's id is {request_id!r}"


def letters_of(request_id: str) -> str:
    """An id without what only some of its writers keep: the gateway's end with `=`."""
    return re.sub(r"[^A-Za-z0-9_-]", "", request_id)
