"""Reads a prompt for the predictor, and adds up what the predictor's weights say of it.

Loads numpy, and is therefore imported on use only: a policy is also read in functions that are
deployed without it. Takes time linear in what is read.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.shared.local_models.text_hashes import (
    BASE,
    DIGIT,
    LETTER,
    SIGN,
    SPACE,
    Flags,
    Hashes,
    Kinds,
    Points,
    Positions,
    code_points,
    extended,
    kinds_of,
    placed,
    powers,
    with_digits_alike,
)

Floats = NDArray[np.float64]

PLACES = 1 << 14
"""In each of the two tables of weights that hashed runs point into."""
READ_CHARACTERS = 3500
"""Of a prompt, from its beginning: less than the request log keeps, so that a logged prompt says
as much as the one that came in."""
CHARACTER_RUNS = (2, 3, 4, 5)
FIGURES = 19
FIGURE_LIMIT = 3.0
"""In standard deviations: a prompt of another shape than the training's is no further out."""

_LONGEST_WORD = 64
_POWERS = powers(BASE, _LONGEST_WORD + 1)[1:]


@dataclass(frozen=True)
class PromptFeatures:
    """`words` and `characters` point into the tables, once per occurrence; `figures` has the
    shape (FIGURES,)."""

    words: Positions
    characters: Positions
    figures: Floats


@dataclass(frozen=True)
class Weights:
    """A predictor's: two tables of shape (PLACES,), of FIGURES figures the means and scales,
    `directions` (FIGURES, waves), `phases` and `wave_weights` (waves,)."""

    word_table: Floats
    word_unit: float
    character_table: Floats
    character_unit: float
    figure_means: tuple[float, ...]
    figure_scales: tuple[float, ...]
    directions: Floats
    phases: Floats
    wave_weights: Floats

    def gain(self, features: PromptFeatures) -> float:
        """The grade by which the dearer model is expected to do better, up to a constant."""
        figures = (features.figures - self.figure_means) / self.figure_scales
        waves = np.cos(bounded(figures) @ self.directions + self.phases) @ self.wave_weights
        return float(
            self.word_unit * _mean_weight(self.word_table, features.words)
            + self.character_unit * _mean_weight(self.character_table, features.characters)
            + waves
        )


def bounded(figures: Floats) -> Floats:
    return figures.clip(-FIGURE_LIMIT, FIGURE_LIMIT)


def decoded(encoded: str, kind: str) -> Floats:
    """Of base64; `kind` is numpy's name of a number in it."""
    return np.frombuffer(base64.b64decode(encoded), kind).astype(np.float64)


def _mean_weight(table: Floats, positions: Positions) -> float:
    """The table times the counts of the runs as a vector of length 1."""
    counts = np.bincount(positions, minlength=table.size)
    return float(counts @ table) / max(1.0, math.sqrt(float(counts @ counts)))


def features_of(text: str) -> PromptFeatures:
    read = text[:READ_CHARACTERS]
    points = with_digits_alike(code_points(read.lower()))
    kinds = kinds_of(points)
    words = _words(points, kinds)
    return PromptFeatures(
        words=placed(np.concatenate((words, extended(words, words[1:]))), PLACES),
        characters=placed(_character_runs(points, kinds), PLACES),
        figures=_figures(code_points(read), points, kinds, words),
    )


def _words(points: Points, kinds: Kinds) -> Hashes:
    """One hash per word, number and sign."""
    if not points.size:
        return np.zeros(0, np.uint64)
    changes = np.concatenate(([True], (kinds[1:] != kinds[:-1]) | (kinds[1:] == SIGN)))
    starts = np.flatnonzero(changes)
    numbers = np.arange(points.size) - np.repeat(starts, np.diff(np.append(starts, points.size)))
    terms = points.astype(np.uint64) * _POWERS[np.minimum(numbers, _LONGEST_WORD - 1)]
    hashes: Hashes = np.add.reduceat(terms, starts)[kinds[starts] != SPACE]
    return hashes


def _character_runs(points: Points, kinds: Kinds) -> Hashes:
    """Runs that touch a gap between words at their ends only."""
    gap = kinds == SPACE
    kept = np.append(True, ~(gap[1:] & gap[:-1]))[: gap.size]
    spaced = np.concatenate(([32], np.where(gap, 32, points)[kept], [32])).astype(np.uint64)
    gaps = np.cumsum(spaced == 32)
    runs, hashes = [], spaced
    for length in range(2, max(CHARACTER_RUNS) + 1):
        hashes = hashes[: max(0, spaced.size - length + 1)] * np.uint64(BASE) + spaced[length - 1 :]
        if length in CHARACTER_RUNS:
            inner = gaps[length - 2 :][: hashes.size] - gaps[: hashes.size]
            runs.append(hashes[inner == 0] + np.uint64(length))
    return np.concatenate(runs)


def _figures(cased: Points, points: Points, kinds: Kinds, words: Hashes) -> Floats:
    size = max(1, points.size)
    signs = np.bincount(points[points < 128], minlength=128)
    letters = kinds == LETTER
    word_count = _run_count(letters)
    line_ends = np.flatnonzero(points == ord("\n"))
    lines = np.diff(np.concatenate(([-1], line_ends, [points.size])))
    digit_runs = _run_lengths(kinds == DIGIT)
    sentences = 1 + int(signs[ord(".")] + signs[ord("?")] + signs[ord("!")])
    counts = (
        points.size,
        word_count,
        digit_runs.size,
        sentences,
        word_count / sentences,
        lines.size,
        float(lines.mean()),
        float(lines.std()),
        int(lines[0]),
        signs[ord("%")],
        signs[ord("$")],
        signs[ord("?")],
        signs[ord(",")],
        signs[ord('"')],
    )
    shares = (
        letters.sum() / max(1, word_count),
        np.unique(words).size / max(1, words.size),
        (kinds == SIGN).sum() / size,
        ((cased >= ord("A")) & (cased <= ord("Z"))).sum() / size,
        digit_runs.max(initial=0),
    )
    return np.concatenate((np.log1p(np.array(counts, np.float64)), np.array(shares, np.float64)))


def _run_count(flags: Flags) -> int:
    return int((flags[1:] & ~flags[:-1]).sum() + flags[:1].sum())


def _run_lengths(flags: Flags) -> Positions:
    edges = np.diff(np.concatenate(([0], flags.astype(np.int64), [0])))
    return np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
