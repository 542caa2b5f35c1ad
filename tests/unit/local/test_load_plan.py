import json
from collections import Counter
from itertools import islice

from functions.shared.contracts.request import GenerateRequest
from local.load_plan import load_prompts, planned

PROMPTS = load_prompts()
MODELS = ["gpt-4o", "claude-haiku-5-5"]


def plan(number, seed=1):
    return list(islice(planned(PROMPTS, MODELS, seed), number))


def test_there_are_prompts_of_every_task_short_and_long():
    tasks = Counter(prompt.task for prompt in PROMPTS)
    assert tasks.keys() == {
        *("summarize", "sentiment", "rewrite", "chat", "code", "analysis", "tools")
    }
    assert min(tasks.values()) >= 12
    sizes = [len(prompt.text) for prompt in PROMPTS]
    assert (min(sizes) >= 20, 1000 < max(sizes) <= 1500) == (True, True)
    assert len({prompt.text for prompt in PROMPTS}) == len(PROMPTS)
    assert all(prompt.source for prompt in PROMPTS)


def test_the_same_seed_gives_the_same_requests_and_another_one_others():
    assert plan(50) == plan(50)
    assert plan(50) != plan(50, seed=2)


def test_every_request_is_valid_and_asks_for_something_else():
    bodies = [request.body for request in plan(300)]
    for body in bodies:
        GenerateRequest.model_validate(body)
    assert len({json.dumps(body) for body in bodies}) == 300


def test_one_request_in_ten_is_a_job():
    paths = Counter(request.path for request in plan(200))
    assert paths == {"/generate": 180, "/jobs": 20}


def test_requests_vary_in_all_that_a_caller_may_ask_for():
    bodies = [request.body for request in plan(500)]
    assert {body["model_preference"] for body in bodies} == {"fast", "cheap", "best", "balanced"}
    shares = {
        name: sum(name in body for body in bodies) / 500
        for name in ("task", "max_output_tokens", "messages", "response_format", "tools", "model")
    }
    assert all(0.02 < share < 0.45 for share in shares.values()), shares
    assert {body.get("model") for body in bodies} == {None, *MODELS}


def test_without_a_model_to_pin_nothing_is_pinned():
    assert not any("model" in one.body for one in islice(planned(PROMPTS, [], 1), 200))
