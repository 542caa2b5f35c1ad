import itertools
import json
import os
import signal
import threading
from collections import deque
from decimal import Decimal

import pytest
import requests

from local import load as loading
from local.__main__ import main
from local.client import Client
from local.load import LoadFailed, LoadOptions
from local.load_plan import Planned
from local.load_progress import shown
from local.load_report import Figures, percentiles, remarks, sent
from local.load_sending import Outcome, Sender, send_all
from local.state import StackState

GENERATE = Planned("/generate", {"text": "Hello"})
JOB = Planned("/jobs", {"text": "Hello"})
FAILED = {"success": False, "error": {"code": "all_providers_failed"}, "request_id": "req_1"}


def answer(cost=0.25, fallbacks=0, request_id="req_1"):
    return {
        "success": True,
        "request_id": request_id,
        "routing": {"fallbacks": [{"error": "ProviderTimeout"}] * fallbacks},
        "usage": {"total_cost_usd": cost, "savings_usd": 0.5},
        "performance": {"total_time_ms": 80},
    }


def response(status, body, **headers):
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


class Script(Client):
    """A client whose answers are given, or raised, in order."""

    def __init__(self, *answers):
        self.answers = deque(answers)
        self.asked = []

    def send(self, method, path, body=None):
        self.asked.append((method, path))
        told = self.answers.popleft()
        if isinstance(told, OSError):
            raise told
        return told


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    waits = []
    monkeypatch.setattr("local.load_sending.time.sleep", waits.append)
    return waits


def outcome_of(request, *answers):
    script = Script(*answers)
    outcome = Sender(script, threading.Event()).send(request)
    assert not script.answers
    return outcome


def test_an_answer_tells_its_cost_to_the_last_digit():
    told = outcome_of(GENERATE, response(200, answer(cost=1.2345e-05)))
    assert told == Outcome(
        "answered", cost_usd=Decimal("0.000012345"), savings_usd=Decimal("0.5"), total_time_ms=80
    )


def test_the_cost_of_an_answer_with_fallbacks_is_the_rows():
    row = response(200, {"cost_usd": 0.75, "fallbacks": 2})
    told = outcome_of(GENERATE, response(200, answer(fallbacks=2)), row)
    assert (told.kind, told.fallbacks, told.cost_usd) == ("answered", 2, Decimal("0.75"))


def test_a_failed_request_costs_what_its_row_says():
    row = response(200, {"cost_usd": 0.125, "fallbacks": 3})
    told = outcome_of(GENERATE, response(502, FAILED), row)
    assert told == Outcome("failed", "all_providers_failed", fallbacks=3, cost_usd=Decimal("0.125"))


@pytest.mark.parametrize(("status", "kind"), [(400, "refused"), (404, "refused"), (500, "failed")])
def test_an_error_of_the_caller_without_a_row_is_no_request(status, kind):
    error = {"error": {"code": "some_code"}, "request_id": "req_1"}
    told = outcome_of(GENERATE, response(status, error), response(404, {}))
    assert told == Outcome(kind, "some_code")


def test_a_job_is_polled_to_its_end():
    running = response(200, {"status": "RUNNING"})
    submitted = response(202, {"execution_id": "req_1"})
    done = response(200, {"status": "SUCCEEDED", "result": answer()})
    told = outcome_of(JOB, submitted, running, running, done)
    assert (told.kind, told.cost_usd) == ("answered", Decimal("0.25"))


def test_a_failed_job_is_looked_up_by_its_own_id():
    failed = response(200, {"status": "FAILED", "error": {"code": "deadline_exceeded"}})
    row = response(200, {"cost_usd": 0, "fallbacks": 0})
    script = Script(response(202, {"execution_id": "req_7"}), failed, row)
    told = Sender(script, threading.Event()).send(JOB)
    assert told == Outcome("failed", "deadline_exceeded")
    assert script.asked[-1] == ("GET", "/requests/req_7")


def test_a_throttled_request_is_sent_again_after_its_wait(waited):
    throttled = response(429, {"error": {"code": "rate_limited"}}, Retry_After="2")
    told = outcome_of(GENERATE, throttled, throttled, response(200, answer()))
    assert (told.kind, told.throttled, waited) == ("answered", 2, [2, 2])


def test_a_quota_that_is_used_up_is_not_waited_for(waited):
    used_up = response(429, {"error": {"code": "quota_exceeded"}}, Retry_After="3600")
    told = outcome_of(GENERATE, used_up)
    assert (told.kind, told.problem, waited) == ("refused", "quota_exceeded", [])


def test_a_lost_connection_is_a_failure():
    told = outcome_of(GENERATE, requests.ConnectionError("reset"))
    assert told == Outcome("failed", "no answer (ConnectionError)")


class Answering(Client):
    def __init__(self):
        pass

    def send(self, method, path, body=None):
        return response(200, answer())


def answered_sender():
    return Sender(Answering(), threading.Event())


def test_every_request_is_sent_once_whatever_the_number_of_threads():
    planned = iter([GENERATE] * 50)
    assert len(list(send_all(planned, answered_sender, 8, threading.Event()))) == 50


def test_a_run_that_is_stopped_ends_with_the_outcomes_so_far():
    stopping = threading.Event()
    outcomes = send_all(itertools.repeat(GENERATE), answered_sender, 2, stopping)
    first = [next(outcomes), next(outcomes)]
    stopping.set()
    assert {one.kind for one in [*first, *outcomes]} == {"answered"}


def test_elsewhere_than_in_a_terminal_progress_is_plain_lines(capsys):
    outcomes = [Outcome("answered"), Outcome("failed")]
    assert list(shown(outcomes, 2)) == outcomes
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("2/2 requests, ")
    assert line.endswith(" a second, 1 failed")


def test_refused_requests_are_not_counted_and_failed_ones_are():
    outcomes = [
        Outcome("answered", fallbacks=1, cost_usd=Decimal("0.1"), savings_usd=Decimal(1)),
        Outcome("failed", "x", fallbacks=2, cost_usd=Decimal("0.2"), throttled=3),
        Outcome("refused", "y"),
    ]
    assert sent(outcomes) == Figures(2, 1, 1, 3, Decimal("0.3"), Decimal(1))
    assert remarks(outcomes) == [
        "Throttled: 3 answers of 429.",
        "Failed: x 1.",
        "Refused, and not counted as requests: y 1.",
    ]


def test_percentiles_are_of_the_answers_alone():
    outcomes = [Outcome("answered", total_time_ms=ms) for ms in range(101)]
    assert percentiles([*outcomes, Outcome("failed")]) == {"p50": 50, "p95": 95, "p99": 99}
    assert percentiles([Outcome("failed")]) == {"p50": None, "p95": None, "p99": None}
    assert percentiles(outcomes[7:8]) == {"p50": 7, "p95": 7, "p99": 7}


@pytest.mark.parametrize(
    ("difference", "names"),
    [("0", []), ("0.000001", []), ("-0.000001", []), ("0.0000011", ["cost, USD"])],
)
def test_money_agrees_to_the_micro_dollar(difference, names):
    ours = Figures(1, 1, 0, 0, Decimal(1), Decimal(2))
    theirs = Figures(1, 1, 0, 0, Decimal(1) + Decimal(difference), Decimal(2))
    assert ours.differences(theirs) == names


class Stack:
    """A stack in memory. `lost` requests are missing in its metrics."""

    def __init__(self, lost=0):
        self.answered, self.lost = 0, lost
        self.lock = threading.Lock()

    def client(self, _base_url, _api_key):
        return self

    def is_healthy(self):
        return True

    def send(self, method, path, body=None):
        with self.lock:
            self.answered += 1
        return response(200, answer())

    def ask(self, method, path):
        if path == "/models":
            return 200, {"data": [{"id": "m", "provider": "openai", "usable": True, "mock": True}]}
        assert path.startswith("/metrics/summary?window=")
        # As if others had been there before.
        number = 1000 + max(0, self.answered - self.lost)
        return 200, {
            "requests": {"total": number, "successful": number, "failed": 0},
            "latency_ms": {"p50": 80, "p95": None, "p99": None},
            "costs": {
                "total_usd": number * Decimal("0.25"),
                "savings_usd": number * Decimal("0.5"),
            },
            "fallbacks": 0,
        }


@pytest.fixture
def use(monkeypatch):
    def run_on(stack, state="ready"):
        monkeypatch.setattr(loading, "Client", stack.client)
        monkeypatch.setattr(loading, "read_state", lambda port: StackState(port, state=state))
        monkeypatch.setattr(loading, "_METRICS_WITHIN_S", 0)

    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield run_on
    for number, handler in before:
        signal.signal(number, handler)


def test_a_run_that_the_metrics_confirm_ends_with_0(use, capsys):
    use(Stack())
    assert main(["load", "--requests", "20", "--concurrency", "3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["requests", "20", "20"] in lines
    assert ["cost,", "USD", "5.000000", "5.000000"] in lines
    assert ["p50,", "ms", "80", "80"] in lines
    assert ["p95,", "ms", "80", "-"] in lines
    assert lines[-1] == ["Counts", "and", "money", "agree."]


def test_a_run_that_the_metrics_do_not_confirm_ends_with_1_and_names_what_differs(use, capsys):
    use(Stack(lost=1))
    assert main(["load", "--requests", "20"]) == 1
    assert "in: requests, successful, cost, USD, saved, USD." in capsys.readouterr().out


def test_an_interrupt_ends_with_the_summary_so_far(use, monkeypatch, capsys):
    stack = Stack()
    use(stack)
    send = stack.send

    def interrupted(*call):
        if stack.answered == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return send(*call)

    monkeypatch.setattr(stack, "send", interrupted)
    assert main(["load", "--requests", "100000", "--concurrency", "1"]) == 0
    printed = capsys.readouterr().out
    assert "Ending with the requests under way" in printed
    assert "Counts and money agree." in printed


def test_without_a_stack_one_line_says_how_to_start_one(use, capsys):
    use(Stack(), state="stopped")
    assert main(["load", "--port", "8123"]) == 1
    assert capsys.readouterr().err == (
        "No stack is ready on port 8123; start one with: python -m local up --port 8123\n"
    )


def test_an_api_without_the_summary_is_told_about(use, monkeypatch):
    stack = Stack()
    use(stack)
    refused = (403, {"error": {"message": "Not you."}})
    ask = stack.ask
    monkeypatch.setattr(
        stack, "ask", lambda method, path: ask(method, path) if path == "/models" else refused
    )
    with pytest.raises(LoadFailed, match="answers 403: Not you"):
        loading.load(LoadOptions(port=1, requests=1, concurrency=1, failures=0, seed=1))


@pytest.mark.parametrize(
    "options",
    [
        ("--requests", "0"),
        ("--requests", "-1"),
        ("--concurrency", "two"),
        ("--failures", "101"),
        ("--failures", "nan"),
        ("--failures", "-1"),
        ("--seed", "x"),
    ],
)
def test_bad_options_end_with_2(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["load", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err
