"""Fills the instructions of `instructions.toml` with texts of the training sources."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.data import Row

INSTRUCTIONS_FILE = Path(__file__).with_name("instructions.toml")
SOURCE = "instructions"
TEXT_SLOTS = {"sentence": (20, 160), "text": (120, 500), "long": (500, 2500)}
"""Characters, from and up to, of the texts that fill a slot."""
_SLOT = re.compile(r"\{([a-z]+)\}")


def instruction_rows(texts: Sequence[str], *, copies: int, seed: int = 7) -> list[Row]:
    """Each instruction so many times, with other texts and in other writings."""
    table = tomllib.loads(INSTRUCTIONS_FILE.read_text("utf-8"))
    draw = random.Random(seed)  # noqa: S311
    fillings = table["slots"] | _texts_by_length(texts)
    return [
        Row(_written(_filled(template, fillings, draw), draw), label, f"{SOURCE}:{template}")
        for label, templates in table["templates"].items()
        for template in templates
        for _ in range(copies)
    ]


def _texts_by_length(texts: Sequence[str]) -> dict[str, list[str]]:
    return {
        slot: [text for text in texts if shortest <= len(text) < longest] or list(texts)
        for slot, (shortest, longest) in TEXT_SLOTS.items()
    }


def _filled(template: str, fillings: Mapping[str, Sequence[str]], draw: random.Random) -> str:
    def fill(slot: re.Match[str]) -> str:
        name = slot[1]
        if name not in fillings:
            return slot[0]
        filling = draw.choice(fillings[name])
        return filling if name in TEXT_SLOTS else _filled(filling, fillings, draw)

    return _SLOT.sub(fill, template)


def _written(prompt: str, draw: random.Random) -> str:
    """Some people write all in lower case, or leave the last sign away."""
    if draw.random() < 0.2:
        prompt = prompt[:1].lower() + prompt[1:]
    if draw.random() < 0.1:
        prompt = prompt.lower()
    return prompt[:-1] if draw.random() < 0.2 and prompt[-1] in ".?!" else prompt
