"""The tables of what was measured, in Markdown: on the screen and in docs/performance.md they are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Results = Mapping[str, Any]
_LITELLM = {
    "litellm": "LiteLLM's proxy, no database",
    "litellm_with_database": "LiteLLM's proxy, spend log in PostgreSQL",
    "portkey": "Portkey's open gateway",
}
_GOALS = {
    "record_ms": "Record Metrics, ms",
    "together_ms": "all functions, ms",
    "litellm": "over LiteLLM without a database",
    "litellm_with_database": "over LiteLLM with its database",
}


def table_of(name: str, results: Results) -> str:
    """Raises KeyError for one that there is not, or whose part was not measured."""
    if name not in TABLES:
        raise KeyError(f"there is no table {name}")
    return TABLES[name](results)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as what is in them; the first to the left, figures to the right."""
    cells = [[*heads], *([_cell(one) for one in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(heads))]
    lines = [_line(row, widths) for row in cells]
    marks = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([lines[0], f"| {' | '.join(marks)} |", *lines[1:]]) + "\n"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {' | '.join([first, *others])} |"


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{value['median']:,} ({value['min']:,} – {value['max']:,})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _machine(results: Results) -> str:
    names = {"cpu": "processor", "memory_gib": "memory, GiB", "python": "Python"}
    return _table(
        ["measured on", ""],
        [(names.get(name, name), str(value)) for name, value in results["machine"].items()],
    )


def _side_by_side(results: Results) -> str:
    told = results["side_by_side"]
    engine = told["engine"]
    rows: list[Sequence[object]] = [("the engine, all functions", engine["together_ms"], "", 1)]
    for name, peer in told["peers"].items():
        database = peer.get("database_ms", "")
        title = f"{_LITELLM[name]} {peer['version'].partition(',')[0]}"
        rows.append((title, peer["gateway_ms"], database, peer["engine_over_it"]))
    heads = ["CPU of a request", "ms", "PostgreSQL beside it, ms", "the engine over it"]
    return _table(heads, rows)


def _engine(results: Results) -> str:
    engine = results["side_by_side"]["engine"]
    rows: list[Sequence[object]] = [(name, ms) for name, ms in engine["functions_ms"].items()]
    rows += [
        ("these together", engine["states_ms"]),
        ("the same, where the task is to be found out", engine["states_of_untold_task_ms"]),
        ("the same, of a caller with limits", engine["states_of_limited_caller_ms"]),
        ("Tally, a row of a full batch", engine["tally_row_ms"]),
        ("Tally, a row alone", engine["tally_lone_row_ms"]),
        ("Authorize, once in 300 s for a key", engine["authorize_ms"]),
        ("**all functions**, on a busy stage", engine["together_ms"]),
        ("all functions, for a request that comes alone", engine["alone_ms"]),
    ]
    return _table(["function", "CPU, ms"], rows)


def _goals(results: Results) -> str:
    rows = [
        (
            _GOALS[name],
            one["is"],
            one["at_most"],
            one["held"],
            one.get("aim", ""),
            one.get("aim_held", ""),
        )
        for name, one in results["side_by_side"]["goals"].items()
    ]
    return _table(["goal", "is", "at most", "held", "aim", "held"], rows)


def _start_up(results: Results) -> str:
    rows = [
        (name, one["over_boto3"], one["over_boto3_without_bytecode"], one["modules"])
        for name, one in results["start_up"]["functions"].items()
    ]
    heads = ["function", "import over boto3's", "without bytecode", "modules"]
    return _table(heads, rows)


def _growth(results: Results) -> str:
    rows = [
        (_words(axis), name, ", ".join(sizes), ", ".join(f"{one:,}" for one in sizes.values()))
        for axis, functions in results["growth"].items()
        for name, sizes in functions.items()
    ]
    return _table(["grows", "function", "sizes", "CPU over that of the first"], rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _memory(results: Results) -> str:
    rows = [
        (name, one["mib_after_100"], one["mib_after_1000"], one["growth"])
        for name, one in results["memory"].items()
    ]
    return _table(["function", "MiB after 100 calls", "after 1,000", "over it"], rows)


def _local_stack(results: Results) -> str:
    told = results["local_stack"]
    rows = [
        ("requests a second", told["throughput_over_bare"]),
        ("latency, median", told["latency_p50_over_bare"]),
        ("latency, 95th of 100", told["latency_p95_over_bare"]),
    ]
    return _table(["the engine over a bare function", ""], rows)


def _rows(results: Results) -> str:
    told = results["rows"]
    rows = [
        ("bytes", told["bytes"]["median"], told["bytes"]["p95"], told["bytes"]["max"]),
        *(
            (f"write units, {_words(name)}", one["median"], one["p95"], one["max"])
            for name, one in told["write_units"].items()
        ),
    ]
    return _table(["a row of the request log", "median", "95th of 100", "most"], rows)


TABLES: Mapping[str, Callable[[Results], str]] = {
    "machine": _machine,
    "side_by_side": _side_by_side,
    "engine": _engine,
    "goals": _goals,
    "start_up": _start_up,
    "growth": _growth,
    "memory": _memory,
    "local_stack": _local_stack,
    "rows": _rows,
}
