"""The commands in the documents, and whether each would be understood where it is typed."""

import argparse
import ast
import contextlib
import importlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from functions.classify.parsing import parse_request
from stacks.api.openapi import document
from tests.conftest import PROJECT

NEEDS_AWS = "needs AWS"
SHELLS = {"sh", "bash", "shell", "console"}
OTHERS = {"text", "json", "python", "toml", "mermaid", "js"}
_FENCE = re.compile(r"^ *```(\w*) *\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:make|\S*python -m) [^`\n]+(?:\n[^`\n]+)?)`")
_LOCAL_HOSTS = {"localhost:8000", "127.0.0.1:8000"}
_REQUEST_PATHS = {"/generate", "/jobs", "/route"}
_SEPARATORS = ("[", "|", "…", "...")


class Unknown(Exception):
    """A command that would not be understood, or of a kind that nothing here knows."""


@dataclass(frozen=True)
class Command:
    """As its reader would type it. One in running text may be shortened."""

    place: str
    text: str
    needs_aws: bool = False
    inline: bool = False

    @property
    def words(self) -> list[str]:
        return _split(self.text)


def documents() -> list[Path]:
    return [
        PROJECT / "README.md",
        PROJECT / "examples/README.md",
        *sorted((PROJECT / "docs").glob("*.md")),
    ]


def languages_in(text: str) -> list[str]:
    return [fence[1] for fence in _FENCE.finditer(text)]


def commands_in(name: str, text: str) -> Iterator[Command]:
    """Those of its shell blocks, then those in its running text."""
    for fence in _FENCE.finditer(text):
        if fence[1] not in SHELLS:
            continue
        before = text[: fence.start()].rstrip().rpartition("\n")[2]
        marked = before.strip() == f"<!-- {NEEDS_AWS} -->"
        line = text.count("\n", 0, fence.start(2)) + 1
        for offset, command in _whole(fence[2]):
            needs_aws = marked or f"# {NEEDS_AWS}" in command
            yield Command(f"{name}:{line + offset}", command, needs_aws)
    for found in _INLINE.finditer(_FENCE.sub("", text)):
        yield Command(f"{name}: `{found[1]}`", " ".join(found[1].split()), inline=True)


def _whole(block: str) -> Iterator[tuple[int, str]]:
    """Each command with its first line's number: one goes on behind a backslash and inside quotes."""
    lines: list[str] = []
    for number, line in enumerate(block.splitlines()):
        lines.append(line)
        text = "\n".join(lines)
        if not line.endswith("\\") and _is_closed(text):
            if _split(text):
                yield number - len(lines) + 1, text.strip()
            lines = []
    if lines:
        raise Unknown(f"a block ends inside {lines[0]!r}")


def _split(text: str) -> list[str]:
    """As a shell does, to which a line that ends in a backslash goes on."""
    return shlex.split(text.replace("\\\n", " "), comments=True)


def _is_closed(text: str) -> bool:
    try:
        _split(text)
    except ValueError:
        return False
    return True


def check(command: Command) -> str:
    """Its program. Raises Unknown."""
    words = _shortened(command.words) if command.inline else command.words
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        _check_make(words[1:])
    elif program == "python" and words[1] == "-m":
        _check_module(words[2], words[3:])
    elif program == "python" and words[1] == "-c":
        _check_program(words[2])
    elif program == "curl":
        _check_curl(words[1:])
    elif not command.needs_aws:
        raise Unknown(f"nothing here knows {program}; is it marked `{NEEDS_AWS}`?")
    return program


def _shortened(words: list[str]) -> list[str]:
    """What is left open in running text is asked for its help instead."""
    for number, word in enumerate(words):
        if word.startswith(_SEPARATORS) or word.endswith("…"):
            return [*words[:number], "--help"]
    return words


def targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def _check_make(words: list[str]) -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    target, *settings = [word for word in words if "=" not in word] or [""]
    if target not in targets() or settings:
        raise Unknown(f"the Makefile has no target {' '.join(words)}")
    for name, _, value in (word.partition("=") for word in words if "=" in word):
        if f"$({name})" not in makefile and f"$(if $({name})" not in makefile:
            raise Unknown(f"the Makefile knows no {name}")
        if name == "ONLY":
            _check_module(*{"prove": ("ops", ["prove"]), "bench": ("bench", [])}[target], value)


def _check_module(module: str, arguments: list[str], only: str | None = None) -> None:
    if only is not None:
        arguments = [*arguments, "--only", only]
    if module == "pytest":
        if not all((PROJECT / word).exists() for word in arguments if not word.startswith("-")):
            raise Unknown(f"there are no tests in {arguments}")
        return
    if "." in module:
        if not _is_module(module) or not {*arguments} <= {"--check"}:
            raise Unknown(f"there is no {module} {arguments}")
        return
    try:
        parser: argparse.ArgumentParser = importlib.import_module(f"{module}.__main__")._parser()
    except (ImportError, AttributeError) as error:
        raise Unknown(f"{module} takes no arguments: {error}") from None
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
        try:
            parser.parse_args(arguments)
        except SystemExit as ended:
            if ended.code:
                raise Unknown(told.getvalue().splitlines()[-1]) from None


def _is_module(name: str) -> bool:
    path = PROJECT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def _check_program(text: str) -> None:
    """That it is one, and that what it imports is there."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ImportFrom):
            module = importlib.import_module(statement.module or "")
            missing = [one.name for one in statement.names if not hasattr(module, one.name)]
            if missing:
                raise Unknown(f"{statement.module} has no {missing}")


def _check_curl(words: list[str]) -> None:
    """That the API's document has its method and path, and that it takes the body."""
    method, url, body = "GET", "", None
    rest = iter(words)
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        elif word == "-H":
            next(rest)
        elif not word.startswith("-"):
            url = word
    address = urlsplit(url if "://" in url else f"http://{url}")
    path = address.path.removeprefix("/api/v1")
    if address.netloc not in _LOCAL_HOSTS or path == address.path:
        raise Unknown(f"{url} is not the local API")
    described = [known for known in document()["paths"] if _fits(path, known)]
    if not any(method.lower() in document()["paths"][known] for known in described):
        raise Unknown(f"the API has no {method} {path}")
    if body is not None and path in _REQUEST_PATHS:
        parse_request(json.loads(body))


def _fits(path: str, known: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path) is not None
