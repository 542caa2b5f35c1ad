"""`python -m stacks.drawing [--check]`: draws the state machines, from their definitions, into docs.

docs/architecture.md has a drawing between marks: `<!-- drawing: NAME -->` and `<!-- /drawing -->`."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stacks.compute.code_folder import ROOT
from stacks.compute.machines import ORCHESTRATE, SUBMIT
from stacks.generated_pages import write_or_check

DRAWING = ROOT / "docs" / "state_machine.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
_MARKED = re.compile(r"(<!-- drawing: ([\w.]+) -->\n).*?(<!-- /drawing -->)", re.DOTALL)
_PLAIN, _ON_ERROR = '-- "{}" -->', '-. "{}" .->'
_HEAD = """# The state machines

Drawn from `statemachine/` by `make drawing`. A plain arrow is the next state, a dashed one what an error
leads to.
"""
_CHART = """```mermaid
flowchart TD
{lines}
```
"""
_DRAWN = """
## {name}

{comment}

{chart}"""


def render() -> str:
    """The page, with a drawing of each definition."""
    return _HEAD + "".join(map(drawn, (ORCHESTRATE, SUBMIT)))


def with_drawings(text: str) -> str:
    """A page with what stands between its marks drawn anew. Raises KeyError for a definition that there is not."""
    definitions = {path.name: path for path in (ORCHESTRATE, SUBMIT)}
    return _MARKED.sub(lambda at: f"{at[1]}{chart(definitions[at[2]])}{at[3]}", text)


def drawn(path: Path) -> str:
    """A definition under its name."""
    comment = "\n".join(textwrap.wrap(_definition(path)["Comment"], 105))
    return _DRAWN.format(name=path.name, comment=comment, chart=chart(path))


def chart(path: Path) -> str:
    """One arrow for each way from one state to another."""
    definition = _definition(path)
    boxes = [f'    {_id(name)}["{name}"]' for name in definition["States"]]
    arrows = [
        f"    {_id(name)} {arrow} {_id(target)}"
        for name, state in definition["States"].items()
        for arrow, target in _arrows(state)
    ]
    start = f"    Start((start)) --> {_id(definition['StartAt'])}"
    return _CHART.format(lines="\n".join([*boxes, start, *arrows]))


def _definition(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return read


def _arrows(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """One for each kind of way and its target, with all that leads there as its label."""
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for choice in state.get("Choices", []):
        labels[_PLAIN, choice["Next"]].append(re.split("[.:,]", choice["Comment"])[0])
    for rule in state.get("Catch", []):
        labels[_ON_ERROR, rule["Next"]] += rule["ErrorEquals"]
    for target in (*filter(None, [state.get("Next")]), *(["Done"] if state.get("End") else [])):
        yield "-->", target
    for (arrow, target), names in labels.items():
        text = "\n        ".join(dict.fromkeys(names)).replace("States.ALL", "any other error")
        text = text.replace("${NeverRan}", "its function did not run")
        yield arrow.format(text), target


def _id(name: str) -> str:
    return "".join(filter(str.isalnum, name))


def main() -> int:
    """Return 1 where a drawing is not the definition's and only a check is asked for."""
    is_check = "--check" in sys.argv[1:]
    pages = {DRAWING: render(), ARCHITECTURE: with_drawings(ARCHITECTURE.read_text("utf-8"))}
    return write_or_check(pages, "the definition's", "make drawing", is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
