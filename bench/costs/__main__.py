"""`python -m bench.costs [--check | measure]`: writes docs/costs.md, its picture and the README's figures."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.costs.assumed import assumed
from bench.costs.curve import curve_of
from bench.costs.deployed import deployed
from bench.costs.drawing import drawn
from bench.costs.engine import Model
from bench.costs.measured import MEASURED, measure, measured
from bench.costs.page import blocks, break_evens, rendered, summary
from stacks.generated_pages import write_or_check

ROOT = Path(__file__).parents[2]
PAGE, PICTURE, README = ROOT / "docs" / "costs.md", ROOT / "docs" / "costs.svg", ROOT / "README.md"
STAGE = "dev"
"""What is deployed where nobody says otherwise."""


def files() -> dict[Path, str]:
    """What the command writes."""
    model = Model(deployed(STAGE), measured(), assumed())
    curve = curve_of(model)
    return {
        PAGE: rendered(PAGE.read_text("utf-8"), blocks(model)),
        PICTURE: drawn(curve, break_evens(curve)),
        README: rendered(README.read_text("utf-8"), {"summary": summary(model)}),
    }


def main() -> int:
    """Return 1 where a file is not what this writes and only a check is asked for."""
    asked = sys.argv[1:]
    if "measure" in asked:
        MEASURED.write_text(measure().model_dump_json(indent=1) + "\n", "utf-8")
    is_check = "--check" in asked
    return write_or_check(files(), "what the model says", "make costs", is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
