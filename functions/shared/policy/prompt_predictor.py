"""Says of a prompt how likely a cheaper model does as well on it as a dearer one.

A linear model over hashed runs of words and characters and over a few figures of the prompt's
shape. It needs numpy alone, and time linear in what is read.

Every function that computes imports numpy itself: the class is also loaded where a policy is only
read, in a function that is deployed without numpy.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from functions.shared.vocabulary import Frozen, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Hashes: TypeAlias = NDArray[np.uint64]
    Points: TypeAlias = NDArray[np.uint32]
    Kinds: TypeAlias = NDArray[np.uint8]
    Positions: TypeAlias = NDArray[np.int64]
    Flags: TypeAlias = NDArray[np.bool_]

PLACES = 1 << 14
"""In each of the two tables of weights that hashed runs point into."""
READ_CHARACTERS = 3500
"""Of a prompt, from its beginning: less than the request log keeps, so that a logged prompt says
as much as the one that came in."""
CHARACTER_RUNS = (2, 3, 4, 5)
FIGURES = 19
FIGURE_LIMIT = 3.0
"""In standard deviations: a prompt of another shape than the training's is no further out."""

_FACTOR = 0x9E3779B97F4A7C15
_LONGEST_WORD = 64
_GAP, _LETTER, _DIGIT, _SIGN = 0, 1, 2, 3


@dataclass(frozen=True)
class PromptFeatures:
    """`words` and `characters` point into the tables, once per occurrence; `figures` has the
    shape (FIGURES,)."""

    words: Positions
    characters: Positions
    figures: Floats


class PromptPredictor(Frozen):
    """Fitted by `training.routing.prompt_predictor.fit_pair`; a policy's file holds it as JSON.

    Arrays are base64: the tables of int8, one per place, `directions` (figures down, waves
    across), `phases` and `wave_weights` of little-endian float16.
    """

    weak: str
    strong: str
    usual: Score
    """The mean prediction over the prompts that it was fitted on."""
    word_table: str
    word_unit: Annotated[float, Field(ge=0)]
    """What 1 in the table stands for."""
    character_table: str
    character_unit: Annotated[float, Field(ge=0)]
    figure_means: tuple[float, ...]
    figure_scales: tuple[Annotated[float, Field(gt=0)], ...]
    directions: str
    phases: str
    wave_weights: str
    slope: Annotated[float, Field(ge=0)]
    intercept: float

    def predict(self, text: str) -> float:
        """The probability that `weak` is no worse than `strong` on this prompt."""
        return self.predict_features(prompt_features(text))

    def predict_features(self, features: PromptFeatures) -> float:
        score = self.intercept - self.slope * self.gain(features)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    def gain(self, features: PromptFeatures) -> float:
        """The grade by which `strong` is expected to do better, up to a constant."""
        import numpy as np  # noqa: PLC0415

        words, characters, directions, phases, wave_weights = self._arrays
        figures = (features.figures - self.figure_means) / self.figure_scales
        waves = np.cos(bounded(figures) @ directions + phases) @ wave_weights
        return float(
            self.word_unit * _mean_weight(words, features.words)
            + self.character_unit * _mean_weight(characters, features.characters)
            + waves
        )

    @cached_property
    def _arrays(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        return (
            _decoded(self.word_table, "i1"),
            _decoded(self.character_table, "i1"),
            _decoded(self.directions, "<f2").reshape(FIGURES, -1),
            _decoded(self.phases, "<f2"),
            _decoded(self.wave_weights, "<f2"),
        )


def bounded(figures: Floats) -> Floats:
    return figures.clip(-FIGURE_LIMIT, FIGURE_LIMIT)


def _decoded(encoded: str, kind: str) -> Floats:
    import numpy as np  # noqa: PLC0415

    return np.frombuffer(base64.b64decode(encoded), kind).astype(np.float64)


def _mean_weight(table: Floats, positions: Positions) -> float:
    """The table times the counts of the runs as a vector of length 1."""
    import numpy as np  # noqa: PLC0415

    counts = np.bincount(positions, minlength=table.size)
    return float(counts @ table) / max(1.0, math.sqrt(float(counts @ counts)))


def prompt_features(text: str) -> PromptFeatures:
    import numpy as np  # noqa: PLC0415

    read = text[:READ_CHARACTERS]
    cased, points = _code_points(read), _code_points(read.lower())
    points[(points >= ord("0")) & (points <= ord("9"))] = ord("0")
    kinds = _kinds(points)
    words = _words(points, kinds)
    return PromptFeatures(
        words=_placed(np.concatenate((words, _pairs(words)))),
        characters=_placed(_character_runs(points, kinds)),
        figures=_figures(cased, points, kinds, words),
    )


def _code_points(text: str) -> Points:
    import numpy as np  # noqa: PLC0415

    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).copy()


def _ascii_kind(number: int) -> int:
    if number <= ord(" ") or number == 127:
        return _GAP
    if chr(number).isalpha() or chr(number) in "'_":
        return _LETTER
    return _DIGIT if chr(number).isdigit() else _SIGN


@cache
def _ascii_kinds() -> Kinds:
    import numpy as np  # noqa: PLC0415

    return np.array([_ascii_kind(number) for number in range(128)], np.uint8)


def _kinds(points: Points) -> Kinds:
    """Beyond ASCII every character counts as a letter."""
    import numpy as np  # noqa: PLC0415

    return np.where(points < 128, _ascii_kinds()[np.minimum(points, 127)], np.uint8(_LETTER))


def _mixed(hashes: Hashes) -> Hashes:
    """Spreads each bit over all others (the end of MurmurHash3)."""
    import numpy as np  # noqa: PLC0415

    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


def _placed(hashes: Hashes) -> Positions:
    import numpy as np  # noqa: PLC0415

    return (_mixed(hashes) % np.uint64(PLACES)).astype(np.int64)


@cache
def _powers() -> Hashes:
    import numpy as np  # noqa: PLC0415

    return np.cumprod(np.full(_LONGEST_WORD, _FACTOR, np.uint64), dtype=np.uint64)


def _words(points: Points, kinds: Kinds) -> Hashes:
    """One hash per word, number and sign."""
    import numpy as np  # noqa: PLC0415

    if not points.size:
        return np.zeros(0, np.uint64)
    changes = np.concatenate(([True], (kinds[1:] != kinds[:-1]) | (kinds[1:] == _SIGN)))
    starts = np.flatnonzero(changes)
    numbers = np.arange(points.size) - np.repeat(starts, np.diff(np.append(starts, points.size)))
    terms = points.astype(np.uint64) * _powers()[np.minimum(numbers, _LONGEST_WORD - 1)]
    hashes: Hashes = np.add.reduceat(terms, starts)[kinds[starts] != _GAP]
    return hashes


def _pairs(words: Hashes) -> Hashes:
    return _mixed(words[:-1]) + words[1:]


def _character_runs(points: Points, kinds: Kinds) -> Hashes:
    """Runs that touch a gap between words at their ends only."""
    import numpy as np  # noqa: PLC0415

    gap = kinds == _GAP
    kept = np.append(True, ~(gap[1:] & gap[:-1]))[: gap.size]
    spaced = np.concatenate(([32], np.where(gap, 32, points)[kept], [32])).astype(np.uint64)
    gaps = np.cumsum(spaced == 32)
    runs, hashes = [], spaced
    for length in range(2, max(CHARACTER_RUNS) + 1):
        hashes = (
            hashes[: max(0, spaced.size - length + 1)] * np.uint64(_FACTOR) + spaced[length - 1 :]
        )
        if length in CHARACTER_RUNS:
            inner = gaps[length - 2 :][: hashes.size] - gaps[: hashes.size]
            runs.append(hashes[inner == 0] + np.uint64(length))
    return np.concatenate(runs)


def _figures(
    cased: Points,
    points: Points,
    kinds: Kinds,
    words: Hashes,
) -> Floats:
    import numpy as np  # noqa: PLC0415

    size = max(1, points.size)
    signs = np.bincount(points[points < 128], minlength=128)
    letters = kinds == _LETTER
    word_count = _run_count(letters)
    line_ends = np.flatnonzero(points == ord("\n"))
    lines = np.diff(np.concatenate(([-1], line_ends, [points.size])))
    digit_runs = _run_lengths(kinds == _DIGIT)
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
        (kinds == _SIGN).sum() / size,
        ((cased >= ord("A")) & (cased <= ord("Z"))).sum() / size,
        digit_runs.max(initial=0),
    )
    return np.concatenate((np.log1p(np.array(counts, np.float64)), np.array(shares, np.float64)))


def _run_count(flags: Flags) -> int:
    return int((flags[1:] & ~flags[:-1]).sum() + flags[:1].sum())


def _run_lengths(flags: Flags) -> Positions:
    import numpy as np  # noqa: PLC0415

    edges = np.diff(np.concatenate(([0], flags.astype(np.int64), [0])))
    return np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
