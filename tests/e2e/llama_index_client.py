"""LlamaIndex, with the openai package that it wants; prints what it understood, as JSON."""

import json
import os
from typing import Any

from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    people: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


SETTINGS: dict[str, Any] = {
    "model": "gpt-6-luna",
    "api_base": os.environ["BASE_URL"],
    "api_key": os.environ["API_KEY"],
    "context_window": 100_000,
    "max_retries": 0,
}
WEATHER = FunctionTool.from_defaults(get_weather)


CHAT = OpenAILike(**SETTINGS, is_chat_model=True, is_function_calling_model=True)
RESPONSES = OpenAIResponses(**SETTINGS)


def told_by(llm: Any) -> dict[str, Any]:
    asked = llm.chat_with_tools(
        [WEATHER], user_msg="The weather in both", allow_parallel_tool_calls=True
    )
    return {
        "whole": llm.complete("Hello").text,
        "streamed": "".join(one.delta or "" for one in llm.stream_complete("Hello")),
        "calls": [one.tool_kwargs for one in llm.get_tool_calls_from_response(asked)],
        "city": llm.structured_predict(City, PromptTemplate("Bern as JSON")).model_dump(),
    }


if __name__ == "__main__":
    print(json.dumps({"chat": told_by(CHAT), "responses": told_by(RESPONSES)}))
