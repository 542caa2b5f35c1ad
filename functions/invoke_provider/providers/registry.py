"""The adapter of each provider, by the provider's name."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from functions.invoke_provider.providers.base import ProviderAdapter
from functions.shared.catalogue.additions import load_additions
from functions.shared.settings import InvokeSettings

_MODULES = {"local": "local_onnx"}
"""Where an adapter's module is not named like its provider."""


@lru_cache
def load_provider(settings: InvokeSettings) -> ProviderAdapter:
    """The adapter of this function's provider, once per process."""
    provider = settings.PROVIDER
    is_added = provider in load_additions().providers
    name = "compatible" if is_added else _MODULES.get(provider, provider)
    module = import_module(f"{__package__}.{name}")
    adapter: ProviderAdapter = module.connect(settings)
    return adapter
