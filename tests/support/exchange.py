"""One call of an adapter that stands on httpx2, with the reply laid ready."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import pytest

from functions.invoke_provider.credentials import Credentials
from functions.invoke_provider.providers import azure_openai_errors
from functions.invoke_provider.providers.anthropic import AnthropicProvider
from functions.invoke_provider.providers.openai import OpenAIProvider
from functions.shared import errors
from tests.support.builders import called_model, prompt

KEY = "sk-test-0123456789"
ADAPTERS: dict[str, Callable[..., Any]] = {
    "openai": OpenAIProvider,
    "responses": OpenAIProvider,
    "azure_openai": partial(OpenAIProvider, errors=azure_openai_errors.ERRORS),
    "anthropic": AnthropicProvider,
}
APIS = {"responses": "responses", "anthropic": "messages"}


def openai_answer(**changes):
    message = {"role": "assistant", "content": "Hi", **changes.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish", "stop")}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return {"id": "1", "choices": [choice], "usage": usage, **changes}


def anthropic_answer(**changes):
    return {
        "id": "1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 2}, **changes,
    }  # fmt: skip


def responses_answer(**changes):
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [text], "status": "completed"},
    ]
    usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    return {"id": "1", "status": "completed", "output": output, "usage": usage, **changes}


ANSWERS = {
    "openai": openai_answer(),
    "responses": responses_answer(),
    "azure_openai": openai_answer(),
    "anthropic": anthropic_answer(),
}


class Keys:
    """A keyring that holds one key after the other."""

    def __init__(self, *keys):
        self._keys = list(keys)
        self.read_anew_count = 0

    def read(self):
        return self._keys[0]

    def read_anew(self):
        self.read_anew_count += 1
        if len(self._keys) > 1:
            self._keys.pop(0)
        return self._keys[0]


class Exchange:
    """One call of an adapter; `sent` and `url` are what it asked, `reply` what it is answered, or answers."""

    def __init__(self, wire, reply, **traits):
        self.sent = self.url = None
        self._api = APIS.get(wire, "chat_completions")
        self._traits = traits
        client = httpx2.Client(transport=httpx2.MockTransport(self._handle))
        credentials = Credentials(api_key=KEY, base_url="http://provider.test/v1")
        self._provider = ADAPTERS[wire](Keys(credentials), client)
        self._reply = reply

    def _handle(self, request):
        self.sent, self.url = json.loads(request.content), str(request.url)
        if isinstance(self._reply, Exception):
            raise self._reply
        if isinstance(self._reply, httpx2.Response):
            return self._reply
        if callable(self._reply):
            return self._reply(request)
        return httpx2.Response(200, json=self._reply)

    def __call__(self, task="chat", model="m", timeout_s=5.0, **fields):
        asked = called_model(model, api=self._api, **self._traits)
        return self._provider.complete(prompt(asked, task, **fields), asked, timeout_s)


def raised_by(exchange, **fields):
    with pytest.raises(errors.EngineError) as raised:
        exchange(**fields)
    return raised.value
