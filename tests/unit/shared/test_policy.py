import json

import numpy as np
import pytest
from pydantic import ValidationError

from functions.shared.policy.routing_policy import Policy, load_policy, read_policy
from training.routing.prompt_predictor import fit_pair

BALANCED = {"cost": 1, "latency": 1, "quality": 1, "availability": 1}


def _policy(**changes):
    default = load_policy("default").model_dump(mode="json")
    return Policy.model_validate(default | changes)


@pytest.mark.parametrize(
    ("preference", "score"), [("fast", "latency"), ("cheap", "cost"), ("best", "quality")]
)
def test_a_preference_gives_its_own_score_sixty_per_cent_and_shares_the_rest(preference, score):
    shares = load_policy("default").weights[preference].shares()
    assert shares.pop(score) == pytest.approx(0.6)
    assert list(shares.values()) == pytest.approx([0.4 / 3] * 3)


def test_balanced_weighs_all_scores_alike():
    assert set(load_policy("default").weights["balanced"].shares().values()) == {0.25}


@pytest.mark.parametrize("preference", ["fast", "cheap", "best", "balanced"])
def test_a_guessed_task_gives_quality_more_weight_and_leaves_the_rest_in_proportion(preference):
    weights = load_policy("default").weights[preference]
    sure, unsure = weights.shares(), weights.shares(0.4)
    assert sum(unsure.values()) == pytest.approx(1)
    assert unsure["quality"] == max(sure["quality"], 0.4)
    assert unsure["cost"] / unsure["latency"] == pytest.approx(sure["cost"] / sure["latency"])


def test_only_the_proportions_of_weights_matter():
    tenfold = {name: part * 10 for name, part in BALANCED.items()}
    weights = load_policy("default").weights
    tens = _policy(weights=weights | {"balanced": tenfold})
    assert tens.weights["balanced"].shares() == weights["balanced"].shares()


def test_a_changed_policy_has_another_version_and_an_equal_one_the_same():
    assert _policy().version == load_policy("default").version
    assert _policy(exploration_share=0.01).version != load_policy("default").version
    assert load_policy("default").version.startswith("default-")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": {"balanced": BALANCED}},
        {"weights": {}},
        {"exploration_share": 0.6},
        {"exploration_share": -0.1},
        {"name": "../other"},
        {"quality": {"gpt-4o": {"poetry": {"quality": 0.5, "sd": 0.1, "grades": 3}}}},
        {"quality": {"gpt-4o": {"chat": {"quality": 1.5, "sd": 0.1, "grades": 3}}}},
        {"unknown": 1},
    ],
)
def test_what_is_no_policy_is_refused(changes):
    with pytest.raises(ValidationError):
        _policy(**changes)


def test_weights_of_nothing_are_refused():
    weights = load_policy("default").model_dump(mode="json")["weights"]
    with pytest.raises(ValidationError, match="positive"):
        _policy(weights=weights | {"best": dict.fromkeys(BALANCED, 0)})


def test_a_policy_is_read_from_its_file(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(_policy(name="mine").model_dump(mode="json")))
    assert read_policy(file).name == "mine"


def test_what_the_predictors_say_of_a_prompt_is_what_each_says_alone():
    texts = [f"{kind} question {number}" for number in range(20) for kind in ("easy", "hard")]
    weak, strong = np.array([1.0, 0.0] * 20), np.ones(40)
    pairs = (("gpt-4o-mini", "gpt-5"), ("gpt-5-mini", "gpt-5"))
    fitted = [
        fit_pair(texts, weak, strong, weak_id=cheaper, strong_id=dearer)
        for cheaper, dearer in pairs
    ]
    policy = _policy(predictors=[one.model_dump(mode="json") for one in fitted])
    told = policy.predictions("a hard question")
    assert [(one.weak, one.strong) for one in told] == list(pairs)
    assert [one.will_do for one in told] == [one.predict("a hard question") for one in fitted]
    assert told[0].will_do < policy.predictions("an easy question")[0].will_do
    assert load_policy("default").predictions("anything") == []
