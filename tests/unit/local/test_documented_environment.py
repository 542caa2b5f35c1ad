import re
from collections.abc import Iterator, Mapping

import pytest

from local.settings import read_settings
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs/local.md").read_text("utf-8")
ROWS = re.findall(r"^\| (`[A-Z].+?) \| (.*?) ?\| .+ \|$", PAGE, re.MULTILINE)
NAMES = [name for cell, _ in ROWS for name in re.findall(r"`([A-Z_]+)`", cell)]
# One value of each that sets a field of the stage; a provider's address alone sets none.
VALUES = {
    "JWT": '{"issuer": "https://a.example", "audience": "b"}',
    "AUTH_COGNITO": "1",
    "CORS_ALLOW_ORIGIN": "*",
    "REQUESTS_PER_SECOND": "5",
    "BURST_REQUESTS": "5",
    "REQUESTS_PER_DAY": "5",
    "STAGE_MONTH_USD": "5",
    "OPENAI_API_KEY": "a",
    "ANTHROPIC_API_KEY": "a",
    "GEMINI_API_KEY": "a",
    "EXTRA_PROVIDERS": str(PROJECT / "examples/extra_providers.json"),
    "BEDROCK_ENABLED": "1",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9",
    "BEDROCK_STREAM": "0",
    "LOG_LEVEL": "ERROR",
    "LOG_PROMPTS": "1",
    "SIMULATOR_LATENCY": "1",
    "SIMULATOR_FAULTS": '{"*": "throttled"}',
    "MOCK_PROVIDERS": "never",
}


class _Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name, default=None):
        self.names.add(name)
        return default

    def __getitem__(self, name: str) -> str:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _context(environment):
    settings = read_settings(environment)
    return settings.context | settings.auth_at("http://127.0.0.1:1")


def test_every_variable_that_is_read_is_in_the_page_and_no_other():
    environment = _Asked()
    read_settings(environment)
    assert sorted(NAMES) == sorted(environment.names)


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_sets_the_field_that_the_page_names(name):
    before, after = _context({}), _context({name: VALUES[name]})
    [fields] = [told for cell, told in ROWS if f"`{name}`" in cell]
    changed = [field for field, value in after.items() if before.get(field) != value]
    assert changed
    assert all(f"`{field}`" in fields for field in changed)
