"""`python -m stacks.drawing [--check]`: draws the state machine, from its definition, into docs."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from stacks.compute.functions import ROOT
from stacks.compute.machines import ORCHESTRATE

DRAWING = ROOT / "docs" / "state_machine.md"
_PLAIN, _ON_ERROR = '-- "{}" -->', '-. "{}" .->'
_TEXT = """# The state machine

Drawn from `statemachine/orchestrate.asl.json` by `make drawing`. A plain arrow is the next state, a
dashed one what an error leads to.

```mermaid
flowchart TD
{lines}
```
"""


def render() -> str:
    """The page, with one arrow for each way from one state to another."""
    definition = json.loads(ORCHESTRATE.read_text("utf-8"))
    boxes = [f'    {_id(name)}["{name}"]' for name in definition["States"]]
    arrows = [
        f"    {_id(name)} {arrow} {_id(target)}"
        for name, state in definition["States"].items()
        for arrow, target in _arrows(state)
    ]
    start = f"    Start((start)) --> {_id(definition['StartAt'])}"
    return _TEXT.format(lines="\n".join([*boxes, start, *arrows]))


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
