"""Stands in for API Gateway, which knows the usage plans of each key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from functions.shared.gateway import reader

PLAN = "llm-orchestrator-test-operator"


class FakeGateway:
    """`refusal` is raised instead of an answer."""

    def __init__(self) -> None:
        self.plans = {"key-1": ["standard"], "key-9": ["standard", PLAN]}
        self.asked: list[str] = []
        self.refusal: Exception | None = None

    def get_paginator(self, operation: str) -> FakeGateway:
        assert operation == "get_usage_plans"
        return self

    def paginate(self, **call: str) -> Iterator[dict[str, Any]]:
        key = call.pop("keyId")
        assert call == {}
        self.asked.append(key)
        if self.refusal:
            raise self.refusal
        for name in self.plans.get(key, []):
            yield {"items": [{"id": "plan", "name": name}]}


def knowing(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGateway]:
    """The gateway of one test; of an earlier one nothing is known."""
    fake = FakeGateway()
    monkeypatch.setattr(reader, "client", lambda _: fake)
    reader._is_in_plan.cache_clear()
    yield fake
    reader._is_in_plan.cache_clear()
