import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("pages")

NAME = "zz-of-the-tests"
NAMESPACE = "OfTheTests"
PREFERENCES = ("cheap", "fast", "best")
MARKDOWN = """# Heading
[A link](https://example.com/) [button:primary:Go](/console) [bad](javascript:alert(1))

| a | b |
|---|---|
| 1 | 2 |

<script>alert(1)</script><img src="https://example.com/x.png">
"""


def metric(title, *rows, **properties):
    defaults = {"title": title, "metrics": list(rows), "stat": "Sum", "region": "us-east-1"}
    return {"type": "metric", "properties": {**defaults, **properties}}


BODY = {
    "start": "-PT1H",
    "widgets": [
        {"type": "text", "properties": {"markdown": MARKDOWN}},
        metric("Broken", [{"expression": "NOPE(", "id": "e1"}]),
        metric("Number (USD)", [NAMESPACE, "Cost", "model", "one"], view="singleValue"),
        metric(
            "Lines",
            [NAMESPACE, "Cost", "model", "one", {"label": "Cost of one"}],
            ["...", "two", {"yAxis": "right"}],
            yAxis={"left": {"label": "USD", "min": 0}, "right": {"label": "Others"}},
            annotations={"horizontal": [{"value": 2, "label": "Limit"}]},
            legend={"position": "right"},
        ),
        metric("Area", [NAMESPACE, "Cost", "model", "one"], stacked=True),
        metric("Bars", [NAMESPACE, "Cost", "model", "one"], ["...", "two"], view="bar"),
        metric(
            "Shares",
            [{"expression": f"SEARCH('{{{NAMESPACE},model}} MetricName=\"Cost\"', 'Sum')"}],
            view="pie",
            setPeriodToTimeRange=True,
        ),
        metric("Nothing", [NAMESPACE, "Unknown"]),
        metric("Unheard of", [NAMESPACE, "Cost"], view="hologram"),
        {"type": "log", "properties": {"title": "Log of x", "query": "fields no-source"}},
    ],
    "variables": [
        {
            "id": "which",
            "label": "Which",
            "type": "property",
            "property": "model",
            "inputType": "select",
            "values": [{"value": "one", "label": "The one"}, {"value": "two"}],
        },
    ],
}


HUES = """(chart) => {
    const canvas = chart.querySelector("canvas");
    const bottom = echarts.getInstanceByDom(chart).convertToPixel({yAxisIndex: 0}, 0);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, bottom);
    const found = {};
    for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
        const most = Math.max(red, green, blue), spread = most - Math.min(red, green, blue);
        if (data[at + 3] < 128 || spread < 60) continue;
        const part = most === red ? (green - blue) / spread
            : most === green ? 2 + (blue - red) / spread : 4 + (red - green) / spread;
        const hue = Math.round((part + 6) % 6);
        (found[hue % 6] ??= new Set()).add((at / 4) % canvas.width);
    }
    return Object.fromEntries(Object.entries(found).map(([hue, columns]) => [hue, [...columns]]));
}"""
"""In sixths of the circle, from red on: what is nearly grey, as text and lines are, has none."""
GREENISH, PURPLE = "3", "5"
EXECUTIONS = "Executions: Generate"


class Dashboard:
    def __init__(self, stack, page):
        self.page = page
        self.root = stack.base_url.removesuffix("/api/v1")
        self.stack, self.cloudwatch = stack, stack.client("cloudwatch")
        self.asked = []
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, **query):
        chosen = "&".join(f"{key}={value}" for key, value in ({"every": "0"} | query).items())
        self.page.goto(f"{self.root}/dashboard?{chosen}")
        self.wait()

    def wait(self):
        self.page.wait_for_selector("#grid[data-drawn]")

    def again(self, act):
        """Do something, and wait until the widgets are drawn anew."""
        before = self.page.locator("#grid").get_attribute("data-drawn")
        act()
        expect(self.page.locator("#grid")).not_to_have_attribute("data-drawn", before)

    def widget(self, title):
        return self.page.locator(f'section[data-widget="{title}"]')

    def number(self, title):
        """The exact text of a widget's first number."""
        return self.widget(title).locator(".number").first.get_attribute("data-value")

    def sum(self, title):
        """Of a widget's numbers."""
        numbers = self.widget(title).locator(".number")
        values = numbers.evaluate_all("all => all.map((one) => one.dataset.value)")
        return sum(map(Decimal, values))

    def hues(self, title):
        """The colours of a chart's picture over its legend: for each hue its columns."""
        return self.widget(title).locator(".chart").evaluate(HUES)

    def column(self, title, at_s):
        """Where a chart's picture shows a time."""
        place = "(chart, at) => echarts.getInstanceByDom(chart).convertToPixel({xAxisIndex: 0}, at)"
        return self.widget(title).locator(".chart").evaluate(place, at_s * 1000)

    def summary(self, window):
        """What the metrics API says, with exact numbers."""
        answer = requests.get(
            f"{self.stack.base_url}/metrics/summary",
            headers={"X-API-Key": self.stack.operator_api_key},
            params={"window": window},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.json(parse_float=Decimal)

    @property
    def length_ms(self):
        grid = self.page.locator("#grid")
        return int(grid.get_attribute("data-end")) - int(grid.get_attribute("data-start"))

    @property
    def is_too_wide(self):
        return self.page.evaluate("document.documentElement.scrollWidth > innerWidth")

    @property
    def cut_off(self):
        """Numbers, and titles over them, of which a part cannot be seen."""
        return self.page.locator(".of-numbers h3, .number :is(.label, .value)").evaluate_all(
            "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1)"
            ".map((one) => one.textContent)"
        )


@pytest.fixture
def dashboard(stack, page):
    return Dashboard(stack, page)


@pytest.fixture(scope="module", autouse=True)
def traffic(stack):
    """Some requests, so that there is something to draw."""
    for preference in PREFERENCES:
        response = requests.post(
            f"{stack.base_url}/generate",
            headers={"X-API-Key": stack.api_key},
            json={"task": "summarize", "model_preference": preference, "text": "A short text."},
            timeout=60,
        )
        assert response.status_code == 200, response.text
    for model, value in (("one", 1.25), ("two", 3.75)):
        datum = {
            "MetricName": "Cost",
            "Dimensions": [{"Name": "model", "Value": model}],
            "Value": value,
        }
        stack.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


@pytest.fixture
def own(stack, dashboard):
    """A dashboard with what the deployed one does not have."""
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName=NAME, DashboardBody=json.dumps(BODY))
    dashboard.open(name=NAME, range="5m")
    yield dashboard
    cloudwatch.delete_dashboards(DashboardNames=[NAME])


def deployed_body(cloudwatch):
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    found = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])
    return found["DashboardName"], json.loads(found["DashboardBody"])


def test_every_widget_of_the_deployed_body_is_drawn(dashboard):
    name, body = deployed_body(dashboard.cloudwatch)
    dashboard.open(range="15m")

    expect(dashboard.page.locator("h1")).to_have_text(name)
    sections = dashboard.page.locator("section[data-widget]")
    kinds = sections.evaluate_all("all => all.map((one) => one.dataset.kind)")
    assert sorted(kinds) == sorted(widget["type"] for widget in body["widgets"])
    expect(dashboard.page.locator("body")).to_have_attribute("data-ready", "true")
    for widget in body["widgets"]:
        properties = widget["properties"]
        if widget["type"] == "text":
            heading = properties["markdown"].splitlines()[0].lstrip("# ")
            expect(dashboard.page.get_by_role("heading", name=heading).first).to_be_visible()
        else:
            expect(dashboard.widget(properties["title"]).first).to_be_visible()
    assert dashboard.page.locator(".failed").all_inner_texts() == []
    assert dashboard.page.locator(".waiting").count() == 0


def test_numbers_are_cloudwatchs_own_for_the_same_range(dashboard):
    _name, body = deployed_body(dashboard.cloudwatch)
    dashboard.open(range="1h")
    grid = dashboard.page.locator("#grid")
    start_s, end_s = (int(grid.get_attribute(f"data-{edge}")) / 1000 for edge in ("start", "end"))
    period_s = 60 * -(-(end_s - start_s // 60 * 60) // 60)

    compared = 0
    for widget in body["widgets"]:
        properties = widget["properties"]
        rows = properties.get("metrics", [])
        if properties.get("view") != "singleValue" or len(rows) > 1 or len(rows[0]) != 5:
            continue
        namespace, metric_name, dimension, value, options = rows[0]
        answer = dashboard.cloudwatch.get_metric_data(
            StartTime=datetime.fromtimestamp(start_s, UTC),
            EndTime=datetime.fromtimestamp(end_s, UTC),
            MetricDataQueries=[
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": namespace,
                            "MetricName": metric_name,
                            "Dimensions": [{"Name": dimension, "Value": value}],
                        },
                        "Period": int(period_s),
                        "Stat": options["stat"],
                    },
                }
            ],
        )
        expected = answer["MetricDataResults"][0]["Values"]
        shown = dashboard.number(properties["title"])
        assert ([float(shown)] if shown else []) == expected
        compared += len(expected)
    assert compared > 0


def test_numbers_are_what_the_metrics_api_says_of_the_same_hour(dashboard):
    dashboard.open(range="1h")

    ends = time.monotonic() + 30
    while True:
        said = dashboard.summary("1h")
        expected = {
            "Requests": Decimal(said["requests"]["total"]),
            "Failed, by whose fault": Decimal(said["requests"]["failed"]),
            "Fallbacks": Decimal(said["fallbacks"]),
            "Cost (USD)": round(Decimal(said["costs"]["total_usd"]), 6),
        }
        shown = {title: round(dashboard.sum(title), 6) for title in expected}
        # Requests of before may still be on their way into the metrics.
        if shown == expected or time.monotonic() > ends:
            break
        dashboard.again(dashboard.page.get_by_role("button", name="Refresh").click)
    assert shown == expected
    assert expected["Requests"] >= len(PREFERENCES)


def test_the_model_variable_draws_another_models_section(dashboard):
    dashboard.open(range="15m")
    chooser = dashboard.page.get_by_label("Model", exact=True)
    options = chooser.locator("option").evaluate_all("all => all.map((one) => one.value)")

    dashboard.again(lambda: chooser.select_option(options[-1]))

    asked = [url for url in dashboard.asked if "/dashboard/body" in url]
    assert f"model={options[-1]}" in asked[-1]
    expect(chooser).to_have_value(options[-1])


def test_the_range_is_chosen_with_the_keyboard_alone(dashboard):
    dashboard.open(range="15m")
    page = dashboard.page
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "range":
            break

    expect(page.get_by_label("Time range")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    dashboard.again(lambda: page.keyboard.press("ArrowDown"))
    assert dashboard.length_ms == 3_600_000
    assert "range=1h" in page.url


def test_the_range_starts_as_the_body_says(own):
    own.open(name=NAME)

    assert own.length_ms == 3_600_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 900, 1440])
def test_nothing_is_wider_than_its_place(stack, open_page, width, scheme):
    dashboard = Dashboard(stack, open_page(width=width, color_scheme=scheme))
    dashboard.open(range="15m")

    expect(dashboard.page.locator("html")).to_have_attribute("data-theme", scheme)
    assert not dashboard.is_too_wide
    assert dashboard.cut_off == []
    for title in ("Requests", "Refresh"):
        expect(dashboard.page.get_by_text(title, exact=True).first).to_be_visible()


def test_the_theme_follows_the_system_until_one_is_chosen(dashboard):
    page = dashboard.page
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dashboard.open(range="15m")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Dark").click()
    expect(root).to_have_attribute("data-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark

    page.reload()
    expect(root).to_have_attribute("data-theme", "light")


def test_one_broken_widget_breaks_no_other(own):
    broken = own.page.locator(".failed")

    assert broken.count() == 3
    assert sorted(broken.locator("h3").all_inner_texts()) == ["Broken", "Log of x", "Unheard of"]
    expect(own.widget("Log of x").locator(".problem")).to_contain_text("SOURCE")
    expect(own.widget("Number (USD)").locator(".number")).to_have_attribute("data-value", "1.25")
    expect(own.widget("Number (USD)").locator(".unit")).to_have_text("USD")
    expect(own.widget("Nothing")).to_contain_text("No data")


def test_a_widget_whose_data_fails_says_so_alone(dashboard):
    error = {"code": "internal_error", "message": "It rained into the metrics."}
    _name, body = deployed_body(dashboard.cloudwatch)
    titles = [widget["properties"].get("title") for widget in body["widgets"]]

    def answered(route):
        if titles[route.request.post_data_json["index"]] != "Latency":
            return route.continue_()
        return route.fulfill(status=500, json={"success": False, "error": error})

    dashboard.page.route("**/dashboard/data", answered)
    dashboard.open(range="15m")

    failed = dashboard.page.locator("[data-error]")
    assert failed.evaluate_all("all => all.map((one) => one.dataset.widget)") == ["Latency"]
    expect(failed.locator(".problem")).to_have_text(error["message"])
    assert float(dashboard.number("Requests")) > 0

    dashboard.page.unroute("**/dashboard/data")
    dashboard.again(dashboard.page.get_by_role("button", name="Refresh").click)
    expect(dashboard.page.locator("[data-error]")).to_have_count(0)
    expect(dashboard.widget("Latency").locator("canvas")).to_be_visible()


def test_a_newer_refresh_gives_up_an_older_one(own):
    given_up, held = [], []
    own.page.on("requestfailed", lambda request: given_up.append(request.post_data))

    def answered(route):
        asked = route.request.post_data_json
        if asked["end"] - asked["start"] == 900_000:
            route.continue_()
        else:
            held.append(route.request.post_data)

    own.page.route("**/dashboard/data", answered)
    with own.page.expect_request("**/dashboard/data"):
        own.page.get_by_role("button", name="Refresh").click()

    own.again(lambda: own.page.get_by_label("Time range").select_option("15m"))

    assert held
    assert sorted(given_up) == sorted(held)
    assert own.length_ms == 900_000


def test_alarms_say_their_state_and_what_it_means(dashboard):
    _name, body = deployed_body(dashboard.cloudwatch)
    (widget,) = (one for one in body["widgets"] if one["type"] == "alarm")
    names = [arn.rpartition(":alarm:")[2] for arn in widget["properties"]["alarms"]]
    found = dashboard.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    dashboard.open(range="15m")

    tiles = dashboard.page.locator("[data-alarm]")
    assert tiles.evaluate_all("all => all.map((one) => one.dataset.alarm)") == names
    for alarm in found:
        tile = dashboard.page.locator(f'[data-alarm="{alarm["AlarmName"]}"]')
        expect(tile).to_contain_text(alarm["AlarmDescription"])
        texts = {"OK": "OK", "ALARM": "In alarm", "INSUFFICIENT_DATA": "No data yet"}
        expect(tile.locator(".state")).to_have_text(texts[tile.get_attribute("data-state")])
    assert found


def test_charts_say_their_series_in_words(own):
    expected = {"Lines": "2", "Area": "1", "Bars": "2", "Shares": "2"}

    for title, count in expected.items():
        chart = own.widget(title).locator(".chart")
        expect(chart).to_have_attribute("data-series", count)
        assert title in chart.get_attribute("aria-label")
        assert chart.locator("canvas").count() == 1
    assert "Cost of one: 1.25" in own.widget("Lines").locator(".chart").get_attribute("aria-label")
    cells = own.widget("Shares").locator("table td")
    assert cells.all_inner_texts()[:2] == ["one", "1.25"]


@pytest.fixture
def executions(dashboard):
    """Draws the deployed graph of executions on a known series: by minutes ago, how many of each."""
    _name, body = deployed_body(dashboard.cloudwatch)
    [graph] = (one for one in body["widgets"] if one["properties"].get("title") == EXECUTIONS)
    minute_s = int(time.time()) // 60 * 60
    namespace = f"{NAMESPACE}/{time.time_ns()}"
    dimensions = next(
        [{"Name": row[2], "Value": row[3]}]
        for row in graph["properties"]["metrics"]
        if row[0] == "AWS/States"
    )

    def draw(**counts):
        data = [
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": minute_s - 60 * minutes_ago,
                "Value": value,
            }
            for name, by_minute in counts.items()
            for minutes_ago, value in by_minute.items()
        ]
        dashboard.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
        text = json.dumps({"widgets": [graph | {"x": 0, "y": 0}]})
        dashboard.cloudwatch.put_dashboard(
            DashboardName=NAME, DashboardBody=text.replace("AWS/States", namespace)
        )
        dashboard.page.emulate_media(reduced_motion="reduce")
        dashboard.open(name=NAME, range="15m")
        return lambda minutes_ago: dashboard.column(EXECUTIONS, minute_s - 60 * minutes_ago)

    yield draw
    dashboard.cloudwatch.delete_dashboards(DashboardNames=[NAME])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shown_as_throttled_where_nobody_was(dashboard, executions, scheme):
    dashboard.page.emulate_media(color_scheme=scheme)
    minutes = range(2, 12)

    executions(
        ExecutionsSucceeded=dict.fromkeys(minutes, 240),
        ExecutionThrottled=dict.fromkeys(minutes, 0),
    )

    assert dashboard.hues(EXECUTIONS).keys() == {GREENISH}
    words = dashboard.widget(EXECUTIONS).locator("tbody tr").all_inner_texts()
    assert [row.split()[0] for row in words] == ["Succeeded"]


def test_what_was_throttled_is_shown_only_when_it_was(dashboard, executions):
    before, gap, after = range(9, 13), range(6, 9), range(2, 6)
    throttled = 4

    place = executions(
        ExecutionsSucceeded=dict.fromkeys((*before, *after), 240),
        ExecutionThrottled=dict.fromkeys((*before, *after), 0) | {throttled: 30},
    )

    hues = dashboard.hues(EXECUTIONS)
    assert hues.keys() == {GREENISH, PURPLE}
    begin, end = place(throttled), place(throttled - 1)
    assert begin - 1 <= min(hues[PURPLE]) < max(hues[PURPLE]) <= end + 1
    assert max(hues[PURPLE]) - min(hues[PURPLE]) > (end - begin) / 2
    in_gap = [one for one in hues[GREENISH] if place(gap[-1]) + 1 < one < place(gap[0] - 1) - 1]
    assert in_gap == []
    assert max(hues[GREENISH]) > place(after[0])


def test_a_line_breaks_where_nothing_was_measured(own):
    name, before, after = "Broken line", range(9, 13), range(2, 6)
    minute_s = int(time.time()) // 60 * 60
    data = [
        {"MetricName": "Gap", "Timestamp": minute_s - 60 * minutes_ago, "Value": 5}
        for minutes_ago in (*before, *after)
    ]
    own.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    body = {"widgets": [metric(name, [NAMESPACE, "Gap", {"color": "#009E73"}], period=60)]}
    own.cloudwatch.put_dashboard(DashboardName=NAME, DashboardBody=json.dumps(body))
    own.page.emulate_media(reduced_motion="reduce")

    own.open(name=NAME, range="15m")

    begin, end = (own.column(name, minute_s - 60 * at) for at in (before[0], after[-1]))
    columns = own.hues(name)[GREENISH]
    assert [one for one in columns if begin + 5 < one < end - 5] == []
    assert max(columns) > end


def test_a_variable_offers_its_values_and_starts_with_what_was_deployed(own):
    which = own.page.get_by_label("Which")
    assert which.locator("option").all_inner_texts() == ["The one", "two"]
    expect(own.widget("Number (USD)").locator(".number")).to_have_attribute("data-value", "1.25")

    own.again(lambda: which.select_option("two"))
    expect(own.widget("Number (USD)").locator(".number")).to_have_attribute("data-value", "3.75")


def test_markdown_shows_text_and_runs_nothing(own):
    text = own.page.locator(".of-text")

    expect(text.get_by_role("heading", name="Heading")).to_be_visible()
    expect(text.get_by_role("link", name="A link")).to_have_attribute(
        "href", "https://example.com/"
    )
    expect(text.locator("a.button.primary")).to_have_text("Go")
    assert text.get_by_text("bad").get_attribute("href") is None
    assert text.locator("td").all_inner_texts() == ["1", "2"]
    assert text.locator("script, img").count() == 0


def test_a_stack_that_has_gone_is_said_once_and_the_widgets_stay(own):
    own.page.route("**/dashboard/body*", lambda route: route.abort())

    own.page.get_by_role("button", name="Refresh").click()

    expect(own.page.get_by_role("alert")).to_contain_text("does not answer")
    expect(own.widget("Number (USD)").locator(".number")).to_be_visible()


def test_the_page_draws_itself_anew_while_it_is_told_to(own):
    own.page.clock.install()
    own.open(name=NAME, every="10")

    own.again(lambda: own.page.clock.fast_forward(10_500))


def test_the_console_is_a_link_away(dashboard):
    dashboard.open(range="15m")

    dashboard.page.get_by_role("link", name="Console").click()

    expect(dashboard.page).to_have_title("Console · LLM Orchestration Engine")
