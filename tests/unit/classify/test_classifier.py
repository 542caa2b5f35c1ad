from functions.classify import classifier
from functions.classify.classifier import decide_task
from functions.classify.parsing import parse_request


def test_an_auto_request_gets_the_task_of_its_prompt():
    decided = decide_task(parse_request({"text": "Write a Python function that reverses a list."}))
    assert decided.task == "code"
    assert 0.5 < decided.confidence <= 1


def test_the_callers_task_is_taken_without_asking_the_classifier(monkeypatch):
    monkeypatch.setattr(classifier, "classify_task", None)
    request = parse_request({"task": "code", "text": "Summarize this"})
    assert decide_task(request).confidence == 1.0


def test_function_specs_mean_tools(monkeypatch):
    monkeypatch.setattr(classifier, "classify_task", None)
    request = parse_request({"text": "Hi", "tools": [{"function": {"name": "f"}}]})
    assert decide_task(request).task == "tools"


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
    assert request.prompt == "Summarize our talk"
    assert decide_task(request).task == "summarize"
