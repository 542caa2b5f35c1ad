"""`python -m bench.scale [--check]`: makes the tables of docs/scale.md anew, or says that they differ."""

from __future__ import annotations

import sys

from bench.scale.page import COMMAND, PAGE, render


def main() -> int:
    """Return 1 where the page is not what is reckoned and only a check is asked for."""
    text = PAGE.read_text("utf-8")
    made = render(text)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, "utf-8")
    elif made != text:
        print(f"docs/scale.md is not what bench/scale reckons; run: {COMMAND}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
