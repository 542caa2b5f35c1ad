import inspect
import json
import queue
import time
from types import SimpleNamespace

import pytest
from ministack.core import lambda_runtime
from ministack.services import cloudwatch, cloudwatch_logs

from local.emulator import embedded_metrics, log_events, metrics

GROUP = "/aws/lambda/some"
SET = {"service": "llm", "model": "m"}
UPSTREAM_FORWARD = log_events._forward
UPSTREAM_EMIT = log_events._emit_lambda_logs


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    """The hook in place, in an empty account."""
    cloudwatch.reset()
    cloudwatch_logs.reset()
    monkeypatch.setattr(cloudwatch, "_metric_bucket", metrics._points_of)
    monkeypatch.setattr(log_events, "LISTENERS", [])
    told = log_events._tell_and_forward
    monkeypatch.setattr(cloudwatch_logs, "_fanout_to_subscription_filters", told)
    yield
    cloudwatch.reset()
    cloudwatch_logs.reset()


@pytest.fixture
def heard():
    events = []
    log_events.LISTENERS.append(lambda *event: events.append(event))
    return events


def _stored():
    return {key: [p["Value"] for p in points] for key, points in cloudwatch._metrics.items()}


def _put(*messages, timestamp=1000):
    cloudwatch_logs._create_log_group({"logGroupName": GROUP})
    cloudwatch_logs._create_log_stream({"logGroupName": GROUP, "logStreamName": "s"})
    events = [{"timestamp": timestamp, "message": message} for message in messages]
    cloudwatch_logs._put_log_events(
        {"logGroupName": GROUP, "logStreamName": "s", "logEvents": events}
    )
    return [e["message"] for e in cloudwatch_logs._log_groups[GROUP]["streams"]["s"]["events"]]


def _emf(dimensions=(("service", "model"),), **members):
    metrics = [{"Name": "X", "Unit": "Count"}]
    directive = {"Namespace": "N", "Dimensions": list(dimensions), "Metrics": metrics}
    header = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": header, **SET, "X": 2.5, **members}


def _extract(document):
    embedded_metrics.extract(GROUP, json.dumps(document), 0)


def test_put_log_events_tells_group_message_and_time(heard):
    _put("one", "two", timestamp=7)
    assert heard == [(GROUP, "one", 7), (GROUP, "two", 7)]


def test_every_line_of_a_function_is_an_event_of_its_own(heard):
    line = '{"text": "a\u2028b\x85c\x0cd"}'
    log_events._emit({"FunctionName": "some"}, "id", f"{line}\nnext", False, 5)
    told = [message for _, message, _ in heard]
    assert told[1:3] == [line, "next"]
    assert [told[0][:5], told[3][:3], told[4][:6]] == ["START", "END", "REPORT"]
    assert {group for group, _, _ in heard} == {GROUP}


def test_a_listener_that_fails_loses_no_line(heard):
    def fails(*_):
        raise KeyError("no")

    log_events.LISTENERS.insert(0, fails)
    assert _put("one", "two") == ["one", "two"]
    assert [message for _, message, _ in heard] == ["one", "two"]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (["a", "b", log_events._SAID_EVERYTHING, "of the next"], "a\nb"),
        ([f"a{log_events._SAID_EVERYTHING}"], "a"),
        ([log_events._SAID_EVERYTHING], ""),
    ],
)
def test_output_ends_where_the_worker_says(printed, expected):
    worker = SimpleNamespace(
        config={"Runtime": "python3.12"}, _proc=object(), _stderr_queue=queue.Queue()
    )
    for line in printed:
        worker._stderr_queue.put(line)
    assert log_events._drain(worker) == expected


def test_an_embedded_value_is_stored_under_its_exact_dimensions():
    _extract(_emf(dimensions=[("service",), ("model", "service"), ()]))
    assert _stored() == {
        ("N", "X", "service=llm"): [2.5],
        ("N", "X", "model=m|service=llm"): [2.5],
        ("N", "X", ""): [2.5],
    }


def test_each_of_an_embedded_array_is_stored_with_the_time_of_the_event():
    document = _emf(X=[3, 1, 2])
    _extract(document)
    (points,) = cloudwatch._metrics.values()
    assert [point["Value"] for point in points] == [3.0, 1.0, 2.0]
    assert {p["Timestamp"] for p in points} == {document["_aws"]["Timestamp"] / 1000}
    assert {p["Unit"] for p in points} == {"Count"}


def test_every_directive_counts():
    document = _emf(Y=1)
    document["_aws"]["CloudWatchMetrics"].append(
        {"Namespace": "O", "Dimensions": [["service"]], "Metrics": [{"Name": "Y"}, {"Name": "X"}]}
    )
    _extract(document)
    assert set(_stored()) == {
        ("N", "X", "model=m|service=llm"),
        ("O", "Y", "service=llm"),
        ("O", "X", "service=llm"),
    }


@pytest.mark.parametrize(
    "document",
    [
        *(
            _emf(X="2"),
            _emf(X=True),
            _emf(X=float("nan")),
            _emf(X=[1, None]),
            _emf(model=None),
            _emf(model=3),
        ),
        *(_emf(dimensions=[("unknown",)]), {**_emf(), "_aws": "no header"}, {**_emf(), "_aws": {}}),
    ],
)
def test_what_breaks_the_format_is_told_of_and_is_no_metric(caplog, document):
    log_events.LISTENERS.append(embedded_metrics.extract)
    assert _put(json.dumps(document)) == [json.dumps(document)]
    assert _stored() == {}
    assert "a listener failed on an event of" in caplog.text


@pytest.mark.parametrize("message", ['{"_aws": ', 'said "_aws"', '["_aws"]', "5"])
def test_what_is_no_object_is_no_metric(message):
    embedded_metrics.extract(GROUP, message, 0)
    assert _stored() == {}


def test_upstream_still_tells_nobody_of_log_events():
    assert "_aws" not in inspect.getsource(UPSTREAM_FORWARD)
    assert "_aws" not in inspect.getsource(cloudwatch_logs._put_log_events)


def test_upstream_still_cuts_output_where_unicode_ends_a_line():
    assert "log_text.splitlines()" in inspect.getsource(UPSTREAM_EMIT)


def test_upstream_still_guesses_when_a_function_has_said_everything():
    assert "idle_confirm" in inspect.getsource(log_events._drain_by_silence)
    assert lambda_runtime._PYTHON_WORKER_SCRIPT.count(log_events._SCRIPT_END) == 1


def test_upstream_still_forwards_what_functions_print():
    assert "_fanout_to_subscription_filters(" in inspect.getsource(UPSTREAM_EMIT)
