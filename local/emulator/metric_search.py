"""What a SEARCH of metric math looks for: `{Namespace,dimension,...} MetricName="X" AND ...`."""

from __future__ import annotations

import ast
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


Matches = Callable[[Candidate], bool]

_SCHEMA = re.compile(r"\s*\{([^}]*)\}\s*,?")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MEMBER = re.compile(rf"\s*({_QUOTED}|[^,\"]+?)\s*(?:,|$)")
_TERM = re.compile(
    rf"\s*(?:(?P<structure>[()]|\b(?:AND|OR|NOT)\b)"
    rf"|(?:(?P<property>{_QUOTED}|[\w.\-/]+)\s*=\s*)?(?P<sought>{_QUOTED}|[^\s()\"=]+))"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def search_for(query: str) -> Matches:
    """The test that a metric must pass. Raises ExpressionFailed for a query that cannot be read."""
    schema = _SCHEMA.match(query)
    in_schema = _in_schema(schema[1]) if schema else _anything
    terms = _terms(query[schema.end() :] if schema else query)
    return lambda candidate: in_schema(candidate) and terms(candidate)


def _anything(_candidate: Candidate) -> bool:
    return True


def _in_schema(text: str) -> Matches:
    namespace, *dimensions = map(_plain, _MEMBER.findall(text)) or ("",)
    return lambda candidate: (
        candidate.namespace == namespace and set(candidate.dimensions) == set(dimensions)
    )


def _terms(text: str) -> Matches:
    """The terms' logic is Python's, with each term's number in its place."""
    tests: list[Matches] = []
    words: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise ExpressionFailed(f"Cannot read the search '{text}'")
        position = found.end()
        word = (found["structure"] or str(len(tests))).lower()
        if words and (words[-1] == ")" or words[-1].isdigit()) and word not in {")", "and", "or"}:
            words.append("and")
        words.append(word)
        if not found["structure"]:
            tests.append(_test(found["property"], found["sought"]))
    if not words:
        return _anything
    try:
        tree = ast.parse(" ".join(words), mode="eval").body
    except SyntaxError as error:
        raise ExpressionFailed(f"Cannot read the search '{text}'") from error
    if any(isinstance(node, ast.Tuple) for node in ast.walk(tree)):
        raise ExpressionFailed(f"Nothing stands between the parentheses of '{text}'")
    return lambda candidate: _holds(tree, tests, candidate)


def _holds(node: ast.expr, tests: list[Matches], candidate: Candidate) -> bool:
    match node:
        case ast.Constant(value=int() as number):
            return tests[number](candidate)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _holds(operand, tests, candidate)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value, tests, candidate) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_holds(value, tests, candidate) for value in values)
    raise ExpressionFailed("Cannot read the search")


def _test(designator: str | None, sought: str) -> Matches:
    same = _equals(_plain(sought)) if sought.startswith('"') else _contains(sought)
    match _plain(designator) if designator else None:
        case None:
            return lambda one: any(
                map(same, (one.namespace, one.name, *one.dimensions, *one.dimensions.values()))
            )
        case "MetricName":
            return lambda one: same(one.name)
        case "Namespace":
            return lambda one: same(one.namespace)
        case dimension:
            return lambda one: dimension in one.dimensions and same(one.dimensions[dimension])


def _equals(sought: str) -> Callable[[str], bool]:
    return lambda text: text == sought


def _contains(sought: str) -> Callable[[str], bool]:
    """A partial match: the sought words follow each other in the text, or are the whole of it."""
    words = _words(sought)

    def contains(text: str) -> bool:
        of_text = _words(text)
        places = range(len(of_text) - len(words) + 1)
        return "".join(words) == "".join(of_text) or any(
            of_text[place : place + len(words)] == words for place in places
        )

    return contains


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
