"""What crosses a boundary: the caller's request, what each state hands to the next, and the answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from functions.shared.catalogue.pricing import Count, Usage
from functions.shared.catalogue.tokens import TextSize, Tokenizer

Task = Literal["summarize", "sentiment", "rewrite", "chat", "code", "analysis", "tools"]
Preference = Literal["fast", "cheap", "best", "balanced"]
Mode = Literal["sync", "async"]
Capability = Literal["tools", "json_object", "json_schema", "images", "image_urls"]
"""What a model can do; `images` inside the request, `image_urls` also at an address."""
Api = Literal["chat_completions", "responses", "messages", "converse", "onnx"]
"""The interface of its provider that a model is called by."""


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Input should be a number")
    return Decimal(str(value))


Usd = Annotated[
    Decimal,
    BeforeValidator(_exact),
    # JSON has one kind of number; the shortest text of the double parses back to the same Decimal.
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
Score = Annotated[float, Field(ge=0, le=1)]


class Frozen(BaseModel):
    """Base of everything that crosses a boundary."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Strict(Frozen):
    """Base of what a caller sends: no type is guessed from another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


NonBlank = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


class FunctionCall(Strict):
    name: FunctionName
    arguments: str


class ToolCall(Strict):
    id: NonBlank
    type: Literal["function"] = "function"
    function: FunctionCall


class TextPart(Strict):
    type: Literal["text"]
    text: NonBlank


class ImageUrl(Strict):
    """An image at an address, or inside the request as a `data:` URL."""

    url: Annotated[
        str,
        StringConstraints(
            pattern=r"^(https?://[^\s]+|data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2})$"
        ),
    ]
    detail: Literal["auto", "low", "high"] | None = None

    @property
    def inline(self) -> tuple[str, str] | None:
        """The media type and the base64 text of a `data:` URL."""
        head, _, data = self.url.partition(";base64,")
        return (head.removeprefix("data:"), data) if head.startswith("data:") else None


class ImagePart(Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


Parts = Annotated[
    list[Annotated[TextPart | ImagePart, Field(discriminator="type")]],
    Field(min_length=1, max_length=100),
]
# Told apart by kind, so that an error is of the one that was meant.
Content = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")],
    Discriminator(lambda content: "Parts" if isinstance(content, list) else "Text"),
]


class Message(Strict):
    role: Literal["system", "user", "assistant", "tool"]
    content: Content | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a tool message needs tool_call_id")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant message carries tool_calls")
        if not self.content and not self.tool_calls:
            raise ValueError("a message needs content")
        if self.images and self.role != "user":
            raise ValueError("only a user message carries images")
        return self

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        """The content as parts, whichever way it came."""
        if isinstance(self.content, str):
            return [TextPart(type="text", text=self.content)] if self.content.strip() else []
        return self.content or []

    @property
    def text(self) -> str:
        """What the message says in words."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> list[ImageUrl]:
        if not isinstance(self.content, list):
            return []
        return [part.image_url for part in self.content if isinstance(part, ImagePart)]


class FunctionDefinition(Strict):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"] = "function"
    function: FunctionDefinition


class NamedFunction(Strict):
    name: NonBlank


class NamedToolChoice(Strict):
    type: Literal["function"]
    function: NamedFunction


class JsonSchemaFormat(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    # `schema` would shadow pydantic's own attribute.
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to the type json_schema, and only there")
        return self


class GenerateRequest(Strict):
    """The body of `/generate`, `/jobs` and `/route`."""

    task: Literal[Task, "auto"] = "auto"
    text: NonBlank | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=500)] | None = None
    model_preference: Preference = "balanced"
    max_cost_usd: Annotated[Usd, Field(gt=0, le=1000)] | None = None
    max_latency_ms: Annotated[int, Field(ge=1, le=900_000)] | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    fallback: bool = True
    system: Annotated[str, StringConstraints(min_length=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=200_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: Annotated[list[Tool], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedToolChoice | None = None
    response_format: ResponseFormat | None = None
    cache_ttl_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 0
    session_id: SessionId | None = None
    metadata: (
        Annotated[
            dict[
                Annotated[str, StringConstraints(min_length=1, max_length=64)],
                Annotated[str, StringConstraints(max_length=512)],
            ],
            Field(max_length=16),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _has_one_input(self) -> Self:
        if (self.text is None) == (self.messages is None):
            raise ValueError("exactly one of text or messages is needed")
        if self.tool_choice is not None and self.tools is None:
            raise ValueError("tool_choice needs tools")
        return self

    @property
    def conversation(self) -> list[Message]:
        """What was said, in order, without system messages; a lone text is one user message."""
        if self.messages is None:
            return [Message(role="user", content=self.text)]
        return [message for message in self.messages if message.role != "system"]

    @property
    def prompt(self) -> str:
        """The text, or the last thing the user said: what the request is about."""
        if self.text is not None:
            return self.text
        said = [message.text for message in self.messages or [] if message.role == "user"]
        return said[-1] if said else ""

    @property
    def images(self) -> list[ImageUrl]:
        return [image for message in self.messages or [] for image in message.images]

    @property
    def called_tools(self) -> list[Tool]:
        """The tools that the conversation called already, known by their names alone."""
        calls = [call for message in self.messages or [] for call in message.tool_calls or []]
        names = dict.fromkeys(call.function.name for call in calls)
        return [Tool(function=FunctionDefinition(name=name)) for name in names]


class ClassifyInput(Frozen):
    """`request` is whatever the caller sent; `started_at` is the execution's start, ISO 8601."""

    # Not JsonValue: pydantic gives up on deep nesting, which is the caller's error and not ours.
    request: Any
    request_id: str
    api_key_id: str
    mode: Mode
    started_at: str


class Prediction(Frozen):
    """`will_do`: how likely `weak` answers this prompt no worse than `strong` does; `usual`: how
    likely it does so on the prompts that the policy was fitted to."""

    weak: str
    strong: str
    will_do: Score
    usual: Score


class Profile(Frozen):
    """All that routing and accounting need to know of a request; none of its text.

    `task_unsure`: the classifier's confidence is under its threshold, so that the model should be
    good at more than the guessed task. `predictions`: what each policy's predictors say of the
    prompt, by the policy's version.
    """

    request_id: str
    api_key_id: str
    mode: Mode
    task: Task
    task_source: Literal["caller", "classifier"]
    task_confidence: Score
    task_unsure: bool = False
    model_preference: Preference
    model: str | None = None
    fallback: bool
    max_cost_usd: Usd | None = None
    max_latency_ms: int | None = None
    input_size: TextSize
    image_tokens: Count = 0
    max_output_tokens: int | None = None
    required_capabilities: list[Capability]
    session_id: str | None = None
    predictions: dict[str, list[Prediction]] = Field(default_factory=dict)
    metadata: dict[str, str]
    started_at_ms: int
    deadline_at_ms: int
    classify_ms: float


class ClassifyOutput(Frozen):
    """`logged_prompt` is for the request log, and empty unless the stage logs prompts."""

    request: GenerateRequest
    profile: Profile
    logged_prompt: str = ""


class ScoreInput(Frozen):
    profile: Profile


class TaskHistory(Frozen):
    """Answers to one task and the output tokens of all of them together."""

    answers: Count
    output_tokens: Count


class ModelHealth(Frozen):
    """What was counted of a model lately.

    `ok`, `faults` and `throttles` are attempts of the last five minutes; `last_fault_at_ms` and
    `blocked_at_ms` (its key refused, its quota used up, or the model unknown there) are epoch
    milliseconds. `last_error`, of a whole provider alone, is such a time and the class of the error
    then. The others are sums over the answers of today and yesterday.
    """

    ok: Count = 0
    faults: Count = 0
    throttles: Count = 0
    last_fault_at_ms: Count = 0
    blocked_at_ms: Count = 0
    answers: Count = 0
    latency_ms: Count = 0
    latency_ms_squared: Count = 0
    output_tokens: Count = 0
    last_error: str = ""
    tasks: dict[str, TaskHistory] = Field(default_factory=dict)


class Situation(Frozen):
    """All that a decision depends on beside the request, the catalogue, the prices and the policy."""

    providers_configured: list[str] = Field(default_factory=list)
    mock_providers: Literal["auto", "never", "always"] = "auto"
    session_model: str | None = None
    """The model that answered this conversation before."""
    health: dict[str, ModelHealth] = Field(default_factory=dict)
    """By model id; a model that was not called lately is not there."""


class Candidate(Frozen):
    """A model that may serve the request. `function` names the provider function that calls it.

    `sampling` and `tool_choices` are what the model takes of such parameters; `effort_with_tools`
    is the reasoning effort that it demands beside tools. `quality` is the expected one of its
    answer in [0, 1]; `estimated_latency_ms` the mean and `p95_latency_ms` what 95 % stay under.
    """

    model: str
    provider: str
    provider_model_id: str
    api: Api
    tokenizer: Tokenizer
    function: str
    mock: bool
    context_window: int
    max_output_tokens: int
    sampling: list[str]
    max_temperature: float
    tool_choices: list[str]
    strict_tools: bool
    effort_with_tools: str | None = None
    reason: str
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score
    estimated_cost_usd: Usd
    worst_case_cost_usd: Usd
    estimated_latency_ms: int
    p95_latency_ms: int
    estimated_input_tokens: int
    estimated_output_tokens: int
    quality: Score


class Exclusion(Frozen):
    model: str
    reason: str


class Shadow(Frozen):
    """What a second policy would have done; it decides nothing."""

    policy_version: str
    selected_model: str
    estimated_cost_usd: Usd
    estimated_latency_ms: int
    quality: Score


class ScoreOutput(Frozen):
    """`candidates` best first; `baseline_model` is the dearest eligible model, for the savings.

    `reserve` are called when all candidates have failed: excluded models that may well answer, whose
    circuit is open or that a better one of another provider dominates. `propensity` is the
    probability with which the first candidate was to be the first.
    """

    candidates: Annotated[list[Candidate], Field(min_length=1)]
    reserve: list[Candidate] = Field(default_factory=list)
    excluded: list[Exclusion]
    baseline_model: str
    price_version: str
    policy_version: str
    explored: bool = False
    propensity: Score = 1.0
    situation: Situation = Field(default_factory=Situation)
    shadow: Shadow | None = None
    score_ms: float


class FailedAttempt(Frozen):
    """An attempt as the state machine's `Catch` saw it."""

    model: str
    provider: str
    name: str
    cause: str
    worst_case_cost_usd: Usd


class InvokeInput(Frozen):
    """`remaining` counts the candidates after this one; `retry_count` the retries of this one so far."""

    request: GenerateRequest
    profile: Profile
    decision: ScoreOutput
    candidate: Candidate
    failures: list[FailedAttempt]
    remaining: int
    retry_count: int


class CandidateSummary(Frozen):
    model: str
    provider: str
    final_score: Score
    estimated_cost_usd: Usd
    estimated_latency_ms: int


class Fallback(Frozen):
    model: str
    provider: str
    error: str
    elapsed_ms: int


class DroppedParameter(Frozen):
    """A parameter of the request that the model did not get as it was sent, and why."""

    parameter: str
    reason: str


class Routing(Frozen):
    selected_model: str
    provider: str
    reason: str
    task: Task
    task_source: Literal["caller", "classifier"]
    task_confidence: Score
    cost_score: Score
    latency_score: Score
    quality_score: Score
    availability_score: Score
    final_score: Score
    policy_version: str
    prompt_version: str
    dropped_parameters: list[DroppedParameter]
    candidates: list[CandidateSummary]
    excluded: list[Exclusion]
    fallbacks: list[Fallback]


class AnswerUsage(Frozen):
    """`input_tokens` counts all of the input, `cached_input_tokens` the part of it read from a cache.

    All parts that are priced stand in the request log, with the attempt.
    """

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    total_cost_usd: Usd
    usage_source: Literal["provider", "estimated"]
    baseline_model: str
    baseline_cost_usd: Usd
    savings_usd: Usd
    price_version: str


class Performance(Frozen):
    total_time_ms: int
    routing_time_ms: int
    inference_time_ms: int


class Answer(Frozen):
    """The body of a 200 and the `result` of a finished job."""

    success: Literal[True] = True
    result: str
    request_id: str
    execution_id: str
    cached: bool = False
    mock: bool
    tool_calls: list[ToolCall]
    finish_reason: Literal["stop", "length", "tool_calls"]
    routing: Routing
    usage: AnswerUsage
    performance: Performance


class Attempt(Frozen):
    """One call of one provider, as the request log keeps it. `cost_usd` of a failed one is 0 unless
    it may have been billed, and then the worst case of it with `possibly_billed`."""

    model: str
    provider: str
    outcome: str
    elapsed_ms: int
    retries: int = 0
    usage: Usage | None = None
    cost_usd: Usd = Decimal(0)
    possibly_billed: bool = False
    message: str | None = None


class InvokeOutput(Frozen):
    answer: Answer
    attempt: Attempt


class CaughtError(Frozen):
    name: str
    cause: str


class RecordInput(Frozen):
    """Either `answer` and `attempt`, or `error`. Without a `profile` the request never passed Classify."""

    request_id: str
    api_key_id: str
    mode: Mode
    started_at: str
    profile: Profile | None = None
    decision: ScoreOutput | None = None
    failures: list[FailedAttempt] = Field(default_factory=list)
    answer: Answer | None = None
    attempt: Attempt | None = None
    error: CaughtError | None = None
    logged_prompt: str = ""

    @model_validator(mode="after")
    def _ended_one_way(self) -> Self:
        if (self.answer is None) == (self.error is None):
            raise ValueError("a request ends with an answer or with an error")
        return self


class RecordOutput(Frozen):
    """`code` and `body` of a failure, for the machine's end; empty for an answered request."""

    code: str = ""
    body: dict[str, Any] = Field(default_factory=dict)


def json_of(model: BaseModel) -> dict[str, Any]:
    """A model as a state hands it on: JSON values, with nothing that was left unset as null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
