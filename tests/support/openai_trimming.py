"""Makes `openai_description.json.gz` of OpenAI's own description of its API, with what our routes answer.

    python -m tests.support.openai_trimming openapi.json

The original is `openapi.json` of github.com/openai/openai-openapi at f85dbe2 (21 August 2026), under the MIT
licence, copyright (c) OpenAI. What is kept is as it was, but for words that no check looks at.
"""

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

KEPT = (
    "CreateChatCompletionResponse",
    "CreateChatCompletionStreamResponse",
    "CreateEmbeddingResponse",
    "ErrorResponse",
    "ListModelsResponse",
    "Model",
    "Response",
    "ResponseStreamEvent",
)
_REFERENCE = re.compile(r'"#/components/schemas/([\w.-]+)"')
_WORDS = frozenset({"description", "example", "examples", "title", "default", "deprecated"})


def trimmed(document: dict[str, Any]) -> dict[str, Any]:
    """The schemas that are kept, and those that they refer to, by name."""
    schemas, found = document["components"]["schemas"], {}
    names = list(KEPT)
    while names:
        name = names.pop()
        if name not in found:
            found[name] = _without_words(schemas[name])
            names += _REFERENCE.findall(json.dumps(found[name]))
    return dict(sorted(found.items()))


def _without_words(schema: Any, is_named: bool = False) -> Any:
    """`is_named` are the properties of an object, which may be called like the words."""
    if isinstance(schema, list):
        return [_without_words(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_words(told, name == "properties" and not is_named)
        for name, told in schema.items()
        if is_named or not (name in _WORDS or name.startswith("x-"))
    }


if __name__ == "__main__":
    told = json.dumps(trimmed(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
    target = Path(__file__).with_name("openai_description.json.gz")
    target.write_bytes(gzip.compress(told.encode(), mtime=0))
