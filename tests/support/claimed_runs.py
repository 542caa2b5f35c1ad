"""Requests that may have been asked before, run by the real definition with the real handlers."""

from functions.claim.handler import lambda_handler as claim
from functions.classify.handler import lambda_handler as classify
from functions.invoke_provider.handler import lambda_handler as invoke
from functions.record_metrics.handler import lambda_handler as record
from functions.score.handler import lambda_handler as score
from functions.shared.storage.request_log import unpacked
from functions.shared.storage.tables import table
from tests.support.machine_in_process import Machine

BEGINS = ["Classify", "Score", "Claim", "Whose Answer?"]
CALLS = ["Score", "Invoke Provider", "Answered?", "Record Metrics"]
TOLD = [*BEGINS, "Answer"]
HIT = [*BEGINS, "Record Metrics"]
MODEL = "gpt-4o"


def new_machine(deliveries=1, **functions):
    named = {"Classify": classify, "Claim": claim, "Score": score, "RecordMetrics": record}
    return Machine(functions.pop("invoke", invoke), deliveries, **{**named, **functions})


def run_request(request_id, *, machine=None, key="", mode="sync", count=None, **request):
    body = {"task": "chat", "text": "Hello there.", "model": MODEL, "fallback": False} | request
    counted = {} if count is None else {"client_retry_count": count}
    return (machine or new_machine()).run({
        "request": body, "request_id": request_id, "caller_id": "key-1", "caller": {}, "mode": mode,
        "idempotency_key": key, **counted,
    })  # fmt: skip


def logged_rows():
    items = table("Requests").scan()["Items"]
    return {row["request_id"]: row for row in map(unpacked, items)}


class Broken(Exception):
    """A crash of the function."""


def crash(event, context):
    raise Broken
