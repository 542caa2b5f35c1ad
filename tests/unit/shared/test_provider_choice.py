import pytest

from functions.shared.policy.provider_choice import ProviderChoice
from functions.shared.settings import ProviderSettings

NONE, LOCAL, OPENAI = frozenset(), frozenset({"local"}), frozenset({"local", "openai"})


@pytest.mark.parametrize(
    ("configured", "mock_providers", "provider", "of_itself", "pinned"),
    [
        (OPENAI, "auto", "openai", "provider", "provider"),
        (OPENAI, "auto", "anthropic", None, "simulator"),
        (LOCAL, "auto", "local", "provider", "provider"),
        (LOCAL, "auto", "openai", "simulator", "simulator"),
        (NONE, "auto", "openai", "simulator", "simulator"),
        (OPENAI, "never", "openai", "provider", "provider"),
        (OPENAI, "never", "anthropic", None, None),
        (NONE, "never", "openai", None, None),
        (OPENAI, "always", "openai", "simulator", "simulator"),
        (NONE, "always", "openai", "simulator", "simulator"),
    ],
)
def test_a_model_is_answered_by_its_provider_the_simulator_or_nobody(
    configured, mock_providers, provider, of_itself, pinned
):
    choice = ProviderChoice(configured, mock_providers)
    assert choice.answered_by(provider, pinned=False) == of_itself
    assert choice.answered_by(provider, pinned=True) == pinned


def test_a_functions_environment_is_the_choice_of_its_stage():
    environment = {"PROVIDERS_CONFIGURED": "openai,local", "MOCK_PROVIDERS": "never"}
    choice = ProviderChoice.of(ProviderSettings.model_validate(environment))
    assert choice == ProviderChoice(OPENAI, "never")
