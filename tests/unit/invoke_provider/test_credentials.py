import boto3
import pytest

from functions.invoke_provider import credentials
from functions.invoke_provider.credentials import Credentials, Secret, call_with_key
from functions.shared.errors import ProviderAuthFailed, ProviderThrottled
from tests.support.exchange import Keys

OLD, NEW = Credentials(api_key="old"), Credentials(api_key="new")


class Held:
    """A secret in Secrets Manager."""

    def __init__(self, value):
        self._client = boto3.client("secretsmanager")
        self.arn = self._client.create_secret(Name="provider", SecretString=value)["ARN"]

    def becomes(self, value):
        self._client.put_secret_value(SecretId=self.arn, SecretString=value)

    def is_gone(self):
        self._client.delete_secret(SecretId=self.arn, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def held(aws):
    credentials._secrets.cache_clear()
    yield Held
    credentials._secrets.cache_clear()


@pytest.fixture
def clock(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("functions.invoke_provider.credentials.time.monotonic", lambda: now[0])
    return now


def _key(read):
    return read.api_key.get_secret_value()


def test_the_secret_holds_the_key_and_maybe_another_address(held):
    there = held('{"api_key": "k", "base_url": "http://x/v1"}')
    found = Secret(there.arn).read()
    assert (_key(found), found.base_url) == ("k", "http://x/v1")


@pytest.mark.parametrize("value", ["sk-plain-key", "{}", '{"api_key": 5}', '{"api_key": ""}'])
def test_a_secret_without_a_usable_key_is_an_auth_failure_that_shows_nothing_of_it(held, value):
    there = held(value)
    with pytest.raises(ProviderAuthFailed) as raised:
        Secret(there.arn).read()
    assert "plain" not in str(raised.value)


def test_a_secret_that_is_gone_is_an_auth_failure_and_there_is_nothing_newer(held):
    there = held('{"api_key": "k"}')
    there.is_gone()
    with pytest.raises(ProviderAuthFailed):
        Secret(there.arn).read()
    assert Secret(there.arn).read_anew() is None


def test_a_key_is_never_printed():
    assert "sk-secret" not in repr(Credentials(api_key="sk-secret"))


def test_a_secret_is_kept_until_it_is_read_anew(held):
    there = held('{"api_key": "old"}')
    secret = Secret(there.arn)
    assert _key(secret.read()) == "old"
    there.becomes('{"api_key": "new"}')
    assert _key(secret.read()) == "old"
    assert _key(secret.read_anew()) == "new"
    assert _key(secret.read()) == "new"


def test_a_secret_is_not_read_anew_with_every_refused_call(held, clock):
    there = held('{"api_key": "old"}')
    secret = Secret(there.arn)
    assert _key(secret.read_anew()) == "old"
    there.becomes('{"api_key": "new"}')
    clock[0] += credentials.ANEW_AFTER_S - 1
    assert secret.read_anew() is None
    clock[0] += 1
    assert _key(secret.read_anew()) == "new"


class Provider:
    """Takes the keys it is told."""

    def __init__(self, *taken, refusal=ProviderAuthFailed):
        self.calls = []
        self._taken, self._refusal = taken, refusal

    def __call__(self, key):
        self.calls.append(_key(key))
        if _key(key) not in self._taken:
            raise self._refusal("No.")
        return "answer"


def test_a_key_that_holds_is_used_and_no_other_is_asked_for():
    keys = Keys(OLD, NEW)
    assert call_with_key(keys, Provider("old")) == "answer"
    assert keys.read_anew_count == 0


@pytest.mark.parametrize(
    ("keys", "again"), [((OLD,), False), ((OLD, OLD), False), ((OLD, NEW), True)]
)
def test_a_refused_key_is_worth_another_call_where_there_is_a_newer_one(keys, again):
    provider = Provider()
    with pytest.raises(ProviderAuthFailed) as raised:
        call_with_key(Keys(*keys), provider)
    assert raised.value.repeatable is again
    assert provider.calls == ["old"]


def test_any_other_failure_asks_for_no_other_key():
    keys, provider = Keys(OLD, NEW), Provider(refusal=ProviderThrottled)
    with pytest.raises(ProviderThrottled):
        call_with_key(keys, provider)
    assert keys.read_anew_count == 0
