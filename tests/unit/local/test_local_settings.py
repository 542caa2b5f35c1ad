import pytest

from local.settings import read_settings, tool_environment


def test_without_variables_there_is_one_key_and_no_provider():
    settings = read_settings({})
    assert settings.context == {
        "stage": "local",
        "providers": "",
        "mock_providers": "auto",
        "api_keys": "dev-key-123",
    }


def test_a_provider_counts_as_configured_when_it_has_a_key():
    settings = read_settings(
        {
            "API_KEYS": " one, two,one,",
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "ANTHROPIC_API_KEY": "",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        }
    )
    assert settings.api_keys == ("one", "two")
    assert settings.secrets == {"openai": {"api_key": "sk-1", "base_url": "http://127.0.0.1:9/v1"}}
    assert settings.context["providers"] == "openai"


def test_provider_keys_appear_neither_in_the_context_nor_when_printed():
    settings = read_settings({"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in f"{settings} {settings.context}"


@pytest.mark.parametrize("variables", [{"MOCK_PROVIDERS": "maybe"}, {"API_KEYS": " , "}])
def test_a_value_that_means_nothing_is_refused(variables):
    with pytest.raises(ValueError, match=next(iter(variables))):
        read_settings(variables)


def test_the_callers_keys_and_aws_settings_reach_no_process(monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH"):
        monkeypatch.setenv(name, "the-caller's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-caller's")
    assert "the-caller's" not in tool_environment("http://127.0.0.1:1").values()
