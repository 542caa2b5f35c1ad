import pytest
from aws_lambda_powertools.utilities import parameters

from functions.invoke_provider import credentials
from functions.shared.errors import ProviderAuthFailed


@pytest.fixture
def secret(monkeypatch):
    def holds(value):
        def get_secret(arn, max_age):
            if isinstance(value, Exception):
                raise value
            return value

        monkeypatch.setattr(parameters, "get_secret", get_secret)

    return holds


def test_the_secret_holds_the_key_and_maybe_another_address(secret):
    secret('{"api_key": "k", "base_url": "http://x/v1"}')
    found = credentials.read_credentials("arn")
    assert found.api_key.get_secret_value() == "k"
    assert found.base_url == "http://x/v1"
    secret('{"api_key": "k"}')
    assert credentials.read_credentials("arn").base_url is None


@pytest.mark.parametrize(
    "value",
    ["", "sk-plain-key", "{}", '{"api_key": 5}', '{"api_key": ""}', parameters.GetParameterError()],
)
def test_a_secret_without_a_usable_key_is_an_auth_failure_that_shows_nothing_of_it(secret, value):
    secret(value)
    with pytest.raises(ProviderAuthFailed) as raised:
        credentials.read_credentials("arn")
    assert "plain" not in str(raised.value)


def test_a_key_is_never_printed(secret):
    secret('{"api_key": "sk-secret"}')
    assert "sk-secret" not in repr(credentials.read_credentials("arn"))
