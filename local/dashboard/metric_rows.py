"""The `metrics` array of a widget: one metric or expression per row, with shorthands for repetition.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.dashboard.problem import BadWidget

_ALL_BEFORE = "..."
_SAME = "."


@dataclass(frozen=True)
class Row:
    """`texts` is namespace, metric name, and the names and values of dimensions; none of them in
    an expression, which is in `options`."""

    texts: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def dimensions(self) -> dict[str, str]:
        return dict(zip(self.texts[2::2], self.texts[3::2], strict=True))

    def written(self) -> list[Any]:
        """The row without shorthands."""
        return [*self.texts, *([self.options] if self.options else [])]


def rows_of(metrics: object) -> list[Row]:
    """The rows with their shorthands replaced by what they stand for. Raises BadWidget."""
    if not isinstance(metrics, list):
        raise BadWidget("metrics is not an array")
    return list(_expanded(metrics))


def _expanded(metrics: Iterable[object]) -> Iterator[Row]:
    before: tuple[str, ...] = ()
    for number, entry in enumerate(metrics):
        texts, options = _parts(entry, number)
        if texts:
            texts = before = _full(texts, before, number)
        elif "expression" not in options:
            raise BadWidget(f"metrics[{number}] is neither a metric nor an expression")
        yield Row(texts, options)


def _parts(entry: object, number: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    if not isinstance(entry, list) or not entry:
        raise BadWidget(f"metrics[{number}] is not an array with something in it")
    *texts, last = entry
    options: dict[str, Any] = last if isinstance(last, dict) else {}
    if not isinstance(last, dict):
        texts.append(last)
    if not all(isinstance(text, str) for text in texts):
        raise BadWidget(f"metrics[{number}] holds something else than texts before its options")
    return tuple(texts), options


def _full(texts: Sequence[str], before: Sequence[str], number: int) -> tuple[str, ...]:
    if texts[0] == _ALL_BEFORE:
        kept = len(before) - (len(texts) - 1)
        texts = (*before[: max(kept, 0)], *texts[1:])
    if any(text == _SAME for text in texts[len(before) :]):
        raise BadWidget(f"metrics[{number}] repeats what no row before it has")
    full = tuple(before[place] if text == _SAME else text for place, text in enumerate(texts))
    if len(full) < 2 or len(full) % 2:
        raise BadWidget(
            f"metrics[{number}] needs a namespace, a name, and a value for each dimension"
        )
    return full
