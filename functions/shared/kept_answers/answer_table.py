"""Answers in DynamoDB that may be given again, and who is about to make one.

An item belongs to the request that claimed it. Until `expires_at`, epoch seconds, nobody else gets it: that is
the end of the request's time at first, and of the answer's once it is there.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.shared.contracts.decision import Claim
from functions.shared.storage.conditions import refusing_item
from functions.shared.storage.expressions import Expressions, all_of, any_of
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger

_ANSWER = "answer"
_PASSED_S = 60
"""How long the others need not wait for an answer that is not to be kept."""


@dataclass(frozen=True)
class KeptAnswer:
    """`answer` is None while it is being made by `request_id`; `passed`: its maker kept none, and
    everybody makes their own; `joins`: its maker's claim did."""

    request_id: str
    fingerprint: str
    answer: dict[str, Any] | None
    passed: bool
    joins: bool


class AnswerTable:
    """Items by `answer_id`. Every method but one raises `ClientError` and `BotoCoreError` where the table
    refuses or does not answer."""

    def __init__(self, table_name: str) -> None:
        self._table = table(table_name)

    def take(
        self, claim: Claim, request_id: str, until_s: int, began_at_ms: int = 0
    ) -> KeptAnswer | None:
        """None where it is the request's now, until then; else what is there. It is the same for a request
        that asks again. `began_at_ms` is told to those that take it over."""
        # A read costs a fraction of a write that is refused, and most find something.
        if there := self._read(claim):
            if there["request_id"] != request_id or _ANSWER in there:
                return _kept(there)
            if there["expires_at"] >= until_s:
                return None
        refused = self._put(claim, request_id, until_s, began_at_ms, _is_free(request_id))
        return None if refused is None else _kept(refused)

    def take_over(
        self, claim: Claim, request_id: str, until_s: int, began_at_ms: int
    ) -> KeptAnswer | None:
        """`take`, whoever had it, but for a request that began later. An answer of its own stays."""

        def is_free_or_earlier(at: Expressions) -> str:
            is_earlier = at.is_("began_at_ms", "<=", began_at_ms)
            is_others = at.is_("request_id", "<>", request_id)
            return any_of(_is_free(request_id)(at), all_of((is_earlier, is_others)))

        refused = self._put(claim, request_id, until_s, began_at_ms, is_free_or_earlier)
        return None if refused is None else _kept(refused)

    def keep(self, claim: Claim, request_id: str, answer: Mapping[str, Any]) -> None:
        """Nothing happens where the claim is another's by now, or has its answer: an event may be delivered
        twice."""
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        packed = zlib.compress(text.encode("utf-8", "replace"))
        self._set(claim, request_id, _ANSWER, packed, claim.kept_for_s)

    def keep_if_possible(
        self, claim: Claim, request_id: str, answer: Mapping[str, Any] | None
    ) -> None:
        """`keep`, or `pass_on` for None. A table that does not take it costs nobody the answer: the claim
        expires."""
        try:
            if answer is None:
                self.pass_on(claim, request_id)
            else:
                self.keep(claim, request_id, answer)
        except (BotoCoreError, ClientError) as failure:
            logger.warning("answer not kept", error_type=type(failure).__name__)

    def pass_on(self, claim: Claim, request_id: str) -> None:
        """There is an answer, and it is not to be kept."""
        self._set(claim, request_id, "passed", True, _PASSED_S)

    def release(self, claim: Claim, request_id: str) -> None:
        """There is no answer: whoever comes next makes one. An answer stays."""
        at = Expressions()
        is_unanswered = all_of((_is_own(at, request_id), at.absent("passed")))
        condition = at.arguments(ConditionExpression=is_unanswered)
        key = {"answer_id": claim.answer_id}
        refusing_item(lambda: self._table.delete_item(Key=key, **condition))

    def _put(
        self,
        claim: Claim,
        request_id: str,
        until_s: int,
        began_at_ms: int,
        condition: Callable[[Expressions], str],
    ) -> dict[str, Any] | None:
        taken: dict[str, Any] = {
            "answer_id": claim.answer_id,
            "request_id": request_id,
            "fingerprint": claim.fingerprint,
            "expires_at": until_s,
            "began_at_ms": began_at_ms,
            "joins": claim.joins,
        }
        at = Expressions()
        return refusing_item(
            lambda: self._table.put_item(
                Item=taken,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **at.arguments(ConditionExpression=condition(at)),
            )
        )

    def _set(
        self, claim: Claim, request_id: str, name: str, value: bytes | bool, for_s: int
    ) -> None:
        at = Expressions()
        changes = (at.is_(name, "=", value), at.is_("expires_at", "=", int(time.time()) + for_s))
        update = at.arguments(
            UpdateExpression=f"SET {', '.join(changes)}",
            ConditionExpression=_is_own(at, request_id),
        )
        key = {"answer_id": claim.answer_id}
        refusing_item(lambda: self._table.update_item(Key=key, **update))

    def _read(self, claim: Claim) -> dict[str, Any] | None:
        """What has expired is not there, whether or not DynamoDB has taken it away."""
        found = self._table.get_item(Key={"answer_id": claim.answer_id})
        item: dict[str, Any] | None = found.get("Item")
        return item if item and item["expires_at"] > time.time() else None


def _is_free(request_id: str) -> Callable[[Expressions], str]:
    return lambda at: any_of(
        at.absent("answer_id"),
        at.is_("expires_at", "<=", int(time.time())),
        _is_own(at, request_id),
    )


def _is_own(at: Expressions, request_id: str) -> str:
    """The request's, and without an answer so far."""
    return all_of((at.is_("request_id", "=", request_id), at.absent(_ANSWER)))


def _kept(item: Mapping[str, Any]) -> KeptAnswer:
    packed: Any = item.get(_ANSWER)
    return KeptAnswer(
        request_id=item["request_id"],
        fingerprint=item["fingerprint"],
        answer=None if packed is None else json.loads(zlib.decompress(bytes(packed))),
        passed="passed" in item,
        joins=item.get("joins", False),
    )
