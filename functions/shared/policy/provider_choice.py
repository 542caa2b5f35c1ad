"""Who answers for a model: its provider, the simulator in the provider's place, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from functions.shared.settings import ProviderSettings
from functions.shared.vocabulary import MockProviders

NO_CREDENTIALS = "no credentials for its provider"
"""Why nothing can answer for a model."""

AnsweredBy = Literal["provider", "simulator"]


@dataclass(frozen=True)
class ProviderChoice:
    """`configured` providers have credentials; `mock_providers` is what becomes of the others."""

    configured: frozenset[str]
    mock_providers: MockProviders

    @classmethod
    def of(cls, settings: ProviderSettings) -> ProviderChoice:
        return cls(settings.PROVIDERS_CONFIGURED, settings.MOCK_PROVIDERS)

    def answered_by(self, provider: str, *, pinned: bool) -> AnsweredBy | None:
        """None where nothing can answer for a model of this provider.

        Beside a provider with credentials the simulator serves only models that the caller pins:
        nobody who has paid for a key wants to be answered by a simulation. The local models need
        no key, and say nothing about what the caller has.
        """
        if self.mock_providers == "always":
            return "simulator"
        if provider in self.configured:
            return "provider"
        is_wanted = pinned or not self.configured - {"local"}
        return "simulator" if self.mock_providers == "auto" and is_wanted else None
