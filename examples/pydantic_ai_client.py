"""pydantic-ai: an answer that is an object of yours."""

import os

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class City(BaseModel):
    name: str
    people: int


provider = OpenAIProvider(
    base_url=os.environ.get("BASE_URL", "http://127.0.0.1:8000/api/v1"),
    api_key=os.environ.get("API_KEY", "dev-key-123"),
)
agent = Agent(
    OpenAIChatModel("auto", provider=provider),
    output_type=NativeOutput(City),
)
told = agent.run_sync("Tell me of Bern as JSON.")
print(f"{told.output.name} has {told.output.people} people.")
print(f"{told.usage.output_tokens} tokens were written.")
