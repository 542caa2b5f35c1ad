"""Plain HTML, which CloudWatch styles like the rest of a dashboard, whether light or dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Every cell is text, whatever is in it."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _cell(value: object) -> str:
    return f"<td>{escape(str(value))}</td>"
