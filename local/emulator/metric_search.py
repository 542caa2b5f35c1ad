"""What a SEARCH of metric math looks for: all metrics with just these dimensions and these values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.emulator.metric_math import ExpressionFailed


@dataclass(frozen=True)
class Candidate:
    """A metric that a search may find."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


FORM = '{Namespace,dimension} name="value"'
"""The one form of searches here: a schema of one or more dimensions, and one or more values that
must be met as they are written, of dimensions or of MetricName."""

_SEARCH = re.compile(r'\{([^{}"\s]+)\}((?: [\w.-]+="[^"\\]*")+)')
_TERM = re.compile(r'([\w.-]+)="([^"]*)"')


def search_for(query: str) -> Callable[[Candidate], bool]:
    """The test that a metric must pass. Raises ExpressionFailed for a query of another form."""
    found = _SEARCH.fullmatch(query)
    if found is None:
        raise ExpressionFailed(f"Unsupported search, which has not the form {FORM}: {query}")
    namespace, *dimensions = found[1].split(",")
    sought = _TERM.findall(found[2])

    def matches(one: Candidate) -> bool:
        values = {**one.dimensions, "MetricName": one.name}
        return (
            one.namespace == namespace
            and set(one.dimensions) == set(dimensions)
            and all(values.get(name) == value for name, value in sought)
        )

    return matches
