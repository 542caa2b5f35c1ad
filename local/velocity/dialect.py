"""airspeed, made to agree with Velocity 1.7 where templates notice the difference.

airspeed 0.7.1 unescapes string literals, evaluates both sides of `&&`, has Python's idea of truth
and equality, prints a null reference as its source and lets templates call Python's methods. No
release of it has announced otherwise; test_velocity.py says which of these an upgrade closes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import airspeed

from local.velocity.java import equal, is_true, method_of, text_of
from local.velocity.variables import Input, Util

_OR, _AND = 13, 12  # airspeed's precedences
_PLACE = re.compile(r"""\s*\$!?\{?([a-z_][\w-]*(?:\.[a-z_][\w-]*|\[(["'])[^"']*\2\])*)\}?""", re.I)
_PLACE_TERM = re.compile(r"""[a-z_][\w-]*|\[["']([^"']*)["']\]""", re.I)


class UnknownMethod(Exception):
    """The template calls a method that Java's type does not have, or that this module does not."""


def _string_literal(quote: str) -> Callable[[Any], None]:
    pattern = re.compile(f"{quote}((?:[^{quote}]|{quote}{quote})*){quote}", re.S)

    def parse(self: Any) -> None:
        (text,) = self.identity_match(pattern)
        # A doubled quote stands for one; a backslash stands for itself.
        self.value = text.replace(quote * 2, quote)
        if quote == '"':
            self.block = airspeed.Block(self.filename, self.value, 0)

    return parse


def _name_or_call(self: Any, current: Any, loader: Any, top: Any) -> Any:
    if self.parameters is not None:
        result = _call(current, self.name, self.parameters.calculate(top, loader))
    elif isinstance(current, Input):
        result = current.body if self.name == "body" else None
    elif isinstance(current, dict):
        result = _lookup(current, self.name)
    else:
        result = None
    if self.index is not None and result is not None:
        try:
            result = result[self.index.calculate(top, loader)]
        except (LookupError, TypeError):
            result = None
    return result


def _call(current: Any, name: str, arguments: list[Any]) -> Any:
    if current is None:
        return None
    if isinstance(current, Input | Util):
        method = getattr(current, name, None)
        if method is None or name.startswith("_"):
            raise UnknownMethod(f"${type(current).__name__.lower()}.{name}")
        return method(*arguments)
    java_method = method_of(current, name)
    if java_method is None:
        raise UnknownMethod(f"{name} of {type(current).__name__}")
    return java_method(current, *arguments)


def _lookup(namespace: Any, name: str) -> Any:
    try:
        return namespace[name]  # LocalNamespace finds its parents' names in __getitem__ only
    except KeyError:
        return None


def _expression(self: Any, namespace: Any, loader: Any) -> Any:
    terms = self.expression

    def value(first: int, last: int) -> Any:
        if first == last:
            return terms[first].calculate(namespace, loader)
        # The loosest operator, the rightmost of equals: it is applied last.
        at = max(range(first + 1, last, 2), key=lambda index: (terms[index].precedence, index))
        left = value(first, at - 1)
        if terms[at].precedence == _OR:
            return is_true(left) or is_true(value(at + 1, last))
        if terms[at].precedence == _AND:
            return is_true(left) and is_true(value(at + 1, last))
        return terms[at].apply_to(left, value(at + 1, last))

    return value(0, len(terms) - 1)


def _if(self: Any, stream: Any, namespace: Any, loader: Any) -> None:
    for branch, block in [(self.condition, self.block), *((each, each) for each in self.elseifs)]:
        if is_true(branch.calculate(namespace, loader)):
            block.evaluate(stream, namespace, loader)
            return
    self.else_block.evaluate(stream, namespace, loader)


def _reference(self: Any, stream: Any, namespace: Any, loader: Any) -> None:
    if self.expression is None:
        stream.write(self.my_text())
        return
    value = self.expression.calculate(namespace, loader)
    if value is None and self.alternate is not None:
        value = self.alternate.calculate(namespace, loader)
    if value is None and not self.silent and _lookup(namespace, self.expression.part.name) is None:
        stream.write(self.my_text())
        return
    stream.write(text_of(value))


def _parse_set(self: Any) -> None:
    self.identity_match(self.START)
    place, _ = self.require_match(_PLACE, "place")
    self.terms = [found[1] or found[0] for found in _PLACE_TERM.finditer(place)]
    self.require_match(self.EQUALS, "=")
    self.value = self.require_next_element(airspeed.Expression, "expression")
    self.require_match(self.END, "closing paren")


def _set(self: Any, _stream: Any, namespace: Any, loader: Any) -> None:
    value = self.value.calculate(namespace, loader)
    if value is None:
        return  # Velocity leaves the variable as it was
    *path, name = self.terms
    if path:
        target = namespace
        for step in path:
            target = target[step]
    else:
        # A variable first set inside a loop is there after it, too.
        outermost = namespace.find_outermost(name)
        target = namespace.top() if outermost is None else outermost
    target[name] = value


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        try:
            return compare(left, right)
        except TypeError:
            return False  # Velocity logs it and goes on

    return apply


def _plus(left: Any, right: Any) -> Any:
    either_is_text = isinstance(left, str) or isinstance(right, str)
    return text_of(left) + text_of(right) if either_is_text else left + right


def _unequal(left: Any, right: Any) -> bool:
    return not equal(left, right)


def install() -> None:
    """Change airspeed's classes in place; they find each other by name in their module."""
    text = airspeed.Text.PLAIN
    airspeed.Text.PLAIN = re.compile(text.pattern[:-1] + r"|\\$)", text.flags)
    airspeed.NameOrCall.NAME = re.compile(r"([_a-z][\w-]*)", re.I)
    airspeed.NameOrCall.calculate = _name_or_call
    airspeed.StringLiteral.parse = _string_literal("'")
    airspeed.InterpolatedStringLiteral.parse = _string_literal('"')
    airspeed.Expression.calculate = _expression
    airspeed.IfDirective.evaluate_raw = _if
    airspeed.FormalReference.evaluate_raw = _reference
    airspeed.SetDirective.parse = _parse_set
    airspeed.SetDirective.evaluate_raw = _set
    airspeed.UnaryOperatorValue.OPERATORS = dict.fromkeys(
        ("!", "not"), lambda value: not is_true(value)
    )
    airspeed.BinaryOperator.OPERATORS |= {"==": equal, "eq": equal, "!=": _unequal, "ne": _unequal}
    airspeed.BinaryOperator.OPERATORS["+"] = _plus
    for symbol, word in ((">", "gt"), (">=", "ge"), ("<", "lt"), ("<=", "le")):
        compare = _ordered(getattr(operator, word))
        airspeed.BinaryOperator.OPERATORS |= {symbol: compare, word: compare}
