import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import numpy as np
import pytest

from functions.shared.catalogue.models import load_catalogue
from functions.shared.policy.routing_policy import load_policy, read_policy
from functions.shared.storage.request_log import RequestLog
from tests.support.jsonl import written
from training import __main__ as command
from training.routing.grades import LARGEST_WEIGHT, Grade
from training.routing.pairs import fit_predictors, pairs_of
from training.routing.qualities import (
    NO_GRADES,
    Line,
    Posterior,
    Tally,
    fit_line,
    fit_prior,
    tally_of,
)

MODELS = (
    "bedrock-llama3-8b", "claude-haiku-4-5", "claude-sonnet-4-5", "gpt-4o",
    "gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-6-sol",
)  # fmt: skip
CATALOGUE = load_catalogue()
PUBLIC = {one.id: one.quality["chat"] for one in CATALOGUE.models if "chat" in one.quality}


def _of(scores, weight=1.0):
    return tally_of([Grade("gpt-4o", "chat", score, weight) for score in scores])


def _coins(truth, counts, seed):
    draw = random.Random(seed)
    return {
        model: _of([float(draw.random() < truth[model]) for _ in range(count)])
        for model, count in counts.items()
    }


def _simple(count=40, model="gpt-4o", task="chat", score=1):
    return [{"model": model, "task": task, "score": score}] * count


def _logged(number, model="gpt-4o", score=1.0, **changes):
    decision = {"candidates": [{"model": "gpt-4o"}], "propensity": 1.0}
    feedback = {"score": score, "created_at": "2026-11-24T10:00:00.000Z"}
    row = {"request_id": f"req_{number}", "model": model, "task": "chat", "mock": False}
    return row | {"decision": decision, "feedback": feedback} | changes


@pytest.fixture
def fit(tmp_path, monkeypatch, capsys):
    """Runs the command; answers its code, the report, the file and what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REQUESTS_TABLE", raising=False)

    def run(*arguments, name="mine"):
        out = tmp_path / f"{name}.json"
        told = ["training", "fit-routing", "--name", name, "--out", str(out)]
        monkeypatch.setattr(sys, "argv", [*told, *map(str, arguments)])
        code = command.main()
        printed = capsys.readouterr()
        report = json.loads(printed.out) if printed.out else None
        return SimpleNamespace(code=code, report=report, out=out, complaint=printed.err)

    return run


def _errors(truth, counts, seed):
    """Mean absolute error against the truth: of the public rank, the mapped prior, the raw mean
    and the posterior."""
    tallies = _coins(truth, counts, seed)
    prior = fit_prior(PUBLIC, tallies)
    mapped = {model: prior.line.prior(PUBLIC[model]) for model in counts}
    shrunken = {
        model: Posterior.of(mapped[model], prior.pseudo_grades, tallies[model]).quality
        for model in counts
    }
    raw = {model: tallies[model].mean for model in counts}
    return [
        fmean(abs(one[model] - truth[model]) for model in counts)
        for one in (PUBLIC, mapped, raw, shrunken)
    ]


def test_shrunken_qualities_are_nearer_the_truth_than_the_mapped_prior_and_than_raw_means():
    found = []
    for seed in range(60):
        draw = random.Random(seed)
        truth = {model: 0.45 + 0.4 * PUBLIC[model] + draw.gauss(0, 0.06) for model in MODELS}
        truth = {model: min(0.97, max(0.03, rate)) for model, rate in truth.items()}
        counts = [50, 50, 50, 200, 200, 200, 1000, 1000]
        draw.shuffle(counts)
        found.append(_errors(truth, dict(zip(MODELS, counts, strict=True)), seed))
    public, mapped, raw, shrunken = np.mean(found, axis=0)
    assert shrunken < raw < mapped < public / 2


def test_few_grades_stay_by_the_prior_and_many_leave_it():
    few = Posterior.of(0.6, 20, _of([0, 0, 0]))
    many = Posterior.of(0.6, 20, _of([0] * 2000))
    assert few.quality > 0.5
    assert many.quality < 0.01
    assert few.sd > many.sd


def test_a_posterior_is_the_mean_and_the_deviation_of_its_beta_distribution():
    tally = _of([1.0] * 7 + [0.0] * 3)
    found = Posterior.of(0.5, 20.0, tally)
    good, bad = 0.5 * 20 + 7, 0.5 * 20 + 3
    assert found.quality == pytest.approx(good / (good + bad), abs=1e-4)
    variance = good * bad / (good + bad) ** 2 / (good + bad + 1)
    assert found.sd == pytest.approx(variance**0.5, abs=1e-4)


def test_without_grades_the_line_is_the_public_scale_itself():
    line = fit_line(PUBLIC, {}, 20)
    assert (line.intercept, line.slope) == (0, 1)
    assert all(line.prior(public) == pytest.approx(public, abs=0.02) for public in PUBLIC.values())
    assert Posterior.of(0.5, 20, NO_GRADES).quality == 0.5


def test_a_line_through_many_models_is_found_again():
    true = Line(0.3, 0.5)
    exact = {model: Tally(1000, 1000, 1000 * true.prior(PUBLIC[model])) for model in MODELS}
    line = fit_line(PUBLIC, exact, 500)
    assert line.intercept == pytest.approx(0.3, abs=0.02)
    assert line.slope == pytest.approx(0.5, abs=0.02)


def test_grades_of_weak_models_alone_leave_the_strong_ones_in_the_order_of_the_ranking():
    weak = sorted(PUBLIC, key=PUBLIC.get)[:5]
    tallies = {model: Tally(900, 900, 900 * (0.36 + PUBLIC[model] / 1.2)) for model in weak}
    line = fit_line(PUBLIC, tallies, 200)
    ranked = sorted(set(PUBLIC.values()))
    priors = [line.prior(public) for public in ranked]
    assert priors == sorted(set(priors))
    assert priors[-1] < 1


def test_few_grades_hardly_move_the_line():
    line = fit_line(PUBLIC, {"gpt-4o": _of([1, 1])}, 20)
    assert line.slope == pytest.approx(1, abs=0.02)
    assert line.prior(PUBLIC["gpt-5"]) - PUBLIC["gpt-5"] < 0.1


def test_a_ranking_that_is_upside_down_is_given_no_weight_rather_than_a_negative_one():
    tallies = {model: Tally(500, 500, 500 * (1 - PUBLIC[model])) for model in MODELS}
    line = fit_line(PUBLIC, tallies, 100)
    assert line.slope == 0
    mean = fmean(1 - PUBLIC[one] for one in MODELS)
    assert line.prior(0) == line.prior(1) == pytest.approx(mean, abs=0.05)


def test_models_on_the_line_make_the_prior_heavy_and_models_far_from_it_make_it_light():
    heavy, light = [], []
    for seed in range(10):
        draw = random.Random(seed)
        counts = dict.fromkeys(MODELS, 300)
        near = {model: 0.4 + 0.4 * PUBLIC[model] for model in MODELS}
        far = {model: draw.uniform(0.1, 0.9) for model in MODELS}
        heavy.append(fit_prior(PUBLIC, _coins(near, counts, seed)).pseudo_grades)
        light.append(fit_prior(PUBLIC, _coins(far, counts, seed)).pseudo_grades)
    assert min(heavy) > 20 >= max(light)
    assert fmean(light) < 12
    assert fmean(heavy) > 60


def test_too_few_models_leave_the_prior_at_twenty_grades():
    tallies = {model: _of([1, 0] * 50) for model in MODELS[:3]}
    prior = fit_prior(PUBLIC, tallies)
    assert (prior.pseudo_grades, prior.estimated) == (20, False)


def test_drawn_answers_weigh_by_their_inverse_propensity():
    grades = [Grade("gpt-4o", "chat", 1.0)] * 90 + [Grade("gpt-4o", "chat", 0.0, 10.0)] * 10
    tally = tally_of(grades)
    assert tally.mean == pytest.approx(90 / 190)
    assert tally.count == 100
    assert tally.effective == pytest.approx(190**2 / 1090)
    assert tally_of(grades[::-1]) == tally


def test_a_model_that_gets_the_prompts_that_suit_it_is_judged_by_all_of_them():
    draw = random.Random(8)
    share, grades = 0.1, {"gpt-4o-mini": [], "gpt-5": []}
    for _ in range(6000):
        hard = draw.random() < 0.5
        best = "gpt-5" if hard else "gpt-4o-mini"
        chosen = best if draw.random() >= share else draw.choice(MODELS)
        if chosen in grades:
            right = draw.random() < (0.3 if hard else 0.9)
            propensity = share / len(MODELS) + (1 - share) * (chosen == best)
            grades[chosen].append(Grade(chosen, "chat", float(right), 1 / propensity))
    for found in grades.values():
        plain = fmean(grade.score for grade in found)
        assert abs(plain - 0.6) > 0.2
        assert tally_of(found).mean == pytest.approx(0.6, abs=0.08)


def test_every_model_of_a_fitted_task_is_in_the_policy_and_tasks_with_few_grades_are_not(fit):
    rows = [*_simple(40), *_simple(29, task="code")]
    result = fit("--rows", written(fit_path("rows.jsonl"), rows))
    assert result.code == 0
    policy = read_policy(result.out)
    assert policy.quality.keys() == PUBLIC.keys()
    assert {task for tasks in policy.quality.values() for task in tasks} == {"chat"}
    assert policy.quality["gpt-4o"]["chat"].grades == 40
    assert policy.quality["gpt-5"]["chat"].grades == 0
    assert policy.weights == load_policy("default").weights
    assert result.report["policy"] == policy.version
    left_out = {"grades": 29, "fitted": False, "why_not": "under 30 grades"}
    assert result.report["tasks"]["code"] == left_out


def fit_path(name):
    return Path.cwd() / name


def test_the_same_grades_in_another_order_give_the_same_bytes(fit):
    draw = random.Random(4)
    rows = [
        {
            "model": model,
            "task": "chat",
            "score": round(draw.random(), 3),
            "prompt": f"no. {number}",
        }
        for model in MODELS
        for number in range(60)
    ]
    first = fit("--rows", written(fit_path("a.jsonl"), rows), name="one").out.read_bytes()
    draw.shuffle(rows)
    halves = [written(fit_path("b.jsonl"), rows[:200]), written(fit_path("c.jsonl.gz"), rows[200:])]
    assert fit("--rows", *halves, name="one").out.read_bytes() == first
    assert read_policy(fit_path("one.json")).version.startswith("one-")


def test_what_does_not_count_is_counted(fit):
    rows = [
        *(_logged(number) for number in range(30)),
        _logged(31, mock=True),
        _logged(32, model="gpt-99"),
        _logged(33, task="poetry"),
        _logged(34, model="local-sentiment"),
        {"request_id": "req_35", "status": "FAILED"},
    ]
    report = fit("--rows", written(fit_path("rows.jsonl"), rows)).report
    assert report["grades"] == 30
    assert report["unknown_models"] == {"gpt-99": 1}
    assert report["skipped"] == {
        "answered by the simulator": 1,
        "model does not serve the task": 1,
        "model is not in the catalogue": 1,
        "unknown task": 1,
        "without a grade": 1,
    }


def test_the_simulators_answers_count_where_they_are_asked_for(fit):
    rows = written(fit_path("rows.jsonl"), [_logged(number, mock=True) for number in range(30)])
    assert fit("--rows", rows).code == 2
    assert fit("--rows", rows, "--include-mock").report["grades"] == 30


def test_propensities_are_cut_and_a_fallbacks_is_not_taken_for_a_draw(fit):
    def drawn(number, propensity, model="gpt-4o"):
        decision = {"candidates": [{"model": "gpt-4o"}], "propensity": propensity}
        return _logged(number, model=model, decision=decision)

    rows = [drawn(number, 1.0) for number in range(30)]
    rows += [drawn(40, 0.25), drawn(41, 0.001), drawn(42, 0.001, model="gpt-5")]
    report = fit("--rows", written(fit_path("rows.jsonl"), rows)).report
    weight = "1 / propensity, at most 100"
    assert report["exploration"] == {"weighted": 2, "weight": weight, "cut": 1}
    weights = [1] * 30 + [4, LARGEST_WEIGHT]
    effective = sum(weights) ** 2 / sum(one**2 for one in weights)
    models = report["tasks"]["chat"]["models"]
    assert models["gpt-4o"]["effective_grades"] == round(effective, 1)
    assert models["gpt-5"]["effective_grades"] == 1


def test_outcome_files_give_a_grade_for_each_model_that_the_catalogue_knows(fit):
    asked = {"question": "1 + 1?", "options": ["2", "3"]}
    outcome = asked | {"correct": {"gpt-4o-2024": 1, "other": 0}}
    folder = fit_path("outcomes")
    folder.mkdir()
    written(folder / "router_a.jsonl.gz", [outcome] * 20)
    written(folder / "router_b.jsonl", [outcome | {"task": "code"}] * 35)
    told = ("--outcomes", folder, "--task", "analysis", "--model-id", "gpt-4o-2024=gpt-4o")
    report = fit(*told).report
    assert report["unknown_models"] == {"other": 55}
    assert report["tasks"]["analysis"]["grades"] == 20
    assert report["tasks"]["code"]["models"]["gpt-4o"]["grades"] == 35


def test_outcome_files_may_hold_single_grades_too(fit):
    rows = [*_simple(20), *({"model": "4o", "score": 0.5} for _ in range(20))]
    rows.append({"prompt": "p", "correct": {"4o": 1}})
    told = ("--outcomes", written(fit_path("a.jsonl"), rows), "--model-id", "4o=gpt-4o")
    report = fit(*told, "--task", "chat").report
    assert report["tasks"]["chat"]["models"]["gpt-4o"]["grades"] == 41
    assert report["tasks"]["chat"]["models"]["gpt-4o"]["mean"] == round(31 / 41, 4)


def _shared_prompts(count, weak=0.2, strong=0.9):
    draw = random.Random(1)
    prompts = [f"prompt no. {number}" for number in range(count)]
    return [
        Grade(model, "chat", float(draw.random() < rate), prompt=prompt)
        for model, rate in (("gpt-4o-mini", weak), ("gpt-5", strong))
        for prompt in prompts
    ]


@pytest.fixture
def predicting(monkeypatch):
    """Stands in for the fit of predictors, which has tests of its own."""
    from training.routing import prompt_predictor

    calls = SimpleNamespace(holds=True, fitted=[])

    def beats(texts, weak, strong):
        assert len(texts) == len(weak) == len(strong)
        return SimpleNamespace(holds=calls.holds)

    def fitted(texts, weak, strong, *, weak_id, strong_id, **_):
        calls.fitted.append((weak_id, strong_id))

    monkeypatch.setattr(prompt_predictor, "beats_length_rule", beats)
    monkeypatch.setattr(prompt_predictor, "fit_pair", fitted)
    return calls


@pytest.mark.parametrize(
    ("grades", "holds", "why_not"),
    [
        (_shared_prompts(300), True, None),
        (_shared_prompts(299), True, "under 300 prompts are graded for both"),
        (_shared_prompts(300, 0.9, 0.2), True, "the dearer model does no better on average"),
        (_shared_prompts(300), False, "it does not beat a rule on the prompt's length"),
    ],
)
def test_a_predictor_is_kept_only_where_it_is_worth_it_or_the_report_says_why_not(
    predicting, grades, holds, why_not
):
    predicting.holds = holds
    _, report = fit_predictors(grades, CATALOGUE)
    assert [one.get("why_not") for one in report] == [why_not]
    assert predicting.fitted == ([] if why_not else [("gpt-4o-mini", "gpt-5")])


def test_a_cheaper_model_is_paired_once_with_the_dearer_one_that_shares_most_prompts(predicting):
    grades = _shared_prompts(400)
    prompts = [f"prompt no. {number}" for number in range(350)]
    grades += [Grade("gpt-6-sol", "chat", 1.0, prompt=prompt) for prompt in prompts]
    _, report = fit_predictors(grades, CATALOGUE)
    pairs = [(one["weak"], one["strong"], one["prompts"]) for one in report]
    assert pairs[0] == ("gpt-4o-mini", "gpt-5", 400)
    assert len({weak for weak, _, _ in pairs}) == len(pairs)


def test_several_grades_of_a_prompt_are_averaged_and_a_prompt_without_text_pairs_nothing():
    grades = [Grade("gpt-4o-mini", "chat", score, prompt="p") for score in (0.0, 1.0)]
    grades += [Grade("gpt-5", "chat", 1.0, prompt="p"), Grade("gpt-5", "chat", 1.0)]
    (pair,) = pairs_of(grades, CATALOGUE)
    assert (pair.weak.tolist(), pair.strong.tolist()) == ([0.5], [1.0])


NEVER_CHOSEN = _logged(1, decision={"candidates": [{"model": "gpt-4o"}], "propensity": 0})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{broken\n", "bad.jsonl:1: no JSON"),
        ("\n[]\n", "bad.jsonl:2: no JSON object"),
        ('{"task": "chat", "score": 1}\n', "bad.jsonl:1: needs the texts `model` and `task`"),
        ('{"model": "gpt-4o", "task": "chat"}\n', "bad.jsonl:1: needs a `score`"),
        ('{"model": "gpt-4o", "task": "chat", "score": 2}\n', "bad.jsonl:1: needs a `score`"),
        ('{"model": "gpt-4o", "task": "chat", "score": NaN}\n', "bad.jsonl:1: needs a `score`"),
        ('{"model": "gpt-4o", "task": "chat", "score": true}\n', "bad.jsonl:1: needs a `score`"),
        ('{"model": "gpt-4o", "task": "chat", "score": "1"}\n', "bad.jsonl:1: needs a `score`"),
        (json.dumps(_logged(1, decision=[])) + "\n", "bad.jsonl:1: `decision` is none"),
        (json.dumps(NEVER_CHOSEN), "bad.jsonl:1: `decision.propensity` must be above 0"),
        ("", "bad.jsonl: no rows"),
        ('{"model": "gpt-4o", "task": "chat", "score": 1}\n', "no task has 30 grades"),
    ],
)
def test_a_bad_file_ends_in_one_line_and_nothing_is_written(fit, content, complaint):
    bad = fit_path("bad.jsonl")
    bad.write_text(content)
    result = fit("--rows", bad)
    assert result.code == 2
    assert complaint in result.complaint
    assert result.complaint.count("\n") == 1
    assert not result.out.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say --table NAME or set REQUESTS_TABLE, or give --rows FILE"),
        (["--outcomes", "nothing"], "nothing: "),
        (["--outcomes", "."], "no file router_"),
        (["--outcomes", "outcomes.jsonl"], "outcomes.jsonl:1: needs the text `task`"),
        (["--outcomes", "wrong.jsonl"], "wrong.jsonl:1: needs `correct` with a grade"),
        (["--outcomes", "ungraded.jsonl", "--task", "chat"], "ungraded.jsonl:1: needs `correct`"),
        (["--outcomes", "single.jsonl"], "single.jsonl:1: needs the texts `model` and `task`"),
        (["--rows", "rows.jsonl", "--task", "poetry"], "--task poetry: say one of analysis, "),
        (["--rows", "mock.jsonl"], "models: none; left out: 1 answered by the simulator"),
        (["--rows", "rows.jsonl", "--out", "."], ".draft"),
        (["--rows", "rows.jsonl", "--model-id", "gpt"], "--model-id gpt: say NAME=ID"),
        (["--rows", "rows.jsonl", "--base", "nosuch"], "policy nosuch: No such file"),
        (["--rows", "rows.jsonl", "--name", "Not A Name"], "policy Not A Name: name: "),
        (["--rows", "rows.jsonl", "--out", "no/such/folder.json"], "No such file or directory"),
    ],
)
def test_a_bad_call_ends_in_one_line_and_nothing_is_written(fit, arguments, complaint):
    written(fit_path("rows.jsonl"), _simple())
    written(fit_path("outcomes.jsonl"), [{"prompt": "p", "correct": {"gpt-4o": 1}}])
    written(fit_path("wrong.jsonl"), [{"prompt": "p", "task": "chat", "correct": {"gpt-4o": 3}}])
    written(fit_path("ungraded.jsonl"), [{"prompt": "p"}])
    written(fit_path("single.jsonl"), [{"model": "gpt-4o", "score": 1}])
    written(fit_path("mock.jsonl"), [_logged(1, mock=True)])
    before = sorted(fit_path(".").iterdir())
    result = fit(*arguments)
    assert result.code == 2
    assert complaint in result.complaint
    assert result.complaint.count("\n") == 1
    assert sorted(fit_path(".").iterdir()) == before


def test_weights_come_from_the_base(fit):
    rows = written(fit_path("rows.jsonl"), _simple())
    base = load_policy("default").model_dump(mode="json") | {"exploration_share": 0.05, "name": "b"}
    fit_path("base.json").write_text(json.dumps(base))
    policy = read_policy(fit("--rows", rows, "--base", "base.json").out)
    assert (policy.name, policy.exploration_share) == ("mine", 0.05)


def test_no_prompt_is_printed_or_written(fit):
    rows = [row | {"prompt": "a secret"} for row in _simple()]
    result = fit("--rows", written(fit_path("rows.jsonl"), rows))
    assert "secret" not in json.dumps(result.report) + result.out.read_text()


def test_graded_rows_come_out_of_the_tables_index(fit, requests_table):
    log = RequestLog("Requests")
    now = datetime.now(UTC)
    for number in range(100):
        at = now - timedelta(hours=number)
        day = {"created_at": at.isoformat(timespec="milliseconds"), "day": f"{at:%Y-%m-%d}"}
        row = _logged(number, score=0.125, **day)
        if number % 2:
            del row["feedback"]
        log.put_once(row)
    report = fit("--table", "Requests", "--since", "4d").report
    assert report["grades"] == 48
    assert report["tasks"]["chat"]["models"]["gpt-4o"]["mean"] == 0.125
    assert fit("--table", "Requests").report["grades"] == 50
    assert fit("--table", "Requests", "--since", "2h").code == 2
