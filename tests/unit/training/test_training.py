import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from functions.shared import local_models
from functions.shared.local_models.model import open_model
from functions.shared.local_models.scored_label import ScoredLabel
from tests.support.jsonl import written
from training import __main__ as command
from training.data import MalformedRows, Row, read_rows
from training.local_models import classifier, linear, sentiment
from training.local_models.calibration import temperature_of, threshold_of
from training.local_models.evaluation import Judged, calibration_error, metrics
from training.local_models.graph import Calibration, write_model
from training.local_models.instructions import instruction_rows
from training.local_models.linear import log_probabilities
from training.local_models.reporting import write_report

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed")

TASK_PROMPTS = {
    "summarize": "Summarize the report on {}",
    "sentiment": "Is this review of {} positive or negative?",
    "rewrite": "Rewrite this sentence on {} in a formal tone",
    "chat": "Tell me a story about {}",
    "code": "Write a Python function that prints {}",
    "analysis": "Calculate the average number of {}",
    "tools": "Remind me to buy {} tomorrow",
}
OPINIONS = {
    "positive": "a wonderful and clever {}, I love it",
    "negative": "an awful and boring {}, I hate it",
    "neutral": "the {} is on the table at noon",
}
THINGS = ["trains", "boats", "cats", "lamps", "books", "songs", "films", "cakes", "roads", "hats"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(1)
    for source in ("clinc150", "t0_cnn_summarize", "selfinstruct_seed", "synthetic_templates"):
        prompts = [
            {"prompt": text.format(f"{thing} {draw.random():.3f}"), "label": label}
            for label, text in TASK_PROMPTS.items()
            for thing in THINGS
        ]
        written(folder / f"task_{source}.jsonl.gz", prompts)
    for source in ("semeval2013_2016", "rt_polarity", "movie_reviews", "pros_cons", "amazon5"):
        texts = [
            {"text": f"{text.format(thing)} | {draw.random():.3f}", "label": label}
            for label, text in OPINIONS.items()
            for thing in THINGS * 3
        ]
        written(folder / f"sentiment_{source}.jsonl", texts)
    words = [{"word": "clever", "label": "positive"}, {"word": "boring", "label": "negative"}]
    written(folder / "sentiment_opinion_lexicon.jsonl.gz", words)
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(classifier, "COPIES", 1)
    monkeypatch.setattr(classifier, "FOLDS", 2)
    monkeypatch.setattr(linear, "MOST_ITERATIONS", 25)
    for module in (classifier, sentiment):
        small = replace(
            module.FEATURES, feature_space=1 << 14, word_space=1 << 12, character_ngrams=()
        )
        monkeypatch.setattr(module, "FEATURES", small)
        monkeypatch.setattr(module, "KEPT_FEATURES", 3_000)
        monkeypatch.setattr(module, "WEIGHT_ROWS", 3_001)
        monkeypatch.setattr(module, "KNOWN_FROM", 2)


def _run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    return command.main()


def test_the_sentiment_model_is_trained_exported_and_read_again(data, tmp_path, monkeypatch):
    out = tmp_path / "sentiment.onnx"
    assert _run(monkeypatch, "train", "sentiment", "--data", data, "--out", out) == 0
    model = open_model(out)
    assert model.labels == ("negative", "neutral", "positive")
    assert model.predict("a wonderful and clever book, I love it").label == "positive"
    assert model.predict("an awful and boring book, I hate it").label == "negative"


def test_the_exported_graph_says_what_the_fitted_weights_say(data, tmp_path):
    rows = sentiment.read_training_rows(data)
    mixture = sentiment.fit_rows(rows)
    calibration = Calibration(1.0, (0.0, 0.0, 0.0), 0.5, (0.0, 0.01))
    out = tmp_path / "sentiment.onnx"
    write_model(out, mixture, calibration)
    text = "an awful but clever film about trains"
    expected = log_probabilities(mixture, [text])[0]
    found = open_model(out).read(text).probabilities
    for label, log in zip(mixture.labels, expected, strict=True):
        assert found[label] == pytest.approx(2.718281828**log, abs=0.02)


def test_training_twice_gives_the_same_bytes(data, tmp_path):
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    for out in (first, second):
        classifier.train_classifier(data, out)
    assert first.read_bytes() == second.read_bytes()
    assert open_model(first).labels == classifier.LABELS
    assert "decision" in open_model(first).metadata


def test_other_rows_give_another_version(data, tmp_path):
    rows = sentiment.read_training_rows(data)
    calibration = Calibration(1.0, (0.0, 0.0, 0.0), 0.5, (0.0, 0.5))
    versions = set()
    for number, part in enumerate((rows, rows[: len(rows) // 2 * 2 - 40])):
        out = tmp_path / f"{number}.onnx"
        write_model(out, sentiment.fit_rows(part), calibration)
        versions.add(open_model(out).version)
    assert len(versions) == 2


def test_the_report_fills_the_tables_and_draws_the_figures(data, tmp_path):
    marks = [
        f"<!-- {n}: generated -->\nstale\n<!-- {n}: end -->" for n in ("classifier", "sentiment")
    ]
    (tmp_path / "models.md").write_text("Before\n" + "\n".join(marks) + "\nAfter\n")
    write_report(data, tmp_path)
    card = (tmp_path / "models.md").read_text()
    assert card.startswith("Before\n")
    assert card.endswith("After\n")
    assert "stale" not in card
    assert card.count("macro-F1") == 2
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "reliability_classifier.png",
        "reliability_sentiment.png",
    }


def test_evaluate_prints_the_metrics_of_each_file_and_of_all(tmp_path, monkeypatch, capsys):
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl.gz"
    written(one, [{"text": "I love this wonderful phone", "label": "positive"}] * 2)
    written(other, [{"text": "terrible, I hate it", "label": "negative", "more": 1}])
    assert _run(monkeypatch, "evaluate", "sentiment", "--data", one, other) == 0
    report = json.loads(capsys.readouterr().out)
    assert {Path(name).name for name in report["files"]} == {"one.jsonl", "other.jsonl.gz"}
    assert report["pooled"]["rows"] == 3
    assert report["pooled"]["labels"].keys() == {"positive", "negative"}
    assert report["pooled"]["accuracy_among_labels_present"] == 1


def test_evaluate_measures_the_decision_that_classify_takes(tmp_path, monkeypatch, capsys):
    rows = tmp_path / "rows.jsonl"
    written(rows, [{"prompt": "anything at all", "label": "code"}])
    said = ScoredLabel("code", 0.9, dict.fromkeys(classifier.LABELS, 0.1 / 6) | {"code": 0.9})
    monkeypatch.setattr(local_models, "classify_task", lambda prompt: said)
    assert _run(monkeypatch, "evaluate", "classifier", "--data", rows) == 0
    assert json.loads(capsys.readouterr().out)["pooled"]["accuracy"] == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no rows"),
        (b"{", "1: no JSON"),
        (b'["a"]\n', "1: no JSON object"),
        (b'{"text": "a", "label": "positive"}\n{"text": 1, "label": "x"}\n', "2: needs the texts"),
        (b'{"text": "a"}\n', "1: needs the texts"),
        (b'{"text": "a", "label": "joy"}\n', "unknown labels ['joy']"),
        (b"\xff\xfe", "codec"),
    ],
)
def test_a_malformed_file_is_named_in_one_line(tmp_path, monkeypatch, capsys, content, complaint):
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(content)
    assert _run(monkeypatch, "evaluate", "sentiment", "--data", rows) == 2
    said = capsys.readouterr().err
    assert "rows.jsonl" in said
    assert complaint in said
    assert said.count("\n") == 1


def test_a_file_that_is_no_gzip_or_is_missing_is_named_too(tmp_path, monkeypatch, capsys):
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"no gzip")
    for path in (broken, tmp_path / "missing.jsonl", tmp_path):
        assert _run(monkeypatch, "evaluate", "sentiment", "--data", path) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_training_on_a_folder_without_rows_fails_in_one_line(tmp_path, monkeypatch, capsys):
    for name in ("classifier", "sentiment"):
        assert _run(monkeypatch, "train", name, "--data", tmp_path) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_does_not_exist_fails_in_one_line(data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "none" / "sentiment.onnx"
    assert _run(monkeypatch, "train", "sentiment", "--data", data, "--out", out) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bad_usage_exits_with_two_and_no_traceback():
    for arguments in (["train", "poetry"], ["evaluate", "sentiment"], []):
        run = subprocess.run(
            [sys.executable, "-m", "training", *arguments],
            check=False,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 2
        assert "Traceback" not in run.stderr


def test_a_row_keeps_where_it_is_from(tmp_path):
    rows = tmp_path / "sentiment_x.jsonl"
    written(rows, [{"text": "a", "label": "positive", "src": "2016"}])
    assert read_rows(rows) == [Row("a", "positive", "sentiment_x", "2016")]
    with pytest.raises(MalformedRows):
        read_rows(tmp_path)


def test_instructions_are_filled_the_same_way_each_time():
    texts = ["The film was long. " * 2, "The film was long. " * 10, "The film was long. " * 40]
    rows = instruction_rows(texts, copies=2)
    assert rows == instruction_rows(texts, copies=2)
    assert {row.label for row in rows} == set(classifier.LABELS)
    assert not any("{sentence}" in row.text or "{long}" in row.text for row in rows)


def _judged(gold, label, confidence):
    rest = {"negative": 0.0, "neutral": 0.0, "positive": 0.0}
    return Judged(gold, ScoredLabel(label, confidence, rest | {label: confidence}))


def test_metrics_count_what_they_say():
    judged = [
        _judged("positive", "positive", 0.95),
        _judged("positive", "neutral", 0.5),
        _judged("negative", "negative", 0.85),
        _judged("negative", "positive", 0.65),
    ]
    found = metrics(judged, sentiment.LABELS, threshold=0.8)
    assert found["accuracy"] == 0.5
    assert found["macro_recall"] == 0.5
    assert found["labels"]["positive"] == {"rows": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert found["confusion"]["positive"] == {"negative": 0, "neutral": 1, "positive": 1}
    assert found["coverage_at_threshold"] == 0.5
    assert found["accuracy_at_threshold"] == 1
    assert (
        found["calibration_error"] == calibration_error(judged) == pytest.approx(0.3375, abs=1e-4)
    )


def test_too_sure_scores_are_cooled_down():
    import numpy as np

    logs = np.log(np.array([[0.99, 0.01]] * 10))
    gold = np.array([0] * 7 + [1] * 3)
    assert temperature_of(logs, gold, np.ones(10)) > 3


def test_the_threshold_is_where_the_target_is_met():
    import numpy as np

    judged = [_judged("positive", "positive", 0.9)] * 9 + [_judged("negative", "positive", 0.5)] * 9
    assert threshold_of(judged, np.ones(18), target=0.9) == 0.51
