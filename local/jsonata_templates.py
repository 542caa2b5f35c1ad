"""The values of a definition's templates, by the engine for its expressions that the local AWS has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonata

_NULL = jsonata.utils.Utils.NULL_VALUE
_BEGIN, _END = "{% ", " %}"


def value_of(template: Any, variables: Mapping[str, Any], states: Mapping[str, Any]) -> Any:
    """Of a whole template: what is no expression is its own value. `states` is what expressions call
    `$states`."""
    if isinstance(template, dict):
        return {name: value_of(one, variables, states) for name, one in template.items()}
    if isinstance(template, list):
        return [value_of(one, variables, states) for one in template]
    if not isinstance(template, str) or not template.startswith(_BEGIN):
        return template
    # The engine takes what it is given apart, and to it None is a variable that is not there.
    bound = json.loads(json.dumps({**variables, "states": states}))
    told = {name: _NULL if value is None else value for name, value in bound.items()}
    result = _expression(template.removeprefix(_BEGIN).removesuffix(_END)).evaluate(None, told)
    return None if result is _NULL else result


@cache
def _expression(text: str) -> Any:
    expression = jsonata.Jsonata.jsonata(text)
    # Step Functions' own.
    expression.register_lambda("parse", json.loads)
    return expression
