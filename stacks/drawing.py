"""`python -m stacks.drawing [--check]`: draws the state machines, from their definitions, into docs."""

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

DRAWING = ROOT / "docs" / "state_machine.md"
_PLAIN, _ON_ERROR = '-- "{}" -->', '-. "{}" .->'
_HEAD = """# The state machines

Drawn from `statemachine/` by `make drawing`. A plain arrow is the next state, a dashed one what an error
leads to.
"""
_DRAWN = """
## {name}

{comment}

```mermaid
flowchart TD
{lines}
```
"""


def render() -> str:
    """The page, with a drawing of each definition."""
    return _HEAD + "".join(map(drawn, (ORCHESTRATE, SUBMIT)))


def drawn(path: Path) -> str:
    """A definition, with one arrow for each way from one state to another."""
    definition = json.loads(path.read_text("utf-8"))
    boxes = [f'    {_id(name)}["{name}"]' for name in definition["States"]]
    arrows = [
        f"    {_id(name)} {arrow} {_id(target)}"
        for name, state in definition["States"].items()
        for arrow, target in _arrows(state)
    ]
    start = f"    Start((start)) --> {_id(definition['StartAt'])}"
    comment = "\n".join(textwrap.wrap(definition["Comment"], 105))
    lines = "\n".join([*boxes, start, *arrows])
    return _DRAWN.format(name=path.name, comment=comment, lines=lines)


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
    """Return 1 where the drawing is not the definition's and only a check is asked for."""
    if "--check" not in sys.argv[1:]:
        DRAWING.write_text(render(), "utf-8")
    elif DRAWING.read_text("utf-8") != render():
        print("docs/state_machine.md is not the definition's; run: make drawing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
