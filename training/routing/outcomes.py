"""Reads what several models made of the same prompts: `router_<name>.jsonl[.gz]`."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data import MalformedRows, json_rows, source_files, source_of

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
Prices = Mapping[str, tuple[float, float]]
"""USD per million tokens of input and of output, by model."""

PREFIX = "router"
PRICES_FILE = "router_prices.json"
CHARACTERS_PER_TOKEN = 4
ASSUMED_ANSWER_CHARACTERS = 400.0
"""Where a file tells no answer's length."""
LEAST_GRADED = 0.5
"""A model that graded fewer of a file's rows is left out, rather than the rows that it lacks."""


@dataclass(frozen=True)
class Outcomes:
    """Prompts down and models across; grades are in [0, 1], lengths are in characters.

    `answer_characters` is NaN where a file does not tell. `tasks` has one name per prompt: its
    `dataset`, else the file's name.
    """

    name: str
    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    grades: Floats
    prompt_characters: Floats
    answer_characters: Floats
    rows_left_out: int = 0

    @property
    def size(self) -> int:
        return len(self.ids)

    @property
    def tells_answer_lengths(self) -> bool:
        return bool(np.isfinite(self.answer_characters).any())

    def column(self, model: str) -> int:
        return self.models.index(model)

    def of_models(self, models: Sequence[str]) -> Outcomes:
        columns = [self.column(model) for model in models]
        return replace(
            self,
            models=tuple(models),
            grades=self.grades[:, columns],
            answer_characters=self.answer_characters[:, columns],
        )

    def of_rows(self, rows: Positions) -> Outcomes:
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            prompts=tuple(self.prompts[row] for row in rows),
            tasks=tuple(self.tasks[row] for row in rows),
            grades=self.grades[rows],
            prompt_characters=self.prompt_characters[rows],
            answer_characters=self.answer_characters[rows],
        )


@dataclass(frozen=True)
class _Row:
    id: str
    prompt: str
    task: str
    correct: dict[str, float]
    in_characters: float
    out_characters: dict[str, float]


def read_folder(folder: Path) -> list[Outcomes]:
    """Every `router_*.jsonl[.gz]`, by name; raises `MalformedRows`, also where there is none."""
    return [read_outcomes(path) for path in source_files(folder, PREFIX)]


def read_outcomes(path: Path) -> Outcomes:
    """Keeps the rows that every model of the file graded; raises `MalformedRows`."""
    rows = [_row(where, fields) for where, fields in json_rows(path)]
    counts = Counter(model for row in rows for model in row.correct)
    models = tuple(model for model, count in counts.items() if count >= LEAST_GRADED * len(rows))
    kept = [row for row in rows if all(model in row.correct for model in models)]
    if not kept or not models:
        raise MalformedRows(f"{path}: no rows that every model graded")
    name = source_of(path).removeprefix(f"{PREFIX}_")
    return Outcomes(
        name=name,
        ids=tuple(row.id for row in kept),
        prompts=tuple(row.prompt for row in kept),
        tasks=tuple(row.task or name for row in kept),
        models=models,
        grades=np.array([[row.correct[model] for model in models] for row in kept]),
        prompt_characters=np.array([row.in_characters for row in kept]),
        answer_characters=np.array(
            [[row.out_characters.get(model, np.nan) for model in models] for row in kept]
        ),
        rows_left_out=len(rows) - len(kept),
    )


def pooled(name: str, parts: Sequence[Outcomes], models: Sequence[str]) -> Outcomes:
    """The parts' rows one after another, with these models alone."""
    chosen = [part.of_models(models) for part in parts]
    return Outcomes(
        name=name,
        ids=tuple(one for part in chosen for one in part.ids),
        prompts=tuple(one for part in chosen for one in part.prompts),
        tasks=tuple(one for part in chosen for one in part.tasks),
        models=tuple(models),
        grades=np.concatenate([part.grades for part in chosen]),
        prompt_characters=np.concatenate([part.prompt_characters for part in chosen]),
        answer_characters=np.concatenate([part.answer_characters for part in chosen]),
        rows_left_out=sum(part.rows_left_out for part in chosen),
    )


def costs_usd(outcomes: Outcomes, prices: Prices) -> Floats:
    """Of each answer; every model needs a price."""
    lengths = answer_lengths(outcomes)
    per_token = np.array([prices[model] for model in outcomes.models]) / 1e6
    characters = (
        outcomes.prompt_characters[:, None] * per_token[None, :, 0]
        + lengths * per_token[None, :, 1]
    )
    costs: Floats = characters / CHARACTERS_PER_TOKEN
    return costs


def answer_lengths(outcomes: Outcomes) -> Floats:
    """In characters. One that is not told is taken as the model's mean in its task, then as the mean
    of the task, then as `ASSUMED_ANSWER_CHARACTERS`."""
    lengths = outcomes.answer_characters.copy()
    tasks = np.array(outcomes.tasks, dtype=object)
    for task in set(outcomes.tasks):
        rows = np.flatnonzero(tasks == task)
        part = lengths[rows]
        known = part[np.isfinite(part)]
        overall = float(known.mean()) if known.size else ASSUMED_ANSWER_CHARACTERS
        for column in range(part.shape[1]):
            told = part[np.isfinite(part[:, column]), column]
            part[~np.isfinite(part[:, column]), column] = told.mean() if told.size else overall
        lengths[rows] = part
    return lengths


def read_prices(*folders: Path) -> dict[str, tuple[float, float]]:
    """From the first folder that has `router_prices.json`; raises `MalformedRows`."""
    path = next((one / PRICES_FILE for one in folders if (one / PRICES_FILE).is_file()), None)
    if path is None:
        raise MalformedRows(f"{folders[0]}: no {PRICES_FILE}")
    try:
        prices = json.loads(path.read_text("utf-8"))["prices"]
        return {
            str(model): (float(entry), float(answer)) for model, (entry, answer) in prices.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MalformedRows(
            f"{path}: needs `prices` {{model: [input, output]}} in USD per million tokens"
        ) from error


def _row(where: str, fields: dict[str, Any]) -> _Row:
    prompt = prompt_of(fields, where)
    correct = _numbers(fields, "correct", where)
    if not correct or any(grade > 1 for grade in correct.values()):
        raise MalformedRows(f"{where}: needs `correct` {{model: grade in [0, 1]}}")
    told = fields.get("in_chars")
    return _Row(
        id=str(fields.get("id", where)),
        prompt=prompt,
        task=str(fields.get("dataset") or ""),
        correct=correct,
        in_characters=float(told if told is not None and _is_amount(told) else len(prompt)),
        out_characters=_numbers(fields, "out_chars", where),
    )


def prompt_of(fields: Mapping[str, Any], where: str) -> str:
    """`prompt`, or `question` with its lettered `options`, as RouteLLM's prompts of MMLU are.

    Raises `MalformedRows`.
    """
    prompt = fields.get("prompt")
    if isinstance(prompt, str):
        return prompt
    question, options = fields.get("question"), fields.get("options") or []
    if not isinstance(question, str) or not isinstance(options, list):
        raise MalformedRows(f"{where}: needs the text `prompt`, or `question` and its `options`")
    lines = [f"{chr(ord('A') + number)}. {one}" for number, one in enumerate(options)]
    return "\n".join([question, *lines, "Answer:"] if lines else [question])


def _numbers(fields: Mapping[str, Any], name: str, where: str) -> dict[str, float]:
    """Models whose number is null count as not told."""
    told = fields.get(name) or {}
    if not isinstance(told, dict):
        raise MalformedRows(f"{where}: `{name}` is no object")
    known = {str(model): number for model, number in told.items() if number is not None}
    if not all(_is_amount(number) for number in known.values()):
        raise MalformedRows(f"{where}: `{name}` needs numbers of at least 0")
    return {model: float(number) for model, number in known.items()}


def _is_amount(value: Any) -> bool:
    return isinstance(value, bool | int | float) and math.isfinite(value) and value >= 0
