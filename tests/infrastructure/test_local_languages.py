"""Of each small language, the local AWS knows what the synthesized stack uses, and nothing else."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import airspeed
import pytest

from local.emulator import insights_query, metric_filters, metric_math, metric_search, metrics
from local.velocity import dialect, java, variables
from tests.support.synthesized import StackTemplate, Stage, flat

pytestmark = pytest.mark.xdist_group("synthesis")

TEXT = re.compile(r'"[^"]*"|`[^`]*`')


def widget_rows(stack: StackTemplate) -> Iterator[dict[str, Any]]:
    """The options of every row of every metric widget."""
    for properties in widgets(stack):
        yield from (row[-1] for row in properties.get("metrics", ()))


def widgets(stack: StackTemplate) -> Iterator[dict[str, Any]]:
    (dashboard,) = stack.resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(flat(dashboard["DashboardBody"]))
    yield from (widget["properties"] for widget in body["widgets"])


def math_nodes(stack: StackTemplate) -> Iterator[ast.AST]:
    """Of the metric math of the dashboard and of the alarms."""
    alarms = stack.resources("AWS::CloudWatch::Alarm").values()
    expressions = [row.get("expression") for row in widget_rows(stack)]
    expressions += [row.get("Expression") for one in alarms for row in one.get("Metrics", ())]
    for expression in filter(None, expressions):
        yield from ast.walk(ast.parse(expression))


def math_calls(stack: StackTemplate) -> Iterator[tuple[str, list[Any]]]:
    for node in math_nodes(stack):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.args


def math_operators(stack: StackTemplate) -> set[Any]:
    kinds = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    return {type(node) for node in math_nodes(stack) if isinstance(node, kinds)}


def search_forms(stack: StackTemplate) -> set[str]:
    """The searches with their names replaced, and each thing that is repeated there once."""
    searches = (arguments[0].value for name, arguments in math_calls(stack) if name == "SEARCH")
    schemas = (re.sub(r"\{\w+(?:,\w+)+\}", "{Namespace,dimension}", one) for one in searches)
    return {re.sub(r'(?: \w+="[\w-]+")+', ' name="value"', one) for one in schemas}


def label_parts(stack: StackTemplate) -> set[str]:
    labels = " ".join(row.get("label", "") for row in widget_rows(stack))
    return {re.sub(r"Dim\.\w+", "Dim.name", part) for part in re.findall(r"\$\{.*?\}", labels)}


def insights(stack: StackTemplate) -> Iterator[tuple[str, str]]:
    """The commands of saved queries and of the dashboard's, each with what follows it."""
    saved = stack.resources("AWS::Logs::QueryDefinition").values()
    texts = [query["QueryString"] for query in saved]
    texts += [one["query"].partition("|")[2] for one in widgets(stack) if "query" in one]
    for text in texts:
        for stage in text.split("|"):
            command, _, rest = stage.strip().partition(" ")
            yield command, TEXT.sub("quoted", rest)


def insights_calls(stack: StackTemplate, *, aggregating: bool) -> set[str]:
    used = " ".join(
        rest for command, rest in insights(stack) if (command == "stats") is aggregating
    )
    return set(re.findall(r"(\w+)\(", used))


def insights_operators(stack: StackTemplate) -> set[str]:
    used = " ".join(rest for command, rest in insights(stack) if command == "filter")
    return set(re.findall(r"[^\w\s.@()]+|\b(?:and|or|not|like|in)\b", used))


def filter_forms(stack: StackTemplate) -> set[str]:
    filters = stack.resources("AWS::Logs::MetricFilter").values()
    return {
        re.sub(r"\$\.\w+", "$.field", TEXT.sub('"text"', one["FilterPattern"])) for one in filters
    }


def methods(stack: StackTemplate, receiver: str) -> set[str]:
    """The methods that templates call of `input`, of `util`, or of all other values."""
    templates = " ".join(stack.mapping_templates().values())
    called = re.findall(r"(?:\$!?(input|util))?\.(\w+)\(", templates)
    return {name for of, name in called if of == receiver}


def template_elements(stack: StackTemplate) -> Iterator[tuple[str, str]]:
    """What airspeed reads in the mapping templates: class and text."""
    read: list[Any] = []
    begin = airspeed._Element.__init__

    def noticed(self: Any, *place: Any) -> None:
        begin(self, *place)
        read.append(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(airspeed._Element, "__init__", noticed)
        for template in stack.mapping_templates().values():
            airspeed.Template(template).ensure_compiled()
    return ((type(one).__name__, one.my_text().strip()) for one in read)


def known_elements() -> set[str]:
    refused = {element.__name__ for element in dialect.REFUSED}
    elements = {
        name
        for name, kind in vars(airspeed).items()
        if isinstance(kind, type) and issubclass(kind, airspeed._Element)
    }
    return {name for name in elements if not name.startswith("_")} - refused


Used = Callable[[StackTemplate], set[Any]]
LANGUAGES: dict[str, tuple[set[Any], Used]] = {
    "functions of metric math": (
        set(metric_math.FUNCTIONS),
        lambda stack: {name for name, _ in math_calls(stack)},
    ),
    "operators of metric math": (set(metric_math.OPERATORS), math_operators),
    "searches for metrics": ({metric_search.FORM}, search_forms),
    "parts of labels": ({metrics.LABEL_PART}, label_parts),
    "commands of Logs Insights": (
        set(insights_query.COMMANDS),
        lambda stack: {command for command, _ in insights(stack)},
    ),
    "functions of Logs Insights": (
        set(insights_query.FUNCTIONS),
        lambda stack: insights_calls(stack, aggregating=False),
    ),
    "aggregations of Logs Insights": (
        set(insights_query.AGGREGATIONS),
        lambda stack: insights_calls(stack, aggregating=True),
    ),
    "operators of Logs Insights": ({*insights_query.OPERATORS, "and"}, insights_operators),
    "filter patterns": ({metric_filters.FORM}, filter_forms),
    "Java methods": (
        {name for of_type in java.METHODS.values() for name in of_type},
        lambda stack: methods(stack, ""),
    ),
    "methods of $input": (set(variables.Input.METHODS), lambda stack: methods(stack, "input")),
    "methods of $util": (set(variables.Util.METHODS), lambda stack: methods(stack, "util")),
    "elements of Velocity": (
        known_elements(),
        lambda stack: {kind for kind, _ in template_elements(stack)},
    ),
    "operators of Velocity": (
        set(dialect.OPERATORS),
        lambda stack: {text for kind, text in template_elements(stack) if kind == "BinaryOperator"},
    ),
}


@pytest.mark.parametrize("part", LANGUAGES)
def test_the_local_aws_knows_what_the_stack_uses_and_nothing_else(
    part: str, local: Stage, prod: Stage
) -> None:
    known, used = LANGUAGES[part]
    assert known == used(local.pipeline) | used(prod.pipeline)
