import json
import random

import numpy as np
import pytest

from functions.shared.policy.prompt_predictor import PromptPredictor
from tests.support.fresh_process import printed_by
from tests.support.jsonl import written
from training.data import MalformedRows
from training.routing.evaluation import evaluate_routing
from training.routing.metrics import (
    aiq,
    apgr,
    average_gap_recovered,
    call_curve,
    call_performance_threshold,
    nondecreasing_hull,
)
from training.routing.outcomes import costs_usd, read_folder, read_outcomes
from training.routing.prompt_predictor import beats_length_rule, fit_pair
from training.routing.routed import folds_of

PRICES = {"small": (0.1, 0.4), "large": (2.0, 8.0), "odd": (1.0, 2.0)}
EASY, HARD = "add the two numbers", "prove the theorem by induction"
FILLERS = ("red", "blue", "green", "round", "heavy", "quick", "old", "plain", "soft", "loud")


def _texts(count, seed=0):
    """Half of them hard, none longer on average than the others."""
    draw = random.Random(seed)
    return [
        f"{' '.join(draw.choices(FILLERS, k=draw.randint(3, 9)))} {(EASY, HARD)[number % 2]} {number}"
        for number in range(count)
    ]


def _row(text, grades, **more):
    return {"prompt": text, "correct": grades, **more}


def _pair_rows(count=60, seed=0):
    return [
        _row(text, {"small": int(EASY in text), "large": 1}, out_chars={"small": 40, "large": 400})
        for text in _texts(count, seed)
    ]


def _folder(path, **files):
    for name, rows in files.items():
        written(path / f"router_{name}.jsonl", rows)
    (path / "router_prices.json").write_text(json.dumps({"prices": PRICES}), "utf-8")
    return path


@pytest.fixture
def staircase():
    """Eleven prompts by rising need; the strong model is right on the neediest five alone."""
    need = np.arange(11.0)
    return call_curve(need, np.zeros(11), (need >= 6).astype(float))


def test_apgr_is_the_area_between_the_weak_model_and_the_curve_over_that_between_both(staircase):
    assert np.allclose(11 * staircase.strong_shares, [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert apgr(staircase) == pytest.approx(42.5 / 55)


@pytest.mark.parametrize(("share", "calls"), [(0.5, 2.5), (0.8, 4.0)])
def test_cpt_is_the_percentage_of_strong_calls_that_recovers_a_share_of_the_gap(
    staircase, share, calls
):
    assert call_performance_threshold(staircase, share) == pytest.approx(100 * calls / 11)


def test_no_gap_is_recovered_where_the_strong_model_is_no_better():
    curve = call_curve(np.arange(4.0), np.ones(4), np.array([1.0, 1.0, 0.0, 1.0]))
    assert apgr(curve) is None
    assert call_performance_threshold(curve, 0.5) is None
    assert average_gap_recovered(np.arange(4.0), np.zeros(4)) is None


def test_with_a_threshold_at_every_prompt_the_best_order_of_four_recovers_three_quarters():
    gains = np.array([0.0, 1.0, 0.0, 1.0])
    assert average_gap_recovered(gains, gains) == pytest.approx(0.75)
    assert average_gap_recovered(np.ones(4), gains) == pytest.approx(0.5)


def test_the_hull_leaves_out_what_is_below_a_mix_of_others_or_dearer_and_no_better():
    costs, grades = np.array([3.0, 1.0, 2.5, 2.0, 5.0]), np.array([0.9, 0.5, 0.6, 0.8, 0.7])
    hull = nondecreasing_hull(costs, grades)
    assert [list(values) for values in hull] == [[1.0, 2.0, 3.0], [0.5, 0.8, 0.9]]


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [(1.0, 3.0, 0.75), (1.0, 4.0, 0.8), (0.0, 3.0, 0.5), (2.5, 2.5, None)],
)
def test_aiq_is_the_mean_height_of_the_hull_level_after_its_end_and_0_before_its_beginning(
    lowest, highest, expected
):
    costs, grades = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.8, 0.9])
    assert aiq(costs, grades, lowest, highest) == (expected and pytest.approx(expected))


def test_a_question_is_asked_with_its_lettered_options(tmp_path):
    row = {"question": "Which?", "options": ["this", "that"], "correct": {"small": 1}}
    outcomes = read_outcomes(written(tmp_path / "router_quiz.jsonl.gz", [row]))
    assert outcomes.prompts == ("Which?\nA. this\nB. that\nAnswer:",)
    assert outcomes.name == "quiz"


def test_an_answer_costs_its_characters_and_those_sent_over_four_at_the_models_prices(tmp_path):
    row = _row("x", {"small": 1, "large": 0}, in_chars=400, out_chars={"small": 40, "large": 80})
    costs = costs_usd(read_outcomes(written(tmp_path / "router_a.jsonl", [row])), PRICES)
    assert 1e6 * costs == pytest.approx(np.array([[10 + 4, 200 + 160]]))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"correct": {"small": 1}}',
        '{"prompt": "x"}',
        '{"prompt": "x", "correct": {"small": 2}}',
        '{"prompt": "x", "correct": {"small": "yes"}}',
        '{"prompt": "x", "correct": {"small": 1}, "out_chars": {"small": -1}}',
        '{"question": "x", "options": "none", "correct": {"small": 1}}',
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path, line):
    path = tmp_path / "router_a.jsonl"
    path.write_text(json.dumps(_row("x", {"small": 1})) + "\n" + line + "\n", "utf-8")
    with pytest.raises(MalformedRows, match=r"router_a\.jsonl:2: "):
        read_outcomes(path)


def test_a_folder_without_outcomes_or_without_prices_is_refused(tmp_path):
    with pytest.raises(MalformedRows, match="no file router_"):
        read_folder(tmp_path)
    written(tmp_path / "router_a.jsonl", _pair_rows(10))
    with pytest.raises(MalformedRows, match=r"router_prices\.json"):
        evaluate_routing(tmp_path, tmp_path, None)


def test_the_same_prompt_is_always_in_the_same_fold():
    texts = _texts(40)
    assert np.array_equal(folds_of(texts), folds_of([f" {text}\n" for text in texts]))
    assert set(folds_of(texts)) == set(range(5))


@pytest.fixture(scope="module")
def predictor():
    texts = _texts(240)
    weak = np.array([float(EASY in text) for text in texts])
    return fit_pair(texts, weak, np.ones(240), weak_id="small", strong_id="large")


def test_a_predictor_tells_unseen_prompts_that_the_weak_model_fails_from_those_it_solves(predictor):
    assert (predictor.weak, predictor.strong) == ("small", "large")
    assert predictor.usual == pytest.approx(0.5, abs=0.05)
    scores = [(EASY in text, predictor.predict(text)) for text in _texts(40, seed=1)]
    assert min(score for easy, score in scores if easy) > 0.6
    assert max(score for easy, score in scores if not easy) < 0.4


def test_a_predictor_is_small_as_json_and_reads_back_the_same(predictor):
    written = predictor.model_dump_json()
    assert len(written) < 150_000
    again = PromptPredictor.model_validate_json(written)
    assert again.predict(f"cold {HARD}") == predictor.predict(f"cold {HARD}")


@pytest.mark.parametrize("text", ["", " \n ", "9" * 5000, "\ud800 naïve 🙂", "a" * 100_000])
def test_a_predictor_gives_a_probability_for_any_text(predictor, text):
    assert 0 < predictor.predict(text) < 1


def test_a_predictor_is_not_sure_where_the_models_never_differ():
    texts = _texts(30)
    fitted = fit_pair(texts, np.ones(30), np.ones(30), weak_id="small", strong_id="large")
    assert fitted.predict(texts[0]) == pytest.approx(31 / 32, abs=1e-3)


def test_a_predictor_needs_two_texts_with_a_grade_of_each_model():
    with pytest.raises(ValueError, match="two texts"):
        fit_pair(["x"], np.ones(1), np.ones(1), weak_id="small", strong_id="large")
    with pytest.raises(ValueError, match="two texts"):
        fit_pair(["x", "y"], np.ones(2), np.ones(1), weak_id="small", strong_id="large")


def test_a_predictor_beats_the_length_rule_where_words_tell_what_is_hard():
    texts = _texts(240)
    weak = np.array([float(EASY in text) for text in texts])
    comparison = beats_length_rule(texts, weak, np.ones(240))
    assert comparison.prompts == 240
    assert comparison.holds
    assert not beats_length_rule(texts[:150], weak[:150], np.ones(150)).holds


def test_a_predictor_does_not_beat_the_length_rule_where_nothing_tells_what_is_hard():
    draw = np.random.default_rng(0)
    weak, strong = (draw.random((2, 240)) < [[0.5], [0.8]]).astype(float)
    assert not beats_length_rule(_texts(240), weak, strong).holds


def test_importing_the_predictor_loads_no_numpy():
    script = "import sys, functions.shared.policy.prompt_predictor; print('numpy' in sys.modules)"
    assert printed_by(script) == "False"


def test_two_models_are_measured_by_cross_validation_against_chance_and_length(tmp_path):
    folder = _folder(tmp_path, sums=_pair_rows(120))
    result = evaluate_routing(folder, folder, None)["results"]["sums"]
    policies, pair = result["policies"], result["pair"]
    assert policies["always_cheapest"]["accuracy"] == 0.5
    assert policies["always_dearest"]["accuracy"] == policies["best_single"]["accuracy"] == 1
    assert policies["uniform_random"]["accuracy"] == 0.75
    assert policies["oracle"]["usd_per_1000"] < policies["ours_best"]["usd_per_1000"]
    assert policies["ours_balanced"]["accuracy"] > 0.95
    assert (pair["weak"], pair["strong"]) == ("small", "large")
    assert pair["ours"]["apgr"] == pytest.approx(0.75, abs=0.02)
    assert pair["ours"]["cpt50"] == pytest.approx(25, abs=2)
    assert pair["ours"]["apgr"] > pair["length_rule"]["apgr"] + pair["ours"]["standard_error"]
    assert result["not_below_random"]


def test_models_without_a_price_are_skipped_and_named(tmp_path):
    rows = [row | {"correct": {**row["correct"], "free": 1}} for row in _pair_rows(40)]
    lone = [_row(text, {"free": 1, "small": 1}) for text in _texts(20)]
    folder = _folder(tmp_path, sums=rows, lone=lone)
    report = evaluate_routing(folder, folder, None)
    assert report["results"]["sums"]["models_without_price"] == ["free"]
    assert set(report["results"]["sums"]["models"]) == {"small", "large"}
    assert [one["file"] for one in report["skipped"]] == ["lone"]


def _many_rows(dataset, odd_is_right):
    return [
        _row(
            f"{dataset} {text}",
            {"small": number % 2, "large": int(number % 8 > 0), "odd": int(odd_is_right)},
            dataset=dataset,
        )
        for number, text in enumerate(_texts(40))
    ]


def test_a_pool_of_files_is_routed_by_task_and_each_file_by_what_the_others_teach(tmp_path):
    folder = _folder(tmp_path, maths=_many_rows("maths", True), law=_many_rows("law", False))
    report = evaluate_routing(folder, folder, None)
    pool = report["results"]["pooled_3_models"]
    assert pool["rows"] == 80
    assert pool["policies"]["table_per_task"]["accuracy"] == pytest.approx((1 + 0.875) / 2)
    assert pool["frontier"]["aiq"]["ours"] >= pool["frontier"]["aiq"]["zero_router"] - 0.01
    transfer = report["by_source"]["law"]
    assert transfer["fitted_on"] == ["maths"]
    assert transfer["policies"]["best_single"]["accuracy"] == 0


def test_rows_of_another_folder_are_measured_by_what_shares_their_name_or_their_models(tmp_path):
    train = _folder(tmp_path / "train", sums=_pair_rows(80))
    data = tmp_path / "data"
    strange = [_row(text, {"odd": 1, "large": 0}) for text in _texts(20, seed=3)]
    _folder(data, sums=_pair_rows(40, seed=1), renamed=_pair_rows(40, seed=2), strange=strange)
    results = evaluate_routing(train, data, None)["results"]
    assert results["sums"]["fitted_on"] == results["renamed"]["fitted_on"] == ["sums"]
    assert results["renamed"]["pair"]["ours"]["apgr"] > 0.7
    assert results["strange"]["fitted_on"].startswith("nothing")
    assert results["strange"]["policies"]["always_cheapest"]["accuracy"] == 1


def test_the_report_is_the_same_twice_and_drawn_as_a_png(tmp_path):
    folder = _folder(tmp_path, sums=_pair_rows(40), maths=_many_rows("maths", True))
    pictures = [tmp_path / "one.png", tmp_path / "two.png"]
    reports = [json.dumps(evaluate_routing(folder, folder, picture)) for picture in pictures]
    assert reports[0] == reports[1]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
