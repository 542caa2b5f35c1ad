"""`python -m bench figures`: what the documents say of speed is what bench/results.json has.

In a text a figure stands between marks that name its place in the JSON, and a table between marks that name it:

    <!--bench:budgets.write_units.1-->3<!--/-->
    <!--bench-table:start_up-->
    <!--/bench-table-->
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tables import table_of

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.json")
_FIGURE = re.compile(r"<!--bench:([\w.]+)-->(.*?)<!--/-->", re.DOTALL)
_TABLE = re.compile(r"<!--bench-table:(\w+)-->\n(.*?)<!--/bench-table-->", re.DOTALL)
_SIGN = re.compile(r"<!--\s*/?bench")


@dataclass(frozen=True)
class Difference:
    """A place in a document that says something else."""

    file: str
    line: int
    name: str
    says: str
    measured: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name} is {self.measured!r}, and the text says {self.says!r}"


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read_results() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def figure(results: Mapping[str, Any], name: str) -> str:
    """As a text says it; of several, all of them. Raises KeyError where nothing has the name."""
    found: Any = results
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(f"bench/results.json has no {name}")
        found = found[part]
    values = found.values() if isinstance(found, Mapping) else [found]
    return ", ".join(
        f"{value:,}" if isinstance(value, int | float) else str(value) for value in values
    )


def rendered(text: str, results: Mapping[str, Any]) -> str:
    """The text with its figures and tables as they were measured. Raises KeyError for one that there is not."""
    text = _FIGURE.sub(lambda at: f"<!--bench:{at[1]}-->{figure(results, at[1])}<!--/-->", text)
    return _TABLE.sub(
        lambda at: f"<!--bench-table:{at[1]}-->\n{table_of(at[1], results)}<!--/bench-table-->",
        text,
    )


def differences(file: str, text: str, results: Mapping[str, Any]) -> Iterator[Difference]:
    """Every place of a document that differs, one in a table by its first line that does.

    A mark that is not written as one is a difference, too: nothing would ever be put there."""
    for pattern, told in ((_FIGURE, figure), (_TABLE, lambda all_of, name: table_of(name, all_of))):
        for at in pattern.finditer(text):
            begins, says, measured = at.start(2), at[2], told(results, at[1])
            if says != measured:
                line, says, measured = _first_line(says, measured)
                number = text.count("\n", 0, begins) + 1 + line
                yield Difference(file, number, at[1], says, measured)
    for at in _SIGN.finditer(text):
        if not any(begin <= at.start() < end for begin, end in _spans(text)):
            yield Difference(file, text.count("\n", 0, at.start()) + 1, "a mark", at[0], "")


def _spans(text: str) -> list[tuple[int, int]]:
    return [at.span() for pattern in (_FIGURE, _TABLE) for at in pattern.finditer(text)]


def _first_line(says: str, measured: str) -> tuple[int, str, str]:
    """The number and both contents of the first line in which two texts differ."""
    ours, theirs = says.splitlines(), measured.splitlines()
    longest = max(len(ours), len(theirs))
    pairs = zip(
        ours + [""] * (longest - len(ours)), theirs + [""] * (longest - len(theirs)), strict=True
    )
    return next((number, *pair) for number, pair in enumerate(pairs) if pair[0] != pair[1])


def render_all() -> None:
    """Put what was measured into the documents."""
    results = read_results()
    for path in documents():
        text = path.read_text("utf-8")
        new = rendered(text, results)
        if new != text:
            path.write_text(new, "utf-8")


def check_all() -> list[Difference]:
    results = read_results()
    return [
        one
        for path in documents()
        for one in differences(str(path.relative_to(ROOT)), path.read_text("utf-8"), results)
    ]
