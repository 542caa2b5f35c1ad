import pytest
from pydantic import ValidationError

from functions.invoke_provider.providers.watched_call import Patience
from functions.shared.catalogue.models import load_catalogue
from functions.shared.silence_limits import SilenceLimits
from tests.support.builders import called_model

LIMITS = SilenceLimits()


@pytest.mark.parametrize(("expected_ms", "seconds"), [(5, 10), (400, 12), (450, 13.5), (900, 15)])
def test_a_fast_model_is_left_sooner_and_none_later_than_the_stage_says(expected_ms, seconds):
    assert LIMITS.before_first_token_s(expected_ms, reasoning=False) == seconds


def test_a_model_that_reasons_has_a_limit_of_its_own():
    assert LIMITS.before_first_token_s(400, reasoning=True) == LIMITS.reasoning_first_token_s


@pytest.mark.parametrize("reasoning", [False, True])
def test_no_limit_is_longer_than_the_attempt(reasoning):
    model = called_model(reasoning=reasoning)
    patience = Patience.of(LIMITS, model, 3.0)
    assert patience == Patience.until(3.0)


@pytest.mark.parametrize("model", load_catalogue().models, ids=lambda model: model.id)
def test_every_model_has_many_times_what_it_is_expected_to_take(model):
    expected_ms = model.time_to_first_token_ms
    limit_s = LIMITS.before_first_token_s(expected_ms, reasoning=model.reasoning)
    assert limit_s >= 8 * expected_ms / 1000


@pytest.mark.parametrize("name", SilenceLimits.model_fields)
@pytest.mark.parametrize("value", [0, -1, 901, "soon"])
def test_a_limit_that_means_nothing_is_refused(name, value):
    with pytest.raises(ValidationError):
        SilenceLimits.model_validate({name: value})
