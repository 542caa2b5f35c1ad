"""Everything routing and accounting need to know of a request, without its text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from functions.classify.admission import begun_at_ms, check_task, deadline_at_ms, limit_of
from functions.classify.classifier import decide_task
from functions.classify.embedding_profile import profile_embedding
from functions.classify.parsing import parse_request
from functions.shared.catalogue.token_bounds import (
    EARLIER_CALL_BYTES,
    INSTRUCTION_BYTES,
    ITEMS_BYTES,
    PARAMETERS_BYTES,
    WIRE_BYTES_PER_PART,
    TokenBound,
)
from functions.shared.catalogue.tokens import IMAGE_TOKENS, TextSize
from functions.shared.contracts.decision import Prediction, Profile
from functions.shared.contracts.request import GenerateRequest
from functions.shared.contracts.state_size import json_bytes
from functions.shared.contracts.states import ClassifyInput, ClassifyOutput
from functions.shared.contracts.tools import REFUSED_AT_ROOT
from functions.shared.kept_answers.identity import claims_of
from functions.shared.policy.routing_policy import load_policy
from functions.shared.settings import ClassifySettings, PolicySettings
from functions.shared.vocabulary import EMBEDDING, Capability, Task, nano_usd

LOGGED_PROMPT_CHARACTERS = 4_000
"""More than a predictor of prompts reads; a state holds the whole request beside it."""

_IMAGES: Any = {
    "messages": {"__all__": {"content": {"__all__": {"image_url": {"url": True}}}}},
}
"""Their addresses; what they are worth in tokens is counted by their number."""


def profile_request(event: ClassifyInput, settings: ClassifySettings) -> ClassifyOutput:
    """Raises `InvalidRequest`, `PayloadTooLarge`, and `Forbidden` for what the caller may not ask."""
    if event.kind == EMBEDDING:
        return profile_embedding(event, settings)
    began = time.perf_counter()
    started_at_ms = begun_at_ms(event)
    request = parse_request(event.request, event.caller)
    decided = decide_task(request)
    check_task(decided.task, event.caller)
    shown = _shown(request)
    profile = Profile(
        request_id=event.request_id,
        caller_id=event.caller_id,
        caller=event.caller,
        mode=event.mode,
        task=decided.task,
        task_source="classifier" if request.task == "auto" else "caller",
        task_confidence=decided.confidence,
        task_unsure=decided.unsure,
        model_preference=request.model_preference,
        model=request.model,
        models=request.models or [],
        fallback=request.falls_back,
        max_cost_nano_usd=None if request.max_cost_usd is None else nano_usd(request.max_cost_usd),
        max_latency_ms=request.max_latency_ms,
        input_size=TextSize.of(shown),
        input_bound=_input_bound(request, shown),
        image_tokens=IMAGE_TOKENS * len(request.images),
        images=len(request.images),
        low_detail_images=sum(image.detail == "low" for image in request.images),
        max_output_tokens=request.output_limit,
        required_capabilities=_required_capabilities(request, decided.task),
        session_id=request.session_id,
        predictions=_predictions(request, settings),
        metadata=request.metadata or {},
        claims=claims_of(event, request, settings.ROUTING_POLICY),
        started_at_ms=started_at_ms,
        deadline_at_ms=deadline_at_ms(event, request.max_latency_ms, started_at_ms, settings),
        classify_ms=round((time.perf_counter() - began) * 1000, 3),
    )
    logged = request.prompt[:LOGGED_PROMPT_CHARACTERS] if settings.LOG_PROMPTS else ""
    return ClassifyOutput(
        request=request, profile=profile, limit_nano_usd=limit_of(profile), logged_prompt=logged
    )


def _predictions(request: GenerateRequest, settings: PolicySettings) -> dict[str, list[Prediction]]:
    """What the predictors of the policies that will rank the models say; they need the prompt."""
    names = filter(None, (settings.ROUTING_POLICY, settings.SHADOW_POLICY))
    return {
        policy.version: policy.predictions(request.prompt)
        for policy in map(load_policy, names)
        if policy.predictors
    }


def _input_bound(request: GenerateRequest, shown: str) -> TokenBound:
    """With the bytes of the wire, and of what a provider's rules add."""
    messages, tools = request.messages or [], request.tools or []
    calls = sum(len(message.tool_calls or []) for message in messages)
    wire = WIRE_BYTES_PER_PART * (max(1, len(messages)) + len(tools))
    added = PARAMETERS_BYTES * len(tools) + EARLIER_CALL_BYTES * calls
    added += ITEMS_BYTES * (shown.count('"array"') if tools else 0)
    again = sum(json_bytes(schema) for schema in _told_twice(request))
    return TokenBound.of(shown).with_bytes(INSTRUCTION_BYTES + wire + added + again)


def _told_twice(request: GenerateRequest) -> Iterator[Any]:
    """Schemas that may be sent as such, and in part again: in words, or where they are used."""
    if request.response_format and (form := request.response_format.json_schema):
        yield form.model_dump(by_alias=True)
    for tool in request.tools or []:
        function = tool.function
        if function.strict or {"$ref", *REFUSED_AT_ROOT} & (function.parameters or {}).keys():
            yield function.parameters


def _shown(request: GenerateRequest) -> str:
    """What the model sees, as one text."""
    model_sees = request.model_dump(
        mode="json",
        include={"text", "messages", "system", "tools", "response_format"},
        exclude=_IMAGES,
        exclude_none=True,
    )
    # A lone text costs no JSON around it.
    lone = request.text if model_sees.keys() == {"text"} else None
    return lone or json.dumps(model_sees, ensure_ascii=False)


def _required_capabilities(request: GenerateRequest, task: Task) -> list[Capability]:
    needed: list[Capability] = []
    if request.images:
        needed.append("images")
    if any(image.inline is None for image in request.images):
        needed.append("image_urls")
    if task == "sentiment":
        # It has a form of its own, and tools and other forms are left out.
        return needed
    if request.tools or request.called_tools:
        needed.append("tools")
    if request.response_format and request.response_format.type != "text":
        needed.append(request.response_format.type)
    return needed
