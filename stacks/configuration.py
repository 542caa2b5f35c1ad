"""`python -m stacks.configuration [--check]`: writes docs/configuration.md from the types that check a stage."""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stacks.compute.code_folder import ROOT
from stacks.config import StageConfig
from stacks.generated_pages import write_or_check
from stacks.plain_words import limits_in_words, objects_in, type_in_words

PAGE = ROOT / "docs" / "configuration.md"
_STAGES = ROOT / "cdk.json"
_HEAD = """<!-- Made by `make configuration` from stacks/config.py and what it refers to. -->
# Configuration

A stage is an object of `context.stages` in [`cdk.json`](../cdk.json), held to the types below at synthesis: a
wrong or unknown field is refused by its place. Its name there is its field `stage`, and may be any; `--context
stage=NAME` chooses it. `--context NAME=VALUE` sets any other field, and those of the plan `standard`, for one
deployment: a list as one text with commas, an object as JSON. `make run` does so with what it reads from its
[environment](local.md).

## What the stages of cdk.json set

A field that is not here has its default.

{stages}
"""


class Undescribed(LookupError):
    """A field of which nothing says what it is."""


class Described(NamedTuple):
    """A field, as a row of the page."""

    name: str
    field: FieldInfo
    text: str


def render() -> str:
    """The page. Raises Undescribed."""
    stages = json.loads(_STAGES.read_text("utf-8"))["context"]["stages"]
    sections = [f"## {part.__name__}\n{_table(part)}" for part in parts_in(StageConfig)]
    return _HEAD.format(stages=_stages_table(stages)) + "\n".join(sections)


def parts_in(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The object of a stage, and every object in it, each once, behind the one that has it."""
    found = {model: None}
    for field in model.model_fields.values():
        for inner in () if field.exclude else objects_in(field.annotation):
            found |= dict.fromkeys(parts_in(inner))
    return list(found)


def described(model: type[BaseModel]) -> list[Described]:
    """Its fields that can be set. Raises Undescribed for one that neither a text below it nor its class's, in
    backticks, tells of."""
    own = _docstrings(model)
    of_class = " ".join(one.__doc__ or "" for one in _written_by_us(model))
    told = []
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        text = own.get(name, "")
        if not text and f"`{name}`" not in of_class:
            raise Undescribed(
                f"{model.__name__}.{name} has no text below it, in {model.__module__}"
            )
        told.append(Described(name, field, text))
    return told


def _written_by_us(model: type[BaseModel]) -> list[type[BaseModel]]:
    return list(model.__mro__[: model.__mro__.index(BaseModel)])


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The texts below its fields and those of its bases, read in the source: only for some classes does
    pydantic look, as looking takes a function's start time."""
    found: dict[str, str] = {}
    for one in reversed(_written_by_us(model)):
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        for pair in pairwise(getattr(tree, "body", [])):
            match pair:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as told)),
                ):
                    found[name] = " ".join(told.split())
    return found


def _table(model: type[BaseModel]) -> str:
    rows = [
        f"| `{one.name}` | {_type_of(one.field)} | {_default_of(one.field)} | {_cell(one.text)} |"
        for one in described(model)
    ]
    text = " ".join((model.__doc__ or "").split())
    about = textwrap.fill(text, 120, break_on_hyphens=False, break_long_words=False)
    head = ["| field | what | default | meaning |", "|---|---|---|---|"]
    return "\n".join(["", about, "", *head, *rows, ""])


def _type_of(field: FieldInfo) -> str:
    return _cell(type_in_words(field.annotation) + limits_in_words(field.metadata))


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    if field.default_factory is not None:
        made: Any = field.default_factory
        return "`{}`" if made is dict else "made at synthesis"
    return _value(field.default)


def _value(value: Any) -> str:
    """As cdk.json would have it; a whole object's defaults are in its own table."""
    if isinstance(value, BaseModel):
        return "its own"
    if value is None:
        return "–"
    if isinstance(value, tuple | frozenset):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value, default=float)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _stages_table(stages: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(StageConfig.model_fields)
    set_ones = sorted({name for stage in stages.values() for name in stage}, key=names.index)
    rows = []
    for name in set_ones:
        cells = (_set(stage.get(name)) for stage in stages.values())
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    head = f"| field | {' | '.join(f'`{stage}`' for stage in stages)} |"
    return "\n".join([head, "|---" * (len(stages) + 1) + "|", *rows, ""])


def _set(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return "<br>".join(f"`{name}` {_inner(inner)}" for name, inner in value.items())
    return f"`{json.dumps(value)}`"


def _inner(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner:,}" for name, inner in value.items())
    return json.dumps(value)


def main() -> int:
    """Return 1 where the page is not that of the types and only a check is asked for."""
    is_check = "--check" in sys.argv[1:]
    theirs, command = "that of stacks/config.py", "make configuration"
    return write_or_check({PAGE: render()}, theirs, command, is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
