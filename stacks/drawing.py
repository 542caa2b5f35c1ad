"""`python -m stacks.drawing [--check]`: draws the state machine, from its definition, into docs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from stacks.compute.functions import ROOT
from stacks.compute.machines import DEFINITION_PATH

DRAWING = ROOT / "docs" / "state_machine.md"
_TEXT = """# The state machine

Drawn from `statemachine/orchestrate.asl.json` by `make drawing`. A plain arrow is the next state, a
dashed one what an error leads to.

```mermaid
flowchart TD
{arrows}
```
"""


def render() -> str:
    """The page, with one arrow for each way from one state to another."""
    definition = json.loads(DEFINITION_PATH.read_text("utf-8"))
    arrows = dict.fromkeys(
        f"    {_box(name)} {arrow} {_box(target)}"
        for name, state in definition["States"].items()
        for arrow, target in _ways(state)
    )
    start = f"    Start((start)) --> {_box(definition['StartAt'])}"
    return _TEXT.format(arrows="\n".join([start, *arrows]))


def _ways(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for choice in state.get("Choices", []):
        yield f'-- "{choice["Comment"].partition(".")[0].partition(":")[0]}" -->', choice["Next"]
    if "Next" in state:
        yield "-->", state["Next"]
    for rule in state.get("Catch", []):
        errors = "<br>".join(rule["ErrorEquals"]).replace("States.ALL", "any other")
        yield f'-. "{errors}" .->', rule["Next"]
    if state.get("End"):
        yield "-->", "Done"


def _box(name: str) -> str:
    return f'{"".join(filter(str.isalnum, name))}["{name}"]'


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
