"""`python -m bench.scale [--check]`: makes the tables of docs/scale.md anew, or says that they differ."""

from __future__ import annotations

import sys

from bench.scale.page import COMMAND, PAGE, render
from stacks.generated_pages import write_or_check


def main() -> int:
    """Return 1 where the page is not what is reckoned and only a check is asked for."""
    pages = {PAGE: render(PAGE.read_text("utf-8"))}
    is_check = "--check" in sys.argv[1:]
    return write_or_check(pages, "what bench/scale reckons", COMMAND, is_check=is_check)


if __name__ == "__main__":
    sys.exit(main())
