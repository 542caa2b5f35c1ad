import asyncio
import json
import re
import threading
import time

import pytest
from ministack.services import cloudwatch, lambda_svc

from local import doorkeeper, front_door
from local.dashboard import pages, widget_data
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
    headers = {"host": f"127.0.0.1:{port}", **headers}
    scope = {
        "type": "http",
        "server": ("127.0.0.1", port),
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), each.encode())
            for name, values in headers.items()
            for each in ([values] if isinstance(values, str) else values)
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
        *({"host": f"127.0.0.1:{PORT}", "x-api-key": "k"}, b"{}", {"a": ["1", "2"], "b": [""]}),
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

    values = [{"value": "first"}, {"value": "second"}]
    body = {"widgets": widgets("first"), "variables": [{**MODEL, "values": values}]}
    cloudwatch.cloudformation_put_dashboard("ours", json.dumps(body))
    status, headers, answered = answer("/dashboard/body", query="m=second")
    found = json.loads(answered)
    assert (status, found["name"], found["body"]) == (200, "ours", body)
    assert found["widgets"] == widgets("second")
    assert headers["cache-control"] == "no-store"
    assert answer("/dashboard/body", query="name=other")[0] == 404


WIDGET = {"type": "metric", "properties": {"metrics": [["N", "X", "model", "first"]]}}
ODD_WIDGETS = [
    {"type": kind, "properties": properties}
    for kind, properties in (
        ("metric", {"metrics": [["N"]]}),
        ("metric", {"metrics": "many"}),
        ("log", {"query": "fields a"}),
        ("text", {"markdown": ""}),
        ("custom", {"endpoint": "arn:aws:lambda:us-east-1:999999999999:function:theirs"}),
    )
]
MODEL = {"id": "m", "type": "property", "property": "model", "defaultValue": "first"}


@pytest.fixture
def ours():
    values = [{"value": "first"}, {"value": "second"}]
    body = {"widgets": [WIDGET], "variables": [{**MODEL, "values": values}]}
    cloudwatch.cloudformation_put_dashboard("ours", json.dumps(body))
    cloudwatch.cloudformation_put_dashboard("odd", json.dumps({"widgets": ODD_WIDGETS}))


def data(request, content_type="application/json", **headers):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    path = "/dashboard/data"
    status, _, answered = answer(path, "POST", body, content_type=content_type, **headers)
    return status, json.loads(answered)


def data_request(**changes):
    now = int(time.time() * 1000)
    return {"dashboard": "ours", "index": 0, "start": now - 3_600_000, "end": now, **changes}


@pytest.mark.parametrize("variables", [{}, {"m": "second"}, {"unheard-of": "x"}])
def test_a_widgets_data_is_answered(ours, variables):
    status, found = data(data_request(variables=variables))
    assert (status, [one["label"] for one in found["series"]]) == (200, ["X"])


@pytest.mark.parametrize(
    "request_",
    [
        *(b"", b"[", b"{}", {"start": "soon"}, {"end": 0}),
        *({"dashboard": "odd", "index": index} for index in range(len(ODD_WIDGETS))),
        *({"index": index} for index in (-1, 1, 10**30, "0/../1", None)),
        *({"dashboard": ""}, {"variables": {"m": "third"}}),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_an_invalid_request(ours, request_):
    status, found = data(request_ if isinstance(request_, bytes) else data_request(**request_))
    assert (status, found["success"], found["error"]["code"]) == (400, False, "invalid_request")
    assert found["error"]["message"]


def test_another_dashboard_than_a_deployed_one_is_not_found(ours):
    assert data(data_request(dashboard="theirs"))[0] == 404


@pytest.mark.parametrize(
    "forged",
    [
        {"widget": {"type": "log", "properties": {"query": "SOURCE '/aws/lambda/x' | fields a"}}},
        {"widget": {"type": "custom", "properties": {"endpoint": "any", "params": {"a": 1}}}},
        {"properties": {"metrics": [["N", "Y"]]}},
        {"params": {"a": 1}},
        {"type": "custom", "endpoint": "any"},
        {"account": "999999999999"},
    ],
    ids=str,
)
def test_a_request_cannot_say_what_a_widget_does(ours, monkeypatch, forged):
    for name in ("query_logs", "metric_data"):
        monkeypatch.setattr(widget_data, name, lambda *_: pytest.fail("it was asked"))
    monkeypatch.setattr(lambda_svc, "_execute_function_with_config_scope", pytest.fail)
    assert data(data_request(**forged))[0] == 400


def test_a_form_of_another_site_cannot_ask(ours):
    assert data(data_request(), content_type="text/plain")[0] == 415


FOREIGN_HOSTS = (
    *("evil.example", f"evil.example:{PORT}", "127.0.0.1.evil.example", "localhost.evil"),
    *(f"127.0.0.1.evil.example:{PORT}", f"localhost.evil:{PORT}", f"evil.localhost:{PORT}"),
    *("127.0.0.1", "localhost", f"127.0.0.1:{PORT}0", f"localhost:{PORT - 1}", "127.0.0.1:"),
    *(f"127.0.0.1:{PORT}@evil.example", f"evil@127.0.0.1:{PORT}", f"127.0.0.1:0{PORT}"),
    *(f"0.0.0.0:{PORT}", f"127.1:{PORT}", f"2130706433:{PORT}", f"[::]:{PORT}", f"::1:{PORT}"),
    *(f"localhost.:{PORT}", f"127.0.0.1:{PORT} ", f"http://127.0.0.1:{PORT}", "", f":{PORT}"),
)
OWN_HOSTS = (f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LocalHost:{PORT}")
PATHS = ("/", "/api/v1/health", "/dashboard", "/dashboard/body", "/dashboard/data", "/console")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused_by_both_ports(ours, host):
    for path in PATHS:
        status, _, body = answer(path, "POST", host=host)
        assert (status, json.loads(body)["error"]["code"]) == (403, "forbidden"), path
    at_emulator = host.replace(str(PORT), str(PORT + 1))
    assert answer("/", "POST", port=PORT + 1, host=at_emulator)[0] == 403


def test_a_host_that_is_missing_or_there_twice_is_refused():
    for host in ((), (OWN_HOSTS[0], OWN_HOSTS[0]), (OWN_HOSTS[0], "evil.example")):
        assert answer("/api/v1/health", host=host)[0] == 403
        assert answer("/", port=PORT + 1, host=host)[0] == 403


def test_a_whole_address_in_the_request_line_is_refused():
    for start in ("http://evil.example", f"http://127.0.0.1:{PORT}", "*", "evil.example:443"):
        assert answer(f"{start}/api/v1/health")[0] == 403


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_this_machines_own_names_are_answered_by_both_ports(ours, host):
    assert answer("/api/v1/health", host=host)[0] == 200
    assert data(data_request(), host=host, origin=f"http://{host.lower()}")[0] == 200
    at_emulator = host.replace(str(PORT), str(PORT + 1))
    assert answer("/", port=PORT + 1, host=at_emulator)[2] == b"emulator"


def test_on_the_port_of_http_a_host_needs_no_port():
    assert doorkeeper.is_for_us({"server": ("127.0.0.1", 80), "headers": [(b"Host", b"localhost")]})


@pytest.mark.parametrize(
    "header",
    [
        *({"sec_fetch_site": site} for site in ("cross-site", "same-site", "")),
        *({"origin": origin} for origin in ("http://evil.example", "null", "")),
        *({"origin": f"http://127.0.0.1:{port}"} for port in (PORT + 2, f"{PORT}0")),
        {"origin": (f"http://127.0.0.1:{PORT}", "http://evil.example")},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": f"http://localhost:{PORT}"},
    ],
    ids=str,
)
def test_a_page_of_another_site_gets_nothing_of_the_emulator_or_of_widgets(ours, header):
    status, found = data(data_request(), **header)
    assert (status, found["error"]["code"]) == (403, "forbidden")
    at_emulator = {
        name: value.replace(str(PORT), str(PORT + 1)) if isinstance(value, str) else value
        for name, value in header.items()
    }
    for method in ("GET", "POST", "OPTIONS"):
        assert answer("/", method, port=PORT + 1, **at_emulator)[0] == 403


def test_a_socket_of_a_foreign_page_is_closed_before_it_opens():
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    headers = [(b"host", f"127.0.0.1:{PORT + 1}".encode()), (b"origin", b"http://evil.example")]
    server = ("127.0.0.1", PORT + 1)
    scope = {"type": "websocket", "server": server, "path": "/", "headers": headers}

    async def come():
        await front_door.front_door(_emulator, PORT)(scope, receive, send)

    asyncio.run(come())
    assert sent == [{"type": "websocket.close"}]


def test_a_link_of_another_site_opens_the_pages():
    for path in ("/", "/dashboard", "/console"):
        assert answer(path, sec_fetch_site="cross-site")[0] < 400


def test_what_goes_wrong_with_one_widget_is_an_internal_error(ours, monkeypatch):
    monkeypatch.setattr(pages, "data_of", lambda _widget: 1 / 0)
    status, found = data(data_request())
    assert (status, found["error"]["code"]) == (500, "internal_error")


def test_the_api_answers_while_a_widget_is_worked_on(ours, monkeypatch):
    asked, released = threading.Event(), threading.Event()

    def slow(_widget):
        asked.set()
        return {"released": released.wait(30)}

    monkeypatch.setattr(pages, "data_of", slow)

    async def both():
        body = json.dumps(data_request()).encode()
        request = ask("/dashboard/data", "POST", body, content_type="application/json")
        widget = asyncio.ensure_future(request)
        await asyncio.to_thread(asked.wait, 30)
        of_api = await ask("/api/v1/health")
        assert not widget.done()
        released.set()
        return of_api[2], json.loads((await widget)[2])

    assert asyncio.run(both()) == (b"/v1/health", {"released": True})
