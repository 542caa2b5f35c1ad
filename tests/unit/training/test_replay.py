import json
import random
import statistics
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from functions.classify.profiling import profile_request
from functions.record_metrics.finished_request import FinishedRequest
from functions.record_metrics.rows import row_of
from functions.score.ranking import rank
from functions.shared.caller import Caller, Limits
from functions.shared.catalogue.models import TASKS, Catalogue, load_catalogue
from functions.shared.contracts.decision import (
    BudgetsLeft,
    ModelHealth,
    MoneyLeft,
    Prediction,
    Profile,
    RoutingContext,
)
from functions.shared.contracts.states import ClassifyInput, RecordInput, json_of
from functions.shared.errors import EngineError, NoEligibleModel
from functions.shared.policy.routing_policy import Policy, load_policy
from functions.shared.settings import ClassifySettings
from functions.shared.storage.request_log import RequestLog, packed
from functions.shared.vocabulary import Preference, usd
from tests.support.builders import TOOL
from tests.support.jsonl import written
from training import __main__ as command
from training.routing import replay as replaying
from training.routing import request_rows
from training.routing.replay import as_text, decide_again, logged_request, replay
from training.routing.request_rows import LoggedRow, days, table_rows

# Together, as they look at the same thousand rows.
pytestmark = pytest.mark.xdist_group("replay")

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = ClassifySettings(SYNC_DEADLINE_MS=26_000, ASYNC_DEADLINE_MS=900_000, LOG_PROMPTS=True)
PROVIDERS = ["openai", "azure_openai", "anthropic", "bedrock", "local"]
MODELS = [model.id for model in load_catalogue().models]


def _policy(**changes):
    return Policy.model_validate(load_policy("default").model_dump(mode="json") | changes)


def _request(draw):
    words = ["sum", "the", "list", "of", "prices", "please"]
    text = " ".join(draw.choices(words, k=draw.randint(1, 80)))
    optional = {
        "max_cost_usd": lambda: draw.choice([0.00001, 0.001, 0.02, 0.5]),
        "max_latency_ms": lambda: draw.choice([1_500, 6_000, 30_000]),
        "model": lambda: draw.choice([*MODELS, "gpt-99"]),
        "fallback": lambda: draw.random() < 0.5,
        "max_output_tokens": lambda: draw.choice([10, 500, 9_000]),
        "tools": lambda: [TOOL],
        "session_id": lambda: f"session-{draw.randint(1, 9)}",
        "metadata": lambda: {"team": "blue"},
    }
    chosen = {name: value() for name, value in optional.items() if draw.random() < 0.2}
    task = draw.choice([*sorted(TASKS), "auto"])
    preference = draw.choice(get_args(Preference))
    return {"text": text, "task": task, "model_preference": preference, **chosen}


def _health(draw, now_ms):
    answers = draw.randint(0, 60)
    mean_ms = draw.randint(300, 20_000)
    tasks = {
        task: {"answers": 7, "output_tokens": draw.randint(50, 9_000)} for task in sorted(TASKS)
    }
    return ModelHealth(
        ok=draw.randint(0, 9),
        faults=draw.choice([0, 0, 3, 9]),
        throttles=draw.choice([0, 0, 4]),
        last_fault_at_ms=now_ms - draw.randint(0, 300_000),
        blocked_at_ms=draw.choice([0, 0, 0, now_ms - draw.randint(0, 120_000)]),
        answers=answers,
        latency_ms=answers * mean_ms,
        latency_ms_squared=2 * answers * mean_ms**2,
        output_tokens=answers * draw.randint(20, 900),
        tasks=tasks,
    )


def _routing_context(draw, profile):
    return RoutingContext(
        providers_configured=sorted(draw.sample(PROVIDERS, draw.randint(0, 5))),
        mock_providers=draw.choice(["auto", "auto", "always", "never"]),
        session_model=draw.choice(MODELS) if profile.session_id else None,
        health={
            name: _health(draw, profile.started_at_ms)
            for name in draw.sample([*MODELS, *PROVIDERS], draw.randint(0, 20))
        },
    )


def _row(draw, number, policy, routing_context=None, caller=None):
    """What the log would hold of a request, made by the states' own code."""
    started_at = NOW - timedelta(seconds=draw.randint(0, 6 * 86_400))
    ids = {"request_id": f"req_{number}", "caller_id": "key-1", "mode": "sync"}
    event = ids | {"request": _request(draw), "started_at": started_at.isoformat()}
    event |= {"caller": caller or {}}
    classified = profile_request(ClassifyInput.model_validate(event), SETTINGS)
    profile = Profile.model_validate(json_of(classified.profile))
    routing_context = routing_context or _routing_context(draw, profile)
    decision, error = None, None
    try:
        decision = rank(profile, load_catalogue(), policy, routing_context)
    except EngineError as refusal:
        error = refusal
    caught = {"Error": type(error or NoEligibleModel("")).__name__, "Cause": "{}"}
    record = RecordInput.model_validate(
        ids
        | {"started_at": started_at.isoformat(), "error": caught}
        | {"profile": profile, "decision": decision, "logged_prompt": classified.logged_prompt}
    )
    return json.loads(json.dumps(row_of(FinishedRequest(record, NOW, ""), 30)))


def _rows(count, policy, seed=1):
    draw = random.Random(seed)
    return [_row(draw, number, policy) for number in range(count)]


def was_decided(row):
    return bool(row.get("decision", {}).get("candidates"))


def _replayed(rows, policy, catalogue=None):
    logged = [LoggedRow(row["request_id"], row) for row in rows]
    return replay(logged, catalogue or load_catalogue(), policy)


@pytest.fixture(scope="module")
def thousand():
    return _rows(1_000, load_policy("default"))


def _run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["training", "replay", *map(str, arguments)])
    return command.main()


@pytest.mark.no_cover
def test_the_policy_that_decided_decides_a_thousand_logged_requests_alike(thousand):
    report = _replayed(thousand, load_policy("default"))
    decided = [row for row in thousand if was_decided(row)]
    assert report["read"] == 1_000
    assert report["rescored"] == len(decided) > 600
    assert report["skipped"] == {}
    assert report["refused_before"] == 1_000 - len(decided)
    assert report["other_prices"] == 0
    assert (report["moved"], report["newly_no_eligible_model"]) == (0, 0)
    assert report["newly_refused_otherwise"] == {}
    cost = report["estimated_cost_usd"]
    logged = [row["decision"]["candidates"][0]["estimated_cost_nano_usd"] for row in decided]
    assert cost["before"] == cost["after"]
    assert Decimal(cost["before"]) == usd(sum(logged))


def test_all_of_a_logged_decision_comes_out_again(thousand):
    for row in thousand:
        if not was_decided(row):
            continue
        again = rank(
            Profile.model_validate(row["profile"]),
            load_catalogue(),
            load_policy("default"),
            RoutingContext.model_validate(row["decision"]["routing_context"]),
        )
        record: dict[str, Any] = {"request_id": "1", "caller_id": "1", "mode": "sync"}
        record |= {"started_at": NOW.isoformat(), "error": {"Error": "X"}}
        record |= {"profile": row["profile"]}
        event = RecordInput.model_validate(record | {"decision": again})
        expected = row_of(FinishedRequest(event, NOW, ""), 30)["decision"]
        times = {"score_ms": row["decision"]["score_ms"]}
        assert expected | times == row["decision"]


def test_a_row_of_the_usual_size_takes_three_write_units(thousand):
    decided = [packed(row) for row in thousand if was_decided(row)]
    sizes = [
        sum(
            len(name) + len(value if isinstance(value, bytes) else str(value))
            for name, value in item.items()
        )
        for item in decided
    ]
    assert statistics.median(sizes) <= 3 * 1024


def test_the_requests_are_varied(thousand):
    profiles = [row["profile"] for row in thousand if was_decided(row)]
    assert {profile["task"] for profile in profiles} == TASKS
    assert any("model" in profile for profile in profiles)
    assert any(profile["required_capabilities"] == ["tools"] for profile in profiles)
    sessions = [row for row in thousand if was_decided(row) and "session_id" in row["profile"]]
    led = [row for row in sessions if "conversation" in row["decision"]["reason"]]
    assert len(led) > 20


@pytest.mark.no_cover
def test_draws_of_exploration_fall_alike():
    policy = _policy(exploration_share=0.4)
    rows = _rows(300, policy, seed=2)
    explored = [row for row in rows if row.get("decision", {}).get("explored")]
    assert len(explored) > 20
    assert _replayed(rows, policy)["moved"] == 0


@pytest.mark.no_cover
def test_what_was_decided_under_budgets_is_decided_alike():
    policy, draw = load_policy("default"), random.Random(3)
    limited = Caller(limits=Limits(month_nano_usd=10**8, tokens_per_minute=10**5))
    rows = []
    for number in range(150):
        left = MoneyLeft(
            owner="caller",
            period="month",
            limit_nano_usd=10**8,
            left_nano_usd=draw.choice((0, 10**6, 10**7, 5 * 10**7)),
            tier_down_at=0.8,
        )
        context = RoutingContext(
            providers_configured=PROVIDERS, budgets_left=BudgetsLeft(money=[left])
        )
        rows.append(_row(draw, number, policy, context, limited))
    decided = [row["decision"] for row in rows if was_decided(row)]
    assert any(one.get("ranked_as") == "cheap" for one in decided)
    assert any(one.get("led_by_budget") for one in decided)
    report = _replayed(rows, policy)
    assert (report["moved"], report["newly_served"]) == (0, 0)
    assert report["newly_no_eligible_model"] == 0
    assert report["newly_refused_otherwise"] == {}
    assert report["skipped"].keys() == {"refused for a budget, of which the log has no state"}


def test_another_policy_moves_requests_and_says_which_and_what_they_cost(thousand):
    dear = {"cost": 0, "latency": 0, "quality": 1, "availability": 0}
    policy = _policy(name="quality", weights=dict.fromkeys(get_args(Preference), dear))
    report = _replayed(thousand, policy)
    assert report["policy"].startswith("quality-")
    assert report["moved"] == len(report["moved_request_ids"]) > 200
    assert sum(one["requests"] for one in report["moves"]) == report["moved"]
    counts = [one["requests"] for one in report["moves"]]
    assert counts == sorted(counts, reverse=True)
    assert all(one["from"] != one["to"] for one in report["moves"])
    cost = report["estimated_cost_usd"]
    assert Decimal(cost["change"]) == Decimal(cost["after"]) - Decimal(cost["before"]) > 0
    assert cost["change_percent"] > 0
    assert report["predicted_quality"]["after"] > report["predicted_quality"]["before"]


def test_both_choices_have_the_quality_that_the_new_policy_expects():
    grade = {"quality": 0.9, "sd": 0.01, "grades": 500}
    for row in _rows(40, load_policy("default"), seed=3):
        if not was_decided(row) or row["profile"].get("task_unsure"):
            continue
        first, task = row["decision"]["candidates"][0]["model"], row["profile"]["task"]
        policy = _policy(quality={first: {task: grade}})
        request: Any = logged_request(row)
        again = decide_again(request, load_catalogue(), policy)
        assert again.before.quality == 0.9


def test_a_smaller_catalogue_refuses_requests_and_keeps_the_logged_figures_of_lost_models(thousand):
    kept = {"gpt-4o", "gpt-5"}
    models = [model for model in load_catalogue().models if model.id in kept]
    fields = [model.model_dump() | {"successor": None} for model in models]
    smaller = Catalogue.model_validate({"models": fields})
    report = _replayed(thousand, load_policy("default"), smaller)
    assert report["newly_no_eligible_model"] > 0
    assert report["newly_refused_otherwise"]["not_found"] > 0
    assert {one["to"] for one in report["moves"]} <= kept
    assert Decimal(report["estimated_cost_usd"]["before"]) > 0
    served = report["rescored"] - report["newly_no_eligible_model"]
    assert report["predicted_quality"]["requests"] < served


def _grown(**changes):
    """The deployed catalogue with every model's figures changed."""
    models = [model.model_dump() | changes for model in load_catalogue().models]
    return Catalogue.model_validate({"models": models})


def test_a_request_that_was_refused_is_newly_served_where_the_catalogue_lets_it():
    draw = random.Random(9)
    routing_context = RoutingContext(providers_configured=["anthropic", "local", "openai"])
    rows = [_row(draw, number, load_policy("default"), routing_context) for number in range(150)]
    refused = [row for row in rows if not was_decided(row)]
    assert len(refused) > 10
    same = _replayed(rows, load_policy("default"))
    assert (same["refused_before"], same["newly_served"]) == (len(refused), 0)
    faster = _grown(time_to_first_token_ms=1, output_tokens_per_second=10_000)
    report = _replayed(rows, load_policy("default"), faster)
    assert 0 < report["newly_served"] < len(refused)
    assert f"served: {report['newly_served']} of {len(refused)} that were" in as_text(report)


def test_costs_and_latencies_before_are_the_logged_ones(thousand):
    slower = _grown(time_to_first_token_ms=60_000)
    decided = [row for row in thousand if was_decided(row)][:100]
    report = _replayed(decided, load_policy("default"), slower)
    logged = [row["decision"]["candidates"][0]["estimated_latency_ms"] for row in decided]
    latency = report["predicted_latency_ms"]
    assert latency["after"] > latency["before"]
    assert min(logged) < latency["before"] < max(logged)


def test_a_decision_under_other_prices_is_counted(thousand):
    row = next(row for row in thousand if was_decided(row))
    older = row | {"decision": row["decision"] | {"price_version": "1999-01-01"}}
    report = _replayed([row, older], load_policy("default"))
    assert report["other_prices"] == 1
    assert "1 logged under other prices" in as_text(report)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"profile": None}, "no profile: never classified"),
        ({"decision": None, "error": {"code": "x"}}, "no decision: never scored"),
        (
            {"decision": None, "error": {"code": "no_eligible_model", "message": "None."}},
            "refused, and no decision tells the routing_context",
        ),
        ({"decision": None, "error": "none"}, "logged in another form"),
        ({"profile": {"task": "poetry"}}, "logged in another form"),
        ({"decision": {"excluded": []}}, "logged in another form"),
        ({"decision": {"candidates": []}, "error": {"code": "x"}}, "no decision: never scored"),
        ({"decision": "none"}, "logged in another form"),
    ],
)
def test_a_row_that_cannot_be_scored_again_is_skipped_with_the_reason(thousand, change, reason):
    row = next(row for row in thousand if was_decided(row))
    changed = {name: value for name, value in (row | change).items() if value is not None}
    report = _replayed([changed], load_policy("default"))
    assert (report["read"], report["rescored"]) == (1, 0)
    assert report["skipped"] == {reason: 1}
    assert report["estimated_cost_usd"]["change_percent"] is None
    assert "skipped 1: " + reason in as_text(report)


class _PredictingPolicy:
    """A policy whose predictor knows one word; a real one is fitted elsewhere."""

    def __init__(self):
        self._policy = _policy(name="predicting")
        self.predictors = ("gpt-4o-mini against gpt-5",)

    def predictions(self, prompt):
        will_do = 0.9 if "easy" in prompt else 0.1
        return [Prediction(weak="gpt-4o-mini", strong="gpt-5", will_do=will_do, usual=0.5)]

    def __getattr__(self, name):
        return getattr(self._policy, name)


def test_a_logged_prompt_is_predicted_from_and_a_missing_one_leaves_the_tables_alone(thousand):
    policy: Any = _PredictingPolicy()
    row = next(row for row in thousand if was_decided(row) and not row["profile"].get("model"))
    profile = Profile.model_validate(row["profile"])
    found, alone = replaying._with_predictions(profile, "an easy one", policy)
    assert [one.will_do for one in found.predictions[policy.version]] == [0.9]
    assert not alone
    without = {name: value for name, value in row.items() if name != "prompt"}
    assert _replayed([row, without], policy)["tables_alone"] == 1
    known = replaying._with_predictions(found, "", policy)
    assert known == (found, False)


def test_the_table_is_read_by_day_and_page_for_the_period_alone(requests_table, monkeypatch):
    kept = {"request_id", "caller_id", "created_at", "day", "status"}
    rows = [
        {name: row[name] for name in kept}
        | {"attempts": [{"cost_nano_usd": 100_000_000, "elapsed_ms": 7}]}
        for row in _rows(80, load_policy("default"), seed=5)
    ]
    log = RequestLog("Requests")
    assert all(log.put_once(row) for row in rows)
    queries = []
    pages = request_rows._pages

    def small_pages(table, condition, *, only_graded):
        def query(**arguments):
            queries.append(arguments)
            return table.query(**arguments, Limit=3)

        small: Any = SimpleNamespace(query=query)
        return pages(small, condition, only_graded=only_graded)

    monkeypatch.setattr(request_rows, "_pages", small_pages)
    for since in (timedelta(days=7), timedelta(hours=50)):
        found = {row.fields["request_id"]: row.fields for row in table_rows("Requests", since, NOW)}
        began = (NOW - since).isoformat(timespec="milliseconds")
        expected = {row["request_id"]: row for row in rows if row["created_at"] >= began}
        assert found == expected
    assert len(expected) < len(rows)
    assert len(queries) > 2 * len(days(NOW - since, NOW))
    assert all(one["IndexName"] == "by_day" for one in queries)


def test_rows_out_of_the_table_are_decided_alike(requests_table):
    rows = _rows(24, _policy(exploration_share=0.3), seed=6)
    log = RequestLog("Requests")
    assert all(log.put_once(row) for row in rows)
    found = table_rows("Requests", timedelta(days=7), NOW)
    report = replay(found, load_catalogue(), _policy(exploration_share=0.3))
    assert (report["read"], report["moved"]) == (24, 0)
    assert report["rescored"] > 12


def test_a_period_spans_its_days():
    assert days(NOW - timedelta(minutes=5), NOW) == ["2026-11-24"]
    assert len(days(NOW - timedelta(days=7), NOW)) == 8
    assert days(NOW - timedelta(hours=24), NOW)[0] == "2026-11-23"


def test_the_text_shows_twenty_ids_and_the_json_has_all(thousand, tmp_path, monkeypatch, capsys):
    dear = {"cost": 0, "latency": 0, "quality": 1, "availability": 0}
    policy = _policy(name="quality", weights=dict.fromkeys(get_args(Preference), dear))
    file = tmp_path / "quality.json"
    file.write_text(policy.model_dump_json())
    rows = written(tmp_path / "rows.jsonl.gz", thousand[:200])
    assert _run(monkeypatch, "--policy", file, "--rows", rows, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["moved_request_ids"]) == report["moved"] > 20
    assert _run(monkeypatch, "--policy", file, "--rows", rows) == 0
    text = capsys.readouterr().out
    shown = [line for line in text.splitlines() if line.strip().startswith("req_")]
    assert len(shown) == 20
    assert f"and {report['moved'] - 20} more" in text
    assert f"would move: {report['moved']}" in text
    assert thousand[0]["prompt"] not in text


def test_a_catalogue_file_stands_in_for_the_deployed_one(thousand, tmp_path, monkeypatch, capsys):
    rows = written(tmp_path / "rows.jsonl", thousand[:20])
    toml = Path(request_rows.__file__).parents[2] / "functions/shared/catalogue/catalogue.toml"
    assert _run(monkeypatch, "--policy", "default", "--rows", rows, "--catalogue", toml) == 0
    assert "would move: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--policy default", "say --table NAME or set REQUESTS_TABLE, or give --rows FILE"),
        ("--policy nosuch --rows rows.jsonl", "policy nosuch: No such file"),
        ("--policy broken.json --rows rows.jsonl", "policy broken.json: Invalid JSON"),
        ("--policy default --rows broken.json", "broken.json:1: no JSON"),
        ("--policy default --rows empty.jsonl", "empty.jsonl: no rows"),
        ("--policy default --rows list.jsonl", "list.jsonl:2: no JSON object"),
        ("--policy default --rows missing.jsonl", "missing.jsonl: No such file"),
        ("--policy default --rows fake.jsonl.gz", "fake.jsonl.gz: Not a gzipped file"),
        ("--policy default --rows rows.jsonl --since 5m", "--since goes with"),
        ("--policy default --table T --since week", "--since week: say minutes"),
        ("--policy default --rows rows.jsonl --catalogue broken.json", "broken.json: Invalid"),
        (
            "--policy default --rows rows.jsonl --catalogue wrong.toml",
            "wrong.toml: models: Field required",
        ),
    ],
)
def test_what_cannot_be_read_ends_in_one_line_and_exit_code_2(
    tmp_path, monkeypatch, capsys, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REQUESTS_TABLE", raising=False)
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (tmp_path / "broken.json").write_text("{broken\n")
    (tmp_path / "list.jsonl").write_text("{}\n[]\n")
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "fake.jsonl.gz").write_text("{}\n")
    (tmp_path / "wrong.toml").write_text("version = 1\n")
    assert _run(monkeypatch, *arguments.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert complaint in told.err


def test_a_table_that_does_not_answer_ends_in_one_line(aws, monkeypatch, capsys):
    assert _run(monkeypatch, "--policy", "default", "--table", "Nowhere") == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "table Nowhere:" in told.err


def test_the_table_of_the_environment_is_the_default(requests_table, monkeypatch, capsys):
    monkeypatch.setenv("REQUESTS_TABLE", "Requests")
    assert _run(monkeypatch, "--policy", "default", "--since", "24h") == 0
    assert "0 requests read, 0 scored again" in capsys.readouterr().out
