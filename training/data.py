"""Reads labelled rows."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

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


def read_rows(path: Path) -> list[Row]:
    """The rows of a .jsonl or .jsonl.gz file, each with `prompt` or `text`, and `label`."""
    source = path.name.removesuffix(".gz").removesuffix(".jsonl")
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise MalformedRows(f"{path}: {_reason(error)}") from error
    rows = [
        _row(line, source, f"{path}:{number}")
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    if not rows:
        raise MalformedRows(f"{path}: no rows")
    return rows


def read_sources(directory: Path, prefix: str) -> list[Row]:
    """The rows of every file `<prefix>_<source>.jsonl[.gz]`, in the order of the files' names."""
    files = sorted(directory.glob(f"{prefix}_*.jsonl")) + sorted(
        directory.glob(f"{prefix}_*.jsonl.gz")
    )
    if not files:
        raise MalformedRows(f"{directory}: no file {prefix}_*.jsonl or {prefix}_*.jsonl.gz")
    return [
        replace(row, source=row.source.removeprefix(f"{prefix}_"))
        for path in files
        for row in read_rows(path)
    ]


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _row(line: str, source: str, where: str) -> Row:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise MalformedRows(f"{where}: no JSON: {error.msg}") from error
    if not isinstance(fields, dict):
        raise MalformedRows(f"{where}: no JSON object")
    text = next((fields[name] for name in TEXT_FIELDS if name in fields), None)
    label = fields.get("label")
    if not isinstance(text, str) or not isinstance(label, str):
        raise MalformedRows(f"{where}: needs the texts `prompt` (or `text`) and `label`")
    return Row(text, label, source, str(fields.get("src", "")))
