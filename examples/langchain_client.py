"""LangChain: a model with a tool, whose result goes back."""

import os

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


model = ChatOpenAI(
    model="auto",
    base_url=os.environ.get("BASE_URL", "http://127.0.0.1:8000/api/v1"),
    api_key=SecretStr(os.environ.get("API_KEY", "dev-key-123")),
).bind_tools([get_weather])

messages: list[BaseMessage] = [HumanMessage("What is the weather in Bern?")]
answer = model.invoke(messages)
print(f"It asks for {[call['name'] for call in answer.tool_calls]}.")
messages.append(answer)
for call in answer.tool_calls:
    messages.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
print(model.invoke(messages).text)
