"""`python -m training prices [--check]`: make, or compare, the price table."""

from __future__ import annotations

import argparse
import sys

from training.prices import PRICES_FILE, render_prices


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(dest="command", required=True)
    prices = commands.add_parser("prices", help="generate the price table from genai-prices")
    prices.add_argument("--check", action="store_true", help="fail where the file differs")
    arguments = parser.parse_args()
    rendered = render_prices()
    if not arguments.check:
        PRICES_FILE.write_text(rendered, "utf-8")
        return 0
    if PRICES_FILE.read_text("utf-8") == rendered:
        return 0
    print("The price table is not what its sources give; run: make prices", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
