"""A page of another origin, in a stage that lets it in and in one that does not."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import running_stack

pytestmark = pytest.mark.xdist_group("pages")

ASK = """async ([method, url, headers, body]) => {
    try {
        const answer = await fetch(url, {method, headers, body});
        const told = Object.fromEntries(answer.headers);
        return {status: answer.status, headers: told, body: await answer.json()};
    } catch (error) {
        return {error: error.name};
    }
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>app</title>")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def open_stack(origin):
    with running_stack(CORS_ALLOW_ORIGIN=origin) as running:
        yield running


@pytest.fixture
def ask(browser, origin):
    """What a page of that origin gets of a stack: answers, or the error that its script sees."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(origin)

    def asked(stack, method, path, body=None, **headers):
        told = {"X-API-Key": stack.api_key, "Content-Type": "application/json"} | headers
        url = f"{stack.base_url}{path}"
        return page.evaluate(ASK, [method, url, told, body])

    yield asked
    context.close()


REQUEST = '{"text": "Hello", "task": "chat"}'


def test_a_page_of_the_origin_reads_an_answer(open_stack, ask):
    told = ask(open_stack, "POST", "/generate", REQUEST)
    assert (told["status"], told["body"]["success"]) == (200, True)


def test_a_page_of_the_origin_starts_a_job_once_and_reads_where_it_is(open_stack, ask):
    told = ask(open_stack, "POST", "/jobs", REQUEST, **{"Idempotency-Key": "page-1"})
    assert told["status"] == 202
    assert told["headers"]["location"] == told["body"]["status_url"]
    job = ask(open_stack, "GET", f"/jobs/{told['body']['execution_id']}")
    assert job["status"] == 200
    assert ask(open_stack, "DELETE", f"/jobs/{told['body']['execution_id']}")["status"] == 200


REFUSALS = {
    "a function": ("GET", "/models/nothing", None, {}, 404, "not_found"),
    "a state machine": ("POST", "/generate", '{"text": 7}', {}, 400, "invalid_request"),
    "Step Functions": (
        "POST", "/jobs", REQUEST, {"Idempotency-Key": "no key"}, 400, "invalid_request"
    ),
    "the validator": ("POST", "/jobs", "[]", {}, 400, "invalid_request"),
    "the authorizer": ("GET", "/models", None, {"X-API-Key": "wrong"}, 401, "unauthorized"),
    "the gateway": (
        "POST", "/route", "a", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"
    ),
}  # fmt: skip


@pytest.mark.parametrize("maker", REFUSALS)
def test_a_page_of_the_origin_reads_refusals_whoever_makes_them(open_stack, ask, maker):
    method, path, body, headers, status, code = REFUSALS[maker]
    told = ask(open_stack, method, path, body, **headers)
    assert (told["status"], told["body"]["error"]["code"]) == (status, code)


def test_a_page_of_the_origin_reads_when_to_come_back(open_stack, ask):
    answers = [ask(open_stack, "GET", "/health") for _ in range(60)]
    refused = [one for one in answers if one["status"] == 429]
    assert refused
    assert {one["headers"]["retry-after"] for one in refused} == {"1"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/generate", REQUEST), ("GET", "/models", None), ("GET", "/nothing", None)],
)
def test_without_the_setting_no_page_of_another_origin_gets_anything(
    stack, ask, method, path, body
):
    assert ask(stack, method, path, body) == {"error": "TypeError"}


def test_a_page_of_a_third_origin_gets_nothing(open_stack, browser, origin):
    context = browser.new_context()
    page = context.new_page()
    page.goto(origin.replace("127.0.0.1", "localhost"))
    told = {"X-API-Key": open_stack.api_key}
    url = f"{open_stack.base_url}/models"
    assert page.evaluate(ASK, ["GET", url, told, None]) == {"error": "TypeError"}
    context.close()
