"""Acknowledged findings of the AwsSolutions checks that more than one construct has."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

# Bare ids acknowledge too, but only prefixed ones stay listed in the validation report.
_PREFIX = "AwsSolutions::AwsSolutions-"


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept the finding of `rule` (such as `IAM5[Resource::*]`) on a construct and those in it."""
    Validations.of(construct).acknowledge(Acknowledgment(id=_PREFIX + rule, reason=reason))
