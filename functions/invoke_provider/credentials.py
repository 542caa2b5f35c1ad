"""A provider's key, from its Secrets Manager secret."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.utilities import parameters
from pydantic import ConfigDict, Field, SecretStr, ValidationError

from functions.shared.errors import ProviderAuthFailed
from functions.shared.vocabulary import Frozen

MAX_AGE_S = 300
"""A rotated key is taken up within this time."""


class Credentials(Frozen):
    """`base_url` is set where something else speaks the provider's protocol."""

    model_config = ConfigDict(extra="ignore")

    api_key: Annotated[SecretStr, Field(min_length=1)]
    base_url: str | None = None


def read_credentials(secret_arn: str) -> Credentials:
    """Raises `ProviderAuthFailed` where the secret is missing or has no key in it."""
    try:
        return Credentials.model_validate_json(parameters.get_secret(secret_arn, max_age=MAX_AGE_S))
    except (parameters.GetParameterError, ValidationError) as error:
        name = type(error).__name__
        raise ProviderAuthFailed(f"The provider's secret holds no usable key ({name}).") from None
