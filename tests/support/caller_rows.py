"""Callers as the table has them, and what their budgets have."""

from __future__ import annotations

from typing import Any

from functions.shared.callers.records import CALLER, CallerRecord, item_of


def enter(table: Any, caller_id: str, name: str, plan: str = "standard", **limits: Any) -> None:
    """`limits` are the caller's own."""
    fields = {"caller_id": caller_id, "name": name, "plan": plan, "created_at_s": 1}
    record = CallerRecord.model_validate(fields | {"limits": limits})
    table.put_item(Item=item_of(CALLER, caller_id, record))
