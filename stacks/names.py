"""How what stands in a stack is called."""

from __future__ import annotations


def construct_name(provider: str) -> str:
    """A provider in construct ids: azure_openai is AzureOpenai."""
    return "".join(part.title() for part in provider.split("_"))
