from typing import Any

import pytest

from bench.engine import STATES
from bench.request_path import RequestPath

INPUT = {"request_id": "req_1", "caller_id": "c", "caller": {}, "mode": "sync", "idempotency_key": "",
         "request": {"text": "x"}}  # fmt: skip
CANDIDATE = {"model": "m", "provider": "p", "mock": True}
ANSWERS: dict[str, Any] = {
    "Classify": {"request": {"text": "x"}, "profile": {"task": "chat", "mode": "sync"}, "logged_prompt": "",
                 "limit_nano_usd": 5},
    "Score": {"decision": {"why": 1}, "candidates": [CANDIDATE]},
    "InvokeSimulator": {"answer": {"success": True}, "logged_answer": {"mock": True}, "attempt": {"n": 1},
                        "error": None},
    "RecordMetrics": {"code": "", "body": {}},
}  # fmt: skip


@pytest.fixture
def called():
    return {}


@pytest.fixture
def path(called):
    def noting(name):
        return lambda event: called.setdefault(name, event) and ANSWERS[name]

    return RequestPath({name: noting(name) for name in STATES})


def test_every_state_of_an_answered_request_is_called_in_the_definitions_order(path, called):
    assert path.run(INPUT)["success"] is True
    assert list(called) == list(STATES)


def test_what_a_function_returned_is_what_the_next_one_is_handed(path, called):
    path.run(INPUT)
    assert called["Score"]["profile"] == ANSWERS["Classify"]["profile"]
    assert called["InvokeSimulator"]["candidate"] == CANDIDATE
    assert called["RecordMetrics"]["answer"] == ANSWERS["InvokeSimulator"]["logged_answer"]
    assert called["RecordMetrics"]["request_id"] == "req_1"
