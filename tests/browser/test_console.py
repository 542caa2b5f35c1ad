import json
import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import expect

from functions.shared.money.budget import HOLD, Hold, budget_id, minute_of
from tests.support.page_look import FAINT_TEXTS, OVERFLOW

pytestmark = pytest.mark.xdist_group("pages")

TEXT = "Step Functions runs each request as a state machine. Every state is a Lambda function."
REFUSED = "Failed to load resource"
"""What Chromium itself logs of every answer over 399; nothing on the page can prevent it."""
SEND, SEND_AS_JOB, DRY_RUN = "Send", "Send as job", "Dry run"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 400, "height": 860}
PARTS = ("final", "cost", "latency", "quality", "availability")
PINNED = {"model": "gpt-4o", "task": "chat"}


class Console:
    """The page in a browser, with the API beside it to compare with."""

    def __init__(self, stack, page):
        self.stack, self.page = stack, page
        self.url = f"{stack.base_url.removesuffix('/api/v1')}/console"
        self.problems, self.asked = [], []
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(self.url)

    def _logged(self, message):
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            self.problems.append(message.text)

    def enter(self, key=None):
        with self.answering("/metrics/logs"):
            self.page.get_by_label("API key", exact=True).fill(key or self.stack.api_key)
            self.page.get_by_role("button", name="Continue").click()
        expect(self.page.locator("#realtime .columns")).to_be_visible()

    def send(self, button=SEND, text=TEXT, **fields):
        self.page.locator("#text").fill(text)
        for name, value in fields.items():
            field = self.page.locator(f"#{name}")
            if isinstance(value, bool):
                field.set_checked(value)
            elif field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        self.page.get_by_role("button", name=button, exact=True).click()

    def sent(self, **fields):
        """Sends a request, and waits for its answer and for all that is shown beside it."""
        with self.answering("/metrics/logs"):
            self.send(**fields)
        expect(self.outcome.locator(".walk")).to_be_visible()
        return self.outcome.locator(".answer").get_attribute("data-request")

    def open_record(self, request_id, **changes):
        """As the API has it, but for the changes."""
        if changes:
            self.answer_with(f"**/v1/requests/{request_id}", changes)
        self.page.locator(f'tr[data-request="{request_id}"]').click()
        expect(self.record.locator(".walk")).to_be_visible()

    def answering(self, path):
        return self.page.expect_response(lambda response: path in urlsplit(response.url).path)

    def answer_with(self, path, changes):
        def fulfill(route):
            response = route.fetch()
            told = response.json() | changes
            given = {name: value for name, value in told.items() if value is not None}
            route.fulfill(response=response, json=given)

        self.page.route(path, fulfill)

    def api(self, path):
        response = requests.get(
            f"{self.stack.base_url}{path}", headers={"X-API-Key": self.stack.api_key}, timeout=30
        )
        assert response.status_code == 200, response.text
        return response.json()

    @property
    def outcome(self):
        return self.page.locator("#outcome")

    @property
    def record(self):
        return self.page.get_by_role("dialog")

    @property
    def model(self):
        return self.outcome.locator("[data-figure=model]")

    def figure(self, place, name):
        """A figure as the API gave it; None where it had none."""
        value = self.page.locator(f"{place} [data-figure={name}]").get_attribute("data-value")
        return None if value is None else float(value)


@pytest.fixture
def door(stack, page):
    """The console before a key was entered."""
    page.set_viewport_size(WIDE)
    console = Console(stack, page)
    yield console
    assert console.problems == []


@pytest.fixture
def console(door):
    door.enter()
    return door


def _numbers(rows, name):
    return [float(one) for one in _values(rows, name)]


def _values(rows, name):
    cells = rows.locator(f'[data-name="{name}"]')
    return cells.evaluate_all("cells => cells.map((cell) => cell.dataset.value)")


def test_nothing_is_asked_before_there_is_a_key(door):
    expect(door.page.get_by_role("heading", name="Enter your API key")).to_be_visible()
    expect(door.page.get_by_role("button", name=SEND, exact=True)).to_be_hidden()
    assert not [url for url in door.asked if "/v1/" in url]
    expect(door.page.get_by_label("API key", exact=True)).to_have_attribute("type", "password")
    expect(door.page.get_by_label("API key", exact=True)).to_have_value("")


def test_a_wrong_key_is_refused_in_plain_words(door):
    field = door.page.get_by_label("API key", exact=True)
    field.fill("wrong")
    door.page.get_by_role("button", name="Continue").click()
    expect(door.page.get_by_role("alert").first).to_contain_text("not accepted")
    expect(field).to_be_focused()
    expect(door.page.locator("#requests")).to_be_hidden()
    assert door.page.evaluate("sessionStorage.length") == 0


def test_the_key_stays_in_this_tab_until_it_is_forgotten(console):
    page, key = console.page, console.stack.api_key
    assert key not in "".join(console.asked) + page.url
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    with console.answering("/metrics/logs"):
        page.reload()
    expect(page.locator("#requests")).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_role("heading", name="Enter your API key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_page_leads_to_the_description_of_the_api(door):
    door.page.get_by_role("link", name="API", exact=True).click()
    expect(door.page).to_have_url(f"{door.stack.base_url}/docs")


def test_nobody_but_this_stack_is_asked(console):
    console.sent()
    host = urlsplit(console.url).netloc
    assert {urlsplit(url).netloc for url in console.asked if not url.startswith("data:")} == {host}


def test_an_answer_is_shown_as_the_api_recorded_it(console):
    request_id = console.sent(task="summarize", model_preference="cheap")
    row = console.api(f"/requests/{request_id}")
    expect(console.model).to_have_text(row["model"])
    expect(console.outcome.get_by_label("Text of the answer")).to_have_text(f"[simulated] {TEXT}")
    expect(console.outcome.get_by_text("simulated", exact=True)).to_be_visible()
    assert (row["task"], row["model_preference"]) == ("summarize", "cheap")
    assert row["usage"]["total_cost_usd"] == 0
    assert console.figure("#outcome", "cost_usd") == row["usage"]["simulated_cost_usd"] > 0
    assert console.figure("#outcome", "savings_usd") == row["usage"]["savings_usd"]
    assert console.figure("#outcome", "total_ms") == row["performance"]["total_time_ms"]


def test_the_decision_behind_an_answer_is_drawn_and_told(console):
    decision = console.api(f"/requests/{console.sent(task='code')}")["decision"]
    place = console.outcome.locator(".decision")
    expect(place.locator(".chart")).to_have_attribute(
        "data-chosen", decision["candidates"][0]["model"]
    )
    drawn = place.get_by_role("table", name="Scores from 0 to 1").locator("tbody tr")
    expect(drawn).to_have_count(min(8, len(decision["candidates"])))
    for row, candidate in zip(drawn.all(), decision["candidates"], strict=False):
        expect(row.get_by_role("rowheader")).to_contain_text(candidate["model"])
        scores = [candidate[f"{part}_score"] for part in PARTS]
        assert row.locator(".scored").all_inner_texts() == [f"{score:.2f}" for score in scores]
        lengths = row.locator(".bar").evaluate_all("all => all.map((one) => one.style.cssText)")
        assert lengths == [f"--share: {100 * score:.0f}%;" for score in scores]
    expect(drawn.locator("strong")).to_have_text(f"{decision['candidates'][0]['model']} (chosen)")
    place.get_by_role("button", name="Show all").click()
    expect(drawn).to_have_count(len(decision["candidates"]))
    expect(place).to_contain_text(decision["reason"])
    place.get_by_text("All scores and estimates as a table").click()
    listed = place.get_by_role("table", name="Candidates in the order").get_by_role("rowheader")
    expect(listed).to_have_count(len(decision["candidates"]))
    expect(listed.first).to_have_text(f"{decision['candidates'][0]['model']} (chosen)")
    place.locator("summary", has_text="models excluded").click()
    excluded = place.get_by_role("table", name="Excluded models").locator("tbody tr")
    expect(excluded).to_have_count(len(decision["excluded"]))
    expect(excluded.first).to_contain_text(decision["excluded"][0]["reason"])


def test_an_answer_is_text_and_never_markup(console):
    text = "<img src=x onerror=\"document.title='broken'\"><b>bold</b>"
    console.sent(text=text, task="chat")
    expect(console.outcome.get_by_label("Text of the answer")).to_contain_text("<b>bold</b>")
    expect(console.outcome.locator("img, b")).to_have_count(0)
    expect(console.page).to_have_title("Console · LLM Orchestration Engine")


def test_what_the_form_holds_is_what_is_sent(console):
    with console.page.expect_request("**/v1/route") as asked:
        console.send(
            DRY_RUN, system="Be brief.", task="chat", model_preference="fast", fallback=False,
            max_cost_usd="0.5", max_latency_ms="20000", max_output_tokens="300", temperature="0.5",
            session_id="s-1", response_format="json_object",
        )  # fmt: skip
    assert asked.value.post_data_json == {
        "text": TEXT,
        "system": "Be brief.",
        "task": "chat",
        "model_preference": "fast",
        "fallback": False,
        "max_cost_usd": 0.5,
        "max_latency_ms": 20_000,
        "max_output_tokens": 300,
        "temperature": 0.5,
        "session_id": "s-1",
        "response_format": {"type": "json_object"},
    }
    expect(console.outcome.get_by_text("dry run", exact=True)).to_be_visible()


@pytest.mark.parametrize(("button", "path"), [(SEND, "generate"), (SEND_AS_JOB, "jobs")])
def test_an_answer_is_asked_for_with_its_whole_decision(console, button, path):
    with console.page.expect_request(f"**/v1/{path}") as asked:
        console.send(button)
    assert asked.value.post_data_json["explain"] is True
    # What is still under way would get its row beside those of the next test.
    expect(console.outcome.locator(".walk")).to_be_visible()


def test_a_dry_run_shows_the_decision_and_asks_nobody(console):
    rows = console.page.locator("#rows tr").evaluate_all("rows => rows.map(r => r.dataset.request)")
    with console.answering("/route") as response:
        console.send(DRY_RUN, task="code", model_preference="best")
    routing = response.value.json()["routing"]
    expect(console.model).to_have_text(routing["selected_model"])
    first = routing["candidates"][0]
    assert console.figure("#outcome", "cost_usd") == first["estimated_cost_usd"]
    quality = round(100 * routing["weights"]["quality"])
    expect(console.outcome.locator(".decision")).to_contain_text(f"quality {quality} %")
    expect(console.outcome.locator(".decision .chart table")).to_be_visible()
    assert [one["request_id"] for one in console.api("/metrics/logs")["data"]] == rows


def test_a_job_is_followed_to_its_answer(console):
    request_id = console.sent(button=SEND_AS_JOB, task="chat")
    assert console.api(f"/jobs/{request_id}")["status"] == "SUCCEEDED"
    row = console.api(f"/requests/{request_id}")
    assert row["mode"] == "async"
    expect(console.model).to_have_text(row["model"])


def test_a_job_can_be_stopped(console):
    # A throttled last candidate is waited for, which keeps the job running for a second.
    with console.stack.faults({"gpt-4o": "ProviderThrottled"}):
        console.send(SEND_AS_JOB, **PINNED, fallback=False)
        expect(console.outcome.get_by_text("RUNNING")).to_be_visible()
        job = console.outcome.locator("[data-job]").get_attribute("data-job")
        console.page.get_by_role("button", name="Stop the job").click()
        expect(console.outcome.locator("[data-code=aborted]")).to_be_visible()
    assert console.api(f"/jobs/{job}")["status"] == "ABORTED"


@pytest.mark.parametrize("button", [SEND, DRY_RUN])
def test_what_is_wrong_with_a_field_stands_at_the_field(console, button):
    field = console.page.get_by_label("Model, or up to 8 in order")
    console.send(button, model="gpt-99")
    expect(console.page.locator("#model-problem")).to_contain_text("no such model")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_attribute("aria-describedby", "model-problem")
    expect(field).to_be_focused()
    field.fill("gpt-4o")
    expect(console.page.locator("#model-problem")).to_have_count(0)


def test_the_browser_refuses_what_the_api_would(console):
    console.page.get_by_role("button", name=SEND, exact=True).click()
    assert console.page.locator("#text").evaluate("field => field.validity.valueMissing")
    console.send(temperature="3", max_cost_usd="-1", session_id="a b")
    invalid = console.page.locator("#request :invalid:not(fieldset)")
    assert invalid.evaluate_all("fields => fields.map((field) => field.id)") == [
        "max_cost_usd", "temperature", "session_id",
    ]  # fmt: skip
    assert not [url for url in console.asked if url.endswith("/generate")]


def test_limits_that_no_model_fits_are_explained_model_by_model(console):
    with console.answering("/generate") as response:
        console.send(task="chat", max_cost_usd="0.0000001")
    details = response.value.json()["error"]["details"]
    rows = console.outcome.get_by_role("table", name="Excluded models").locator("tbody tr")
    expect(rows).to_have_count(len(details))
    expect(rows.first).to_have_text(f"{details[0]['model']}{details[0]['reason']}")
    expect(console.outcome.locator(".walk [data-state=Score]")).to_contain_text("no model to ask")


def test_a_failure_of_all_providers_shows_each_attempt(console):
    with console.stack.faults({"gpt-4o": "ProviderAuthFailed"}), console.answering("/generate"):
        console.send(**PINNED, fallback=False)
    failure = console.outcome.get_by_role("alert")
    expect(failure).to_have_attribute("data-code", "all_providers_failed")
    [row] = failure.locator("tbody tr").all()
    expect(row).to_contain_text("ProviderAuthFailed")
    states = console.outcome.locator(".walk .state")
    expect(states).to_have_text(
        ["Classify", "Score", "Invoke Provider", "Next Candidate?", "Record Failure"]
    )


@pytest.mark.parametrize(
    ("code", "headers", "error"),
    [
        ("rate_limited", {"Retry-After": "7"}, {}),
        ("quota_exceeded", {}, {"retry_after_seconds": 7}),
    ],
)
def test_too_many_requests_say_when_to_try_again(console, code, headers, error):
    body = {"error": {"code": code, "message": "Too many.", **error}, "request_id": "req_1"}
    console.page.route(
        "**/v1/generate",
        lambda route: route.fulfill(status=429, headers=headers, body=json.dumps(body)),
    )
    console.send()
    expect(console.outcome.get_by_role("alert")).to_contain_text("Try again in 7 seconds, at ")


def _refuses(console, status, **error):
    body = {"error": error, "request_id": "req_1"}
    console.page.route(
        "**/v1/generate", lambda route: route.fulfill(status=status, body=json.dumps(body))
    )
    console.send()
    return console.outcome.get_by_role("alert")


def test_a_budget_that_does_not_pay_is_a_table_of_what_is_left_and_needed(console):
    own = {"limit": "caller's month", "limit_usd": 50, "left_usd": 0.0004, "needed_usd": 0.002}
    stages = {"limit": "stage's month", "renews_at": "2026-12-01T00:00:00Z"}
    refused = _refuses(
        console,
        402,
        code="budget_exceeded",
        message="The budget does not pay for any model.",
        details=[{**own, "renews_at": None}, stages],
    )
    expect(refused.get_by_role("heading")).to_have_text("The budget does not pay for this")
    expect(refused).to_have_class("failure rejected")
    rows = refused.get_by_role("table").locator("tbody tr")
    expect(rows.nth(0).locator("th, td")).to_have_text(
        ["caller's month", "$0.002000", "$0.000400", "$50.00", "never"]
    )
    expect(rows.nth(1).locator("th, td").nth(1)).to_have_text("–")
    expect(rows.nth(1)).to_contain_text("Dec")
    expect(refused).not_to_contain_text("Try again")


def test_used_up_tokens_say_so_and_when_the_next_minute_begins(console):
    said = "This minute's tokens are used up."
    told = {"code": "rate_limited", "message": said, "retry_after_seconds": 23}
    refused = _refuses(console, 429, **told)
    expect(refused).to_contain_text(said)
    expect(refused).to_contain_text("Try again in 23 seconds, at ")


def test_what_a_budget_lowers_is_not_called_without_effect(console):
    lowered = {
        "parameter": "max_output_tokens",
        "reason": "lowered to 812: the budget pays for no more",
    }
    dropped = {"parameter": "seed", "reason": "the model takes none"}

    def fulfill(route):
        response = route.fetch()
        told = response.json()
        told["routing"]["dropped_parameters"] = [lowered, dropped]
        route.fulfill(response=response, json=told)

    console.page.route("**/v1/generate", fulfill)
    console.sent()
    expect(console.outcome.locator(".answer li")).to_have_text(
        [
            "max_output_tokens was lowered to 812: the budget pays for no more",
            "seed had no effect: the model takes none",
        ]
    )


def test_an_api_out_of_reach_is_said(console):
    console.page.route("**/v1/generate", lambda route: route.abort())
    console.send()
    expect(console.outcome.get_by_role("alert")).to_contain_text("The API cannot be reached.")
    expect(console.page.get_by_role("button", name=SEND, exact=True)).to_be_enabled()


@pytest.mark.parametrize("window", ["15m", "1h", "24h", "7d", "30d"])
def test_totals_are_those_of_the_summary(console, window):
    if window == "1h":
        console.page.get_by_label("Window").select_option("7d")
    with console.page.expect_response(f"**/metrics/summary?window={window}") as response:
        console.page.get_by_label("Window").select_option(window)
    summary = response.value.json()
    expect(console.page.locator(f"#totals[data-window='{summary['window']}']")).to_be_visible()
    shown = {
        "requests": summary["requests"]["total"],
        "rejected": summary["requests"]["rejected"],
        "errors": summary["requests"]["errors"],
        "fallbacks": summary["fallbacks"],
        "cost_usd": summary["costs"]["total_usd"],
        "savings_usd": summary["costs"]["savings_usd"],
        **summary["latency_ms"],
        "overhead_p50": summary["overhead_ms"]["p50"],
        "overhead_p95": summary["overhead_ms"]["p95"],
    }
    assert {name: console.figure("#totals", name) for name in shown} == shown


def test_the_last_minutes_are_drawn_and_summed(console):
    console.sent()
    with console.answering("/metrics/realtime") as response:
        console.page.get_by_role("button", name="Refresh").click()
    told = response.value.json()
    assert told["requests"] > 0
    counts = [
        *(f"{told[name]} {name}" for name in ("requests", "rejected", "errors")),
        f"${told['cost_usd']:.6f}",
    ]
    note = re.sub(r"\b1 (request|error)s", r"1 \1", ", ".join(counts))
    expect(console.page.locator("#realtime-note")).to_have_text(note)
    columns = console.page.locator("#realtime .column")
    expect(columns).to_have_count(len(told["data"]))
    answered = sum(bucket["requests"] > bucket["failed"] for bucket in told["data"])
    expect(columns.locator(".answered")).to_have_count(answered)
    for name in ("rejected", "errors"):
        drawn = sum(bucket[name] > 0 for bucket in told["data"])
        expect(columns.locator(f".{name}")).to_have_count(drawn)
    (busiest,) = sorted(told["data"], key=lambda bucket: bucket["requests"])[-1:]
    said = f"{busiest['requests'] - busiest['failed']} answered, {busiest['rejected']} rejected"
    expect(columns.nth(told["data"].index(busiest))).to_have_attribute("title", re.compile(said))
    expect(console.page.get_by_role("img", name=said).first).to_be_visible()


def test_the_page_is_there_after_three_requests_of_which_two_are_at_once(door):
    assert [urlsplit(url).path for url in door.asked if not url.startswith("data:")] == [
        *("/console", "/console/console.css", "/console/main.js"),
    ]


def test_never_more_than_two_requests_are_on_their_way(door):
    running, most = set(), []

    def started(request):
        # The page itself has been answered when it asks for its files.
        if request.resource_type != "document" and not request.url.startswith("data:"):
            running.add(request)
            most.append(len(running))

    def ended(request):
        running.discard(request)

    for event in ("requestfinished", "requestfailed"):
        door.page.on(event, ended)
    door.page.on("request", started)
    door.page.goto(door.url)
    door.enter()
    with door.answering("/metrics/logs"):
        door.page.get_by_role("button", name="Refresh").click()
    assert most
    assert max(most) <= 2


def test_the_newest_requests_are_those_of_the_log(console):
    with console.answering("/metrics/logs") as response:
        console.sent(task="rewrite")
    logs = response.value.json()["data"]
    rows = console.page.locator("#rows tr")
    expect(rows).to_have_count(len(logs))
    assert rows.evaluate_all("rows => rows.map((row) => row.dataset.request)") == [
        log["request_id"] for log in logs
    ]
    for name, field in (("Status", "status"), ("Task", "task"), ("Model", "model")):
        assert _values(rows, name) == [log[field] or "" for log in logs]
    for name, field in (
        ("Latency", "latency_ms"),
        ("Cost", "cost_usd"),
        ("Fallbacks", "fallbacks"),
    ):
        assert _numbers(rows, name) == [log[field] for log in logs]
    assert logs[0]["task"] == "rewrite"


def test_older_requests_come_page_by_page(console):
    page, rows = console.page, console.page.locator("#rows tr")
    body = {"task": "chat", "text": TEXT}
    for _ in range(21):
        url, headers = f"{console.stack.base_url}/generate", {"X-API-Key": console.stack.api_key}
        assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 200
    with console.answering("/metrics/logs"):
        page.get_by_role("button", name="Refresh").click()
    expect(rows).to_have_count(20)
    newest = rows.first.get_attribute("data-request")
    with console.answering("/metrics/logs") as response:
        page.get_by_role("button", name="Older").click()
    expect(page.get_by_text("Page 2")).to_be_visible()
    assert newest not in {one["request_id"] for one in response.value.json()["data"]}
    expect(rows.first).to_have_attribute(
        "data-request", response.value.json()["data"][0]["request_id"]
    )
    page.get_by_role("button", name="Newer").click()
    expect(rows.first).to_have_attribute("data-request", newest)
    expect(page.get_by_role("button", name="Newer")).to_be_disabled()


def test_requests_are_filtered(console):
    model = console.api(f"/requests/{console.sent(task='rewrite')}")["model"]
    page, rows = console.page, console.page.locator("#rows tr")
    page.locator("#filter-task").select_option("rewrite")
    page.locator("#filter-status").select_option("SUCCEEDED")
    with page.expect_response(lambda response: f"model={model}" in response.url) as response:
        page.locator("#filter-model").fill(model)
        page.locator("#filter-model").press("Enter")
    asked = parse_qs(urlsplit(response.value.url).query)
    assert asked == {
        "limit": ["20"], "task": ["rewrite"], "status": ["SUCCEEDED"], "model": [model],
    }  # fmt: skip
    expect(rows).to_have_count(len(response.value.json()["data"]))
    assert set(_values(rows, "Task")) == {"rewrite"}
    assert set(_values(rows, "Status")) == {"SUCCEEDED"}
    assert set(_values(rows, "Model")) == {model}


def test_a_request_opens_with_every_attempt(console):
    with console.stack.faults({"gpt-4o": "ProviderTimeout"}):
        request_id = console.sent(**PINNED)
    row = console.api(f"/requests/{request_id}")
    assert [one["outcome"] for one in row["attempts"]] == ["ProviderTimeout", "success"]
    console.open_record(request_id)
    attempts = console.record.get_by_role("table", name="Attempts").locator("tbody tr")
    expect(attempts).to_have_count(2)
    for shown, attempt in zip(attempts.all(), row["attempts"], strict=True):
        for text in (attempt["model"], attempt["provider"], attempt["outcome"]):
            expect(shown).to_contain_text(text)
        values = shown.locator("[data-value]").evaluate_all("c => c.map((o) => o.dataset.value)")
        cost = attempt.get("cost_usd", 0)
        assert [float(one) for one in values] == [attempt["elapsed_ms"], cost]
    expect(attempts.first).to_contain_text("Simulated.")
    expect(attempts.nth(1)).to_contain_text(str(row["usage"]["output_tokens"]))
    for known in ("trace_id", "price_version", "policy_version", "model_preference"):
        expect(console.record).to_contain_text(row[known])
    assert console.figure("#record", "cost_usd") == row["cost_usd"]
    expect(console.record.locator(".decision .chart table")).to_be_visible()


def test_the_walk_shows_each_state_with_its_time(console):
    with console.stack.faults({"gpt-4o": "ProviderUnavailable"}):
        row = console.api(f"/requests/{console.sent(**PINNED)}")
    walk = console.outcome.locator(".walk")
    expect(walk.locator(".state")).to_have_text(
        [
            *("Classify", "Score", "Invoke Provider", "Next Candidate?", "Wait For Provider"),
            *("Invoke Provider", "Next Candidate?", "Invoke Provider", "Record Metrics"),
        ]
    )
    times = walk.locator(".time").evaluate_all("all => all.map((one) => +one.dataset.value)")
    elapsed = [attempt["elapsed_ms"] for attempt in row["attempts"]]
    assert times == [row["profile"]["classify_ms"], row["decision"]["score_ms"], *elapsed]
    assert [attempt.get("waited_ms", 0) for attempt in row["attempts"]] == [0, 1_000, 0]
    for shown, attempt in zip(walk.locator("[data-attempt]").all(), row["attempts"], strict=True):
        expect(shown).to_contain_text(attempt["model"])
        expect(shown).to_contain_text(attempt["outcome"])


ATTEMPTS = [
    {
        "model": "gpt-4o", "provider": "openai", "outcome": "ProviderUnavailable",
        "elapsed_ms": 31, "message": "openai answered 503",
    },
    {
        "model": "gpt-4o", "provider": "openai", "outcome": "ProviderTimeout", "try": 2,
        "elapsed_ms": 900, "waited_ms": 1000, "possibly_billed_usd": 0.25, "cost_usd": 0,
    },
    {
        "model": "gpt-6-luna", "provider": "openai", "outcome": "ProviderThrottled",
        "elapsed_ms": 12, "waited_ms": 2400, "retries": 3, "cost_usd": 0.001,
    },
]  # fmt: skip
FAILED = {
    "status": "FAILED",
    "error_code": "all_providers_failed",
    "error": {
        "code": "all_providers_failed",
        "message": "Every candidate failed.",
        "retry_after_seconds": 4,
        "details": ATTEMPTS,
    },
    "attempts": ATTEMPTS,
    "latency_ms": 5160,
    "mock": False,
    "cost_usd": 0.001,
    "possibly_billed_usd": 0.25,
    "savings_usd": None,
}


def test_a_stored_failure_tells_its_tries_their_waits_and_what_may_have_been_billed(console):
    console.open_record(console.sent(), **FAILED)
    failure = console.record.locator("[data-code=all_providers_failed]")
    expect(failure).to_contain_text("told to wait 4 seconds")
    expect(failure.get_by_role("table")).to_have_count(0)
    attempts = console.record.get_by_role("table", name="Attempts").locator("tbody tr")
    told = [
        ["ProviderUnavailable", "1", "$0.000000", "openai answered 503"],
        ["2, waited 1.00 s", "about $0.250000 possibly billed"],
        ["1, waited 2.40 s, 3 retries", "$0.001000"],
    ]
    for row, texts in zip(attempts.all(), told, strict=True):
        for text in texts:
            expect(row).to_contain_text(text)
    expect(console.record).to_contain_text("about $0.250000")
    assert console.figure("#record", "cost_usd") == 0.001


def test_the_walk_draws_waits_as_waits(console):
    console.open_record(console.sent(), **FAILED)
    walk = console.record.locator(".walk")
    states = ["Classify", "Score", "Invoke Provider", "Next Candidate?", "Wait For Provider"]
    states += [
        "Invoke Provider",
        "Next Candidate?",
        *["Invoke Provider"] * 2,
        "Next Candidate?",
        "Record Failure",
    ]
    expect(walk.locator(".state")).to_have_text(states)
    waits = ["waited 1.00 s before try 2", "waited 2.40 s before try 1"]
    expect(walk.locator(".step.wait strong")).to_have_text(waits)
    drawn = walk.locator(".timeline .waited")
    assert drawn.evaluate_all("all => all.map((one) => one.title)") == waits
    assert drawn.evaluate_all("all => all.map((one) => one.style.flexGrow)") == ["1000", "2400"]
    expect(walk).to_contain_text("3.40 s waited before tries")
    expect(walk).to_contain_text("between them (starting functions, moving on)")


def test_a_record_of_an_earlier_version_says_where_its_waits_and_assumed_costs_are(console):
    timeout = {"outcome": "ProviderTimeout", "possibly_billed": True, "cost_usd": 0.25}
    attempts = [
        {"model": "gpt-4o", "provider": "openai", "elapsed_ms": 9, "retries": 0, **timeout},
        {
            "model": "gpt-6-luna", "provider": "openai", "outcome": "success", "elapsed_ms": 9,
            "retries": 1, "cost_usd": 0.001, "possibly_billed": False,
        },
    ]  # fmt: skip
    old = {"attempts": attempts, "latency_ms": 2000, "cost_usd": 0.251, "mock": True}
    console.open_record(console.sent(), **old, simulated_cost_usd=None)
    walk = console.record.locator(".walk")
    expect(walk).to_contain_text("between them (waiting for retries, starting functions")
    expect(walk.locator("[data-attempt='1']")).to_contain_text("after 1 retry")
    expect(walk.locator("[data-attempt='0']")).to_contain_text("about $0.250000 possibly billed")
    expect(console.record).to_contain_text("$0.250000 at most, in the cost")
    expect(console.record).to_contain_text("Cost, simulated")


@pytest.mark.parametrize("is_decided", [True, False])
def test_a_stored_refusal_says_of_each_model_why_it_was_out(console, is_decided):
    request_id = console.sent()
    excluded = [{"model": "gpt-4o", "reason": "costs at least 0.00125 USD"}]
    decision = {"candidates": [], "excluded": excluded, "score_ms": 0.5} if is_decided else None
    message = "No model fits: needs at least 0.00125 USD: gpt-4o"
    console.open_record(
        request_id,
        status="FAILED",
        error_code="no_eligible_model",
        error={"code": "no_eligible_model", "message": message, "details": excluded},
        decision=decision,
        attempts=[],
    )
    failure = console.record.locator("[data-code=no_eligible_model]")
    expect(failure).to_contain_text(message)
    expect(failure.get_by_role("table", name="Excluded models").locator("tbody tr")).to_have_text(
        ["gpt-4ocosts at least 0.00125 USD"]
    )
    expect(console.record.get_by_role("table")).to_have_count(1)
    expect(console.record.locator("[data-state=Score]")).to_contain_text("no model to ask")


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [("ABORTED", "aborted", "stopped"), ("TIMED_OUT", "deadline_exceeded", "timed out")],
)
def test_a_stopped_job_ends_its_walk_where_it_was_stopped(console, status, code, word):
    ended = {"status": status, "error_code": code, "attempts": None, "decision": None}
    console.open_record(console.sent(), **ended)
    expect(console.record.locator(".badge").first).to_have_text(word)
    expect(console.record.locator(".walk .state")).to_have_text(["Classify"])
    expect(console.record.locator(".walk strong").last).to_have_text(word)


def test_money_that_nobody_paid_is_named_simulated(console):
    console.open_record(console.sent(), mock=True, cost_usd=0, simulated_cost_usd=0.002)
    expect(console.record).to_contain_text("Simulated cost")
    assert console.figure("#record", "cost_usd") == 0
    assert console.figure("#record", "simulated_cost_usd") == 0.002


def test_a_request_opens_though_the_list_is_read_anew_while_it_is_pressed(console):
    request_id, mouse = console.sent(), console.page.mouse
    rows = console.page.locator("#rows")
    rows.locator(f'tr[data-request="{request_id}"]').locator("[data-name=Model]").hover()
    rows.evaluate("rows => { rows.firstChild.dataset.drawn = 'before'; }")
    mouse.down()
    with console.answering("/metrics/logs"):
        console.page.evaluate("document.getElementById('refresh').click()")
    # Longer than a page takes to draw its rows.
    console.page.wait_for_timeout(300)
    mouse.up()
    expect(console.record.locator(".walk")).to_be_visible()
    expect(rows.locator("[data-drawn]")).to_have_count(0)


@pytest.mark.parametrize(("thumb", "score"), [("Good", 1), ("Not good", 0)])
def test_an_answer_is_graded_from_its_record(console, thumb, score):
    request_id = console.sent()
    console.open_record(request_id)
    console.record.get_by_role("button", name=thumb, exact=True).click()
    expect(console.record.get_by_role("status")).to_have_text(f"Graded {score}.00 of 1.")
    assert console.api(f"/requests/{request_id}")["feedback"]["score"] == score


@pytest.fixture
def foreign(stack):
    """Two requests of other keys than an operator's: one was answered, one rejected."""
    url, ids = f"{stack.base_url}/generate", []
    for key, limits in ((stack.api_key, {}), (stack.other_api_key, {"max_cost_usd": 1e-9})):
        body = {"task": "chat", "text": TEXT, **limits}
        answer = requests.post(url, json=body, headers={"X-API-Key": key}, timeout=30)
        ids.append(answer.json()["request_id"])
    return ids


def test_an_operator_opens_the_requests_of_all_keys(door, foreign):
    door.enter(door.stack.operator_api_key)
    for request_id in foreign:
        door.open_record(request_id)
        owner = door.record.locator("[data-figure=caller]")
        in_list = door.page.locator(f'tr[data-request="{request_id}"] [data-name=Caller]')
        expect(in_list).to_have_text(owner.inner_text())
        expect(door.record.get_by_role("button", name="Good", exact=True)).to_have_count(0)
        door.page.keyboard.press("Escape")


def test_an_operator_filters_by_the_name_of_a_caller(door, foreign):
    door.enter(door.stack.operator_api_key)
    page, rows = door.page, door.page.locator("#rows tr")
    (name,) = _values(page.locator(f'tr[data-request="{foreign[1]}"]'), "Caller")
    assert name in page.locator("#callers option").evaluate_all("all => all.map((o) => o.value)")
    with page.expect_response(lambda response: f"caller={name}" in response.url) as response:
        page.get_by_label("Caller", exact=True).fill(name)
        page.get_by_label("Caller", exact=True).press("Enter")
    expect(rows).to_have_count(len(response.value.json()["data"]))
    assert set(_values(rows, "Caller")) == {name}


def test_other_keys_see_no_column_of_callers(console):
    console.sent()
    expect(console.page.locator("#rows tr").first).to_be_visible()
    expect(console.page.locator("[data-name=Caller]")).to_have_count(0)
    expect(console.page.locator("#filter-caller")).to_be_hidden()
    expect(console.page.get_by_role("columnheader", name="Caller")).to_have_count(0)


def test_a_callers_own_fault_does_not_look_like_an_outage(door, foreign):
    door.enter(door.stack.operator_api_key)
    rejected = door.page.locator(f'tr[data-request="{foreign[1]}"] .badge')
    expect(rejected).to_have_text("no_eligible_model")
    expect(rejected).to_have_class("badge warn")
    with door.stack.faults({"gpt-4o": "ProviderAuthFailed"}), door.answering("/metrics/logs"):
        door.send(**PINNED, fallback=False)
    failed = door.page.locator("#rows tr .badge", has_text="all_providers_failed").first
    expect(failed).to_have_class("badge bad")


def test_minutes_without_a_request_stay_empty_in_the_chart(door):
    buckets = [
        {
            "from": f"2026-11-26T10:0{at // 6}:{at % 6}0Z", "requests": 2 * busy, "failed": busy,
            "rejected": busy, "errors": 0, "fallbacks": 0, "cost_usd": 0,
            "latency_ms": {"p50": 100 if busy else None, "p95": (100 + at) if busy else None},
        }
        for at in range(30)
        for busy in [int(at in {0, 24})]
    ]  # fmt: skip
    totals = {"requests": 4, "failed": 2, "rejected": 2, "errors": 0, "cost_usd": 0}
    door.answer_with("**/metrics/realtime", {"data": buckets, "next_cursor": None, **totals})
    door.enter()
    has_latency = "all => all.flatMap((one, at) => (one.querySelector('.latency') ? [at] : []))"
    columns = door.page.locator("#realtime .column")
    assert columns.evaluate_all(has_latency) == [0, 24]
    expect(columns.locator(":scope > *")).to_have_count(6)
    # Nothing joins them: a line would say that there was something between.
    expect(door.page.locator("#realtime").locator("svg, canvas, path, polyline")).to_have_count(0)
    expect(door.page.locator("#realtime-note")).to_have_text(
        "4 requests, 2 rejected, 0 errors, $0.000000"
    )


def test_the_page_refreshes_by_itself_when_told_to(console):
    console.page.clock.install()
    console.page.get_by_label("Auto-refresh").select_option("10")
    for _ in range(2):
        with console.answering("/metrics/logs"):
            console.page.clock.run_for(10_000)
    console.page.get_by_label("Auto-refresh").select_option("0")
    before = len(console.asked)
    console.page.clock.run_for(60_000)
    assert console.asked[before:] == []


def test_everything_works_by_keyboard_alone(door):
    page, keyboard = door.page, door.page.keyboard
    _tab_to(page, "key")
    keyboard.type(door.stack.api_key)
    keyboard.press("Enter")
    expect(page.locator("#requests")).to_be_visible()
    _tab_to(page, "text")
    keyboard.type("Hello")
    with door.answering("/metrics/logs"):
        keyboard.press("Control+Enter")
    expect(door.outcome.locator(".walk")).to_be_visible()
    request_id = door.outcome.locator(".answer").get_attribute("data-request")
    _tab_to(page, "older", backwards=True)
    for key in ("Enter", "Space"):
        row = page.locator(f'tr[data-request="{request_id}"] button')
        row.focus()
        assert row.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
        keyboard.press(key)
        expect(door.record.locator(".walk")).to_be_visible()
        keyboard.press("Escape")
        expect(door.record).to_be_hidden()
        expect(row).to_be_focused()


def _tab_to(page, element_id, *, backwards=False):
    for _ in range(120):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if page.evaluate("document.activeElement.id") == element_id:
            return
    raise AssertionError(f"{element_id} cannot be reached by keyboard")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_overflows_or_is_too_faint_to_read(door, size, scheme):
    door.page.set_viewport_size(size)
    door.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    _assert_readable(door.page)
    door.enter()
    with door.stack.faults({"gpt-4o": "ProviderTimeout"}):
        request_id = door.sent(**PINNED)
    expect(door.outcome.locator(".decision .chart table")).to_be_visible()
    _assert_readable(door.page)
    door.send(max_cost_usd="0.0000001")
    expect(door.outcome.get_by_role("alert")).to_be_visible()
    expect(door.outcome.locator(".walk")).to_be_visible()
    _assert_readable(door.page)
    door.open_record(request_id)
    expect(door.record.locator(".decision .chart table")).to_be_visible()
    _assert_readable(door.page)
    inner = door.record.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth")
    assert inner == 0
    door.page.keyboard.press("Escape")
    door.open_record(request_id, **FAILED)
    _assert_readable(door.page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_an_operators_list_overflows_nowhere(door, foreign, size, scheme):
    door.page.set_viewport_size(size)
    door.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    door.enter(door.stack.operator_api_key)
    expect(door.page.locator(f'tr[data-request="{foreign[1]}"]')).to_be_visible()
    _assert_readable(door.page)
    door.open_record(foreign[1])
    _assert_readable(door.page)


def _assert_readable(page):
    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(FAINT_TEXTS) == []


@pytest.fixture(scope="module")
def limited(stack):
    """The key of a caller that has spent 43 of 50 USD of its month, 3 of them for calls under way."""
    name, now = f"team-{time.time_ns()}", datetime.now(UTC)
    caller_id, key = stack.new_caller(name, month_usd=50, total_usd=1)
    ends_s = int(time.time()) + 3600
    hold = Hold("req_1", 1, 3 * 10**9, 0, f"{now:%Y-%m-%d}", minute_of(now), ends_s, "w")
    item = {"budget_id": budget_id(caller_id), "total": 4 * 10**9, HOLD + hold.key: hold.to_text()}
    stack.table("BudgetsTableName").put_item(Item=item | {f"month#{now:%Y-%m}": 43 * 10**9})
    return name, key


def test_a_key_shows_whose_it_is_and_what_is_left_of_its_budget(door, limited):
    name, key = limited
    door.enter(key)
    expect(door.page.locator("#caller")).to_contain_text(name)
    month = door.page.locator("[data-limit=month]")
    expect(month).to_be_visible()
    place = "[data-limit=month]"
    names = ("limit_usd", "spent_usd", "held_usd", "left_usd")
    assert [door.figure(place, one) for one in names] == [50, 40, 3, 7]
    shares = month.locator(".budget-bar span").evaluate_all(
        "all => all.map((o) => o.dataset.share)"
    )
    assert [float(one) for one in shares] == [0.8, 0.06, 0.8, 1]
    expect(month.locator(".mark")).to_have_text(["80 %", "100 %"])
    expect(month).to_contain_text("Over 80 %: cheaper models are preferred.")


def test_a_budget_that_is_used_up_says_what_still_answers(door, limited):
    door.enter(limited[1])
    total = door.page.locator("[data-limit=total]")
    expect(total).to_have_class("limit used-up")
    expect(total).to_contain_text("only models that cost nothing answer")
    expect(total).to_contain_text("until it is raised")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_budgets_fit_the_page_and_can_be_read(door, limited, size, scheme):
    door.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    door.page.set_viewport_size(size)
    door.enter(limited[1])
    expect(door.page.locator("[data-limit=total]")).to_be_visible()
    assert door.page.evaluate(OVERFLOW) <= 0
    assert door.page.evaluate(FAINT_TEXTS) == []


def test_tokens_of_this_minute_and_what_calls_under_way_hold_are_told_apart(door):
    month = {
        "period": "day", "limit_usd": 2, "spent_usd": 0.5, "held_usd": 1.5, "left_usd": 0, "used": 1,
        "renews_at": "2026-11-28T00:00:00Z",
    }  # fmt: skip
    budget = {
        "of": "caller", "name": "team", "mode": "expected", "tier_down_at": 0.5, "limits": [month],
        "tokens_per_minute": {"limit": 1000, "left": 250},
    }  # fmt: skip
    door.answer_with("**/v1/caller", {"name": "team", "budget": budget})
    door.enter()
    expect(door.page.locator("#budget-note")).to_contain_text("usually takes")
    day = door.page.locator("[data-limit=day]")
    expect(day).to_contain_text("Calls under way hold all that is left.")
    expect(day.locator(".mark").first).to_have_text("50 %")
    assert door.figure("[data-limit=minute]", "left") == 250


def test_a_key_without_limits_shows_its_name_and_no_budget(console):
    expect(console.page.locator("#caller")).to_contain_text("key-1")
    expect(console.page.locator("#budget")).to_be_hidden()
