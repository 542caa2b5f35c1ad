import pytest

from functions.classify.classifier import CueWords, decide_task, prompt_of
from functions.classify.parsing import parse_request


class _Unreachable:
    def classify(self, prompt):
        raise AssertionError(prompt)


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Summarize the following meeting notes in three bullets.", "summarize"),
        ("TL;DR please: " + "word " * 400, "summarize"),
        ("word " * 400 + " Give me a summary of the above.", "summarize"),
        ("What is the sentiment of this review: 'loved it'?", "sentiment"),
        ("Please rewrite this sentence to be more formal: gimme that", "rewrite"),
        ("Fix the grammar: he go home", "rewrite"),
        ("Write a Python function that reverses a list.", "code"),
        ("Compare the pros and cons of leasing and buying a car.", "analysis"),
        ("If a train travels 60 miles in 1.5 hours, calculate its speed.", "analysis"),
        ("What's the weather in Paris tomorrow?", "tools"),
        ("Remind me to call Anna and book a table for two.", "tools"),
        ("Hello there, tell me a joke", "chat"),
        ("Pretend you are a pirate.", "chat"),
    ],
)
def test_cue_words_find_the_task(prompt, task):
    assert CueWords().classify(prompt).task == task


def test_a_prompt_without_cues_is_chat_at_low_confidence():
    found = CueWords().classify("Bananas.")
    assert (found.task, found.confidence < 0.5) == ("chat", True)


def test_the_callers_task_is_taken_without_asking_the_classifier():
    request = parse_request({"task": "code", "text": "Summarize this"})
    assert decide_task(request, _Unreachable()).confidence == 1.0


def test_function_specs_mean_tools():
    request = parse_request({"text": "Hi", "tools": [{"function": {"name": "f"}}]})
    assert decide_task(request, _Unreachable()).task == "tools"


def test_the_last_thing_the_user_said_decides():
    request = parse_request(
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Summarize our talk"},
            ]
        }
    )
    assert prompt_of(request) == "Summarize our talk"


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "😀" * 20_000, "مرحبا " * 10_000, "a;\n" * 90_000]
)
def test_a_huge_prompt_still_gets_one_of_the_tasks(text):
    found = CueWords().classify(text)
    assert 0 <= found.confidence <= 1
