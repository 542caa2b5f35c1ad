"""The words of `functions/shared/catalogue/common_words.txt`, from the tokenizers' vocabularies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from functions.shared.catalogue import token_bounds
from training.generated.token_rates import PACKAGES, run_tool

WORDS_FILE = Path(token_bounds.__file__).with_name("common_words.txt")
_TOKENIZERS = PACKAGES[:3]

_LIST = """
import { decode } from 'gpt-tokenizer/encoding/o200k_base';
import { encode as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import anthropic from '@anthropic-ai/tokenizer';
import llama3 from 'llama3-tokenizer-js';

const claude = anthropic.getTokenizer();
const isOne = (text) =>
  cl100k(text).length === 1 &&
  claude.encode('x' + text, 'all').length === 2 &&
  llama3.encode(text, { bos: false, eos: false }).length === 1;
const words = [];
for (let token = 0; token < 199_998; token++) {
  const text = decode([token]);
  if (/^ [a-z]{2,}$/.test(text) && isOne(text)) words.push(text.slice(1));
}
console.log(words.join('\\n'));
"""


def render_common_words() -> str:
    """Needs the npm registry. Raises `OSError` where npm or node fails."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run_tool("npm", "install", "--silent", "--ignore-scripts", *_TOKENIZERS, folder=folder)
        (folder / "words.mjs").write_text(_LIST, "utf-8")
        return run_tool("node", "words.mjs", folder=folder)
