"""What /dashboard answers, from the emulator's own stores."""

import asyncio
import json
import re
import time

import pytest
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch, lambda_svc

from local.dashboard import pages, widget_data
from local.emulator.insights_query import MalformedQuery
from local.paths import PROJECT

NOW_S = int(time.time())
RANGE = {"start": (NOW_S - 600) * 1000, "end": (NOW_S + 60) * 1000}
STATIC = PROJECT / "local/dashboard/static"
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))
ALARM_ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:spend"


@pytest.fixture(autouse=True)
def empty_account(monkeypatch):
    for store in ("_dashboards", "_metrics", "_alarms", "_composite_alarms"):
        monkeypatch.setattr(cloudwatch, store, AccountRegionScopedDict())


def ask(method, path, body=b"", content_type="application/json", **query):
    chosen = {name: [value] for name, value in query.items()}
    return asyncio.run(pages.answer(method, path, chosen, content_type, body))


def data(widget_type, properties, **changes):
    request = {"widget": {"type": widget_type, "properties": properties}, **RANGE, **changes}
    status, _headers, answer = ask("POST", "/dashboard/data", json.dumps(request).encode())
    return status, json.loads(answer)


def body(**query):
    status, _headers, answer = ask("GET", "/dashboard/body", **query)
    return status, json.loads(answer)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/dashboard", "text/html"),
        ("/dashboard/main.js", "text/javascript"),
        ("/dashboard/dashboard.css", "text/css"),
        ("/dashboard/kit.css", "text/css"),
        ("/dashboard/kit-elements.js", "text/javascript"),
        ("/dashboard/echarts.min.js", "text/javascript"),
        ("/dashboard/marked.js", "text/javascript"),
    ],
)
def test_the_page_and_its_files_are_served_under_a_strict_policy(path, content_type):
    status, headers, answer = ask("GET", path)

    assert status == 200
    assert headers["content-type"].startswith(content_type)
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert answer


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_what_is_served(name):
    _status, _headers, script = ask("GET", f"/dashboard/{name}")

    for imported in re.findall(r'from "\./([^"]+)"', script.decode()):
        assert ask("GET", f"/dashboard/{imported}")[0] == 200, imported


def test_no_file_of_the_page_hides_one_of_the_kit():
    own = {path.name for path in STATIC.iterdir()}
    kit = {path.name for path in (PROJECT / "functions/console/static").glob("kit*")}

    assert len(kit) > 1
    assert not own & kit


@pytest.mark.parametrize(
    "path",
    ["/dashboard/../pages.py", "/dashboard/pages.py", "/dashboard/x", "/dashboard/console.css"],
)
def test_nothing_else_can_be_read(path):
    status, _headers, answer = ask("GET", path)

    assert status == 404
    assert json.loads(answer)["error"]["code"] == "not_found"


def test_without_a_dashboard_the_answer_says_so():
    status, answer = body()

    assert status == 404
    assert answer["error"]["message"] == "No dashboard is deployed yet."


def test_the_body_is_the_deployed_one_and_its_widgets_have_their_variables_set():
    deployed = {
        "widgets": [
            {"type": "metric", "properties": {"metrics": [["N", "Cost", "model", "first"]]}}
        ],
        "variables": [
            {
                "id": "m",
                "type": "property",
                "property": "model",
                "defaultValue": "first",
                "values": [{"value": "first"}, {"value": "second"}],
            }
        ],
    }
    cloudwatch.cloudformation_put_dashboard("ours", json.dumps(deployed))

    status, answer = body(m="second")

    assert status == 200
    assert answer["name"] == "ours"
    assert answer["body"] == deployed
    assert answer["widgets"][0]["properties"]["metrics"] == [["N", "Cost", "model", "second"]]
    assert body(name="other")[0] == 404


def test_a_metric_widget_gets_its_series_with_units():
    nothing_more = (None, None, None)
    cloudwatch._store_datum("N", "LatencyMs", {}, NOW_S, "Milliseconds", 250.0, *nothing_more)
    metrics = [
        ["N", "LatencyMs", {"stat": "Sum", "id": "m1", "yAxis": "right"}],
        [{"expression": "m1 / 1000", "label": "Seconds"}],
    ]

    status, answer = data("metric", {"metrics": metrics})

    latency, seconds = answer["series"]
    assert status == 200
    assert latency["values"] == [250.0]
    assert latency["times"][0] % 60_000 == 0
    assert (latency["unit"], latency["y_axis"]) == ("Milliseconds", "right")
    assert (seconds["label"], seconds["values"], seconds["unit"]) == ("Seconds", [0.25], None)


def test_an_expression_that_cannot_be_evaluated_says_why():
    _status, answer = data("metric", {"metrics": [[{"expression": "NOPE(", "id": "e1"}]]})

    assert answer["series"][0]["problem"]


def test_a_log_widget_asks_its_sources(monkeypatch):
    asked = []

    def query_logs(groups, query, start_s, end_s):
        asked.append((groups, query, start_s * 1000, end_s * 1000))
        return [{"a": "1", "@ptr": "x"}, {"b": "2"}]

    monkeypatch.setattr(widget_data, "query_logs", query_logs)

    status, answer = data("log", {"query": "SOURCE 'one' | SOURCE 'two' | fields a, b\n| limit 2"})

    assert status == 200
    assert answer == {"columns": ["a", "b"], "rows": [["1", ""], ["", "2"]]}
    assert asked == [(["one", "two"], "fields a, b\n| limit 2", RANGE["start"], RANGE["end"])]


def test_a_log_query_that_cannot_be_read_is_refused(monkeypatch):
    def query_logs(*_):
        raise MalformedQuery("unexpected |")

    monkeypatch.setattr(widget_data, "query_logs", query_logs)

    status, answer = data("log", {"query": "SOURCE 'one' | ||"})

    assert status == 400
    assert "unexpected |" in answer["error"]["message"]


def test_an_alarm_widget_gets_states_and_says_what_is_missing():
    cloudwatch._alarms["spend"] = {
        "AlarmArn": ALARM_ARN,
        "StateValue": "ALARM",
        "StateReason": "over the threshold",
        "StateUpdatedTimestamp": NOW_S,
    }

    _status, answer = data("alarm", {"alarms": [ALARM_ARN, f"{ALARM_ARN}-gone"]})

    known, gone = answer["alarms"]
    assert (known["name"], known["state"], known["since"]) == ("spend", "ALARM", NOW_S * 1000)
    assert (gone["name"], gone["state"]) == ("spend-gone", "MISSING")


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ("<b>5</b>", {"html": "<b>5</b>"}),
        ({"markdown": "# Five"}, {"markdown": "# Five"}),
        ([5], {"json": "[\n  5\n]"}),
    ],
)
def test_a_custom_widget_shows_what_its_function_returns(monkeypatch, returned, shown):
    events = answer_of_functions(monkeypatch, {"body": returned})

    _status, answer = data("custom", {"endpoint": "arn:f", "params": {"widget": "circuits"}})

    assert answer == shown
    assert events[0]["widget"] == "circuits"
    assert events[0]["widgetContext"]["timeRange"]["end"] == RANGE["end"]


def test_a_custom_widget_whose_function_fails_says_why(monkeypatch):
    answer_of_functions(monkeypatch, {"body": {"errorMessage": "no table"}, "error": True})

    status, answer = data("custom", {"endpoint": "arn:f"})

    assert status == 400
    assert "no table" in answer["error"]["message"]


def test_what_is_no_widget_is_refused_in_the_shape_of_the_api():
    for answered in (
        data("text", {"markdown": "hello"}),
        data("metric", {"metrics": "many"}),
        data("metric", {"metrics": []}, start=RANGE["end"]),
        data("metric", {"metrics": []}, end="now"),
        data("log", {"query": "fields a"}),
    ):
        status, answer = answered
        assert status == 400
        assert answer["success"] is False
        assert answer["error"]["code"] == "invalid_request"
        assert answer["error"]["message"]


def test_a_form_of_another_site_cannot_ask_for_data():
    status, _headers, answer = ask("POST", "/dashboard/data", b"{}", "text/plain")

    assert status == 415
    assert json.loads(answer)["error"]["code"] == "unsupported_media_type"


def test_the_event_loop_is_free_while_data_is_made(monkeypatch):
    released = []

    def slow(_request):
        while not released:
            time.sleep(0.001)
        return {"series": []}

    monkeypatch.setattr(pages, "data_of", slow)
    request = {"widget": {"type": "metric", "properties": {}}, **RANGE}

    async def both():
        asked = asyncio.create_task(
            pages.answer(
                "POST", "/dashboard/data", {}, "application/json", json.dumps(request).encode()
            )
        )
        await asyncio.sleep(0)
        released.append(True)
        return await asked

    assert asyncio.run(both())[0] == 200


def answer_of_functions(monkeypatch, result):
    events = []
    monkeypatch.setattr(
        lambda_svc, "_get_func_record_for_ref", lambda ref: ({"code": b""}, {"a": 1}, ref)
    )
    monkeypatch.setattr(lambda_svc, "_execution_record_for_config", lambda function, config: {})

    def execute(_record, event):
        events.append(event)
        return result

    monkeypatch.setattr(lambda_svc, "_execute_function_with_config_scope", execute)
    return events
