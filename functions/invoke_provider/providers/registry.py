"""The adapter of each provider, by the provider's name."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from functions.invoke_provider.providers.base import ProviderAdapter
from functions.shared.settings import InvokeSettings

_MODULES = {"local": "local_onnx"}
"""Where an adapter's module is not named like its provider."""


@lru_cache
def load_provider(settings: InvokeSettings) -> ProviderAdapter:
    """The adapter of this function's provider, once per process."""
    name = _MODULES.get(settings.PROVIDER, settings.PROVIDER)
    module = import_module(f"{__package__}.{name}")
    adapter: ProviderAdapter = module.connect(settings)
    return adapter
