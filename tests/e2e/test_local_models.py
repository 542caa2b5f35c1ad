import json

import pytest

from tests.conftest import running_stack
from tests.support.api_calls import assert_error, post

pytestmark = pytest.mark.xdist_group("providers")


@pytest.fixture(scope="module")
def stack():
    """Without any key, and without a simulator."""
    with running_stack(MOCK_PROVIDERS="never") as running:
        yield running


def _generate(stack, **body):
    return post(stack, "/generate", body)


@pytest.mark.parametrize("preference", ["cheap", "fast", "balanced", "best"])
def test_a_sentiment_is_answered_for_nothing_and_really(stack, preference):
    answer = _generate(
        stack, task="sentiment", model_preference=preference, text="What a wonderful day."
    ).json()
    judged = json.loads(answer["result"])
    assert judged.keys() == {"sentiment", "confidence"}
    assert judged["sentiment"] == "positive"
    assert 0 < judged["confidence"] <= 1
    assert (answer["mock"], answer["usage"]["total_cost_usd"]) == (False, 0)
    assert answer["routing"]["selected_model"] == "local-sentiment"


def test_an_unsure_judgement_is_better_than_none(stack):
    answer = _generate(stack, task="sentiment", text="Zvrk plomb xqzt.").json()
    assert answer["routing"]["fallbacks"] == []
    assert json.loads(answer["result"]).keys() == {"sentiment", "confidence"}


def test_the_task_of_an_auto_request_is_classified(stack):
    sure = _generate(stack, text="What is the sentiment of this review: I loved every minute.")
    routing = sure.json()["routing"]
    assert (routing["task"], routing["task_source"]) == ("sentiment", "classifier")
    assert routing["task_confidence"] > 0.8


def test_any_other_task_has_no_model_here_and_says_why_for_each(stack):
    response = _generate(stack, task="summarize", text="A long story.")
    error = assert_error(response, "no_eligible_model")
    assert error["message"].startswith("No model can be asked: there are no credentials for ")
    reasons = {one["model"]: one["reason"] for one in error["details"]}
    assert reasons["local-sentiment"] == "does not serve the task summarize"
    assert reasons["gpt-6-luna"] == "no credentials for its provider"
