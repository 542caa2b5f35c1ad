from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from functions.shared import local_models
from functions.shared.local_models import classify_task, load_model
from functions.shared.local_models.features import FeatureSettings, extract
from functions.shared.local_models.scored_label import most_likely, normalized
from functions.shared.vocabulary import TextTask
from tests.support.fresh_process import printed_by

NAMES = ["classifier", "sentiment"]
SETTINGS = FeatureSettings(
    feature_space=1 << 20,
    word_space=1 << 16,
    head_characters=100,
    tail_characters=50,
    word_ngrams=2,
    character_ngrams=(3,),
)
HOSTILE = {
    "empty": "",
    "blank": " \n\t",
    "NUL": "\0" * 50,
    "emoji": "😀👩‍👩‍👧‍👦" * 2_000,
    "right to left": "مرحبا كيف حالك " * 2_000,
    "mixed directions": "\u202eabc\u202c שלום hello " * 500,
    "one word": "a" * 20_000,
    "a megabyte": "word " * 200_000,
    "a megabyte of signs": ";\n(" * 340_000,
    "lone surrogates": "fine \ud800 and \udfff",
    "growing in lower case": "İ" * 20_000,
    "combining marks": "e\u0301" * 20_000,
}


def predictors():
    return [classify_task, *(load_model(name).predict for name in NAMES)]


def test_the_labels_are_those_the_engine_knows():
    assert set(load_model("classifier").labels) == set(get_args(TextTask))
    assert set(load_model("sentiment").labels) == {"positive", "negative", "neutral"}


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Summarize the following meeting notes in three bullets.", "summarize"),
        ("TL;DR please: " + "the committee met on Monday and agreed. " * 80, "summarize"),
        ("the committee met on Monday. " * 80 + " Give me a summary of the above.", "summarize"),
        ("What is the sentiment of this review: 'loved it'?", "sentiment"),
        ("Is the following tweet positive or negative? I hate rain.", "sentiment"),
        ("Please rewrite this sentence to be more formal: gimme that", "rewrite"),
        ("Fix the grammar: he go home", "rewrite"),
        ("Write a Python function that reverses a list.", "code"),
        ("How do I undo my last git commit?", "code"),
        ("Compare the pros and cons of leasing and buying a car.", "analysis"),
        ("If a train travels 60 miles in 1.5 hours, calculate its speed.", "analysis"),
        ("What's the weather in Paris tomorrow?", "tools"),
        ("Remind me to call Anna at five and book a table for two.", "tools"),
        ("Hello there, tell me a joke", "chat"),
        ("Pretend you are a pirate.", "chat"),
        ("What should I cook for my mother's birthday?", "chat"),
    ],
)
def test_the_classifier_finds_the_task(prompt, task):
    assert classify_task(prompt).label == task


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I absolutely love this phone, best purchase ever!", "positive"),
        ("Terrible service, I want my money back.", "negative"),
        ("the film is not good at all", "negative"),
        ("Thanks for the quick help, you saved my day!", "positive"),
        ("a gorgeous , witty , seductive movie .", "positive"),
        ("The meeting is on Tuesday at 3 pm http", "neutral"),
    ],
)
def test_sentiment_is_found(text, label):
    assert load_model("sentiment").predict(text).label == label


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_text_gets_a_label_and_probabilities_that_add_up(text):
    for predict in predictors():
        found = predict(text)
        assert found.confidence == max(found.probabilities.values())
        assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", ["", "😀" * 2_000, "\0" * 50])
def test_a_text_without_words_leaves_the_model_unsure(text):
    for name in NAMES:
        model = load_model(name)
        assert model.predict(text).confidence == pytest.approx(1 / len(model.labels))


def test_a_text_that_says_nothing_of_its_task_is_taken_for_chat():
    for prompt in ("", "😀", "Zvrk plomb xqzt."):
        assert classify_task(prompt).label == "chat"


def test_the_same_text_gets_the_same_answer():
    text = "Could you condense this article for me? It is about trains."
    for predict in predictors():
        assert predict(text) == predict(text)


ENGLISH_AND_OTHER = {
    "The food was wonderful and the staff were very friendly.":
        "Jídlo bylo vynikající a obsluha byla velmi přátelská.",
    "Summarize the following article in three sentences.":
        "Tóm tắt bài viết sau đây trong ba câu ngắn gọn.",
    "I was disappointed by the terrible quality of this product.":
        "Olin hyvin pettynyt tämän tuotteen huonoon laatuun.",
    "Write a poem about the sea for my daughter.": "娘のために海についての詩を書いてください。",
}  # fmt: skip


@pytest.mark.parametrize(("english", "other"), ENGLISH_AND_OTHER.items())
def test_a_text_in_another_language_lowers_confidence(english, other):
    for predict in predictors():
        assert predict(other).confidence < min(0.6, predict(english).confidence)


def test_below_the_threshold_lies_what_the_model_does_not_understand():
    for name in NAMES:
        model = load_model(name)
        assert 1 / len(model.labels) < model.threshold < 1
        assert model.predict("Jídlo bylo vynikající a obsluha milá.").confidence < model.threshold


def test_an_instruction_after_a_long_text_is_read():
    found = classify_task("The harbour was quiet that day. " * 40_000 + "\nSummarize the above.")
    assert found.label == "summarize"


def test_what_is_read_of_a_text_is_limited():
    many_words = " ".join(str(number) for number in range(100_000))
    assert extract(many_words, SETTINGS).numbers.size < 4 * 150
    assert extract("x" * 1_000_000, SETTINGS).numbers.size < 4 * 150


def test_a_negated_word_is_another_feature():
    settings = replace(SETTINGS, word_ngrams=1, character_ngrams=(), negated_words=3)

    def features(text):
        return set(extract(text, settings).numbers.tolist())

    good = features("good")
    assert not good & features("not a good")
    assert not good & features("isn\u2019t good")
    assert good <= features("not bad, good")
    assert good <= features("not bad but good")
    assert good <= features("not at all my idea of good")


def test_each_model_file_is_below_one_and_a_half_megabytes():
    folder = Path(local_models.__file__).parent
    sizes = {name: (folder / f"{name}.onnx").stat().st_size for name in NAMES}
    assert all(size < 1_500_000 for size in sizes.values()), sizes


def test_importing_the_package_loads_neither_numpy_nor_onnxruntime():
    program = (
        "import sys, functions.shared.local_models, functions.classify.handler\n"
        "print([name for name in ('numpy', 'onnxruntime') if name in sys.modules])"
    )
    assert printed_by(program) == "[]"


def test_scores_become_probabilities_however_large_they_are():
    assert normalized({"a": 1000.0, "b": 1000.0, "c": -1000.0}) == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert most_likely({"a": 0.2, "b": 0.8}).label == "b"
