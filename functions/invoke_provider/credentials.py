"""A provider's key, from its Secrets Manager secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Protocol, TypeVar

from aws_lambda_powertools.utilities import parameters
from pydantic import ConfigDict, Field, SecretStr, ValidationError

from functions.shared.errors import ProviderAuthFailed
from functions.shared.storage.clients import client
from functions.shared.vocabulary import Frozen

MAX_AGE_S = 300
"""A key that is no longer in the secret, but still holds, is used for so long."""
ANEW_AFTER_S = 30.0
"""A provider that refuses every key must not make us read the secret with every call."""

Answer = TypeVar("Answer")


class Credentials(Frozen):
    """`base_url` is set where something else speaks the provider's protocol."""

    model_config = ConfigDict(extra="ignore")

    api_key: Annotated[SecretStr, Field(min_length=1)]
    base_url: str | None = None


class Keyring(Protocol):
    """Where a provider's key is from."""

    def read(self) -> Credentials:
        """Raises `ProviderAuthFailed` where there is no key."""

    def read_anew(self) -> Credentials | None:
        """None where nothing newer can be had now."""


@dataclass
class Secret:
    """`adapted` makes of what the secret holds what the provider's SDK is to get."""

    arn: str
    adapted: Callable[[Credentials], Credentials] = lambda credentials: credentials
    _read_anew_at_s: float = field(default=float("-inf"), init=False)

    def read(self) -> Credentials:
        """Raises `ProviderAuthFailed` where the secret is missing or has no key in it."""
        return self._read(force_fetch=False)

    def read_anew(self) -> Credentials | None:
        """None where that was done a moment ago, or cannot be done."""
        if time.monotonic() - self._read_anew_at_s < ANEW_AFTER_S:
            return None
        self._read_anew_at_s = time.monotonic()
        try:
            return self._read(force_fetch=True)
        except ProviderAuthFailed:
            return None

    def _read(self, *, force_fetch: bool) -> Credentials:
        try:
            text = _secrets().get(self.arn, max_age=MAX_AGE_S, force_fetch=force_fetch)
            return self.adapted(Credentials.model_validate_json(str(text)))
        except (parameters.GetParameterError, ValidationError) as error:
            name = type(error).__name__
            raise ProviderAuthFailed(
                f"The provider's secret holds no usable key ({name})."
            ) from None


@lru_cache
def _secrets() -> parameters.SecretsProvider:
    return parameters.SecretsProvider(boto3_client=client("secretsmanager"))


def call_with_key(keyring: Keyring, call: Callable[[Credentials], Answer]) -> Answer:
    """Raises what `call` raises; a refusal of its key is `repeatable` where the keyring has another now."""
    key = keyring.read()
    try:
        return call(key)
    except ProviderAuthFailed as error:
        newer = keyring.read_anew()
        error.repeatable = newer is not None and newer != key
        raise
