"""Azure OpenAI's v1 interface: OpenAI's own SDK at the resource's address, with a deployment as model."""

from __future__ import annotations

from functions.invoke_provider.credentials import Credentials, Secret
from functions.invoke_provider.providers.azure_openai_errors import ERRORS
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.invoke_provider.providers.streaming import Streaming
from functions.shared.errors import ProviderAuthFailed
from functions.shared.settings import InvokeSettings

_PATH = "/openai/v1"


def connect(settings: InvokeSettings) -> OpenAIProvider:
    secret = Secret(settings.PROVIDER_SECRET_ARN, at_v1)
    return OpenAIProvider(secret, errors=ERRORS, streaming=Streaming.of(settings))


def at_v1(credentials: Credentials) -> Credentials:
    """With the interface's path on the resource's endpoint. Raises `ProviderAuthFailed` without one."""
    if not credentials.base_url:
        raise ProviderAuthFailed(
            "The provider's secret holds no base_url, the resource's endpoint."
        )
    endpoint = credentials.base_url.rstrip("/").removesuffix(_PATH)
    return credentials.model_copy(update={"base_url": endpoint + _PATH})
