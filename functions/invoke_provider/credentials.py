"""A provider's key, from its Secrets Manager secret."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from functions.shared.errors import ProviderAuthFailed
from functions.shared.settings import InvokeSettings

MAX_AGE_S = 300
"""A rotated key is taken up within this time."""


class Credentials(BaseModel):
    """`base_url` is set where something else speaks the provider's protocol."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    api_key: SecretStr
    base_url: str | None = None


def read_credentials(settings: InvokeSettings) -> Credentials:
    """Raises `ProviderAuthFailed` where the secret is missing or has no key in it."""
    # Both load boto3, which the simulator does without.
    from aws_lambda_powertools.utilities.parameters import get_secret
    from aws_lambda_powertools.utilities.parameters.exceptions import (
        GetParameterError,
        TransformParameterError,
    )

    try:
        secret: Any = get_secret(settings.PROVIDER_SECRET_ARN, transform="json", max_age=MAX_AGE_S)
        return Credentials.model_validate(secret)
    except (GetParameterError, TransformParameterError, ValidationError):
        raise ProviderAuthFailed("The provider's secret holds no usable key.") from None
