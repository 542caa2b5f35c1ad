"""What may be called on Bedrock: exactly the models that the catalogue names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from aws_cdk import aws_iam as iam

from functions.shared.catalogue.models import Catalogue

# What Converse and ConverseStream are authorised as.
_WHOLE = "bedrock:InvokeModel"
_STREAMED = "bedrock:InvokeModelWithResponseStream"
_GLOBAL = "global"
# The id of an inference profile is its model's id behind the geography that it routes within.
_GEOGRAPHIES = frozenset({_GLOBAL, "us", "us-gov", "eu", "apac", "jp", "au", "ca"})


@dataclass(frozen=True)
class Place:
    """Where the calls come from; `account` is the account's id."""

    partition: str
    region: str
    account: str


@dataclass(frozen=True)
class ModelArns:
    """`called` is what a call names; `reached` are the models that a called profile passes it to."""

    called: str
    reached: tuple[str, ...] = ()


def bedrock_models(catalogue: Catalogue, on: date) -> tuple[str, ...]:
    """Bedrock's ids of the catalogue's models that have not retired by a day."""
    return tuple(
        model.provider_model_id
        for model in catalogue.models
        if model.provider == "bedrock" and not model.is_retired(on)
    )


def arns_of(model_id: str, place: Place) -> ModelArns:
    """The ARNs behind an id, be it a model's own or an inference profile's."""
    geography, _, base_id = model_id.partition(".")
    if geography not in _GEOGRAPHIES:
        return ModelArns(_foundation_model(place, place.region, model_id))
    # A global profile is checked against the model here and once without any region, wherever the
    # call ends up. The regions of the other profiles change without notice: none is listed.
    regions = (place.region, "") if geography == _GLOBAL else ("*",)
    return ModelArns(
        f"arn:{place.partition}:bedrock:{place.region}:{place.account}:inference-profile/{model_id}",
        tuple(_foundation_model(place, region, base_id) for region in regions),
    )


def model_statements(
    model_ids: Iterable[str], place: Place, *, streamed: bool
) -> Iterator[iam.PolicyStatement]:
    """Allow to call these models, and those behind a profile by way of their profile only. Not every call is
    `streamed`: some models call no tools in a stream."""
    actions = [_WHOLE, _STREAMED] if streamed else [_WHOLE]
    found = [arns_of(model_id, place) for model_id in model_ids]
    called = [arns.called for arns in found]
    reached = [arn for arns in found for arn in arns.reached]
    profiles = [arns.called for arns in found if arns.reached]
    if called:
        yield iam.PolicyStatement(actions=actions, resources=called)
    if reached:
        yield iam.PolicyStatement(
            actions=actions,
            resources=reached,
            conditions={"StringEquals": {"bedrock:InferenceProfileArn": profiles}},
        )


def wildcards_of(model_ids: Iterable[str], place: Place) -> tuple[str, ...]:
    """The ARNs in the statements that leave something open."""
    reached = (arn for model_id in model_ids for arn in arns_of(model_id, place).reached)
    return tuple(arn for arn in reached if "*" in arn)


def _foundation_model(place: Place, region: str, base_id: str) -> str:
    return f"arn:{place.partition}:bedrock:{region}::foundation-model/{base_id}"
