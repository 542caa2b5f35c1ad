import copy

import pytest

from tests.support.openai_description import problems
from tests.support.openai_trimming import KEPT

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
MESSAGE = {"role": "assistant", "content": "Hi", "refusal": None}
CHOICE = {"index": 0, "message": MESSAGE, "logprobs": None, "finish_reason": "stop"}
COMPLETION = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
              "choices": [CHOICE], "usage": USAGE}  # fmt: skip
TEXT = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [TEXT]}  # fmt: skip
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "error": None, "incomplete_details": None, "instructions": None, "model": "m",
            "output": [ITEM], "parallel_tool_calls": True, "metadata": {}, "tool_choice": "auto",
            "tools": [], "temperature": 1.0, "top_p": 1.0}  # fmt: skip
DELTA = {"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
         "output_index": 0, "content_index": 0, "delta": "Hi", "logprobs": []}  # fmt: skip
CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}  # fmt: skip
ERROR = {"error": {"message": "No.", "type": "server_error", "param": None, "code": None}}
MODEL = {"id": "m", "object": "model", "created": 1, "owned_by": "openai"}
VECTOR = {"index": 0, "object": "embedding", "embedding": [0.5]}
EMBEDDINGS = {"object": "list", "model": "m", "data": [VECTOR],
              "usage": {"prompt_tokens": 1, "total_tokens": 1}}  # fmt: skip
WHOLE = {
    "CreateChatCompletionResponse": COMPLETION,
    "CreateChatCompletionStreamResponse": CHUNK,
    "CreateEmbeddingResponse": EMBEDDINGS,
    "ErrorResponse": ERROR,
    "ListModelsResponse": {"object": "list", "data": [MODEL]},
    "Model": MODEL,
    "Response": RESPONSE,
    "ResponseStreamEvent": DELTA,
}
BROKEN = [
    ("CreateChatCompletionResponse", ("choices", 0, "finish_reason"), "done"),
    ("CreateChatCompletionResponse", ("choices", 0, "message", "role"), "user"),
    ("CreateChatCompletionResponse", ("usage", "total_tokens"), "2"),
    ("CreateChatCompletionStreamResponse", ("choices", 0, "delta", "role"), "robot"),
    ("CreateChatCompletionStreamResponse", ("created",), 1.5),
    ("CreateEmbeddingResponse", ("data", 0, "embedding"), "half"),
    ("ErrorResponse", ("error", "message"), None),
    ("ListModelsResponse", ("data", 0, "created"), "2026"),
    ("Model", ("object",), "models"),
    ("Response", ("output", 0, "content", 0, "text"), None),
    ("Response", ("output", 0, "type"), "massage"),
    ("Response", ("status",), "done"),
    ("ResponseStreamEvent", ("type",), "response.output_text.delte"),
    ("ResponseStreamEvent", ("sequence_number",), None),
]


def changed(body, way, value):
    made = copy.deepcopy(body)
    *heads, last = way
    inside = made
    for one in heads:
        inside = inside[one]
    inside[last] = value
    return made


def test_each_schema_that_is_kept_has_a_body_here():
    assert sorted(WHOLE) == sorted(KEPT)


@pytest.mark.parametrize("schema", WHOLE)
def test_a_body_as_openai_writes_it_is_right(schema):
    assert problems(WHOLE[schema], schema) == []


@pytest.mark.parametrize(("schema", "way", "value"), BROKEN)
def test_what_is_wrong_deep_inside_is_found(schema, way, value):
    assert problems(changed(WHOLE[schema], way, value), schema)


@pytest.mark.parametrize("schema", WHOLE)
def test_what_is_missing_is_found(schema):
    assert problems({}, schema)


def test_a_response_without_usage_so_far_says_null_as_openais_do():
    running = RESPONSE | {"status": "in_progress", "usage": None}
    assert problems(running, "Response") == []
    assert problems(running | {"usage": {}}, "Response")


def test_a_place_is_named_with_what_is_wrong_there():
    broken = changed(COMPLETION, ("choices", 0, "finish_reason"), "done")
    [problem] = problems(broken, "CreateChatCompletionResponse")
    assert problem.startswith("$.choices[0].finish_reason 'done' is not one of")
