"""What the routes answer, as the API's document tells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.openai.errors import STATUS
from functions.openai.responses_answer import Status
from functions.shared.contracts.answer import FinishReason, Performance, Routing
from functions.shared.contracts.error_body import ErrorContent
from functions.shared.vocabulary import Count, Frozen, Usd


class OpenaiRouting(Routing):
    """The native `routing`, and what else is to be known of the request."""

    request_id: str
    cached: bool
    mock: bool
    total_cost_usd: Usd
    savings_usd: Usd
    performance: Performance


class PromptTokens(Frozen):
    cached_tokens: Count
    audio_tokens: Count


class CompletionTokens(Frozen):
    reasoning_tokens: Count
    audio_tokens: Count
    accepted_prediction_tokens: Count
    rejected_prediction_tokens: Count


class CompletionUsage(Frozen):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: PromptTokens
    completion_tokens_details: CompletionTokens


class CalledFunction(Frozen):
    name: str
    arguments: str


class CalledCustomTool(Frozen):
    name: str
    input: str


class ToolCallMade(Frozen):
    """With the one of `function` and `custom` that its type names."""

    id: str
    type: Literal["function", "custom"]
    function: CalledFunction | None = None
    custom: CalledCustomTool | None = None


class CompletionMessage(Frozen):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    annotations: list[Any]
    tool_calls: list[ToolCallMade] | None = None


class CompletionChoice(Frozen):
    index: Literal[0]
    message: CompletionMessage
    logprobs: None
    finish_reason: FinishReason


class ChatCompletion(Frozen):
    """With `stream`, the same in chunks, as server-sent events."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    """The catalogue id of the model that answered."""
    choices: list[CompletionChoice]
    usage: CompletionUsage
    routing: OpenaiRouting


class EmbeddingVector(Frozen):
    """`embedding` is packed where it was asked for as base64."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class EmbeddingsUsage(Frozen):
    prompt_tokens: Count
    total_tokens: Count


class Embeddings(Frozen):
    """A vector for each input, in their order."""

    object: Literal["list"]
    data: list[EmbeddingVector]
    model: str
    """The catalogue id of the model that made them."""
    usage: EmbeddingsUsage
    routing: OpenaiRouting


class InputTokens(Frozen):
    cached_tokens: Count
    cache_write_tokens: Count


class OutputTokens(Frozen):
    reasoning_tokens: Count


class ResponseUsage(Frozen):
    input_tokens: Count
    input_tokens_details: InputTokens
    output_tokens: Count
    output_tokens_details: OutputTokens
    total_tokens: Count


class OutputText(Frozen):
    type: Literal["output_text"]
    text: str
    annotations: list[Any]
    logprobs: list[Any]


class OutputItem(Frozen):
    """`content` belongs to a message, the others to a call."""

    id: str
    type: Literal["message", "function_call", "custom_tool_call"]
    status: Literal["completed", "incomplete"]
    role: Literal["assistant"] | None = None
    content: list[OutputText] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None


class FailedWith(Frozen):
    code: str
    message: str


class IncompleteDetails(Frozen):
    reason: Literal["max_output_tokens", "content_filter"]


class Response(Frozen):
    """An answer, or a job that makes one. With `stream`, a response's events, as server-sent ones."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Status
    completed_at: int | None
    background: bool
    error: FailedWith | None
    incomplete_details: IncompleteDetails | None
    model: str
    """What the client called it, and once it has answered the catalogue id of the one that did."""
    output: list[OutputItem]
    usage: ResponseUsage | None
    routing: OpenaiRouting | None = None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: dict[str, str | None]
    store: bool
    temperature: float
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    truncation: Literal["disabled"]
    service_tier: Literal["default"]
    top_logprobs: Literal[0]
    max_tool_calls: None
    safety_identifier: None
    prompt_cache_key: None
    user: str | None = None


class OpenaiErrorContent(ErrorContent):
    """`param` is the first field that is wrong."""

    code: Annotated[str, Field(json_schema_extra={"enum": list(STATUS)})]
    type: str


class OpenaiErrorBody(Frozen):
    """The body of an error of OpenAI's routes. The gateway's own say `success: false`, too."""

    error: OpenaiErrorContent
    request_id: str
    success: Literal[False] | None = None
