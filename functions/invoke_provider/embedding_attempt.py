"""One attempt at vectors: the same as at an answer, with nothing to be told and nothing to be cut."""

from __future__ import annotations

import time

from functions.invoke_provider.answer import embeddings_of
from functions.invoke_provider.attempt import attempt_timeout_s, of_adapter, since_ms
from functions.invoke_provider.billing import call_of, embedding_usage_of, tell
from functions.invoke_provider.called_model import CalledModel, called_model
from functions.invoke_provider.demand import NOT_HELD, Allowance
from functions.invoke_provider.providers.base import Embedded, EmbeddingAdapter, ProviderAdapter
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.embedding import EmbeddingRequest
from functions.shared.contracts.states import EmbeddedOutput, InvokeInput
from functions.shared.errors import EngineError, RequestUnsupported


def attempt_embedding(
    event: InvokeInput,
    request: EmbeddingRequest,
    provider: ProviderAdapter,
    allowance: Allowance = NOT_HELD,
) -> EmbeddedOutput:
    """Raises as `attempt` does."""
    timeout_s = attempt_timeout_s(event, time.time() * 1000)
    model = called_model(event.candidate.model, event.profile)
    held, began = allowance.held_nano_usd, time.perf_counter()
    try:
        made = of_adapter(lambda: _embed(provider, request, model, timeout_s))
    except EngineError as error:
        tell(error, event, since_ms(began), time.time() * 1000, held_nano_usd=held)
        raise
    usage, now_ms = embedding_usage_of(made, event, model), time.time() * 1000
    call = call_of(event, since_ms(began), now_ms, usage, "known", held_nano_usd=held)
    return embeddings_of(event, made, _dropped(request, model), call, now_ms)


def _embed(
    provider: ProviderAdapter, request: EmbeddingRequest, model: CalledModel, timeout_s: float
) -> Embedded:
    if not isinstance(provider, EmbeddingAdapter):
        raise RequestUnsupported(f"{model.provider} makes no vectors here.")
    return provider.embed(request, model, timeout_s)


def _dropped(request: EmbeddingRequest, model: CalledModel) -> list[DroppedParameter]:
    dropped: list[DroppedParameter] = []
    if request.user is not None and "user" not in model.parameters:
        dropped.append(DroppedParameter(parameter="user", reason="the model does not take it"))
    if request.input_type is not None and model.api != "cohere_embeddings":
        reason = "the model makes one vector of a text, whatever it is for"
        dropped.append(DroppedParameter(parameter="input_type", reason=reason))
    return dropped
