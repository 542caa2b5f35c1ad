"""The synthesised CDK app, kept as long as nothing that it is made of changes."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from local.paths import LOCAL, PROJECT
from local.settings import tool_environment
from local.tools import cdk_command, locked, run_tool

_SOURCES = (
    "app.py", "cdk.json", "requirements.txt", "package-lock.json",
    "functions", "stacks", "statemachine",
)  # fmt: skip
_KEPT_ASSEMBLIES = 8


def synthesised(context: Mapping[str, str], log: Path) -> Path:
    """The cloud assembly of the app with these context values. Raises UpFailed."""
    return kept(context, partial(_synthesise, context, log))


def kept(context: Mapping[str, str], synthesise: Callable[[Path], object]) -> Path:
    """The assembly of these context values; where there is none yet, what `synthesise` puts into a folder."""
    folder = LOCAL / "assemblies"
    folder.mkdir(parents=True, exist_ok=True)
    assembly = folder / _fingerprint(context)
    with locked("assemblies"):
        if not assembly.exists():
            _put(assembly, synthesise)
            _drop_old(folder)
        assembly.touch()
    return assembly


def _synthesise(context: Mapping[str, str], log: Path, draft: Path) -> None:
    values = [word for item in context.items() for word in ("--context", "=".join(item))]
    app = f'"{sys.executable}" app.py'
    options = ("--all", "--quiet", "--app", app, "--output", str(draft))
    run_tool(cdk_command("synth", *options, *values), tool_environment(""), log)


def _put(assembly: Path, synthesise: Callable[[Path], object]) -> None:
    """All of it or nothing."""
    draft = Path(tempfile.mkdtemp(dir=assembly.parent, prefix="draft-"))
    try:
        synthesise(draft)
        draft.rename(assembly)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fingerprint(context: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps([sys.version, dict(context)], sort_keys=True).encode())
    for path in _source_files():
        digest.update(str(path.relative_to(PROJECT)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def _source_files() -> Iterator[Path]:
    for name in _SOURCES:
        path = PROJECT / name
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    yield file
        elif path.exists():
            yield path


def _drop_old(folder: Path) -> None:
    newest_first = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest_first[_KEPT_ASSEMBLIES:]:
        shutil.rmtree(old, ignore_errors=True)
