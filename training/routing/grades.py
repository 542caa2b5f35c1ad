"""Reads graded answers: rows of the request log, and files of what several models made of prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.shared.catalogue.models import TASKS, Catalogue
from training.data import MalformedRows, source_files
from training.routing.outcomes import PREFIX, prompt_of
from training.routing.request_rows import LoggedRow, file_rows

LARGEST_WEIGHT = 100.0
"""Of one grade against another's: the inverse of the propensity, cut here. So high since a few heavy
grades count as few and are drawn to the prior: a lower cut errs more where a model gets the prompts
that suit it."""

_OF_ONE_ANSWER = frozenset({"score", "feedback", "request_id"})


@dataclass(frozen=True)
class Grade:
    """One answer's score in [0, 1]. `prompt` is empty where it was not logged."""

    model: str
    task: str
    score: float
    weight: float = 1.0
    prompt: str = ""


@dataclass
class Grades:
    """What was read of graded answers, and how many others there were, by reason."""

    kept: list[Grade] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unknown_models: Counter[str] = field(default_factory=Counter)
    weighted: int = 0
    """Grades whose weight is above 1: all that were chosen while exploration was on."""
    cut: int = 0
    """Grades whose weight is LARGEST_WEIGHT, as their propensity was lower still."""

    def add(self, grade: Grade, catalogue: Catalogue) -> None:
        if grade.task not in TASKS:
            self.skipped["unknown task"] += 1
            return
        try:
            serves = grade.task in catalogue.get(grade.model).quality
        except KeyError:
            self.skipped["model is not in the catalogue"] += 1
            self.unknown_models[grade.model] += 1
            return
        if serves:
            self.kept.append(grade)
        else:
            self.skipped["model does not serve the task"] += 1


def read_log(rows: Iterable[LoggedRow], into: Grades, catalogue: Catalogue, *, mock: bool) -> None:
    """Rows of the request log, or `{model, task, score, prompt?}`, as `_read_graded` has it."""
    for row in rows:
        _read_graded(row, into, catalogue, mock=mock)


def _read_graded(row: LoggedRow, into: Grades, catalogue: Catalogue, *, mock: bool) -> None:
    """One answer's grade.

    The simulator's answers say nothing of a model, and count only with `mock`. Raises
    `MalformedRows`.
    """
    fields = row.fields
    if "score" not in fields and "request_id" in fields and not fields.get("feedback"):
        into.skipped["without a grade"] += 1
    elif fields.get("mock") and not mock:
        into.skipped["answered by the simulator"] += 1
    else:
        propensity = _propensity(fields, row.where)
        weight = min(LARGEST_WEIGHT, 1 / propensity)
        into.weighted += weight > 1
        into.cut += 1 / propensity > LARGEST_WEIGHT
        into.add(_grade(fields, weight, row.where), catalogue)


def _grade(fields: dict[str, Any], weight: float, where: str) -> Grade:
    feedback = fields.get("feedback")
    score = feedback.get("score") if isinstance(feedback, dict) else fields.get("score")
    model, task, prompt = fields.get("model"), fields.get("task"), fields.get("prompt", "")
    if not all(isinstance(one, str) for one in (model, task, prompt)) or not model or not task:
        raise MalformedRows(f"{where}: needs the texts `model` and `task`")
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        raise MalformedRows(f"{where}: needs a `score` (or `feedback.score`) from 0 to 1")
    return Grade(model, task, float(score), weight, prompt)


def _propensity(fields: dict[str, Any], where: str) -> float:
    """Of the answering model's being chosen; 1 where that was no draw: a fallback answered, or
    there is nothing about it."""
    decision = fields.get("decision")
    if decision is None:
        return 1.0
    try:
        if decision["candidates"][0]["model"] != fields["model"]:
            return 1.0
        propensity = float(decision["propensity"])
    except (LookupError, TypeError, ValueError) as error:
        raise MalformedRows(f"{where}: `decision` is none of the request log's") from error
    if not 0 < propensity <= 1:
        raise MalformedRows(f"{where}: `decision.propensity` must be above 0 and at most 1")
    return propensity


def read_outcome_file(
    path: Path, into: Grades, catalogue: Catalogue, task: str, ids: Mapping[str, str], *, mock: bool
) -> None:
    """A file of `{correct: {model: 0..1}, prompt | question + options, task?}`, or of single grades
    as `read_log` takes them.

    `ids` are the catalogue's by the names of the file, where they differ. Raises `MalformedRows`.
    """
    for row in file_rows(path):
        own_task = row.fields.get("task", task)
        if "correct" not in row.fields and _OF_ONE_ANSWER & row.fields.keys():
            model = row.fields.get("model")
            known = ids.get(model, model) if isinstance(model, str) else model
            fields = {"task": task, **row.fields, "model": known}
            _read_graded(LoggedRow(row.where, fields), into, catalogue, mock=mock)
            continue
        if not isinstance(own_task, str) or not own_task:
            raise MalformedRows(f"{row.where}: needs the text `task`, or say --task")
        prompt = prompt_of(row.fields, row.where)
        for model, score in _scores(row).items():
            into.add(Grade(ids.get(model, model), own_task, score, prompt=prompt), catalogue)


def _scores(row: LoggedRow) -> dict[str, float]:
    """A model whose grade is null has none."""
    correct = row.fields.get("correct")
    known = correct if isinstance(correct, dict) else {}
    known = {model: score for model, score in known.items() if score is not None}
    if not known or not all(
        isinstance(one, int | float) and 0 <= one <= 1 for one in known.values()
    ):
        raise MalformedRows(f"{row.where}: needs `correct` with a grade from 0 to 1 by model")
    return {model: float(score) for model, score in known.items()}


def outcome_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and of a folder every `router_<source>.jsonl[.gz]`."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        yield from source_files(path, PREFIX)
