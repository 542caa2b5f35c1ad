"""`python -m bench [--only PART] | figures [--check]`: measures, into bench/results.json, and prints tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import (
    budgets,
    computer,
    figures,
    growth,
    kept_answers,
    local_models,
    local_stack,
    memory,
    request_log,
    rows,
    side_by_side,
    start_up,
)
from bench.progress import tell
from bench.tables import TABLES, table_of

PARTS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "side_by_side": side_by_side.results,
    "start_up": start_up.results,
    "growth": growth.results,
    "memory": memory.results,
    "local_stack": local_stack.results,
    "rows": rows.results,
    "local_models": local_models.results,
    "request_log": request_log.results,
    "budgets": budgets.results,
    "kept_answers": kept_answers.results,
}
"""What is measured, in this order, each under its name in the JSON."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "figures":
        return _figures(check=options.check)
    parts = [options.only] if options.only else list(PARTS)
    for name in parts:
        tell(name)
        # Written one by one: a part that fails costs none that was measured before it.
        _keep({"machine": computer.description(), name: PARTS[name]()})
    print(_shown(figures.read_results()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures speed.")
    parser.add_argument(
        "--only", choices=PARTS, help="measure one part; the others stay as they are"
    )
    commands = parser.add_subparsers(dest="command")
    told = commands.add_parser("figures", help="put what was measured into the documents")
    told.add_argument("--check", action="store_true", help="change nothing; fail where they differ")
    return parser


def _keep(measured: Mapping[str, Any]) -> None:
    """Beside what was measured before, in the order of the parts."""
    before = dict(figures.read_results()) if figures.RESULTS.exists() else {}
    # As JSON has it, whose names are all texts.
    known = before | json.loads(json.dumps(measured))
    ordered = {name: known[name] for name in ("machine", *PARTS) if name in known}
    figures.RESULTS.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")


def _shown(results: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}\n\n{_table(name, results)}" for name in TABLES)


def _table(name: str, results: Mapping[str, Any]) -> str:
    try:
        return table_of(name, results)
    except KeyError as missing:
        return f"(not measured: {missing})\n"


def _figures(*, check: bool) -> int:
    if not check:
        figures.render_all()
        return 0
    found = figures.check_all()
    for one in found:
        print(one, file=sys.stderr)
    if found:
        print("`python -m bench figures` puts in what was measured.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
