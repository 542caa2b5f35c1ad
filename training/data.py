"""Reads JSONL files, and labelled rows from them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

TEXT_FIELDS = ("prompt", "text", "word")


class MalformedRows(ValueError):
    """A file is missing, is no JSONL, or lacks a field; the message names the file and line."""


@dataclass(frozen=True)
class Row:
    """`part`: what the file itself says of the row's origin, if anything."""

    text: str
    label: str
    source: str
    part: str = ""


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a .jsonl or .jsonl.gz file, each with its place, which is file and line.

    Raises `MalformedRows`, also for a file without any row.
    """
    found = False
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found = True
                    yield f"{path}:{number}", _object(line, f"{path}:{number}")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise MalformedRows(f"{path}: {reason or error}") from error
    if not found:
        raise MalformedRows(f"{path}: no rows")


def source_files(directory: Path, prefix: str) -> list[Path]:
    """Every file `<prefix>_<source>.jsonl[.gz]`, in the order of their names; there is one."""
    files = sorted([*directory.glob(f"{prefix}_*.jsonl"), *directory.glob(f"{prefix}_*.jsonl.gz")])
    if not files:
        raise MalformedRows(f"{directory}: no file {prefix}_*.jsonl or {prefix}_*.jsonl.gz")
    return files


def source_of(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def read_rows(path: Path) -> list[Row]:
    """The rows of a .jsonl or .jsonl.gz file, each with `prompt` or `text`, and `label`."""
    return [_row(fields, source_of(path), where) for where, fields in json_rows(path)]


def read_sources(directory: Path, prefix: str) -> list[Row]:
    """The rows of every file `<prefix>_<source>.jsonl[.gz]`, in the order of the files' names."""
    return [
        replace(row, source=row.source.removeprefix(f"{prefix}_"))
        for path in source_files(directory, prefix)
        for row in read_rows(path)
    ]


def with_known_labels(rows: list[Row], labels: Iterable[str], where: Path) -> list[Row]:
    """The rows. Raises `MalformedRows` for other labels than these."""
    if strangers := {row.label for row in rows} - set(labels):
        raise MalformedRows(f"{where}: unknown labels {sorted(strangers)}")
    return rows


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise MalformedRows(f"{where}: no JSON: {reason}") from error
    if not isinstance(fields, dict):
        raise MalformedRows(f"{where}: no JSON object")
    return fields


def _row(fields: dict[str, Any], source: str, where: str) -> Row:
    text = next((fields[name] for name in TEXT_FIELDS if name in fields), None)
    label = fields.get("label")
    if not isinstance(text, str) or not isinstance(label, str):
        raise MalformedRows(f"{where}: needs the texts `prompt` (or `text`) and `label`")
    return Row(text, label, source, str(fields.get("src", "")))
