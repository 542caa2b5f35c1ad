"""airspeed, made to render as API Gateway does what our templates contain, and to refuse the rest.

A missing reference is an empty text to API Gateway, which is true as every text is, wherever
Velocity itself has null. That is what its answers say which localstack/airspeed keeps in
tests/test_templating.snapshot.json (`test_if_statement_considers_None_to_be_truthy`,
`test_unmatched_name_does_not_get_substituted`, `test_logical_negation_operator`,
`test_dict_assign_var_not_found`). What airspeed 0.7.1 does instead, test_velocity.py says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import airspeed

from local.velocity.java import METHODS, is_true
from local.velocity.variables import Input, Util

_PLACE = re.compile(r"""\s*\$([a-z_]\w*(?:\.[a-z_]\w*|\["[^"]*"\])*)""", re.I)
_PLACE_TERM = re.compile(r"""[a-z_]\w*|\["([^"]*)"\]""", re.I)

REFUSED: tuple[type, ...] = (
    airspeed.AlternateValue,
    airspeed.ArrayIndex,
    airspeed.ArrayLiteral,
    airspeed.BooleanLiteral,
    airspeed.DefineDefinition,
    airspeed.EvaluateDirective,
    airspeed.FallthroughHashText,
    airspeed.FloatingPointLiteral,
    airspeed.IncludeDirective,
    airspeed.MacroCall,
    airspeed.MacroDefinition,
    airspeed.NullLiteral,
    airspeed.ParseDirective,
    airspeed.Range,
    airspeed.StopDirective,
    airspeed.UnaryOperatorValue,
    airspeed.UserDefinedDirective,
)
"""What airspeed reads and no template contains, so that nobody has compared it with AWS."""


def _equal(left: object, right: object) -> bool:
    if not (isinstance(left, str) and isinstance(right, str)):
        raise NotImplementedError(f"comparing {left!r} with {right!r}: only texts are compared")
    return left == right


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "&&": lambda left, right: is_true(left) and is_true(right),
    "||": lambda left, right: is_true(left) or is_true(right),
}

_parse_operator = airspeed.BinaryOperator.parse
_parse_condition = airspeed.Condition.parse
_parse_reference = airspeed.FormalReference.parse


def _operator(self: Any) -> None:
    try:
        _parse_operator(self)
    except KeyError as sign:
        raise NotImplementedError(f"operator {sign}") from None


def _condition(self: Any) -> None:
    _parse_condition(self)
    value = self.calculate
    self.calculate = lambda namespace, loader: is_true(value(namespace, loader))


def _reference(self: Any) -> None:
    _parse_reference(self)
    value = self.calculate
    if value is None:
        return

    def calculate(namespace: Any, loader: Any) -> Any:
        found = value(namespace, loader)
        return "" if found is None else found

    self.calculate = calculate


def _print(self: Any, stream: Any, namespace: Any, loader: Any) -> None:
    if self.calculate is None:
        stream.write(self.my_text())
        return
    value = self.calculate(namespace, loader)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotImplementedError(f"printing {self.my_text()}, a {type(value).__name__}")
    stream.write(str(value))


def _name_or_call(self: Any, current: Any, loader: Any, top: Any) -> Any:
    if self.parameters is not None:
        return _call(current, self.name, self.parameters.calculate(top, loader))
    if isinstance(current, Input | Util):
        raise NotImplementedError(f"${type(current).__name__.lower()}.{self.name}")
    if not isinstance(current, dict):
        return None
    try:
        return current[self.name]  # a namespace finds its parents' names in __getitem__ only
    except KeyError:
        return None


def _call(current: Any, name: str, arguments: list[Any]) -> Any:
    if current is None:
        return None
    if isinstance(current, Input | Util):
        method = getattr(current, name) if name in current.METHODS else None
        arguments_of_method = arguments
    else:
        method = METHODS.get(type(current), {}).get(name)
        arguments_of_method = [current, *arguments]
    if method is None:
        raise NotImplementedError(f"method {name} of {type(current).__name__}")
    return method(*arguments_of_method)


def _parse_set(self: Any) -> None:
    """Upstream's, but a place may end in a name in brackets."""
    self.identity_match(self.START)
    (place,) = self.require_match(_PLACE, "place")
    self.terms = [found[1] or found[0] for found in _PLACE_TERM.finditer(place)]
    self.require_match(self.EQUALS, "=")
    self.value = self.require_next_element(airspeed.Expression, "expression")
    self.require_match(self.END, "closing paren")


def _set(self: Any, _stream: Any, namespace: Any, loader: Any) -> None:
    *path, name = self.terms
    target = namespace
    for step in path:
        target = target[step]
    if not path:
        # A variable first set inside a loop is there after it, too.
        target = namespace.find_outermost(name) or namespace.top()
    target[name] = self.value.calculate(namespace, loader)


def _refuse(element: Any) -> None:
    parse = element.parse

    def refusing(self: Any) -> None:
        parse(self)
        raise NotImplementedError(f"{element.__name__} {self.my_text()}")

    element.parse = refusing


def install() -> None:
    """Change airspeed's classes in place; they find each other by name in their module."""
    # A backslash in a text stands for itself on AWS: airspeed must not read one as an escape.
    airspeed.StringLiteral.STRING = re.compile(r"'([^'\\]*)'")
    airspeed.InterpolatedStringLiteral.STRING = re.compile(r'"([^"\\]*)"')
    airspeed.BinaryOperator.OPERATORS = OPERATORS
    airspeed.BinaryOperator.parse = _operator
    airspeed.Condition.parse = _condition
    airspeed.FormalReference.parse = _reference
    airspeed.FormalReference.evaluate_raw = _print
    airspeed.NameOrCall.calculate = _name_or_call
    airspeed.SetDirective.parse = _parse_set
    airspeed.SetDirective.evaluate_raw = _set
    for element in REFUSED:
        _refuse(element)
