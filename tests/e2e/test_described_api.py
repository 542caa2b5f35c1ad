"""What the API's document promises, held against a running stack: of 2,000 requests that were made up from it,
half of which it forbids, and of flows as callers have them."""

from collections import Counter

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from stacks.api.operations import OPERATIONS
from stacks.api.routes import ROUTES
from tests.conftest import running_stack
from tests.support.api_calls import call, ended_job, get, openai_post, post
from tests.support.api_document import ANSWERED, REFUSED, assert_conforms, described

pytestmark = pytest.mark.xdist_group("described")

ROUTE_OF = {OPERATIONS[one.name].name: one for one in ROUTES if one.name in OPERATIONS}
OPERATION_OF = {one.name: one for one in OPERATIONS.values()}
OF_OPERATORS = {name for name, route in ROUTE_OF.items() if "/admin/" in route.path}
# Of what needs no key, all callers together have ten a second, and nothing can be wrong with it.
KEYLESS = {name for name, route in ROUTE_OF.items() if not route.needs_key}
# A made-up name is no model's.
NAMED_MODELS = {
    "create_chat_completion": "auto",
    "create_response": "auto",
    "create_embeddings": "text-embedding-3-small",
}
WITH_BODY = {name for name, one in OPERATION_OF.items() if one.body}
REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def cases(name, mode):
    """How many of an operation."""
    if name in KEYLESS:
        return 5 if mode is GenerationMode.POSITIVE else 0
    return 48 if name in WITH_BODY else 24


FRAMING = {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding"}


def arrives(case):
    """An empty list in a query is sent as nothing, and by FRAMING its own client frames a message."""
    is_sent = all(value not in ([], {}) for value in (case.query or {}).values())
    return is_sent and not FRAMING & {name.lower() for name in case.headers or {}}


CHECKS = {GenerationMode.POSITIVE: ANSWERED, GenerationMode.NEGATIVE: REFUSED}


class Own:
    """A stack of its own, with one of each thing that paths name."""

    def __init__(self, stack):
        self.stack, self.session = stack, requests.Session()
        answer = post(stack, "/generate", {"text": "Hello"}).json()
        job = post(stack, "/jobs", {"text": "Hello"}).json()
        ended_job(stack, job["execution_id"])
        background = {"model": "auto", "input": "Hello", "background": True}
        response = openai_post(stack, "/responses", background).json()
        key = stack.operator_api_key
        for caller in ("subject", "another"):
            made = post(stack, "/admin/callers", {"name": caller}, key=key)
            assert made.status_code == 201
        self.ids = {
            "request_id": answer["request_id"],
            "execution_id": job["execution_id"],
            "response_id": response["id"],
            "model_id": "gpt-4o",
            "caller": "subject",
            "file": "docs.css",
        }

    def headers(self, name):
        if name in KEYLESS:
            return {}
        key = self.stack.operator_api_key if name in OF_OPERATORS else self.stack.api_key
        if ROUTE_OF[name].credential == "bearer":
            return {"Authorization": f"Bearer {key}"}
        return {"X-API-Key": key}

    def answers_to_made_up(self, name, mode):
        """How often each status was answered to what was made up of an operation."""
        route, statuses = ROUTE_OF[name], Counter()
        path = route.path.removeprefix("v1")

        @settings(REPEATABLE, max_examples=cases(name, mode))
        @given(case=self._made_up(described()[path][route.verb], mode))
        def send(case):
            headers = self.headers(name)
            named = NAMED_MODELS.get(name) if mode is GenerationMode.POSITIVE else None
            if named and statuses.total() % 2:
                case.body["model"] = named
            response = case.call(session=self.session, headers=headers)
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS[mode], headers=headers)

        send()
        return statuses

    def _made_up(self, operation, mode):
        """Half of them name things that are there."""
        ids = {name: id_ for name, id_ in self.ids.items() if f"{{{name}}}" in operation.path}
        anything = operation.as_strategy(generation_mode=mode)
        if not ids:
            return anything.filter(arrives)
        named = operation.as_strategy(generation_mode=mode, path_parameters=ids)
        return st.one_of(anything, named).filter(arrives)


@pytest.fixture(scope="module")
def own():
    # Nearly every id that is made up is nobody's, and none of them is waited for.
    with running_stack() as running, running.variables("Api", {"AWAITED_ROW_MS": "0"}):
        described().config.update(base_url=running.base_url)
        yield Own(running)


def test_two_thousand_requests_are_made_up():
    assert sum(cases(name, mode) for name in OPERATION_OF for mode in CHECKS) >= 2_000


@pytest.mark.parametrize("name", ROUTE_OF)
def test_whatever_is_sent_the_answer_is_as_described(own, name):
    statuses = own.answers_to_made_up(name, GenerationMode.POSITIVE)
    if name not in KEYLESS:
        refused = own.answers_to_made_up(name, GenerationMode.NEGATIVE)
        assert refused.total() == cases(name, GenerationMode.NEGATIVE)
    assert any(status < 300 for status in statuses), statuses


def test_what_callers_meet_is_as_described(own):
    stack = own.stack
    _, caller = stack.new_caller("pays-nothing", total_usd=0.000_000_001)
    flows = [
        ("/generate", {"task": "summarize", "text": "Hello", "explain": True}, {}, {}, 200),
        ("/generate", {"text": "a", "prompt": "b"}, {}, {}, 400),
        ("/generate", {"text": "a", "model": "none"}, {}, {}, 404),
        ("/generate", {"text": "a", "max_cost_usd": 1e-9, "task": "chat"}, {}, {}, 422),
        ("/generate", {"text": "Hello", "model": "gpt-4o"}, {"key": caller}, {}, 402),
        ("/generate", {"text": "a"}, {"key": "nobody's"}, {}, 401),
        ("/generate", {"text": "a" * 230_000}, {}, {}, 413),
        ("/generate", {"text": "a"}, {}, {"*": "ContentFiltered"}, 422),
        ("/generate", {"text": "a"}, {}, {"*": "ProviderUnavailable"}, 502),
        ("/route", {"text": "a", "models": ["gpt-4o", "gpt-5"]}, {}, {}, 200),
        ("/jobs", {"text": ""}, {}, {}, 400),
    ]
    for path, body, options, faults, status in flows:
        with stack.faults(faults):
            response = post(stack, path, body, **options)
        assert response.status_code == status, response.text
        assert_conforms("POST", path, response)
        if path == "/generate" and status not in {401, 413}:
            record = get(stack, f"/requests/{response.json()['request_id']}", **options)
            assert record.status_code == 200
            assert_conforms("GET", "/requests/{request_id}", record)


@pytest.mark.parametrize("fault", ["", "ProviderTimeout", "ContentFiltered"])
def test_a_job_is_as_described_from_its_start_to_its_end(own, fault):
    stack = own.stack
    with stack.faults({"*": fault} if fault else {}):
        headers = {"Idempotency-Key": f"described-{fault}"}
        accepted = post(stack, "/jobs", {"task": "chat", "text": "Hello"}, headers=headers)
        assert_conforms("POST", "/jobs", accepted)
        assert accepted.headers["Location"] == accepted.json()["status_url"]
        id_ = accepted.json()["execution_id"]
        ended_job(stack, id_)
    again = post(stack, "/jobs", {"task": "chat", "text": "Hello"}, headers=headers)
    # What failed may be tried again under its key.
    assert again.status_code == (202 if fault else 409)
    assert_conforms("POST", "/jobs", again)
    for method in ("GET", "DELETE"):
        job = call(stack, method, f"/jobs/{id_}")
        assert job.status_code == 200
        assert_conforms(method, "/jobs/{execution_id}", job)
    assert_conforms("GET", "/requests/{request_id}", get(stack, f"/requests/{id_}"))
