"""A provider's key, from its secret."""

from __future__ import annotations

from aws_lambda_powertools.utilities import parameters
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from functions.shared.errors import ProviderAuthFailed

MAX_AGE_SECONDS = 300
"""How long a rotated key may still be used."""


class Credentials(BaseModel):
    """`base_url` is None for the provider's own address."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: SecretStr
    base_url: str | None = None


def read_credentials(secret_arn: str) -> Credentials:
    """Raises `ProviderAuthFailed` where the secret cannot be read or is not what we expect."""
    try:
        secret = parameters.get_secret(secret_arn, max_age=MAX_AGE_SECONDS)
        return Credentials.model_validate_json(secret)
    except (parameters.GetParameterError, ValidationError) as error:
        raise ProviderAuthFailed(
            f"The provider's secret cannot be read ({type(error).__name__})."
        ) from None
