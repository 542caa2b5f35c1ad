import asyncio
import json
import re
import threading
import time

import pytest
from ministack.services import cloudwatch

from local import front_door
from local.dashboard import pages
from local.paths import PROJECT

PORT = 8000
STATIC = PROJECT / "local/dashboard/static"


@pytest.fixture(autouse=True)
def gateway(monkeypatch):
    """A gateway that answers the path it is asked for."""
    asked = []

    async def execute(*call):
        asked.append(call[1:])
        return 200, {"Content-Type": "text/plain"}, call[3].encode()

    monkeypatch.setattr("local.front_door.gateway.handle_execute", execute)
    monkeypatch.setattr(front_door, "_deployed_api", lambda: "api")
    cloudwatch.reset()
    yield asked
    cloudwatch.reset()


async def _emulator(scope, receive, send):
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"emulator"})


async def ask(path, method="GET", body=b"", port=PORT, query="", **headers):
    sent = []
    scope = {
        "type": "http",
        "server": ("127.0.0.1", port),
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), str(v).encode()) for name, v in headers.items()
        ],
    }

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await front_door.front_door(_emulator, PORT)(scope, receive, send)
    start, content = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], answered, content["body"]


def answer(*arguments, **options):
    return asyncio.run(ask(*arguments, **options))


@pytest.mark.parametrize(
    ("path", "in_stage"),
    [
        *(("/api/v1/health", "/v1/health"), ("/api", "/"), ("/console", "/console")),
        *((f"{root}/console/main.js", "/console/main.js") for root in ("/api", "")),
        *((f"/{path}", "/outside") for path in ("v1/health", "apis/v1/health", "consoles")),
        *((f"/{path}", "/outside") for path in ("dashboards", "_ministack/health")),
    ],
)
def test_the_stage_and_its_console_are_behind_the_front_door(path, in_stage):
    assert answer(path)[2].decode() == in_stage


def test_the_gateway_gets_the_whole_request(gateway):
    answer("/api/v1/generate", "POST", b"{}", query="a=1&a=2&b=", x_api_key="k")
    (asked,) = gateway
    assert asked == (
        *("api", "POST", "/v1/generate"),
        *({"x-api-key": "k"}, b"{}", {"a": ["1", "2"], "b": [""]}),
    )


def test_other_ports_are_the_emulators():
    for path in ("/", "/dashboard", "/api/v1/health"):
        assert answer(path, port=PORT + 1)[2] == b"emulator"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_leads_to_the_console(method):
    status, headers, body = answer("/", method)
    assert (status, headers["location"], body) == (307, "/console", b"")


def test_nothing_can_be_sent_to_the_root():
    assert answer("/", "POST")[2] == b"/outside"


def test_the_page_is_served_to_be_asked_for_anew_and_loads_nothing_from_elsewhere():
    for path in ("/dashboard", "/dashboard/"):
        status, headers, body = answer(path)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert headers["cache-control"] == "no-cache"
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert not re.search("http|unsafe-eval", headers["content-security-policy"])
        assert headers["x-content-type-options"] == "nosniff"
        assert body.lstrip().lower().startswith(b"<!doctype html>")


def test_every_file_of_the_page_has_its_type():
    types = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
    for name in filter(None, pages._FILES):
        status, headers, body = answer(f"/dashboard/{name}")
        assert (status, len(body) > 0) == (200, True), name
        assert headers["content-type"].startswith(types[name.rpartition(".")[2]]), name


def test_a_file_that_is_known_is_not_sent_again():
    _, headers, body = answer("/dashboard/echarts.min.js")
    status, again, nothing = answer("/dashboard/echarts.min.js", if_none_match=headers["etag"])
    assert (status, nothing, again["etag"]) == (304, b"", headers["etag"])
    status, _, other = answer("/dashboard/echarts.min.js", if_none_match='"another"')
    assert (status, other) == (200, body)


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_a_script_imports_what_is_served(script):
    assert answer(f"/dashboard/{script.name}")[2] == script.read_bytes()
    for imported in re.findall(r'from "\./([^"]+)"', script.read_text("utf-8")):
        assert answer(f"/dashboard/{imported}")[0] == 200, imported


def test_no_file_of_the_page_hides_one_of_the_kit():
    kit = {path.name for path in (PROJECT / "functions/console/static").glob("kit*")}
    assert len(kit) > 1
    assert not kit & {path.name for path in STATIC.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        *("../pages.py", "pages.py", "static/index.html", "..", "/etc/passwd", "no-such.js"),
        "console.css",
    ],
)
def test_nothing_else_can_be_read(name):
    status, _, body = answer(f"/dashboard/{name}")
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


def test_files_cannot_be_changed():
    for method in ("POST", "PUT", "DELETE"):
        assert answer("/dashboard", method)[0] == 404


def test_without_a_dashboard_the_page_is_told_so():
    status, _, body = answer("/dashboard/body")
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


def test_the_body_is_the_deployed_one_and_its_widgets_have_their_variables_set():
    def widgets(model):
        return [{"type": "metric", "properties": {"metrics": [["N", "Cost", "model", model]]}}]

    variable = {"id": "m", "type": "property", "property": "model", "defaultValue": "first"}
    values = [{"value": "first"}, {"value": "second"}]
    body = {"widgets": widgets("first"), "variables": [{**variable, "values": values}]}
    cloudwatch.cloudformation_put_dashboard("ours", json.dumps(body))
    status, headers, answered = answer("/dashboard/body", query="m=second")
    found = json.loads(answered)
    assert (status, found["name"], found["body"]) == (200, "ours", body)
    assert found["widgets"] == widgets("second")
    assert headers["cache-control"] == "no-store"
    assert answer("/dashboard/body", query="name=other")[0] == 404


def data(request, content_type="application/json"):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    status, _, answered = answer("/dashboard/data", "POST", body, content_type=content_type)
    return status, json.loads(answered)


def metric_request(**changes):
    widget = {"type": "metric", "properties": {"metrics": [["N", "X"]]}}
    now = int(time.time() * 1000)
    return {"widget": widget, "start": now - 3_600_000, "end": now, **changes}


def test_a_widgets_data_is_answered():
    status, found = data(metric_request())
    assert (status, [one["label"] for one in found["series"]]) == (200, ["X"])


def widget(kind, **properties):
    return metric_request(widget={"type": kind, "properties": properties})


@pytest.mark.parametrize(
    "request_",
    [
        *(b"", b"[", {}, metric_request(start="soon"), metric_request(end=0)),
        *(metric_request(widget={"type": "metric"}), widget("metric", metrics=[["N"]])),
        *(widget("metric", metrics="many"), widget("log", query="fields a"), widget("text")),
    ],
)
def test_what_cannot_be_drawn_is_an_invalid_request(request_):
    status, found = data(request_)
    assert (status, found["success"], found["error"]["code"]) == (400, False, "invalid_request")
    assert found["error"]["message"]


def test_a_page_of_another_site_cannot_ask():
    assert data(metric_request(), content_type="text/plain")[0] == 415


def test_what_goes_wrong_with_one_widget_is_an_internal_error(monkeypatch):
    monkeypatch.setattr(pages, "data_of", lambda _request: 1 / 0)
    status, found = data(metric_request())
    assert (status, found["error"]["code"]) == (500, "internal_error")


def test_the_api_answers_while_a_widget_is_worked_on(monkeypatch):
    asked, released = threading.Event(), threading.Event()

    def slow(_request):
        asked.set()
        return {"released": released.wait(30)}

    monkeypatch.setattr(pages, "data_of", slow)

    async def both():
        body = json.dumps(metric_request()).encode()
        request = ask("/dashboard/data", "POST", body, content_type="application/json")
        widget = asyncio.ensure_future(request)
        await asyncio.to_thread(asked.wait, 30)
        of_api = await ask("/api/v1/health")
        assert not widget.done()
        released.set()
        return of_api[2], json.loads((await widget)[2])

    assert asyncio.run(both()) == (b"/v1/health", {"released": True})
