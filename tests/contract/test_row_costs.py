"""What the documents say of the price of a row, from rows that the states make."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.rows import row_of
from functions.score.handler import lambda_handler as score
from functions.shared.catalogue.models import load_catalogue
from functions.shared.contracts.decision import ModelHealth, TaskHistory
from functions.shared.contracts.states import RecordInput
from functions.shared.errors import ProviderUnavailable
from functions.shared.storage.request_log import LISTED, PARTITION_OF, packed
from functions.shared.vocabulary import BUILT_IN_PROVIDERS
from tests.conftest import PROJECT
from tests.support.builders import caught
from tests.support.gateway_events import output_of

pytestmark = pytest.mark.usefixtures("states_environment")

USD_PER_MILLION_UNITS = Decimal("0.625")
"""On-demand writes, us-east-1; the document says so."""
UNIT_BYTES = 1024
SMALL = {"text": "Summarize this. It is long.", "task": "summarize"}
LARGE = {
    **SMALL,
    "model_preference": "best",
    "max_cost_usd": 0.5,
    "session_id": "conversation-1",
    "metadata": {"team": "search", "feature": "digest", "release": "2026-11-26"},
}
ALL_PROVIDERS = {"MOCK_PROVIDERS": "never", "PROVIDERS_CONFIGURED": ",".join(BUILT_IN_PROVIDERS)}


def _health(number):
    """Of a busy model, different from every other's: equal texts would compress away."""
    return ModelHealth(
        ok=311 + 7 * number,
        faults=number % 5,
        last_fault_at_ms=1_795_000_000_000 - 7_919 * number,
        answers=41_231 + 977 * number,
        latency_ms=73_911_113 + 104_729 * number,
        latency_ms_squared=151_931_913_371 + 15_485_863 * number,
        output_tokens=9_311_777 + 32_452_843 * number,
        tasks={"summarize": TaskHistory(answers=311 + number, output_tokens=91_331 + 613 * number)},
    ).model_dump()


def _item(request, failures=0):
    started = {"started_at": datetime.now(UTC).isoformat()}
    ids = {"request_id": "req_804109bc-dfcb-4109-82d0-e7413e26796f", "caller_id": "a1b2c3d4e5"}
    meta = ids | started | {"mode": "sync"}
    classified = output_of(classify, meta | {"request": request})
    scored = output_of(score, {"profile": classified["profile"]})
    known = {"profile": classified["profile"], "decision": scored["decision"]}
    called = known | {"request": classified["request"], "candidate": scored["candidates"][0]}
    invoked = output_of(invoke, called | {"failures": [], "remaining": 0, "retry_count": 0})
    if failures:
        # Of every model that can be called, also of those that this request never will.
        models = [
            model.id
            for model in load_catalogue().models
            if not model.is_retired(datetime.now(UTC).date())
        ]
        health = {model: _health(number) for number, model in enumerate(models)}
        scored["decision"]["routing_context"]["health"] = health
    error = caught(ProviderUnavailable("The provider answered 503."))
    failed = [{"candidate": one, "error": error} for one in scored["candidates"][:failures]]
    answered = {"answer": invoked["logged_answer"], "attempt": invoked["attempt"]}
    event = RecordInput.model_validate(meta | known | answered | {"failures": failed})
    return packed(row_of(FinishedRequest(event, datetime.now(UTC), f"1-6a5b4c3d-{'a' * 24}"), 30))


def _bytes(item):
    """As DynamoDB counts: names and texts in UTF-8, two digits of a number a byte and one more."""
    return sum(len(name) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value):
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, bool):
        return 1
    return len(value.encode()) if isinstance(value, str) else math.ceil(len(str(value)) / 2) + 1


def _units(item):
    """Of the row, and of its entries in the indexes."""
    entry = {name: item[name] for name in {*LISTED, *PARTITION_OF.values()} & item.keys()}
    return math.ceil(_bytes(item) / UNIT_BYTES), len(PARTITION_OF) * math.ceil(
        _bytes(entry) / UNIT_BYTES
    )


def _usd(units):
    """Of a million requests, as the documents write it."""
    return (units * USD_PER_MILLION_UNITS).quantize(Decimal("0.1"))


@pytest.fixture
def rows(environment):
    """The units of a row of a stage that is simulated, and of a busy one with all providers."""
    small = _units(_item(SMALL))
    environment(**ALL_PROVIDERS)
    return small, _units(_item(LARGE, failures=2))


def test_the_document_says_what_a_million_rows_cost(rows):
    (small, entries), (large, entries_of_large) = rows
    assert entries == entries_of_large
    said = " ".join((PROJECT / "docs/observability.md").read_text("utf-8").split())
    assert f"{small} to {large} write units and {entries} for its index entries" in said
    assert f"{_usd(small + entries)} to {_usd(large + entries)} USD" in said
    assert f"{USD_PER_MILLION_UNITS} USD per million units" in said
