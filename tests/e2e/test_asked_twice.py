"""What is asked twice is paid once, by what the providers themselves say that they were asked and bill."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import openai
import pytest
import requests

from local.faults import aimock
from local.faults.exchange import marked
from tests.support.api_calls import assert_error, call, ended_job, eventually, get, post
from tests.support.spend_books import charged

pytestmark = pytest.mark.xdist_group("billed")

MODEL = "claude-haiku-5-5"
AT_ONCE = 60
REPLAYED = "x-idempotent-replay"


@pytest.fixture(scope="module")
def stack(billed):
    return billed


@pytest.fixture
def caller(stack, request):
    """The id and the key of one with a budget, so that every call is charged."""
    return stack.new_caller(f"twice-{abs(hash(request.node.name)) % 10**9}", month_usd=Decimal(1))


def _body(mark, **more):
    return {"model": MODEL, "fallback": False, "task": "chat", "metadata": {"load": mark},
            "text": marked("What is the weather in Bern?", mark), **more}  # fmt: skip


def _at_once(send, number=AT_ONCE):
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(send, range(number)))


def _send(stack, caller, path, body, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return post(stack, path, body, key=caller[1], headers=headers)


def _assert_paid_once(books, exchange, caller, mark):
    [billed] = exchange.of(mark)
    assert eventually(lambda: books.rows(caller[0]))
    [row] = books.rows(caller[0])
    assert charged([row]) == row["cost_nano_usd"] == billed.cost_nano_usd > 0
    books.assert_exact(caller[0])
    assert len(aimock.journal(exchange.simulator)) == len(exchange.calls)
    return row


def _assert_sums(books, caller, calls):
    """Of several rows with one mark."""
    rows, billed = books.rows(caller[0]), sum(one.cost_nano_usd for one in calls)
    assert sum(row["cost_nano_usd"] for row in rows) == charged(rows) == billed > 0
    books.assert_settled(caller[0])


def test_sixty_at_once_under_one_key_make_one_call_one_row_and_one_charge(
    stack, books, held, caller
):
    mark = "sixty.well"

    def send(_):
        answer = _send(stack, caller, "/generate", _body(mark), "order-7")
        if answer.status_code == 409:
            told.append(answer)
            if len(told) == AT_ONCE - 1:
                held.free.set()
        return answer

    told = []
    answers = _at_once(send)
    assert Counter(one.status_code for one in answers) == {200: 1, 409: AT_ONCE - 1}
    for one in told:
        assert assert_error(one, "request_in_progress")["retry_after_seconds"] == 1
        assert one.headers["Retry-After"] == "1"
    [first] = [one for one in answers if one.status_code == 200]
    assert REPLAYED not in first.headers
    row = _assert_paid_once(books, held, caller, mark)
    again = _send(stack, caller, "/generate", _body(mark), "order-7")
    assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
    assert again.json() == first.json()
    assert again.json()["request_id"] == row["request_id"]
    assert _assert_paid_once(books, held, caller, mark) == row


def test_sixty_jobs_at_once_under_one_key_are_one_job(stack, books, held, caller):
    mark = "sixty-jobs.well"
    answers = _at_once(lambda _: _send(stack, caller, "/jobs", _body(mark), "job-7"))
    assert Counter(one.status_code for one in answers) == {202: AT_ONCE}
    [job] = {one.json()["execution_id"] for one in answers}
    assert {one.headers["Location"] for one in answers} == {f"/api/v1/jobs/{job}"}
    assert Counter(REPLAYED in one.headers for one in answers) == {True: AT_ONCE - 1, False: 1}
    held.free.set()
    assert ended_job(stack, job, key=caller[1])["status"] == "SUCCEEDED"
    assert _assert_paid_once(books, held, caller, mark)["request_id"] == job
    error = assert_error(_send(stack, caller, "/jobs", _body(mark), "job-7"), "duplicate_request")
    assert (error["execution_id"], error["status_url"]) == (job, f"/api/v1/jobs/{job}")


def test_a_lost_connection_that_is_repeated_three_times_is_paid_once(stack, books, held, caller):
    mark = "lost.well"
    headers = {"X-API-Key": caller[1], "Idempotency-Key": "lost-7"}
    for _ in range(3):
        with suppress(requests.ReadTimeout):
            url = f"{stack.base_url}/generate"
            answer = requests.post(url, json=_body(mark), headers=headers, timeout=2)
            assert_error(answer, "request_in_progress")
    assert eventually(lambda: held.of(mark))
    held.free.set()
    assert eventually(
        lambda: _send(stack, caller, "/generate", _body(mark), "lost-7").status_code == 200
    )
    told = _send(stack, caller, "/generate", _body(mark), "lost-7")
    assert told.headers[REPLAYED] == "true"
    row = _assert_paid_once(books, held, caller, mark)
    assert row["request_id"] == told.json()["request_id"]


def test_another_body_or_another_path_is_a_conflict_and_another_caller_has_its_own(
    stack, exchange, caller
):
    body = _body("conflict.well")
    assert _send(stack, caller, "/generate", body, "shared").status_code == 200
    for path, other in (("/generate", _body("conflict-other.well")), ("/jobs", body)):
        assert_error(_send(stack, caller, path, other, "shared"), "idempotency_conflict")
    stranger = stack.new_caller("conflict-stranger")
    answer = _send(stack, stranger, "/generate", body, "shared")
    assert (answer.status_code, REPLAYED in answer.headers) == (200, False)
    assert len(exchange.of("conflict")) == 2


@pytest.mark.parametrize("key", ["", "k" * 65, "a key", "é", "a/b"])
@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_a_key_that_is_none_is_refused_before_anything_runs(stack, path, key):
    headers = {"Idempotency-Key": key.encode()}
    error = assert_error(post(stack, path, {"text": "x"}, headers=headers), "invalid_request")
    [detail] = error["details"]
    assert detail["field"] == "Idempotency-Key"


@pytest.mark.parametrize("fault", ["unknown_model", "malformed_request", "refusal_in_answer"])
def test_what_failed_may_be_tried_again_under_its_key(stack, books, exchange, caller, fault):
    body = _body(f"again.{fault}")
    assert _send(stack, caller, "/generate", body, "again").json()["success"] is False
    told = _send(stack, caller, "/generate", body, "again")
    assert (told.status_code, REPLAYED in told.headers) == (200, False)
    body = _body(f"again-job.{fault}")
    first = _send(stack, caller, "/jobs", body, "again-job").json()["execution_id"]
    ended_job(stack, first, key=caller[1])
    second = _send(stack, caller, "/jobs", body, "again-job").json()["execution_id"]
    assert second != first
    assert ended_job(stack, second, key=caller[1])["status"] == "SUCCEEDED"
    calls = [exchange.of(f"{mark}.{fault}") for mark in ("again", "again-job")]
    assert [len(one) for one in calls] == [2, 2]
    assert eventually(lambda: len(books.rows(caller[0])) == 4)
    _assert_sums(books, caller, [*calls[0], *calls[1]])


def test_a_stopped_jobs_key_is_free_again(stack, books, held, caller):
    body = _body("stopped-key.well")
    first = _send(stack, caller, "/jobs", body, "stop").json()["execution_id"]
    assert eventually(lambda: held.of("stopped-key"))
    call(stack, "DELETE", f"/jobs/{first}", key=caller[1])
    held.free.set()
    # Its call ran on, and its answer may have been kept before the stop was known.
    assert eventually(lambda: books.rows(caller[0]))
    told = _send(stack, caller, "/jobs", body, "stop")
    assert told.status_code in {202, 409}
    if told.status_code == 202:
        assert ended_job(stack, told.json()["execution_id"], key=caller[1])["status"] == "SUCCEEDED"


COUNT = "x-stainless-retry-count"


def _said(mark):
    return marked("What is the weather in Bern?", mark)


def _own_fields(mark):
    return {"fallback": False, "task": "chat", "metadata": {"load": mark}}


def test_openais_client_that_gives_up_and_asks_again_pays_once_and_gets_the_answer(
    stack, books, held, caller
):
    mark, counts = "asked-again.well", []

    def sent(request):
        counts.append(request.headers[COUNT])
        if counts[-1] == "2":
            held.free.set()

    with openai.DefaultHttpxClient(event_hooks={"request": [sent]}) as http:
        client = openai.OpenAI(
            base_url=stack.base_url, api_key=caller[1], timeout=4, max_retries=2, http_client=http
        )
        told = client.chat.completions.with_raw_response.create(
            model=MODEL,
            messages=[{"role": "user", "content": _said(mark)}],
            extra_body=_own_fields(mark),
        )
    assert counts == ["0", "1", "2"]
    assert told.headers[REPLAYED] == "true"
    completion = told.parse()
    assert completion.choices[0].message.content
    row = _assert_paid_once(books, held, caller, mark)
    assert row["request_id"] == told.headers["x-request-id"]
    assert completion.id.removeprefix("chatcmpl-") == row["request_id"].removeprefix("req_")


def test_openais_client_that_says_the_same_twice_pays_twice(stack, books, exchange, caller):
    mark = "meant-twice.well"
    client = openai.OpenAI(base_url=stack.base_url, api_key=caller[1], max_retries=0)
    told = [
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": _said(mark)}],
            extra_body=_own_fields(mark),
        )
        for _ in range(2)
    ]
    assert len({one.id for one in told}) == len(exchange.of(mark)) == 2
    assert eventually(lambda: len(books.rows(caller[0])) == 2)
    _assert_sums(books, caller, exchange.of(mark))


def test_a_response_in_the_background_that_is_asked_for_again_is_the_first_one(
    stack, books, held, caller
):
    mark = "background-again.well"
    client = openai.OpenAI(base_url=stack.base_url, api_key=caller[1], max_retries=0)

    def asked(count):
        return client.responses.create(
            model=MODEL, input=_said(mark), background=True, extra_body=_own_fields(mark),
            extra_headers={COUNT: str(count)},
        ).id  # fmt: skip

    first = asked(0)
    assert asked(1) == first
    held.free.set()
    job = f"req_{first.removeprefix('resp_')}"
    assert ended_job(stack, job, key=caller[1])["status"] == "SUCCEEDED"
    assert asked(2) == first
    assert client.responses.retrieve(first).output_text
    assert _assert_paid_once(books, held, caller, mark)["request_id"] == job


IDENTICAL, IN_FLIGHT = 1_000, 100
"""More at a time than this machine runs within a request's deadline prove nothing more."""


def test_a_thousand_identical_requests_at_once_make_one_call(stack, books, exchange, caller):
    mark = "thousand.well"
    body = _body(mark, cache_ttl_seconds=600, max_latency_ms=26_000)
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT))

    def send(_):
        headers = {"X-API-Key": caller[1]}
        return session.post(f"{stack.base_url}/generate", json=body, headers=headers, timeout=300)

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        answers = list(pool.map(send, range(IDENTICAL)))
    assert Counter(one.status_code for one in answers) == {200: IDENTICAL}
    told = [one.json() for one in answers]
    assert Counter(one["cached"] for one in told) == {True: IDENTICAL - 1, False: 1}
    assert len({one["result"] for one in told}) == 1
    assert len({one["request_id"] for one in told}) == IDENTICAL
    assert {one["usage"]["total_cost_usd"] for one in told if one["cached"]} == {0}
    [billed] = exchange.of(mark)
    assert eventually(lambda: len(books.rows(caller[0])) == IDENTICAL)
    rows = books.rows(caller[0])
    assert Counter(row["cache"] for row in rows) == {"hit": IDENTICAL - 1, "miss": 1}
    _assert_sums(books, caller, [billed])
    assert not any("latency_ms" in row for row in rows if row["cache"] == "hit")
    [first] = {row["cached_from"]["request_id"] for row in rows if row["cache"] == "hit"}
    assert [row["request_id"] for row in rows if row["cache"] == "miss"] == [first]
    record = get(stack, f"/requests/{told[0]['request_id']}", key=caller[1]).json()
    assert record["cache"] in {"hit", "miss"}


def test_a_leaders_failure_is_its_own_and_the_next_one_leads(stack, books, exchange, caller):
    body = _body("leader.unknown_model", cache_ttl_seconds=600)
    answers = _at_once(lambda _: _send(stack, caller, "/generate", body), 20)
    assert Counter(one.status_code for one in answers) == {502: 1, 200: 19}
    assert len(exchange.of("leader.")) == 2
    assert eventually(lambda: len(books.rows(caller[0])) == 20)
    _assert_sums(books, caller, exchange.of("leader."))


def test_two_callers_with_one_body_are_two_calls(stack, exchange, caller):
    stranger = stack.new_caller("cache-stranger")
    body = _body("callers.well", cache_ttl_seconds=600)
    told = [_send(stack, one, "/generate", body).json() for one in (caller, stranger) * 2]
    assert [one["cached"] for one in told] == [False, False, True, True]
    assert len(exchange.of("callers.")) == 2


def test_a_callers_default_keeps_answers_until_a_request_says_otherwise(stack, exchange):
    body = {"name": "keeps-by-default", "cache_ttl_seconds": 600}
    operator = {"key": stack.operator_api_key}
    made = post(stack, "/admin/callers", body, **operator).json()
    caller = made["caller_id"], made["key"]
    told = []
    for more in ({}, {}, {"cache_ttl_seconds": 0}, {"temperature": 0.5}, {"temperature": 0.5}):
        answer = _send(stack, caller, "/generate", _body("default.well", **more))
        told.append(answer.json()["cached"])
    assert told == [False, True, False, False, False]
    assert len(exchange.of("default.")) == 4


def test_a_kept_answer_is_counted_in_the_summary_and_is_no_sample_of_latency(stack, caller):
    before = get(stack, "/metrics/summary?window=1h", key=caller[1]).json()["cache"]["hits"]
    body = _body("counted.well", cache_ttl_seconds=600)
    ids = [_send(stack, caller, "/generate", body).json()["request_id"] for _ in range(3)]
    assert eventually(
        lambda: (
            get(stack, "/metrics/summary?window=1h", key=caller[1]).json()["cache"]["hits"]
            == before + 2
        )
    )
    cache = get(stack, "/metrics/summary?window=1h", key=caller[1]).json()["cache"]
    assert 0 < cache["hit_rate"] < 1
    logs = get(stack, "/metrics/logs", key=caller[1]).json()
    rows = {one["request_id"]: one for one in logs.get("data", logs.get("logs"))}
    assert [rows[id_]["cached"] for id_ in ids] == [False, True, True]
    assert [rows[id_]["latency_ms"] is None for id_ in ids] == [False, True, True]
    assert {rows[id_]["model"] for id_ in ids} == {MODEL}
