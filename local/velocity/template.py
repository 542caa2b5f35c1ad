"""Renders a mapping template."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import airspeed

from local.velocity import dialect
from local.velocity.variables import Input, Util

dialect.install()


class TemplateFailed(Exception):
    """The template does not parse or does not evaluate, which on AWS is an internal server error;
    or it contains what the dialect refuses, and the text names that."""


@lru_cache(maxsize=64)
def _compiled(text: str) -> airspeed.Template:
    template = airspeed.Template(text)
    template.ensure_compiled()
    return template


def render(
    text: str, *, body: str, parameters: Mapping[str, Mapping[str, str]], context: dict[str, Any]
) -> str:
    """Render `text`. The template may change `context`: that is how it overrides the response.

    Raises TemplateFailed.
    """
    names = {"input": Input(body, parameters), "util": Util(), "context": context}
    try:
        return str(_compiled(text).merge(names))
    except (airspeed.TemplateError, NotImplementedError, RecursionError) as error:
        raise TemplateFailed(f"{error} ({error.__cause__!r})") from error
