"""The profile of a request for vectors: the same as of any other, without a task to be guessed."""

from __future__ import annotations

import time

from functions.classify.admission import begun_at_ms, check_task, deadline_at_ms, limit_of
from functions.classify.parsing import parse_embedding
from functions.shared.catalogue.models import load_catalogue
from functions.shared.catalogue.token_bounds import TokenBound
from functions.shared.catalogue.tokens import TextSize
from functions.shared.contracts.decision import AskedVectors, Profile
from functions.shared.contracts.embedding import EmbeddingRequest, vectors_that_fit
from functions.shared.contracts.states import ClassifyInput, ClassifyOutput
from functions.shared.errors import InvalidRequest, PayloadTooLarge
from functions.shared.kept_answers.identity import claims_of
from functions.shared.settings import ClassifySettings
from functions.shared.vocabulary import EMBEDDING, nano_usd

_EXTRA_TOKENS = 4
"""Of each text, that a model may put around it: Cohere's says by them what the vectors are for."""


def profile_embedding(event: ClassifyInput, settings: ClassifySettings) -> ClassifyOutput:
    """Raises as `profile_request` does. No text is ever logged of it: a prompt it is none."""
    began = time.perf_counter()
    started_at_ms = begun_at_ms(event)
    request = parse_embedding(event.request, event.caller)
    check_task(EMBEDDING, event.caller)
    vectors = _asked(request)
    text = " ".join(request.texts)
    bound = TokenBound.of(text).with_bytes(vectors.token_ids + _EXTRA_TOKENS * vectors.inputs)
    profile = Profile(
        request_id=event.request_id,
        caller_id=event.caller_id,
        caller=event.caller,
        mode=event.mode,
        task=EMBEDDING,
        task_source="caller",
        task_confidence=1.0,
        model_preference=request.model_preference,
        model=request.model,
        fallback=request.fallback is not False,
        max_cost_nano_usd=None if request.max_cost_usd is None else nano_usd(request.max_cost_usd),
        max_latency_ms=request.max_latency_ms,
        input_size=TextSize.of(text),
        input_bound=bound,
        required_capabilities=[],
        vectors=vectors,
        metadata=request.metadata or {},
        claims=claims_of(event, request, settings.ROUTING_POLICY),
        started_at_ms=started_at_ms,
        deadline_at_ms=deadline_at_ms(event, request.max_latency_ms, started_at_ms, settings),
        classify_ms=round((time.perf_counter() - began) * 1000, 3),
    )
    return ClassifyOutput(request=request, profile=profile, limit_nano_usd=limit_of(profile))


def _asked(request: EmbeddingRequest) -> AskedVectors:
    """Raises `InvalidRequest` for a model without vectors and for an unknown family, and `PayloadTooLarge` for
    more vectors than fit. An unknown model is for Score to tell."""
    family, usual = _family_of(request)
    most = vectors_that_fit(request.dimensions or usual) if usual else len(request.input)
    if len(request.input) > most:
        dimensions = request.dimensions or usual
        told = f"At most {most} vectors of {dimensions} dimensions fit into an answer"
        raise PayloadTooLarge(f"{told}; {len(request.input)} inputs were sent.")
    return AskedVectors(
        family=family,
        dimensions=request.dimensions,
        inputs=len(request.input),
        longest=TextSize.of(max(request.texts, key=len, default="")),
        token_ids=sum(map(len, request.token_ids)),
        longest_token_ids=max(map(len, request.token_ids), default=0),
    )


def _family_of(request: EmbeddingRequest) -> tuple[str, int]:
    """With the usual number of its dimensions; neither for a model that is not known."""
    catalogue = load_catalogue()
    if request.family is not None:
        members = catalogue.family(request.family)
        if not members:
            problem = f"no model makes such vectors; there are {', '.join(catalogue.families)}"
            raise InvalidRequest.at("family", problem)
        made = members[0].vectors
    else:
        known = {one.id: one for one in catalogue.models}
        named = known.get(request.model or "")
        if named is None:
            return "", 0
        made = named.vectors
        if made is None:
            problem = (
                f"{named.id} makes no vectors; families that do are {', '.join(catalogue.families)}"
            )
            raise InvalidRequest.at("model", problem)
    return (made.family, made.dimensions) if made else ("", 0)
